"""Run the studies: `python -m validation [--quick] [NAME ...]`."""

import argparse
import sys
import time

from validation import (
    page,
    study_agreement,
    study_arms,
    study_claims,
    study_comparison,
    study_cycle,
    study_depth,
    study_fucci,
    study_gates,
    study_identity,
    study_joint_subsets,
    study_mixture,
    study_nested,
    study_null,
    study_nulls,
    study_programmes,
    study_real,
    study_real_function,
    study_residual,
    study_stages,
    study_subsets,
)

STUDIES = [
    study_null.STUDY,
    study_depth.DEPTH,
    study_depth.CELLS,
    study_mixture.MIXTURE,
    study_mixture.CONFOUNDERS,
    study_cycle.STUDY,
    study_nested.STUDY,
    study_comparison.STUDY,
    study_nulls.STUDY,
    study_claims.RULE,
    study_claims.POWER,
    study_claims.CROSSED,
    study_claims.ABUNDANCE,
    study_agreement.STUDY,
    study_real.STUDY,
    study_programmes.STUDY,
    study_fucci.STUDY,
    study_identity.STUDY,
    study_residual.STUDY,
    study_arms.STUDY,
    study_stages.STUDY,
    study_arms.STUDY_HARD,
    study_gates.TRANSFER,
    study_gates.COST,
    study_gates.COVERAGE,
    study_gates.NULL,
    study_subsets.GAPS,
    study_subsets.ERRORS,
    study_subsets.POWER,
    study_joint_subsets.STUDY,
    study_real_function.STUDY,
]


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
