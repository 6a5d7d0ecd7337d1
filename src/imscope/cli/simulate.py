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


@app.command()
def timecourse(
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the series.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Seed; a fixed one by default.")] = None,
    days: Annotated[str, typer.Option(help="Days, comma separated.")] = "0,1,2,3,4,6,9,14,21,28",
    lots: Annotated[int, typer.Option(min=1, help="Lots sampled on every day.")] = 4,
    clones: Annotated[int, typer.Option(min=1, help="iPSC clones the lots come from.")] = 2,
    cells: Annotated[int, typer.Option(min=20, help="Good cells per sample.")] = 400,
    genes: Annotated[int, typer.Option(min=1000, max=5000, help="Genes.")] = 2500,
    depth: Annotated[float, typer.Option(min=100, help="Median UMI per cell.")] = 5000,
    ambient: Annotated[float, typer.Option(min=0, help="Ambient share of counts.")] = 0.03,
    soup: Annotated[float, typer.Option(min=0, help="Pluripotent share of the ambient.")] = 0.02,
    doublets: Annotated[float, typer.Option(min=0, help="Doublets per good cell.")] = 0.03,
    empty: Annotated[
        int, typer.Option("--empty-droplets", min=0, help="Empty droplets per raw matrix; 0: none.")
    ] = 1000,
    peak_day: Annotated[float, typer.Option(help="Day of most mesenchymoangioblasts.")] = 2.0,
    spike: Annotated[float, typer.Option(min=0, help="Pluripotent cells in the product.")] = 0.001,
    gain_arm: Annotated[str, typer.Option(help="Chromosome arm with a gain.")] = "17q",
    gain_frac: Annotated[float, typer.Option(min=0, help="Cells of one lot with it.")] = 0.2,
    gain_lot: Annotated[int, typer.Option(min=0, help="Which lot; 0 for none.")] = 1,
    json_out: Annotated[bool, typer.Option("--json", help="Print the truth as JSON.")] = False,
) -> None:
    """Simulate lots of iPSC on their way to MSC, with known stages, spike and gain."""
    import json
    import sys

    from imscope.core.errors import UsageError
    from imscope.evidence.gene_positions import arms_of
    from imscope.simulate import TimecourseSettings, simulate_timecourse, write_cohort
    from imscope.simulate.genes import gene_table

    try:
        when = tuple(float(d) for d in days.split(","))
    except ValueError as error:
        raise UsageError(
            "days must be numbers with commas between them", found=days, fix="--days 0,1,2,3,4"
        ) from error
    settings = TimecourseSettings(
        days=when,
        lots=lots,
        clones=clones,
        cells=cells,
        genes=genes,
        depth=depth,
        ambient=ambient,
        pluripotent_soup=soup,
        doublets=doublets,
        empty_droplets=empty,
        peak_day=peak_day,
        spike_frac=spike,
        gain_arm=gain_arm,
        gain_frac=gain_frac,
        gain_lot=gain_lot,
        seed=TimecourseSettings.seed if seed is None else seed,
    )
    names = gene_table()["symbol"].tolist()
    arms = dict(zip(names, arms_of(names), strict=True))
    made = simulate_timecourse(settings, gene_arm=arms)
    sheet = write_cohort(made, out)
    if json_out:
        records = json.loads(made.truth["samples"].to_json(orient="records"))
        typer.echo(json.dumps({"simulated": True, "sheet": str(sheet), "records": records}))
    print(f"wrote {sheet}: {len(made.samples)} simulated samples", file=sys.stderr)


@app.command()
def screen(
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the screen.")],
    kind: Annotated[str, typer.Option(help="pooled, sorted, cells, plates or rescue.")] = "pooled",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything.")] = 1,
    json_out: Annotated[bool, typer.Option("--json", help="Print the files as JSON.")] = False,
) -> None:
    """Simulate a CRISPR or compound screen with its truth."""
    import json
    import sys

    from imscope.simulate import simulate_screen, write_screen_simulation

    files = write_screen_simulation(simulate_screen(kind, seed=seed), out)
    if json_out:
        typer.echo(json.dumps({"simulated": True, "kind": kind, "files": [str(f) for f in files]}))
    print(f"wrote {len(files)} files of a simulated screen to {out}", file=sys.stderr)
