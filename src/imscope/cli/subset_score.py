"""`imscope subsets score`: gene programmes per cell and per group."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import as_records

if TYPE_CHECKING:
    import pandas as pd

FIELDS = ("group", "programme", "score", "coverage", "status", "p_value", "q_value")


def score(
    path: Annotated[Path, typer.Argument(help="A run folder or any readable matrix.")],
    by: Annotated[
        str | None,
        typer.Option(help="Column that makes the groups; default `sample`, else the whole file."),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="Column of the replicate units; default `lot`, `donor` ... `sample`."),
    ] = None,
    test: Annotated[str | None, typer.Option(help="Compare only this group.")] = None,
    reference: Annotated[str | None, typer.Option(help="Compare with this group only.")] = None,
    random_sets: Annotated[int, typer.Option(help="Random gene sets per programme.")] = 9_999,
    table: Annotated[
        Path | None, typer.Option(help="Also write the whole table of groups (.tsv).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Scores per cell (.tsv or .parquet).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random gene sets.")] = 0,
) -> None:
    """Score gene programmes in every cell, and test groups with units as replicates."""
    from imscope.analyses.subsets.score import ProgrammeSettings, score_programmes
    from imscope.io.counts import read_counts

    settings = ProgrammeSettings(
        by=by, unit=unit, test=test, reference=reference, random_sets=random_sets, seed=seed
    )
    inside = path / "cells.h5ad"
    with read_counts(inside if path.is_dir() and inside.exists() else path) as counts:
        result = score_programmes(
            counts.source,
            counts.features,
            counts.obs,
            settings=settings,
            counts=counts.kind == "counts",
        )
    if out is not None:
        _write(result.cells.rename_axis("cell").reset_index(), out)
    if table is not None:
        _write(result.table, table)
    if as_json:
        records = [{k: row[k] for k in FIELDS} for row in as_records(result.table)]
        json.dump({"records": records}, sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
        return
    for row in as_records(result.table):
        value = row["score"]
        number = f"{value:.3f}" if isinstance(value, float) else "-"
        typer.echo(f"{row['group']}\t{row['programme']}\t{number}\t{row['status']}")


def _write(table: "pd.DataFrame", path: Path) -> None:
    from imscope.io.atomic import write_parquet, write_tsv

    write = write_parquet if path.suffix == ".parquet" else write_tsv
    write(path, table)
    typer.echo(f"wrote {path}: {len(table)} rows", err=True)
