"""`imscope manufacture`: from bank to doses, with uncertainty, cost and weeks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import JsonOption, SeedOption, check_out, check_out_folder, emit, say, tell

if TYPE_CHECKING:
    import pandas as pd

    from imscope.decisions.manufacture import PlanResult

PLACE = 100
app = typer.Typer(no_args_is_help=True, help="From bank to doses: lots, cost, weeks, levers.")

LotsOption = Annotated[int, typer.Option("--lots", min=100, help="Lots simulated.")]
PageOption = Annotated[
    Path | None,
    typer.Option("--report", help="Also write one offline page (.html).", callback=check_out),
]
TablesOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Also write all tables into a folder, with one workbook "
                 "(.xlsx) and the result (.json).", callback=check_out_folder),
]  # fmt: skip


@app.command("plan")
def plan(
    path: Annotated[Path, typer.Argument(help="Plan (.yaml); see `imscope manufacture template`.")],
    lots: LotsOption = 100_000,
    report: PageOption = None,
    out: TablesOption = None,
    as_json: JsonOption = False,
    seed: SeedOption = 0,
) -> None:
    """Doses of a lot, lots for a demand, cost per dose, weeks, and what matters most."""
    from imscope.decisions.manufacture import run_plan

    result = run_plan(path, n_lots=lots, seed=seed)
    tell(result.notices)
    _write([result], None, report, out)
    emit(result.tables(), as_json=as_json, content=result.content(), lines=result.sentences())


@app.command("compare")
def compare(
    paths: Annotated[list[Path], typer.Argument(help="Two or more plans (.yaml).")],
    lots: LotsOption = 100_000,
    report: PageOption = None,
    out: TablesOption = None,
    as_json: JsonOption = False,
    seed: SeedOption = 0,
) -> None:
    """Processes side by side."""
    from imscope.decisions.manufacture import compare_plans

    results, table = compare_plans(paths, n_lots=lots, seed=seed)
    for result in results:
        tell(result.notices)
    _write(results, table, report, out)
    emit(table, as_json=as_json, content={"plans": [r.content() for r in results]})


@app.command("template")
def template(
    name: Annotated[str | None, typer.Argument(help="Name of the template.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Print the names.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write it here (.yaml).", callback=check_out)
    ] = None,
) -> None:
    """Documented example plans; every default has a source and a status."""
    from imscope.decisions.manufacture import TEMPLATES, template_text
    from imscope.io.atomic import write_text

    if listed or name is None:
        for key, words in TEMPLATES.items():
            typer.echo(f"{key:<18} {words}")
        return
    text = template_text(name)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_text(out, text)
    say(f"wrote {out}")


@app.command("dose")
def dose(
    per_kg: Annotated[float | None, typer.Option("--per-kg", help="Living cells per kg.")] = None,
    weight: Annotated[float | None, typer.Option("--weight", help="Body weight in kg.")] = None,
    cap: Annotated[float | None, typer.Option("--cap", help="Most cells of a dose.")] = None,
    fixed: Annotated[float | None, typer.Option("--fixed", help="Cells of a fixed dose.")] = None,
    recovery: Annotated[
        float, typer.Option("--recovery", help="Living cells after thawing per cell frozen.")
    ] = 1.0,
    vial: Annotated[float | None, typer.Option("--vial", help="Cells frozen per vial.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Cells of a dose, cells to thaw, vials."""
    from dataclasses import asdict

    from imscope.cli.shell import print_json
    from imscope.decisions.manufacture import plan_dose

    made = plan_dose(
        per_kg=per_kg, weight=weight, cap=cap, fixed=fixed, recovery=recovery, vial_cells=vial
    )
    if as_json:
        print_json(asdict(made))
        return
    capped = " (the cap decides)" if made.capped else ""
    vials = "" if made.vials is None else f", {made.vials} vials"
    typer.echo(
        f"{made.dose_cells:,.0f} living cells{capped}; thaw {made.cells_to_thaw:,.0f} cells{vials}"
    )


def _write(
    results: "list[PlanResult]", table: "pd.DataFrame | None", report: Path | None, out: Path | None
) -> None:
    """Write the page, the tables, the workbook and the result."""
    from imscope.report.manufacture_page import write_manufacture_files, write_manufacture_page

    if report is not None:
        write_manufacture_page(results, table, report)
        say(f"wrote {report}")
    if out is not None:
        names = write_manufacture_files(results, table, out)
        say(f"wrote {out}: {len(names)} files")
