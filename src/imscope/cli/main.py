"""The ``imscope`` command: groups, version, and one clear line for a problem the user can mend."""

import contextlib
import os
import sys

import typer

from imscope import __version__
from imscope.cli.boundary import guarded_call
from imscope.core.errors import MachineError
from imscope.core.rooms import find_modules

app = typer.Typer(
    name="imscope",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Single-cell quality and uniformity of mesenchymal stromal cell products.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imscope {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: bool = typer.Option(  # noqa: ARG001  its callback does the work
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Single-cell quality and uniformity of mesenchymal stromal cell products."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def add_commands(app: typer.Typer) -> None:
    """Add what every module of this package offers: its group ``app``, or a function of its name.

    ``PLACE`` in a module says where it stands in the help; those without one come last.
    """
    found = []
    for module in find_modules("imscope.cli"):
        name = module.__name__.rpartition(".")[2]
        offered = getattr(module, "app", getattr(module, name, None))
        if offered is not None and name != "main":
            found.append((getattr(module, "PLACE", 500), name, offered))
    for _, name, offered in sorted(found, key=lambda item: item[:2]):
        if isinstance(offered, typer.Typer):
            app.add_typer(offered, name=name)
        else:
            app.command(name)(offered)


add_commands(app)


def main() -> None:
    """Run the command line; every problem becomes one message, a code and an exit class."""
    # blocks run in our own threads; a second layer inside linear algebra would cost time and digits
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    guarded_call(app)


def start() -> None:
    """Entry point of the installed command: as :func:`main`, in a process of its own.

    After a failed write the process ends at once: HDF5 would try to write again while it is taken
    down, and crash.
    """
    try:
        main()
    except SystemExit as ended:
        if ended.code == MachineError.exit_code:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(MachineError.exit_code)
        raise
