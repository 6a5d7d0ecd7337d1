"""The ``imscope`` command: groups, version, and one clear line for a problem the user can mend."""

import contextlib
import os
import sys

import typer

from imscope import __version__
from imscope.cli import data, evidence, gates, heterogeneity, qc, run, safety, simulate, subsets
from imscope.cli.boundary import guarded_call
from imscope.cli.doctor import doctor
from imscope.cli.identity import identity
from imscope.core.errors import MachineError

app = typer.Typer(
    name="imscope",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Single-cell quality and uniformity of mesenchymal stromal cell products.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imscope {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Single-cell quality and uniformity of mesenchymal stromal cell products."""


app.command("run")(run.run)
app.command("demo")(run.demo)
app.command("qc")(qc.qc)
app.add_typer(heterogeneity.app, name="heterogeneity")
app.add_typer(subsets.app, name="subsets")
app.add_typer(safety.app, name="safety")
app.add_typer(gates.app, name="gates")
app.add_typer(simulate.app, name="simulate")
app.add_typer(evidence.app, name="evidence")
app.add_typer(data.app, name="data")
app.command("identity")(identity)
app.command("doctor")(doctor)


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
