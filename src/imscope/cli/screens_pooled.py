"""`imscope screens pooled`: genes that move a pooled screen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import (
    JsonOption,
    OutFolderOption,
    SeedOption,
    as_records,
    plain,
    print_json,
    say,
)

if TYPE_CHECKING:
    from imscope.analyses.screens.pooled import PooledScreen

TableArgument = Annotated[Path, typer.Argument(help="Counts: guide, gene, samples (.tsv, .h5ad).")]
ReportOption = Annotated[Path | None, typer.Option(help="One offline HTML page.")]


def pooled(
    counts: TableArgument,
    sheet: Annotated[Path, typer.Option(help="Sheet: sample, condition and more (.csv, .tsv).")],
    method: Annotated[
        str, typer.Option(help="calibrated, rra, nb, drugz or bagel.")
    ] = "calibrated",
    bins: Annotated[bool, typer.Option("--bins", help="Sorted bins of any number.")] = False,
    control: Annotated[str, typer.Option(help="Condition of the control side.")] = "control",
    treatment: Annotated[str, typer.Option(help="Condition of the other side.")] = "treatment",
    day0: Annotated[str, typer.Option(help="Compare every other sample with this one.")] = "",
    design: Annotated[str, typer.Option(help="For nb: formula such as `time + dose:line`.")] = "",
    normalise: Annotated[str, typer.Option(help="median, control, total or none.")] = "median",
    control_guides: Annotated[
        Path | None, typer.Option(help="File of guides without effect, one per line.")
    ] = None,
    control_genes: Annotated[
        Path | None, typer.Option(help="File of genes without effect, one per line.")
    ] = None,
    essential: Annotated[Path | None, typer.Option(help="File of essential genes.")] = None,
    nonessential: Annotated[Path | None, typer.Option(help="File of inert genes.")] = None,
    half_window: Annotated[int, typer.Option(help="For drugz: half of the window.")] = 500,
    out: OutFolderOption = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
    seed: SeedOption = 0,
) -> None:
    """Test genes of a pooled screen: growth, drug, sorted bins or any design."""
    from imscope.analyses.screens.pooled import analyse_pooled
    from imscope.analyses.screens.settings import PooledSettings
    from imscope.io.guide_counts import read_guide_counts
    from imscope.io.names import read_names
    from imscope.io.screen_sheet import read_screen_sheet

    settings = PooledSettings(
        method="bins" if bins else method,
        control=control,
        treatment=treatment,
        day0=day0,
        design=design,
        normalise=normalise,
        half_window=half_window,
        seed=seed,
        control_guides=read_names(control_guides),
        control_genes=read_names(control_genes),
        essential=read_names(essential),
        nonessential=read_names(nonessential),
    )
    read = read_guide_counts(counts)
    result = analyse_pooled(read, read_screen_sheet(sheet, samples=read.samples), settings=settings)
    for line in result.warnings:
        say(line)
    _write(result, out, report, f"Pooled screen of {counts.name}")
    if as_json:
        print_json(content(result))
    else:
        _show(result)


def content(result: "PooledScreen") -> dict[str, object]:
    """The JSON of a pooled screen."""
    qc: dict[str, object] = {}
    for key, value in result.qc.items():
        if hasattr(value, "to_dict"):
            qc[key] = as_records(value)
        elif isinstance(value, dict):
            qc[key] = {k: plain(v) for k, v in value.items()}
        else:
            qc[key] = plain(value)
    return {
        "genes": as_records(result.genes),
        "qc": qc,
        "method": result.method["name"],
        "settings": result.method,
        "warnings": list(result.warnings),
    }


def _write(result: "PooledScreen", out: Path | None, report: Path | None, title: str) -> None:
    from imscope.io.screen_files import write_screen

    if out is not None:
        files = write_screen(out, result.tables, result.method, list(result.warnings))
        if result.method["name"] == "rra":
            from imscope.analyses.screens.compatible import write_summaries

            files += write_summaries(out, result.tables)
        say(f"wrote {files} files to {out}")
    if report is not None:
        from imscope.report.screen_page import write_screen_page

        write_screen_page(
            report, title, result.tables, method=result.method, warnings=result.warnings
        )
        say(f"wrote {report}")


def _show(result: "PooledScreen") -> None:
    from rich.console import Console
    from rich.table import Table

    view = Table(title=f"{result.method['name']}: {result.method['n_genes']:,} genes")
    columns = [
        c
        for c in (
            "contrast",
            "gene",
            "n_guides",
            "log2_fc",
            "ci_low",
            "ci_high",
            "p_value",
            "q_value",
        )
        if c in result.genes
    ]
    for name in columns:
        view.add_column(name, overflow="fold")
    for row in as_records(result.genes.head(15)):
        view.add_row(*[f"{v:.3g}" if isinstance(v := row[c], float) else str(v) for c in columns])
    Console().print(view)
    for key, value in result.qc["sets"].items():
        typer.echo(f"{key}: {value:.4f}")
