"""`imscope simulate`: data with known truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imscope.cli.shell import JsonOption, as_records, print_json, say

if TYPE_CHECKING:
    from imscope.simulate import Cohort, Timecourse

PLACE = 100
app = typer.Typer(no_args_is_help=True, help="Make data with known truth.")

OutOption = Annotated[Path, typer.Option("--out", "-o", help="New folder for the data.")]
SeedOption = Annotated[int | None, typer.Option(min=0, help="Seed; a fixed one by default.")]
GenesOption = Annotated[int, typer.Option(min=1000, max=5000, help="Genes.")]
CellsOption = Annotated[int, typer.Option(min=20, help="Good cells per sample.")]
DepthOption = Annotated[float, typer.Option(min=100, help="Median UMI per cell.")]
AmbientOption = Annotated[float, typer.Option(min=0, help="Ambient share of counts.")]
DoubletOption = Annotated[float, typer.Option(min=0, help="Doublets per good cell.")]
EmptyOption = Annotated[
    int, typer.Option("--empty-droplets", min=0, help="Empty droplets per raw matrix; 0: none.")
]


@app.callback()
def group() -> None:
    """Make data with known truth."""


@app.command()
def cohort(
    out: OutOption,
    seed: SeedOption = None,
    lots: Annotated[int, typer.Option(min=0, help="iMSC lots of one clone.")] = 4,
    donors: Annotated[int, typer.Option(min=0, help="Primary MSC donors.")] = 4,
    runs: Annotated[int, typer.Option(min=1, help="Samples per lot and donor.")] = 1,
    cells: CellsOption = 650,
    genes: GenesOption = 3500,
    depth: DepthOption = 5000,
    ambient: AmbientOption = 0.03,
    empty: EmptyOption = 2500,
    doublets: DoubletOption = 0.03,
    within: Annotated[
        float, typer.Option(min=0, help="Differences among iMSC cells, relative to primary.")
    ] = 0.7,
    as_json: JsonOption = False,
) -> None:
    """Simulate libraries of iMSC lots and primary MSC donors with known heterogeneity."""
    from imscope.simulate import CohortSettings, simulate_cohort

    asked: dict[str, Any] = {
        "imsc_lots": lots,
        "primary_donors": donors,
        "runs": runs,
        "cells": cells,
    }
    asked |= {"genes": genes, "empty_droplets": empty} | _seed(seed)
    asked |= {"depth": depth, "ambient": ambient, "doublets": doublets, "imsc_within": within}
    _write(simulate_cohort(CohortSettings(**asked)), out, as_json=as_json)


@app.command()
def timecourse(
    out: OutOption,
    seed: SeedOption = None,
    days: Annotated[str, typer.Option(help="Days, comma separated.")] = "0,1,2,3,4,6,9,14,21,28",
    lots: Annotated[int, typer.Option(min=1, help="Lots sampled on every day.")] = 4,
    clones: Annotated[int, typer.Option(min=1, help="iPSC clones the lots come from.")] = 2,
    cells: CellsOption = 400,
    genes: GenesOption = 2500,
    depth: DepthOption = 5000,
    ambient: AmbientOption = 0.03,
    soup: Annotated[float, typer.Option(min=0, help="Pluripotent share of the ambient.")] = 0.02,
    doublets: DoubletOption = 0.03,
    empty: EmptyOption = 1000,
    peak_day: Annotated[float, typer.Option(help="Day of most mesenchymoangioblasts.")] = 2.0,
    spike: Annotated[float, typer.Option(min=0, help="Pluripotent cells in the product.")] = 0.001,
    gain_arm: Annotated[str, typer.Option(help="Chromosome arm with a gain.")] = "17q",
    gain_frac: Annotated[float, typer.Option(min=0, help="Cells of one lot with it.")] = 0.2,
    gain_lot: Annotated[int, typer.Option(min=0, help="Which lot; 0 for none.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Simulate lots of iPSC on their way to MSC, with known stages, spike and gain."""
    from imscope.evidence.gene_positions import arms_of
    from imscope.simulate import TimecourseSettings, simulate_timecourse
    from imscope.simulate.genes import gene_table

    asked: dict[str, Any] = {
        "lots": lots,
        "clones": clones,
        "cells": cells,
        "genes": genes,
        "gain_lot": gain_lot,
    }
    asked |= {"empty_droplets": empty} | _seed(seed)
    asked |= {"depth": depth, "ambient": ambient, "pluripotent_soup": soup, "doublets": doublets}
    asked |= {"peak_day": peak_day, "spike_frac": spike, "gain_frac": gain_frac}
    settings = TimecourseSettings(days=_days(days), gain_arm=gain_arm, **asked)
    names = gene_table()["symbol"].tolist()
    arms = dict(zip(names, arms_of(names), strict=True))
    _write(simulate_timecourse(settings, gene_arm=arms), out, as_json=as_json)


def _seed(seed: int | None) -> dict[str, int]:
    return {} if seed is None else {"seed": seed}


def _days(text: str) -> tuple[float, ...]:
    from imscope.core.errors import UsageError

    try:
        return tuple(float(d) for d in text.split(","))
    except ValueError as error:
        raise UsageError(
            "days must be numbers with commas between them", found=text, fix="--days 0,1,2,3,4"
        ) from error


def _write(made: "Cohort | Timecourse", out: Path, *, as_json: bool) -> None:
    """Write the simulated samples; the truth goes beside them and, if asked for, to stdout."""
    from imscope.simulate import write_cohort

    sheet = write_cohort(made, out)
    if as_json:
        records = as_records(made.truth["samples"])
        print_json({"simulated": True, "sheet": str(sheet), "records": records})
    say(f"wrote {sheet}: {len(made.samples)} simulated samples")


@app.command()
def screen(
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the screen.")],
    kind: Annotated[str, typer.Option(help="pooled, sorted, cells, plates or rescue.")] = "pooled",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Simulate a CRISPR or compound screen with its truth."""
    from imscope.simulate import simulate_screen, write_screen_simulation

    files = write_screen_simulation(simulate_screen(kind, seed=seed), out)
    if as_json:
        print_json({"simulated": True, "kind": kind, "files": [str(f) for f in files]})
    say(f"wrote {len(files)} files of a simulated screen to {out}")


@app.command()
def regulators(
    out: OutOption,
    lots: Annotated[int, typer.Option(min=1, help="Lots.")] = 6,
    kept: Annotated[float, typer.Option(help="Share of true pairs in the network.")] = 0.6,
    wrong: Annotated[float, typer.Option(help="Share of its signs that are wrong.")] = 0.15,
    tested: Annotated[float, typer.Option(help="Share of regulators in the screen.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Simulate lots with known key regulators, a faulty network and a screen."""
    from imscope.simulate import RegulatorSettings, simulate_regulators, write_regulators

    settings = RegulatorSettings(lots=lots, kept=kept, wrong=wrong, tested=tested, seed=seed)
    world = simulate_regulators(settings)
    files = write_regulators(world, out, seed=seed)
    if as_json:
        key = world.truth[world.truth["key"]]
        print_json({"simulated": True, "files": [str(f) for f in files],
                    "records": as_records(key)})  # fmt: skip
    say(f"wrote {len(files)} files of a simulated world to {out}")


@app.command()
def potency(
    out: OutOption,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything.")] = 1,
    lots: Annotated[int, typer.Option(min=3, help="Lots.")] = 12,
    donors: Annotated[int, typer.Option(min=0, help="Donors; 0: one a lot.")] = 0,
    correlation: Annotated[
        float, typer.Option(min=-0.99, max=0.99, help="Of the first attribute with the outcome.")
    ] = 0.8,
    attributes: Annotated[int, typer.Option(min=1, help="Attributes; one has an effect.")] = 8,
    influential: Annotated[bool, typer.Option(help="One lot stands against the others.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate an assay, attributes of lots and their outcomes, with the truth of each."""
    from imscope.simulate import LotSettings, write_potency

    settings = LotSettings(
        lots=lots, donors=donors, correlation=correlation, attributes=attributes,
        influential=influential, attribute_error=0.3, donor_share=0.5 if donors else 0.0,
    )  # fmt: skip
    files = write_potency(settings, out, seed=seed)
    if as_json:
        print_json({"simulated": True, "files": {k: str(v) for k, v in files.items()}})
    say(f"wrote {out}: {', '.join(p.name for p in files.values())}")
