"""`imscope dynamics`: rates of growth and conversion, changes of composition, the last passage."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import (
    JsonOption,
    OutFolderOption,
    OutOption,
    SeedOption,
    UnitOption,
    as_records,
    emit,
    say,
)

if TYPE_CHECKING:
    import pandas as pd

PLACE = 90
app = typer.Typer(no_args_is_help=True, help="How subsets grow, convert and age over passages.")

CountsOption = Annotated[
    Path,
    typer.Option(help="Cells per donor, day or passage, and subset: long, or a column a subset."),
]
TotalsOption = Annotated[
    Path | None, typer.Option(help="Table of donor, from, to, seeded and harvested cells.")
]


def _table(path: Path | None) -> "pd.DataFrame | None":
    from imscope.io.loose_table import read_loose_table

    return None if path is None else read_loose_table(path)


@app.command("fit")
def fit(
    counts: CountsOption,
    totals: TotalsOption = None,
    edges: Annotated[
        str | None,
        typer.Option(help="Conversions allowed, such as A>B,B>A; default all, to 5 subsets."),
    ] = None,
    as_json: JsonOption = False,
    out: OutFolderOption = None,
) -> None:
    """Growth and conversion of every subset, with intervals over donors."""
    from imscope.analyses.dynamics import fit_rates, read_passages
    from imscope.io.loose_table import read_loose_table

    data = read_passages(read_loose_table(counts), _table(totals))
    found = fit_rates(data, edges)
    for line in found.warnings:
        say(line)
    content = {
        "growth": as_records(found.growth),
        "conversion": as_records(found.conversion),
        "donor_sd": found.donor_sd,
        "time_unit": found.time_unit,
        "status": found.status,
        "warnings": list(found.warnings),
    }
    tables = {"growth_rates": found.growth, "conversion_rates": found.conversion}
    emit(tables, as_json=as_json, out=out, content=content)


@app.command("compare")
def compare(
    counts: CountsOption,
    group: Annotated[str | None, typer.Option(help="Column of the groups.")] = None,
    time: Annotated[str | None, typer.Option(help="Column of the times.")] = None,
    unit: UnitOption = None,
    reference: Annotated[str | None, typer.Option(help="Group or time to compare with.")] = None,
    totals: TotalsOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
) -> None:
    """Change of every subset over time or between groups, with donors as replicates."""
    from imscope.analyses.dynamics import CompareSettings, compare_composition
    from imscope.io.loose_table import read_loose_table

    settings = CompareSettings(group=group, time=time, unit=unit, reference=reference, seed=seed)
    table = compare_composition(read_loose_table(counts), settings, totals=_table(totals))
    emit(table, as_json=as_json, out=out)


@app.command("forecast")
def forecast(
    series: Annotated[Path, typer.Option(help="Fraction by passage, and donor where several.")],
    limit: Annotated[float, typer.Option(help="Largest fraction allowed, 0 to 1.")] = 0.10,
    probability: Annotated[float, typer.Option(help="With which the limit is kept.")] = 0.95,
    value: Annotated[str | None, typer.Option(help="Column of the fraction.")] = None,
    growth: Annotated[
        Path | None, typer.Option(help="Doublings of every passage (`pd`), or cells.")
    ] = None,
    pdl_limit: Annotated[float | None, typer.Option(help="Most population doublings.")] = None,
    donor_sd: Annotated[
        float | None, typer.Option(help="Stated SD between donors, log odds; for one donor.")
    ] = None,
    as_json: JsonOption = False,
    out: OutFolderOption = None,
    seed: SeedOption = 0,
) -> None:
    """Last passage up to which a fraction, such as senescent cells, keeps its limit."""
    from imscope.analyses.dynamics import ForecastSettings, forecast_series, read_series
    from imscope.io.loose_table import read_loose_table

    settings = ForecastSettings(
        limit=limit, probability=probability, pdl_limit=pdl_limit, donor_sd=donor_sd, seed=seed
    )
    data = read_series(read_loose_table(series), value=value, growth=_table(growth))
    found = forecast_series(data, settings=settings)
    for line in found.notes:
        say(line)
    said = {
        "last_safe_passage": found.last_safe_passage,
        "median_passage": found.median_passage,
        "measure_next": found.measure_next,
        "status": found.status,
        "reason": found.reason,
    }
    tables = {"forecast_curve": found.curve, "forecast_models": found.models}
    content = said | {"curve": as_records(found.curve), "models": as_records(found.models)}
    lines = [f"{found.status}: {found.reason}"]
    emit(tables, as_json=as_json, out=out, content=content, lines=lines)
