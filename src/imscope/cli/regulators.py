"""`imscope regulators`: which differ, which could drive a programme, what to test next."""

import typer

from imscope.cli.regulators_activity import activity
from imscope.cli.regulators_rank import next_experiment, rank

PLACE = 95
app = typer.Typer(no_args_is_help=True, help="Key regulators, graded by evidence.")


@app.callback()
def group() -> None:
    """Key regulators, graded by evidence."""


app.command()(activity)
app.command()(rank)
app.command("next")(next_experiment)
