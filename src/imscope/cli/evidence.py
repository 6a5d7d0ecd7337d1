"""`imscope evidence`: what is known of a marker, gene, programme, protocol, disease or product."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import JsonOption, print_json, say

if TYPE_CHECKING:
    from imscope.evidence.answers import EvidenceAnswer

PLACE = 110
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
    as_json: JsonOption = False,
) -> None:
    """Show every record on a term, both sides where results disagree."""
    from imscope.evidence.answers import show_evidence
    from imscope.evidence.files import load_evidence

    answer = show_evidence(term, base=load_evidence(*(add or ())))
    if as_json:
        print_json(answer.content())
        return
    for line in _lines(answer):
        typer.echo(line)


def _lines(answer: "EvidenceAnswer") -> list[str]:
    """Write the records of an answer as text."""
    from imscope.evidence.records import GRADES

    lines = [answer.term, f"  RNA proxy: {answer.rna_proxy or 'none: ' + answer.reason}"]
    if answer.conflict:
        lines.append("  CONFLICT: results disagree in sign; both sides are shown, none is averaged")
    if not answer.records:
        lines.append("  no record yet")
    sides = {i for r in answer.records for i in (*r.conflicts, r.id) if r.conflicts}
    for r in answer.records:
        mark = "!" if r.id in sides or r.direction == "conflict" else "-"
        sign = f"{r.direction}: {r.readout}" if r.readout else r.direction
        facts = (r.where, r.assay, r.n, r.species, f"as of {r.as_of.isoformat()}")
        lines += [
            f"\n{mark} {r.claim}",
            f"    {sign} [{r.grade}: {GRADES[r.grade]}]",
            f"    {'; '.join(f for f in facts if f)}",
            *([f"    {r.note}"] if r.note else []),
            *([f"    contradicts: {', '.join(r.conflicts)}"] if r.conflicts else []),
        ]
    return lines


@app.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files of records (.yaml, .json); the bundled ones if none is given."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check records: schema, ids, sources, dates, contradictions, gene symbols.

    Prints one line per problem; exit code 3 when one of them is an error.
    """
    from imscope.evidence.check import check_evidence

    result = check_evidence(*(files or ()))
    if as_json:
        fields = ("file", "record", "level", "message")
        records = [{f: getattr(p, f) for f in fields} for p in result.problems]
        print_json({"passed": result.passed, "n_records": result.n_records, "problems": records})
    else:
        for problem in result.problems:
            typer.echo(problem.line())
    word, n = "passed" if result.passed else "failed", len(result.problems)
    say(
        f"{word}: {result.n_records} records in {len(result.files)} files, "
        f"{n} problem{'' if n == 1 else 's'}"
    )
    if not result.passed:
        raise typer.Exit(3)
