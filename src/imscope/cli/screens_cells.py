"""`imscope screens cells`: what targets do to single cells, and to their uniformity."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.screens_pooled import ReportOption
from imscope.cli.shell import (
    JsonOption,
    SeedOption,
    as_records,
    plain,
    print_json,
    say,
)

if TYPE_CHECKING:
    from imscope.analyses.screens.cells import CellScreen


def cells(
    path: Annotated[Path, typer.Argument(help="MuData or AnnData with guides, 10x, or a folder.")],
    library: Annotated[Path | None, typer.Option(help="Table of guide and target.")] = None,
    assign: Annotated[str, typer.Option(help="maximum, mixture or threshold.")] = "maximum",
    threshold: Annotated[int, typer.Option(help="UMI, for --assign threshold.")] = 5,
    moi: Annotated[float, typer.Option(help="Guides per cell stated for the experiment.")] = 0.0,
    control: Annotated[str, typer.Option(help="Name of the control target.")] = "non-targeting",
    replicate: Annotated[str, typer.Option(help="Column of the replicate.")] = "",
    subset: Annotated[str, typer.Option(help="Column of functional subsets.")] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for every table.")] = Path(
        "screen-cells"
    ),
    annotated: Annotated[
        Path | None, typer.Option(help="The same object with calls added (.h5ad, .h5mu).")
    ] = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
    seed: SeedOption = 0,
) -> None:
    """Guides, effects, responders and uniformity of a single-cell CRISPR screen."""
    from imscope.analyses.screens import CellSettings, analyse_cells
    from imscope.io.cell_screens import read_cell_screen
    from imscope.io.screen_files import annotate_screen, write_screen

    data = read_cell_screen(path, library=library)
    settings = CellSettings(assign, threshold, moi, control, replicate, subset, seed)
    result = analyse_cells(data, settings=settings)
    for line in result.warnings:
        say(line)
    calls = result.obs.rename_axis("cell").reset_index()
    files = write_screen(
        out, {**result.tables, "screen_cells": calls}, result.method, list(result.warnings)
    )
    say(f"wrote {files} files to {out}")
    if annotated is not None:
        annotate_screen(path, annotated, result.obs)
        say(f"wrote {annotated}")
    if report is not None:
        from imscope.report.screen_page import write_screen_page

        write_screen_page(
            report,
            f"Single-cell screen of {path.name}",
            result.tables,
            method=result.method,
            warnings=result.warnings,
        )
        say(f"wrote {report}")
    if as_json:
        print_json(content(result, out))
    else:
        _show(result)


def content(result: "CellScreen", folder: Path) -> dict[str, object]:
    """The JSON of a single-cell screen."""
    return {
        "targets": as_records(result.tables["screen_targets"]),
        "effects_file": str(folder / "screen_effects.parquet"),
        "uniformity": as_records(result.tables["screen_uniformity"]),
        "calibration": {k: plain(v) for k, v in result.calibration.items()},
        "responders": as_records(result.tables["screen_responders"]),
        "shares": as_records(result.tables["screen_shares"]),
        "settings": result.method,
        "warnings": list(result.warnings),
    }


def _show(result: "CellScreen") -> None:
    from rich.console import Console
    from rich.table import Table

    view = Table(title=f"{len(result.tables['screen_targets'])} targets")
    columns = ("target", "n_cells", "hi2_ratio", "hi2_low", "hi2_high", "verdict")
    genes = dict(
        zip(
            result.tables["screen_targets"]["target"],
            result.tables["screen_targets"]["n_genes"],
            strict=True,
        )
    )
    for name in (*columns, "genes changed"):
        view.add_column(name)
    for row in as_records(result.tables["screen_uniformity"]):
        values = [f"{v:.3g}" if isinstance(v := row[c], float) else str(v) for c in columns]
        view.add_row(*values, str(genes[row["target"]]))
    Console().print(view)
    c = result.calibration
    typer.echo(
        f"calibration on non-targeting groups: p < 0.05 in {100 * c['p05']:.1f} %, "
        f"p < 0.001 in {100 * c['p001']:.2f} %, {c['discoveries']:.0f} discoveries"
    )
