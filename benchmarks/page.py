"""Make docs/benchmarks.md from the result tables: `python benchmarks/page.py`."""

import csv
from pathlib import Path

HERE = Path(__file__).parent
HEAD = """# Benchmarks

Made by `benchmarks/run.py`; each row is a program in fresh processes, taking turns with the others
of its table. CPU seconds are user + system; memory is the peak of the whole process, unless the
table says otherwise. "Ours / this" is the median ratio of CPU seconds. The data are synthetic
(`benchmarks/data.py`): 20,000 genes, 12 samples, 8 branching states.
"""


def write() -> None:
    """Write the page."""
    from run import load

    parts = [HEAD]
    for path in sorted((HERE / "results").glob("*.tsv")):
        with path.open() as handle:
            rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
        case, size = load(rows[0]["case"]), rows[0]["size"]
        parts.append(f"## {case.title}{'' if size == '-' else f', {size} cells'}\n")
        if case.goal:
            parts.append(f"Goal: {case.goal}\n")
        parts.append(
            "| program | versions | n | CPU s (min) | CPU s (median) | wall s | peak MB "
            "| ours / this |\n|---|---|---|---|---|---|---|---|\n"
            + "\n".join(
                f"| {r['program']} | {r['versions']} | {r['rounds']} | {r['cpu_s_min']} "
                f"| {r['cpu_s_median']} | {r['wall_s_median']} | {r['peak_mb']} "
                f"| {r['ours_to_this_cpu']} |"
                for r in rows
            )
            + f"\n\nLoad at the end {rows[0]['load']}, machine {rows[0]['machine']}.\n"
        )
    (HERE.parent / "docs").mkdir(exist_ok=True)
    (HERE.parent / "docs" / "benchmarks.md").write_text("\n".join(parts))


if __name__ == "__main__":
    write()
