"""`imscope screens plates`: compounds that move wells, and rescue of patient cells."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.screens_pooled import ReportOption
from imscope.cli.shell import JsonOption, OutFolderOption, SeedOption, as_records, print_json, say

if TYPE_CHECKING:
    from imscope.analyses.screens.plates import PlateScreen


def plates(
    path: Annotated[Path, typer.Argument(help="Folder, long table or profiles of plates.")],
    feature: Annotated[str, typer.Option(help="Readout for hits; the first if not given.")] = "",
    normalise: Annotated[
        str,
        typer.Option(
            help="robust, median, centre, negatives, poc, npi, z, robust_z, bscore, "
            "bscore_mad or none."
        ),
    ] = "robust",
    log: Annotated[bool, typer.Option("--log", help="Take log2 of the readout first.")] = False,
    patient: Annotated[str, typer.Option(help="COLUMN=VALUE of patient vehicle wells.")] = "",
    corrected: Annotated[str, typer.Option(help="COLUMN=VALUE of corrected vehicle wells.")] = "",
    axis: Annotated[str, typer.Option(help="Disease axis of the evidence base: FOP, HGPS.")] = "",
    least: Annotated[float, typer.Option(help="Least effect worth having, vehicle sd.")] = 0.0,
    out: OutFolderOption = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
    seed: SeedOption = 0,
) -> None:
    """Quality, hits, dose-response and rescue of a plate screen."""
    from imscope.analyses.screens.curves import analyse_curves
    from imscope.analyses.screens.plates import PlateSettings, analyse_plates
    from imscope.evidence.disease_axes import disease_axis
    from imscope.io.curve_tables import read_curves
    from imscope.io.plates import read_plates
    from imscope.io.screen_files import write_screen

    if axis:
        found = disease_axis(axis)
        say(found.sentence)
    given = {"patient_vehicle": patient, "corrected_vehicle": corrected}
    settings = PlateSettings(feature, normalise, log, least, axis=axis, seed=seed)
    curves = read_curves(path) if path.is_dir() else None
    if curves is not None:
        result = analyse_curves(curves, settings=settings)
    else:
        roles = {k: _pair(v) for k, v in given.items() if v}
        result = analyse_plates(read_plates(path, roles=roles), settings=settings)
    for line in result.warnings:
        say(line)
    if out is not None:
        files = write_screen(out, result.tables, result.method, list(result.warnings))
        say(f"wrote {files} files to {out}")
    if report is not None:
        from imscope.report.screen_page import write_screen_page

        write_screen_page(
            report,
            f"Plate screen of {path.name}",
            result.tables,
            method=result.method,
            warnings=result.warnings,
        )
        say(f"wrote {report}")
    if as_json:
        print_json(content(result))
    else:
        _show(result)


def _pair(text: str) -> tuple[str, str]:
    from imscope.core import codes
    from imscope.core.errors import UsageError

    column, sign, value = text.partition("=")
    if not sign or not column or not value:
        raise UsageError("write COLUMN=VALUE", found=text, code=codes.SCREEN_OPTION)
    return column, value


def content(result: "PlateScreen") -> dict[str, object]:
    """The JSON of a plate screen."""
    tables = result.tables
    return {
        "compounds": as_records(tables["plate_compounds"]),
        "qc": as_records(tables["plate_qc"]),
        "rescue": as_records(tables["plate_rescue"]) if "plate_rescue" in tables else [],
        "curves": as_records(tables["plate_curves"]) if "plate_curves" in tables else [],
        "growth": as_records(tables["plate_growth"]) if "plate_growth" in tables else [],
        "settings": result.method,
        "warnings": list(result.warnings),
    }


def _show(result: "PlateScreen") -> None:
    from rich.console import Console
    from rich.table import Table

    shown = {
        "plate_qc": ("plate", "z_prime", "z_prime_low", "z_prime_high", "ssmd", "grade"),
        "plate_rescue": (
            "compound",
            "dose_um",
            "rescue_frac",
            "ci_low",
            "ci_high",
            "q_value",
            "off_axis_z",
            "viability",
            "verdict",
        ),
        "plate_curves": ("compound", "ec50_um", "ec50_low", "ec50_high", "place", "p_value"),
        "plate_compounds": ("compound", "dose_um", "effect", "ci_low", "ci_high", "q_value", "hit"),
    }
    for name, columns in shown.items():
        table = result.tables.get(name)
        if table is None or not len(table):
            continue
        view = Table(title=name)
        for column in columns:
            view.add_column(column, overflow="fold")
        for row in as_records(table.head(12)):
            view.add_row(
                *[f"{v:.3g}" if isinstance(v := row[c], float) else str(v) for c in columns]
            )
        Console().print(view)
