"""The ``imscope`` command: groups, version, and one clear line for a problem the user can mend."""

import os
import sys

import typer

from imscope import __version__
from imscope.core.errors import ImscopeError
from imscope.core.rooms import find_modules

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
