"""Write ``docs/benchmarks.md`` from the tables under ``benchmarks/results``."""

import csv
import json
import statistics
from pathlib import Path

HERE = Path(__file__).parent
INTRODUCTION = """# Benchmarks

This page is written by `python benchmarks/page.py` from the tables in `benchmarks/results`; the
tables come from `make bench` (quick set) or `python benchmarks/run.py --all`.

Sides take turns (A B A B). CPU seconds are user and system time; *process* counts everything from
the start of the interpreter, *work* the work of the case alone after its inputs are in memory. Peak
memory is that of the whole process. Figures are medians with the least and the most. Peers run in
an environment of their own (`benchmarks/peers.sh`); imscope imports none of them.

The data are synthetic (`benchmarks/data.py`): 12 samples, 8 states on a branching path, 20,000
genes, about 4,800 UMI per cell, 7 % of the entries above zero, stored as published files are
(CSR, float32, int32, no compression). A goal that is missed is printed as missed.
"""
KINDS = {"process_cpu_s": "process", "cpu_s": "work"}


def main() -> None:
    """Read every table, write the page."""
    parts = [INTRODUCTION]
    for path in sorted((HERE / "results").glob("*.tsv")):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        if rows:
            parts.append(section(rows))
    target = HERE.parent / "docs" / "benchmarks.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(parts), encoding="utf-8")


def section(rows: list[dict]) -> str:
    """One case: a table of its sides, ratios to each peer and the goal."""
    first = rows[0]
    figure = first["figure"]
    sides = {}
    for row in rows:
        sides.setdefault(row["side"], []).append(row)
    ours = next(iter(sides))
    lines = [
        f"## {first['case']}",
        "",
        f"| side | version | CPU s, {KINDS[figure]} | peak MB | quality |",
        "|---|---|---|---|---|",
    ]
    for side, mine in sides.items():
        values = [float(row[figure]) for row in mine]
        peak = statistics.median(float(row["process_peak_mb"]) for row in mine)
        quality = json.loads(mine[0]["quality"])
        words = ", ".join(f"{name} {value}" for name, value in quality.items())
        spread = f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"
        lines.append(f"| {side} | {mine[0]['version']} | {spread} | {peak:.0f} | {words} |")
    lines.append("")
    for side in list(sides)[1:]:
        ratios = pairs(sides[ours], sides[side], figure)
        if ratios:
            lines.append(
                f"{ours} / {side}: {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}) of the CPU seconds, {len(ratios)} pairs."
            )
    if first["goal"]:
        lines.append(f"Goal: {first['goal']}.")
    lines.append(
        f"{first['threads']} thread, {first['machine']}, Python {first['python']}, "
        f"load {first['load']}, {first['measured']}."
    )
    return "\n".join(lines) + "\n"


def pairs(ours: list[dict], theirs: list[dict], figure: str) -> list[float]:
    """Ratios of the runs of the same turn."""
    other = {row["turn"]: float(row[figure]) for row in theirs}
    return [float(row[figure]) / other[row["turn"]] for row in ours if row["turn"] in other]


if __name__ == "__main__":
    main()
