"""`imscope subsets`: are the cells more than one population."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.records import as_records
from imscope.cli.subset_score import score

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="Are the cells more than one population.")


@app.callback()
def group() -> None:
    """Are the cells more than one population."""


@app.command("test")
def more_than_one(
    path: Annotated[Path, typer.Argument(help="A run folder or any readable matrix.")],
    unit: Annotated[
        str | None,
        typer.Option(help="Column of the replicate units; by default `lot`, else `sample`."),
    ] = None,
    max_cells: Annotated[int, typer.Option(help="Cells tested per unit.")] = 2_000,
    alpha: Annotated[float, typer.Option(help="Chance of a wrong split per unit.")] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Table of splits (.tsv).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of draws and simulations.")] = 0,
) -> None:
    """Test every unit for more than one population."""
    from imscope.analyses.subsets.find import find_subsets
    from imscope.analyses.subsets.settings import SubsetSettings
    from imscope.io.counts import read_counts

    settings = SubsetSettings(alpha=alpha, max_cells=max_cells, seed=seed)
    inside = path / "cells.h5ad"
    with read_counts(inside if path.is_dir() and inside.exists() else path) as counts:
        column = unit or next((c for c in ("lot", "sample") if c in counts.obs.columns), None)
        result = find_subsets(
            counts.source, counts.features, counts.obs, unit=column, settings=settings
        )
    if out is not None:
        result.splits.to_csv(out, sep="\t", index=False)
        typer.echo(f"wrote {out}: {len(result.splits)} rows", err=True)
    if as_json:
        content = {"records": as_records(result.calls), "splits": as_records(result.splits)}
        json.dump(content, sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
        return
    for row in as_records(result.calls):
        typer.echo(f"{row['group']}: {row['verdict']} ({row['replication']}). {row['reason']}")


app.command("score")(score)
