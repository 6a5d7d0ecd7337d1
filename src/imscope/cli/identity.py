"""`imscope identity`: what the cells are by panel, cycle, ageing, position and donor."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from imscope.cli.shell import as_records


def identity(
    path: Annotated[Path, typer.Argument(help="A run folder or any readable matrix.")],
    by: Annotated[
        str | None,
        typer.Option(help="Column that makes the groups; default `sample`, else the whole file."),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="Column of the replicate units; default `lot`, `donor` ... `sample`."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Phase and calls per cell (.tsv).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of draws.")] = 0,
) -> None:
    """ISCT panel, cell cycle, senescence, HOX code, donor sex and donor match."""
    from imscope.analyses.identity.compute import IdentitySettings, describe_identity
    from imscope.core.errors import MethodError
    from imscope.io.atomic import write_tsv
    from imscope.io.counts import read_counts

    inside = path / "cells.h5ad"
    with read_counts(inside if path.is_dir() and inside.exists() else path) as counts:
        if counts.kind != "counts":
            raise MethodError("identity needs UMI counts", found="other expression values")
        result = describe_identity(
            counts.source,
            counts.features,
            counts.obs,
            protein=counts.modalities.get("protein"),
            settings=IdentitySettings(by=by, unit=unit, seed=seed),
        )
    if out is not None:
        write_tsv(out, result.cells.rename_axis("cell").reset_index())
        typer.echo(f"wrote {out}: {len(result.cells)} rows", err=True)
    if as_json:
        content = {name: as_records(table) for name, table in result.tables.items()}
        json.dump(content, sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
        return
    for name, table in result.tables.items():
        typer.echo(f"\n{name}")
        typer.echo(table.to_csv(sep="\t", index=False, float_format="%.3g").rstrip())
