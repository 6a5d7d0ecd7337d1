"""`imscope gates`: which markers sort the good cells, and what a gate does on other data."""

import typer

from imscope.cli.gates_design import design
from imscope.cli.gates_evaluate import evaluate, export

app = typer.Typer(no_args_is_help=True, help="Which markers sort the good cells.")


@app.callback()
def group() -> None:
    """Which markers sort the good cells."""


app.command()(design)
app.command()(evaluate)
app.command()(export)
