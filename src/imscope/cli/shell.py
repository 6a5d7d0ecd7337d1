"""What every command shares: options, opening cells, and emitting a result."""

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.terminal import printable

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.cells import Cells
    from imscope.core.result import Notice, Result


def _writable(path: Path, kind: str) -> None:
    """Refuse a place nothing can be written to, before any work."""
    parent = path.absolute().parent
    problem = ""
    if kind == "file" and path.is_dir():
        problem = f"{path} is a folder"
    elif kind == "folder" and path.exists() and not path.is_dir():
        problem = f"{path} is a file"
    elif not parent.is_dir():
        problem = f"there is no folder {parent}"
    elif not os.access(path if path.exists() else parent, os.W_OK):
        problem = f"{path if path.exists() else parent} cannot be written to"
    if problem:
        raise UsageError(
            f"cannot write the result to {path}",
            found=problem,
            fix=f"name a new {kind} in a folder that is there",
            code=codes.OUT_PLACE,
        )


def check_out(path: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before any work."""
    if path is not None:
        _writable(path, "file")
    return path


def check_out_folder(path: Path | None) -> Path | None:
    """Refuse a folder that cannot be written, before any work."""
    if path is not None:
        _writable(path, "folder")
    return path


PathArgument = Annotated[Path, typer.Argument(help="A run folder or any readable matrix.")]
ByOption = Annotated[
    str | None,
    typer.Option("--by", help="Column that makes the groups; default `sample`, else all cells."),
]
UnitOption = Annotated[
    str | None,
    typer.Option(
        "--unit",
        help="Column of the independent units; default the first of `lot`, `donor`, `clone`, "
        "`line` with two levels, else `sample`.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Also write the table (.tsv).", callback=check_out),
]
OutFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="Also write all tables into a folder.", callback=check_out_folder
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of all random draws.")]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads; changes no digit.")
]

SchedulerOption = Annotated[
    str,
    typer.Option(
        "--scheduler",
        envvar="IMSCOPE_SCHEDULER",
        help="`threads`, `local:N` processes, `tcp://HOST:PORT` or `file:SCHEDULER.json` of Dask; "
        "changes no digit.",
    ),
]
WorkerMemoryOption = Annotated[
    str, typer.Option("--worker-memory", help="Memory of each local process, such as 2GB.")
]


@contextmanager
def opened(
    path: Path, *, expression: bool = False, bulk: bool = False, scheduler: str = "threads"
) -> "Iterator[Cells]":
    """Open a run folder or a matrix for the time of the block; tell its notices on stderr."""
    from imscope.engine.schedulers import use_scheduler
    from imscope.io.open import open_cells

    with open_cells(path, expression=expression, bulk=bulk) as cells:
        tell(cells.notices)
        with use_scheduler(scheduler):
            yield cells


def tell(notices: "Iterable[Notice]") -> None:
    """Say notices on stderr, one line each."""
    for notice in notices:
        about = f"{notice.subject}: " if notice.subject else ""
        say(f"{notice.code}: {about}{notice.message}")


def say(line: str) -> None:
    """One line of words on stderr."""
    typer.echo(printable(line), err=True)


def emit(
    table: "pd.DataFrame | Mapping[str, pd.DataFrame]",
    *,
    as_json: bool = False,
    out: Path | None = None,
    content: Mapping[str, object] | None = None,
    columns: Sequence[str] | None = None,
    lines: Sequence[str] | None = None,
    notices: "Iterable[Notice]" = (),
) -> None:
    """Write, print or show a result; every command ends here.

    Parameters
    ----------
    table
        One table, or several by name: then ``out`` is a folder.
    as_json
        Print ``content`` to stdout, by default the rows under ``records``; notices are added.
    out
        File or folder to write, whole or not at all.
    content
        What JSON holds instead of the rows of the table.
    columns
        Columns shown in a terminal; all by default.
    lines
        Sentences shown instead of the table.
    notices
        What the readers and the analysis told.
    """
    if out is not None:
        _write(table, out)
    if as_json:
        print_json({**_content(table, content), "notices": notices_json(notices)})
    elif lines is not None:
        for line in lines:
            typer.echo(printable(line))
    elif isinstance(table, Mapping):
        for name, frame in table.items():
            typer.echo(f"\n{name}")
            show(frame, None)
    else:
        show(table, columns)


def _content(
    table: "pd.DataFrame | Mapping[str, pd.DataFrame]", content: Mapping[str, object] | None
) -> dict[str, object]:
    if content is not None:
        return dict(content)
    if isinstance(table, Mapping):
        return {name: as_records(frame) for name, frame in table.items()}
    return {"records": as_records(table)}


def notices_json(notices: "Iterable[Notice]") -> list[dict[str, str]]:
    """Notices as JSON holds them."""
    return [{"code": n.code, "message": n.message, "subject": n.subject} for n in notices]


def _write(table: "pd.DataFrame | Mapping[str, pd.DataFrame]", out: Path) -> None:
    from imscope.io.atomic import write_tsv

    if isinstance(table, Mapping):
        out.mkdir(exist_ok=True)
        for name, frame in table.items():
            write_tsv(out / f"{name}.tsv", frame)
        say(f"wrote {out}: {len(table)} tables")
    else:
        write_tsv(out, table)
        say(f"wrote {out}: {len(table)} rows")


def write_cells(result: "Result", out: Path | None) -> None:
    """Write the columns of cells of a result, by the ending of the file as Parquet or TSV."""
    if out is None or result.cells is None:
        return
    from imscope.io.atomic import write_parquet, write_tsv

    table = result.cells.rename_axis("cell").reset_index()
    (write_parquet if out.suffix == ".parquet" else write_tsv)(out, table)
    say(f"wrote {out}: {len(table)} rows")


def print_json(content: Mapping[str, object]) -> None:
    """Print a JSON document to stdout."""
    json.dump(content, sys.stdout, indent=1, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")


def show(table: "pd.DataFrame", columns: Sequence[str] | None = None) -> None:
    """Show rows in a terminal: a table where it fits, else one block of lines for each row."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = [c for c in (columns or table.columns) if c in table.columns]
    rows = [[_shown(row[c]) for c in names] for row in as_records(table)]
    console = Console()
    widths = [max([len(n), *(len(r[i]) for r in rows)]) for i, n in enumerate(names)]
    fits = sum(min(w, 40) + 3 for w in widths) + 1 <= console.width
    if fits:
        view = Table()
        for name in names:
            view.add_column(Text(printable(name)), overflow="fold")
        for row in rows:
            view.add_row(*(Text(cell) for cell in row))
        console.print(view)
        return
    for row in rows:
        for name, value in zip(names, row, strict=True):
            if value:
                console.print(f"{printable(name):<20} {value}", markup=False, highlight=False)
        console.print("")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else printable(value)


def as_records(table: "pd.DataFrame") -> list[dict[str, object]]:
    """Rows as plain Python values; what is not a number becomes null."""
    rows = table.astype("object").to_dict(orient="records")
    return [{str(k): plain(v) for k, v in row.items()} for row in rows]


def plain(value: object) -> object:
    """One value as plain Python; what is not a number becomes None."""
    if hasattr(value, "item"):
        value = value.item()
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value
