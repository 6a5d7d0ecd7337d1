"""`imscope safety`: cells that should not be there."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import as_records

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.cells import Cells

app = typer.Typer(no_args_is_help=True, help="Screens for cells that should not be there.")

PathArgument = Annotated[Path, typer.Argument(help="A run folder or any readable matrix.")]
LotOption = Annotated[
    str | None, typer.Option("--lot", help="Column of the lots; by default `lot`, else `sample`.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Result table (.tsv).")]


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
    lot: LotOption = None,
    alpha: Annotated[float, typer.Option(help="Chance of a false alarm per lot and arm.")] = 0.01,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Screen chromosome arms of every lot against diploid reference lots."""
    from imscope.analyses.safety.arms import ArmSettings, screen_arms

    names = tuple(n.strip() for text in reference or [] for n in text.split(",") if n.strip())
    settings = ArmSettings(lot=lot, reference=names, alpha=alpha)
    with _open(path) as counts:
        result = screen_arms(counts.source, counts.features, counts.obs, settings=settings)
    found = result.table[result.table["verdict"].isin(["gain", "loss"])]
    lines = [f"{r['group']} {r['region']}: {r['status']}" for r in as_records(found)]
    if not lines:
        lines = [_nothing(result.table)]
    extra = {"references": list(result.references)}
    _show(result.table, lines, as_json=as_json, out=out, extra=extra)


@app.command()
def p53(
    path: PathArgument, lot: LotOption = None, as_json: JsonOption = False, out: OutOption = None
) -> None:
    """Screen the targets of p53 of every lot against its sibling lots."""
    from imscope.analyses.safety.p53 import screen_p53

    with _open(path) as counts:
        result = screen_p53(counts.source, counts.features, counts.obs, lot=lot)
    lines = [f"{r['group']}: {r['verdict']}; {r['status']}" for r in as_records(result.table)]
    _show(result.table, lines, as_json=as_json, out=out, extra={"genes": list(result.genes)})


def _nothing(table: "pd.DataFrame") -> str:
    untested = table[table["verdict"] == "NOT TESTABLE"]
    if len(untested) == len(table):
        return f"NOT TESTABLE: {untested['status'].iloc[0]}"
    words = "no gain or loss above the limit of detection of each arm"
    return f"{words}; small changes such as 20q11.21 are not excluded"


def _open(path: Path) -> "Cells":
    from imscope.core import codes
    from imscope.core.errors import DataError
    from imscope.io.counts import read_counts

    inside = path / "cells.h5ad"
    counts = read_counts(inside if path.is_dir() and inside.exists() else path)
    if counts.kind != "counts":
        counts.close()
        raise DataError(
            "the screen needs UMI counts",
            found="a matrix of other expression values",
            code=codes.SAFETY_COUNTS,
        )
    return counts


def _show(
    table: "pd.DataFrame",
    lines: list[str],
    *,
    as_json: bool,
    out: Path | None,
    extra: dict[str, list[str]],
) -> None:
    if out is not None:
        table.to_csv(out, sep="\t", index=False)
        typer.echo(f"wrote {out}: {len(table)} rows", err=True)
    if as_json:
        json.dump({"records": as_records(table), **extra}, sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
        return
    for line in lines:
        typer.echo(line)
