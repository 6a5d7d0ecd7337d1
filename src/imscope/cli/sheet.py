"""`imscope sheet`: write a sample sheet from a delivery, or say all that is wrong with one."""

from pathlib import Path
from typing import Annotated

import typer

from imscope.cli.shell import JsonOption, emit, print_json, say, tell
from imscope.core.errors import UsageError


def sheet(
    place: Annotated[
        Path, typer.Argument(help="A delivery folder, or with --check a sample sheet.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Say everything that is wrong with a sample sheet.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the sheet here (.csv).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a sample sheet from a delivery folder, or check one without reading its matrices.

    The sheet lists every matrix with its unfiltered partner and chemistry; what a folder cannot
    tell, such as donor and passage, stands in headed empty columns.
    """
    if check and out is not None:
        raise UsageError("--check writes nothing", fix="leave out --out")
    if check:
        _check(place, as_json=as_json)
    else:
        _write(place, out, as_json=as_json)


def _check(path: Path, *, as_json: bool) -> None:
    from imscope.io.sheet import check_sheet

    found = check_sheet(path)
    faults = [
        {"code": f.code, "problem": f.problem, "found": f.found, "fix": f.fix} for f in found.faults
    ]
    notices = [{"code": n.code, "message": n.message, "subject": n.subject} for n in found.notices]
    if as_json:
        n = None if found.sheet is None else len(found.sheet.rows)
        print_json({"path": str(path), "samples": n, "faults": faults, "notices": notices})
    else:
        tell(found.notices)
        for k, fault in enumerate(found.faults, start=1):
            where = f" ({fault.found})" if fault.found else ""
            typer.echo(f"{k}. {fault.code}: {fault.problem}{where}")
            if fault.fix:
                typer.echo(f"   fix: {fault.fix}")
    if found.faults:
        raise typer.Exit(1)
    if found.sheet is not None and not as_json:
        columns = ", ".join(map(str, found.sheet.frame.columns)) or "no further columns"
        typer.echo(f"{path}: {len(found.sheet.rows)} samples, nothing wrong; columns: {columns}")


def _write(folder: Path, out: Path | None, *, as_json: bool) -> None:
    from imscope.io.atomic import write_text
    from imscope.io.sheet_write import read_rows, sheet_of_folder

    if folder.is_file():
        raise UsageError(
            f"{folder} is a file, not a delivery folder",
            fix=f"imscope sheet --check {folder} checks a sample sheet",
        )
    text, notices = sheet_of_folder(folder, relative_to=out.absolute().parent if out else None)
    tell(notices)
    if out is not None:
        write_text(out, text)
        say(f"wrote {out}: fill in the empty columns, then imscope sheet --check {out}")
    if as_json:
        emit(read_rows(text), as_json=True, notices=notices)
    elif out is None:
        typer.echo(text, nl=False)
