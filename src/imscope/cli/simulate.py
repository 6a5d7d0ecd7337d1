"""`imscope simulate`: data with known truth."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Make data with known truth.")


@app.callback()
def group() -> None:
    """Make data with known truth."""


@app.command()
def cohort(
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the cohort.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Seed; the demo's by default.")] = None,
    lots: Annotated[int, typer.Option(min=0, help="iMSC lots of one clone.")] = 4,
    donors: Annotated[int, typer.Option(min=0, help="Primary MSC donors.")] = 4,
    runs: Annotated[int, typer.Option(min=1, help="Samples per lot and donor.")] = 1,
    cells: Annotated[int, typer.Option(min=20, help="Good cells per sample.")] = 650,
    genes: Annotated[int, typer.Option(min=1000, max=5000, help="Genes.")] = 3500,
    depth: Annotated[float, typer.Option(min=100, help="Median UMI per cell.")] = 5000,
    ambient: Annotated[float, typer.Option(min=0, help="Ambient share of counts.")] = 0.03,
    empty: Annotated[
        int, typer.Option("--empty-droplets", min=0, help="Empty droplets per raw matrix; 0: none.")
    ] = 2500,
    doublets: Annotated[float, typer.Option(min=0, help="Doublets per good cell.")] = 0.03,
    within: Annotated[
        float, typer.Option(min=0, help="Differences among iMSC cells, relative to primary.")
    ] = 0.7,
    json_out: Annotated[bool, typer.Option("--json", help="Print the truth as JSON.")] = False,
) -> None:
    """Simulate libraries of iMSC lots and primary MSC donors with known heterogeneity."""
    import json
    import sys

    from imscope.simulate import CohortSettings, simulate_cohort, write_cohort

    settings = CohortSettings(
        imsc_lots=lots,
        primary_donors=donors,
        runs=runs,
        cells=cells,
        genes=genes,
        depth=depth,
        ambient=ambient,
        empty_droplets=empty,
        doublets=doublets,
        imsc_within=within,
        seed=CohortSettings.seed if seed is None else seed,
    )
    made = simulate_cohort(settings)
    sheet = write_cohort(made, out)
    if json_out:
        records = json.loads(made.truth["samples"].to_json(orient="records"))
        typer.echo(json.dumps({"simulated": True, "sheet": str(sheet), "records": records}))
    print(f"wrote {sheet}: {len(made.samples)} simulated samples", file=sys.stderr)
