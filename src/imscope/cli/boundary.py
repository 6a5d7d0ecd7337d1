"""The one boundary of the command line: nothing but the user's interrupt leaves it as a traceback.

Exit classes: 0 done, 1 data or method, 2 usage, 3 a criterion failed, 4 environment, 5 internal.
"""

import contextlib
import os
import platform
import stat
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TextIO, cast

from imscope import __version__
from imscope.core.errors import ImscopeError, InternalError, machine_error
from imscope.core.terminal import PrintableStream, printable

_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


def guarded_call(work: Callable[[], object]) -> None:
    """Call a command; print what goes wrong in a few lines and leave with its exit class.

    Parameters
    ----------
    work
        The command line.

    Raises
    ------
    SystemExit
        With the exit class, if anything went wrong.
    """
    plain = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, PrintableStream(stream)) for stream in plain)
    try:
        _refuse_pipes(sys.argv[1:])
        work()
    except BrokenPipeError:
        # the reader of our output went away; keep Python from complaining at exit
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), plain[0].fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  the boundary is where every error is told
        found = as_problem(error)
        with contextlib.suppress(OSError, ValueError):
            print(f"error: {found}", file=sys.stderr)
        sys.exit(found.exit_code)
    finally:
        sys.stdout, sys.stderr = plain


def as_problem(error: Exception) -> ImscopeError:
    """The problem a user is told for any error: its own, the machine's, or a fault of ours."""
    for cause in _chain(error):
        if isinstance(cause, ImscopeError):
            return cause
    for cause in _chain(error):
        if isinstance(cause, MemoryError):
            return machine_error(cause)
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, _MISSING):
            return machine_error(cause)
    return _internal(error)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    here: BaseException | None = error
    while here is not None and here not in found and len(found) < 20:
        found.append(here)
        here = here.__cause__
    return found


def _internal(error: Exception) -> InternalError:
    place = _write_report(error)
    told = " ".join(str(error).split())[:300]
    return InternalError(
        "imscope met a fault of its own; nothing half-written was left",
        found=f"{type(error).__name__}: {told}" if told else type(error).__name__,
        fix=f"send {place} to the maintainers; it holds no data of yours but names and settings"
        if place
        else "start again with a place for temporary files (TMPDIR); a report could not be written",
        code="E-INTERNAL",
    )


def _write_report(error: Exception) -> str:
    """Write what the maintainers need; return the file, or an empty text."""
    lines = [
        f"imscope {__version__}",
        f"time {datetime.now(UTC).isoformat(timespec='seconds')}",
        f"python {platform.python_version()} on {platform.platform()}",
        f"command {sys.argv!r}",
        "",
        *traceback.format_exception(error),
    ]
    try:
        handle, name = tempfile.mkstemp(prefix="imscope-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as report:
            report.write(printable("\n".join(lines)) + "\n")
    except OSError:
        return ""
    return name


def _refuse_pipes(arguments: Sequence[str]) -> None:
    """No command reads or writes a pipe, a socket or a disk by name: opening one may never end."""
    for argument in arguments:
        for text in {argument, argument.partition("=")[2]}:
            mode = _mode(text)
            if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                from imscope.core import codes
                from imscope.core.errors import UsageError

                raise UsageError(
                    f"{text} is no file",
                    found="a pipe" if stat.S_ISFIFO(mode) else "a device or a socket",
                    fix="write the content to a file and give that",
                    code=codes.FILE_KIND,
                )


def _mode(text: str) -> int | None:
    if not text or len(text) > 4096 or text == os.devnull:
        return None
    try:
        return os.stat(text).st_mode
    except (OSError, ValueError):
        return None
