"""Run the studies: `python -m validation [--quick] [NAME ...]`."""

import argparse
import importlib
import pkgutil
import sys
import time

import validation
from validation import page
from validation.common import Study

FIRST = (
    *("null", "depth", "cells", "mixture", "confounders", "cycle", "nested", "comparison"),
    *("agreement", "real", "programmes", "fucci", "identity", "residual", "arms", "stages"),
)
"""Studies in the order in which the page begins; the others follow by their module."""


def find_studies() -> list[Study]:
    """Every :class:`Study` of a module `study_*`, found by walking."""
    names = sorted(m.name for m in pkgutil.iter_modules(validation.__path__))
    modules = [importlib.import_module(f"validation.{n}") for n in names if n.startswith("study_")]
    found = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Study)
    }
    return sorted(found.values(), key=lambda s: (*FIRST, s.name).index(s.name))


STUDIES = find_studies()


def main(words: list[str] | None = None) -> int:
    names = [s.name for s in STUDIES]
    parser = argparse.ArgumentParser(prog="python -m validation", description=__doc__)
    parser.add_argument("studies", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="small; prints, writes nothing")
    given = parser.parse_args(words)
    unknown = set(given.studies) - set(names)
    if unknown:
        parser.error(f"no study {sorted(unknown)[0]!r}; there are {', '.join(names)}")
    for study in STUDIES:
        if given.studies and study.name not in given.studies:
            continue
        start = time.process_time()
        rows = study.run(given.quick)
        cost = time.process_time() - start
        missed = [r for r in rows if r.met == "no"]
        print(
            f"{study.name}: {len(rows)} figures, {len(missed)} goals not met, {cost:.1f} s CPU",
            flush=True,
        )
        for r in missed:
            print(f"  {r.setting}: {r.measure} {r.ours}, expected {r.expected}", flush=True)
        if not given.quick:
            page.write_table(study, rows)
            page.write_page(STUDIES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
