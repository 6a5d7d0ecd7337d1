"""`imscope evidence`: what is known of a marker, programme, protocol or limit, and how well."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from imscope.evidence.answers import EvidenceAnswer

app = typer.Typer(no_args_is_help=True, help="What is known, from which source, and how well.")


@app.callback()
def group() -> None:
    """What is known, from which source, and how well."""


@app.command()
def show(
    term: Annotated[
        str, typer.Argument(help="Marker, gene, programme, protocol, disease, product or document.")
    ],
    add: Annotated[
        list[Path] | None,
        typer.Option("--add", help="A file of records of your own (.yaml, .json); repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
) -> None:
    """Show every record on a term, both sides where results disagree."""
    from imscope.evidence.answers import show_evidence
    from imscope.evidence.files import load_evidence

    answer = show_evidence(term, base=load_evidence(*(add or ())))
    if as_json:
        json.dump(answer.content(), sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    _print(answer)


def _print(answer: "EvidenceAnswer") -> None:
    from imscope.evidence.records import GRADES

    typer.echo(answer.term)
    typer.echo(f"  RNA proxy: {answer.rna_proxy or 'none: ' + answer.reason}")
    if answer.conflict:
        typer.echo("  CONFLICT: results disagree in sign; both sides are shown, none is averaged")
    if not answer.records:
        typer.echo("  no record yet")
    sides = {i for r in answer.records for i in (*r.conflicts, r.id) if r.conflicts}
    for r in answer.records:
        mark = "!" if r.id in sides or r.direction == "conflict" else "-"
        sign = f"{r.direction}: {r.readout}" if r.readout else r.direction
        typer.echo(f"\n{mark} {r.claim}")
        typer.echo(f"    {sign} [{r.grade}: {GRADES[r.grade]}]")
        facts = (r.where, r.assay, r.n, r.species, f"as of {r.as_of.isoformat()}")
        typer.echo(f"    {'; '.join(f for f in facts if f)}")
        if r.note:
            typer.echo(f"    {r.note}")
        if r.conflicts:
            typer.echo(f"    contradicts: {', '.join(r.conflicts)}")


@app.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files of records (.yaml, .json); the bundled ones if none is given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> None:
    """Check records: schema, ids, sources, dates, contradictions, gene symbols.

    Prints one line per problem; exit code 3 when one of them is an error.
    """
    from imscope.evidence.check import check_evidence

    result = check_evidence(*(files or ()))
    if as_json:
        fields = ("file", "record", "level", "message")
        records = [{f: getattr(p, f) for f in fields} for p in result.problems]
        content = {"passed": result.passed, "n_records": result.n_records, "problems": records}
        json.dump(content, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        for problem in result.problems:
            typer.echo(problem.line())
    word = "passed" if result.passed else "failed"
    n = len(result.problems)
    typer.echo(
        f"{word}: {result.n_records} records in {len(result.files)} files, "
        f"{n} problem{'' if n == 1 else 's'}",
        err=True,
    )
    if not result.passed:
        raise typer.Exit(3)
