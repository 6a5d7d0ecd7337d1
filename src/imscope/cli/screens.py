"""`imscope screens`: pooled, single-cell and plate screens."""

import typer

from imscope.cli.screens_cells import cells
from imscope.cli.screens_plates import plates
from imscope.cli.screens_pooled import pooled

app = typer.Typer(no_args_is_help=True, help="CRISPR and compound screens.")


@app.callback()
def group() -> None:
    """CRISPR and compound screens."""


app.command()(pooled)
app.command()(cells)
app.command()(plates)
