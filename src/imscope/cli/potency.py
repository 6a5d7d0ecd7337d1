"""`imscope potency`: what a lot does in an assay, and which of its attributes goes with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import (
    JsonOption,
    OutFolderOption,
    SeedOption,
    as_records,
    emit,
    notices_json,
    say,
    tell,
)

if TYPE_CHECKING:
    import pandas as pd

    from imscope.analyses.potency.curves import Model

PLACE = 95
app = typer.Typer(
    no_args_is_help=True, help="Potency of lots, and which of their attributes goes with it."
)
ASSAY_FIELDS = (
    *("lot", "relative_potency", "low", "high", "n_runs", "parallel", "suitability", "status"),
    *("limit", "n_refused", "between_run_cv", "intermediate_cv", "reason"),
)
LINK_FIELDS = (
    *("attribute", "outcome", "correlation", "slope", "low", "high", "p_value", "q_value"),
    *("primary", "influential_lot", "status", "reason", "n_units", "reliability", "good"),
    *("correlation_rank", "correlation_shrunk"),
)


@app.command("assay")
def assay(
    table: Annotated[
        Path, typer.Argument(help="Dilution series: run, lot, dose, response; perhaps plate.")
    ],
    standard: Annotated[
        str | None, typer.Option(help="Name of the standard; else column `is_reference`.")
    ] = None,
    model: Annotated[str, typer.Option(help="`4pl`, `5pl` or `line`.")] = "4pl",
    readout: Annotated[
        str, typer.Option(help="`raw`, `percent`, `fold`, `count` or `time`.")
    ] = "raw",
    as_json: JsonOption = False,
    out: OutFolderOption = None,
) -> None:
    """Relative potency of every lot against a standard, over runs.

    Curves count as parallel when the intervals of their shape lie within margins.
    """
    from imscope.analyses.potency import AssaySettings, analyse_assay
    from imscope.io.loose_table import read_loose_table

    settings = AssaySettings(model=_model(model), readout=readout)
    found = analyse_assay(read_loose_table(table), standard=standard, settings=settings)
    tell(found.notices)
    records = [{k: row[k] for k in ASSAY_FIELDS} for row in as_records(found.potency)]
    content = {"records": records, "notices": notices_json(found.notices)}
    emit(
        found.tables, as_json=as_json, out=out, content=content, lines=list(found.potency["reason"])
    )


def _model(name: str) -> "Model":
    from imscope.core import codes
    from imscope.core.errors import UsageError
    from imscope.core.names import did_you_mean

    known = ("4pl", "5pl", "line")
    if name.lower() not in known:
        raise UsageError(
            f"there is no curve {name!r}",
            found="4pl, 5pl and line",
            fix=did_you_mean(name, known),
            code=codes.POTENCY_OPTION,
        )
    return name.lower()  # type: ignore[return-value]


@app.command("link")
def link(
    attributes: Annotated[
        list[Path], typer.Argument(help="Run folders, or one table: lot, donor, attributes.")
    ],
    outcomes: Annotated[Path, typer.Option(help="Table of lot, outcome, value, unit, direction.")],
    primary: Annotated[
        list[str] | None,
        typer.Option(help="Attribute declared beforehand; repeat in the order of testing."),
    ] = None,
    unit: Annotated[str, typer.Option("--unit", help="`lot` or `donor`.")] = "lot",
    as_json: JsonOption = False,
    out: OutFolderOption = None,
    seed: SeedOption = 0,
) -> None:
    """Which attributes of lots go with their outcomes, lots (or donors) as the sample."""
    from imscope.analyses.potency import LinkSettings, link_outcomes
    from imscope.io.outcomes import read_outcomes

    settings = LinkSettings(tuple(primary or ()), unit=unit, seed=seed)
    found = link_outcomes(_attributes(attributes), read_outcomes(outcomes), settings=settings)
    tell(found.notices)
    for sentence in found.sentences:
        say(sentence)
    records = [{k: row[k] for k in LINK_FIELDS} for row in as_records(found.table)]
    predicted = {
        name: {"r2_left_out": _number(p.r2), "p_value": _number(p.p_value), "n_units": p.n_units}
        for name, p in found.predicted.items()
    }
    content = {"design": found.design, "records": records, "predicted": predicted,
               "notices": notices_json(found.notices)}  # fmt: skip
    tables = {"potency_link": found.table, "outcome_lots": found.outcomes}
    emit(tables, as_json=as_json, out=out, content=content)


def _number(value: float) -> float | None:
    return value if value == value else None


def _attributes(paths: list[Path]) -> "pd.DataFrame":
    """One table of lots from run folders, or a table as it stands."""
    from imscope.io.loose_table import read_loose_table
    from imscope.study.lot_attributes import read_lot_attributes

    if len(paths) == 1 and paths[0].is_file():
        return read_loose_table(paths[0])
    return read_lot_attributes(paths)
