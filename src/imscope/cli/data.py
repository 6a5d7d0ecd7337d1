"""`imscope data`: public data sets, listed offline and fetched on request."""

from pathlib import Path
from typing import Annotated

import typer

from imscope.cli.shell import JsonOption, print_json, say

PLACE = 120
app = typer.Typer(no_args_is_help=True, help="Public MSC and iMSC data sets.")

CatalogueOption = Annotated[
    Path | None, typer.Option("--catalogue", exists=True, help="Your own catalogue (.json).")
]


@app.command("list")
def list_datasets(catalogue: CatalogueOption = None, as_json: JsonOption = False) -> None:
    """List public data sets and what they can test; needs no network."""
    import dataclasses

    from imscope.io.catalogue import read_catalogue

    datasets = read_catalogue(catalogue)
    if as_json:
        records = [{**dataclasses.asdict(d), "can_get": d.can_get} for d in datasets]
        print_json({"records": records})
        return
    for d in datasets:
        how = "imscope data get" if d.can_get else "listed only: no direct address with checksum"
        typer.echo(f"{d.name}  ({how})")
        typer.echo(f"  {d.title}, {d.year}; doi {d.doi or 'not stated'}; accession {d.accession}")
        typer.echo(f"  cells {d.n_cells}; design {d.design}; platform {d.platform}")
        typer.echo(f"  licence {d.licence}; can test: {', '.join(d.can_test)}")
        if d.notes:
            typer.echo(f"  {d.notes}")


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="Name from `imscope data list`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the file.")] = Path(),
    catalogue: CatalogueOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download one data set, checked and resumed; the only command that uses a network."""
    from imscope.io.catalogue import find_dataset, get_dataset, read_catalogue

    dataset = find_dataset(name, read_catalogue(catalogue))
    path = get_dataset(dataset, out)
    if as_json:
        print_json({"name": name, "path": str(path), "sha256": dataset.sha256})
    say(f"{path}: sha256 correct")
