"""`imscope safety`: cells that should not be there."""

from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import (
    JsonOption,
    OutOption,
    PathArgument,
    ThreadsOption,
    UnitOption,
    as_records,
    emit,
    opened,
)

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="Screens for cells that should not be there.")


@app.callback()
def group() -> None:
    """Screens for cells that should not be there."""


@app.command()
def arms(
    path: PathArgument,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            help="A diploid lot of the same cell type; repeat, or separate by commas. "
            "By default the lots with `is_reference`.",
        ),
    ] = None,
    unit: UnitOption = None,
    alpha: Annotated[float, typer.Option(help="Chance of a false alarm per lot and arm.")] = 0.01,
    as_json: JsonOption = False,
    out: OutOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Screen chromosome arms of every lot against diploid reference lots."""
    from imscope.analyses.safety import ArmSettings
    from imscope.analyses.safety import arms as screen

    names = tuple(n.strip() for text in reference or [] for n in text.split(",") if n.strip())
    settings = ArmSettings(reference=names, alpha=alpha)
    with opened(path) as cells:
        table = screen(cells, unit=unit, settings=settings, threads=threads)
    found = table[table["verdict"].isin(["gain", "loss"])]
    lines = [f"{r['group']} {r['region']}: {r['reason']}" for r in as_records(found)]
    content = {
        "records": as_records(table),
        "references": table.attrs["imscope"]["settings"]["references"],
    }
    emit(table, as_json=as_json, out=out, content=content, lines=lines or [_nothing(table)])


@app.command()
def p53(
    path: PathArgument,
    unit: UnitOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Screen the targets of p53 of every lot against its sibling lots."""
    from imscope.analyses.safety import p53 as screen

    with opened(path) as cells:
        table = screen(cells, unit=unit, threads=threads)
    records = as_records(table)
    lines = [f"{r['group']}: {r['verdict']}; {r['reason']}" for r in records]
    content = {"records": records, "genes": table.attrs["imscope"]["settings"]["genes"]}
    emit(table, as_json=as_json, out=out, content=content, lines=lines)


def _nothing(table: "pd.DataFrame") -> str:
    """What to say when no lot shows a gain or loss."""
    untested = table[table["verdict"] == "NOT TESTABLE"]
    if len(untested) == len(table):
        return f"NOT TESTABLE: {untested['reason'].iloc[0]}"
    words = "no gain or loss above the limit of detection of each arm"
    return f"{words}; small changes such as 20q11.21 are not excluded"
