"""Tables of results, and the page of the documentation made from them."""

import csv
from dataclasses import astuple, fields
from pathlib import Path

from validation.common import Row, Study

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "validation.md"
HEAD = """<!-- Written by `python -m validation`; do not edit. -->

# Validation

`make validation` repeats the statistical claims of imscope on data with known truth: simulated cells
whose heterogeneity is computed exactly, and public data in which the answer is known. "Expected" is
theory, the literature or the goal set beforehand; a goal that was not met is called so. Usual
measures (naive variance, distances, energy distance, PERMANOVA, participation ratio, ROGUE) stand beside the index on
the same cells; they have no goal. All studies are seeded: the same program gives the same figures.

"""


def write_table(study: Study, rows: list[Row]) -> Path:
    """Write the rows of a study to a tab-separated file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{study.name}.tsv"
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow([f.name for f in fields(Row)])
        writer.writerows(astuple(row) for row in rows)
    return path


def read_table(study: Study) -> list[Row]:
    path = RESULTS / f"{study.name}.tsv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        return [Row(**row) for row in csv.DictReader(handle, delimiter="\t")]


def write_page(studies: list[Study]) -> None:
    """Make the page from the tables that are there."""
    tables = {study.name: read_table(study) for study in studies}
    every = [row for rows in tables.values() for row in rows]
    kept, missed = (sum(row.met == word for row in every) for word in ("yes", "no"))
    parts = [HEAD, f"{kept} goals met, {missed} not met.\n\n"]
    if missed:
        parts.append("## Goals not met\n\n")
        for study in studies:
            parts += [
                f"- {study.title}, {r.setting}: {r.measure} is {r.ours}, expected {r.expected}."
                f"{' ' + r.remark[:1].upper() + r.remark[1:] + '.' if r.remark else ''}\n"
                for r in tables[study.name]
                if r.met == "no"
            ]
        parts.append("\n")
    for study in studies:
        if not tables[study.name]:
            parts.append(f"## {study.title}\n\nNot run yet.\n\n")
            continue
        parts += [f"## {study.title}\n\n{study.text}\n\n"]
        parts.append(
            "| setting | measure | expected | ours | met | remark |\n|---|---|---|---|---|---|\n"
        )
        parts += [
            "| " + " | ".join(v.replace("|", "\\|") for v in astuple(r)) + " |\n"
            for r in tables[study.name]
        ]
        parts.append("\n")
    PAGE.write_text("".join(parts).rstrip() + "\n", encoding="utf-8")
