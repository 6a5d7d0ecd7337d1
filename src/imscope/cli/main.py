"""The ``imscope`` command: groups, version, and one clear line for a problem the user can mend."""

import os
import sys

import typer

from imscope import __version__
from imscope.cli import (
    data,
    evidence,
    gates,
    heterogeneity,
    qc,
    run,
    safety,
    screens,
    simulate,
    subsets,
)
from imscope.cli.doctor import doctor
from imscope.cli.identity import identity
from imscope.core.errors import ImscopeError

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
app.add_typer(screens.app, name="screens")
app.add_typer(simulate.app, name="simulate")
app.add_typer(evidence.app, name="evidence")
app.add_typer(data.app, name="data")
app.command("identity")(identity)
app.command("doctor")(doctor)


def main() -> None:
    """Run the command line; an :class:`ImscopeError` becomes one message and its exit code."""
    # blocks run in our own threads; a second layer inside linear algebra would cost time and digits
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    try:
        app()
    except ImscopeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # the reader of our output went away; keep Python from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
