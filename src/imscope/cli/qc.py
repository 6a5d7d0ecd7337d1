"""``imscope qc``: look at the quality of every sample before anything is decided."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def qc(
    sheet: Annotated[Path, typer.Argument(help="Sample sheet (.csv, .tsv, .xlsx).")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings (.yaml, .toml, .json).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the limits as a table (.tsv).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result to stdout.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads.")] = None,
) -> None:
    """Compute quality metrics and suggest limits per sample; removes nothing.

    The suggestion is what `imscope run` would apply; fix limits in the configuration to differ.
    """
    from imscope.study.config import read_config
    from imscope.study.quality import check_quality

    result = check_quality(sheet, config=read_config(config), threads=threads)
    if out is not None:
        from imscope.io.atomic import write_tsv

        write_tsv(out, result.limits)
    if as_json:
        print(json.dumps(result.records(), indent=1, sort_keys=True))
        return
    console = Console(highlight=False)
    table = Table(title="Suggested limits; cells outside would be removed", title_justify="left")
    for name in ("sample", "metric", "median", "low", "high", "cells outside", "reason"):
        table.add_column(
            name, justify="left" if name in {"sample", "metric", "reason"} else "right"
        )
    for row in result.records()["limits"]:
        numbers = [_number(row[k]) for k in ("median", "low", "high")]
        table.add_row(row["sample"], row["metric"], *numbers, str(row["n_outside"]), row["reason"])
    console.print(table)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
