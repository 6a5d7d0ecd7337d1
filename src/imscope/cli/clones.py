"""`imscope clones`: is a line what it is said to be, and what do reads say of an edited locus."""

from pathlib import Path
from typing import Annotated

import typer

from imscope.cli.shell import JsonOption, OutOption, emit

app = typer.Typer(no_args_is_help=True, help="Identity and edited loci of clones.")


@app.command()
def identity(
    counts: Annotated[Path, typer.Argument(help="library, variant, ref, alt (.tsv, .csv).")],
    genotypes: Annotated[
        Path, typer.Argument(help="variant, frequency, and one column per line: 0, 1, 2 or -1.")
    ],
    expected: Annotated[list[str], typer.Option("--expect", help="library=line; repeatable.")],
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Hold each library against the line it is said to be; exit 3 when one contradicts."""
    from imscope.analyses.clones.files import identity_table

    pairs = dict(e.partition("=")[::2] for e in expected)
    table = identity_table(counts, genotypes, pairs)
    emit(table, as_json=as_json, out=out)
    if (table["verdict"] == "CONTRADICTS").any():
        raise typer.Exit(3)


@app.command()
def edit(
    counts: Annotated[
        Path, typer.Argument(help="clone, site (`edit`, or bp from the cut), ref, alt, other.")
    ],
    locus: Annotated[str, typer.Option("--locus", help="LMNA_R527C, LMNA_G608G, ... or a name.")],
    expect: Annotated[str, typer.Option("--expect", help="heterozygous or homozygous.")] = "",
    corrects: Annotated[
        bool, typer.Option("--corrects", help="The edit restores the reference allele.")
    ] = False,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Say what the reads of each clone show at an edited locus, and which tests decide."""
    from imscope.analyses.clones.files import edit_table

    table = edit_table(counts, locus, expected=expect, edited_is_ref=corrects)
    records = table.to_dict(orient="records")
    shown = ["clone", "verdict", "status", "wild_type_upper_95"]
    from imscope.cli.shell import plain

    clean = [
        {str(k): v if isinstance(v, list) else plain(v) for k, v in r.items()} for r in records
    ]
    flat = table.assign(deciding_tests=["; ".join(t) for t in table["deciding_tests"]])
    emit(flat, as_json=as_json, out=out, content={"records": clean}, columns=shown)
    if (table["verdict"] == "CONTRADICTS").any():
        raise typer.Exit(3)
