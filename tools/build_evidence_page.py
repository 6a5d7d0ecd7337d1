"""Write the pages of the evidence base from its records: docs/evidence/*.md.

python tools/build_evidence_page.py            write the pages
python tools/build_evidence_page.py --check    say which pages are stale, exit 1 if any is
"""

import argparse
import sys
from pathlib import Path

from imscope.evidence.files import load_evidence
from imscope.evidence.indications import all_indications
from imscope.evidence.records import GRADES, Record

FOLDER = Path(__file__).parent.parent / "docs" / "evidence"
NOTE = "<!-- Written by tools/build_evidence_page.py; do not edit. -->\n\n"
TITLES = {
    "marker": "Surface markers",
    "epitope": "Epitopes without RNA proxy",
    "programme": "Gene programmes",
    "protocol": "Derivation protocols",
    "disease_model": "Disease models",
    "product": "Products",
    "trial": "Trials",
    "dose": "Doses and yields",
    "threshold": "Thresholds and rules",
    "study": "Published findings",
    "seed_item": "Statements of the founding paper",
}


def cell(text: str) -> str:
    """Text that fits into a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").split())


def source(record: Record) -> str:
    """Link to the source, or its words."""
    if record.doi.startswith("10."):
        return f"[{record.doi}](https://doi.org/{record.doi})"
    if record.doi:
        number = record.doi.removeprefix("PMID:")
        return f"[{record.doi}](https://pubmed.ncbi.nlm.nih.gov/{number}/)"
    return cell(record.source) or "own"


def row(record: Record) -> str:
    """One record as one row."""
    sign = f"{record.direction}: {record.readout}" if record.readout else record.direction
    said = cell(record.claim) + (f" *{cell(record.note)}*" if record.note else "")
    against = ", ".join(f"`{c}`" for c in record.conflicts)
    facts = (f"`{record.id}`", cell(", ".join(record.terms)), said, cell(sign), against,
             source(record), record.grade, record.as_of.isoformat())  # fmt: skip
    return f"| {' | '.join(facts)} |"


HEAD = (
    "| record | terms | claim, *note* | direction | contradicted by | source | grade | as of |\n"
    "|---|---|---|---|---|---|---|---|"
)


def records_page() -> str:
    """Every record but the regulatory ones, by kind."""
    base = load_evidence()
    n = len(base.records)
    lines = [f"{NOTE}# Records of evidence\n", f"{n} records ship with imscope.\n"]
    lines.append("| grade | meaning | records |\n|---|---|---|")
    for grade, meaning in GRADES.items():
        lines.append(f"| {grade} | {meaning} | {sum(r.grade == grade for r in base.records)} |")
    for kind, title in TITLES.items():
        lines += [f"\n## {title}\n", HEAD]
        lines += [row(r) for r in base.records if r.kind == kind]
    lines += [
        "\n## Items no record can stand for\n",
        "| item | it asks for | why not | answered by |",
    ]
    lines.append("|---|---|---|---|")
    for u in base.not_representable:
        lines.append(f"| {u.item} | {cell(u.asks)} | {cell(u.reason)} | {cell(u.answered_by)} |")
    return "\n".join(lines) + "\n"


def regulatory_page() -> str:
    """Regulatory facts with their as-of dates."""
    lines = [f"{NOTE}# Regulatory facts\n"]
    lines.append("Rules and approvals change: each row holds for the day it names and has to be")
    lines.append(
        "looked up again before it is cited. imscope is for research and characterisation;"
    )
    lines.append(
        "no result of it is a release test unless its user validates it under ICH Q2(R2).\n"
    )
    lines.append("| as of | fact | document | grade | note |\n|---|---|---|---|---|")
    found = [r for r in load_evidence().records if r.kind == "regulatory"]
    for r in sorted(found, key=lambda r: (r.as_of, r.id), reverse=True):
        facts = (r.as_of.isoformat(), cell(r.claim), cell(r.where), r.grade, cell(r.note))
        lines.append(f"| {' | '.join(facts)} |")
    return "\n".join(lines) + "\n"


def indications_page() -> str:
    """Panels of the indications."""
    lines = [f"{NOTE}# Indications\n"]
    lines.append("Which programmes matter for an indication. **The weights are our own choice: no")
    lines.append(
        "clinical validation.** Absolute weights add up to 1; a negative weight counts against"
    )
    lines.append("the lot. A panel says nothing without the wet assays named beside it.\n")
    lines.append("| indication | programmes by weight | wet assays | label | note |")
    lines.append("|---|---|---|---|---|")
    for i in all_indications().values():
        panel = ", ".join(f"`{p}` {w:+.2f}" for p, w in i.weights.items())
        facts = (f"`{i.name}`: {cell(i.what)}", panel, cell("; ".join(i.assays)), i.label,
                 cell(i.note))  # fmt: skip
        lines.append(f"| {' | '.join(facts)} |")
    return "\n".join(lines) + "\n"


PAGES = {"records.md": records_page, "regulatory.md": regulatory_page,
         "indications.md": indications_page}  # fmt: skip


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description="Write the pages of the evidence base.")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    print(f"stale: {', '.join(stale)}" if stale else "all pages of evidence are current")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
