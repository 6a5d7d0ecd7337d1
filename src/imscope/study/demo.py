"""The embedded example: a simulated cohort with known truth, run like any other sheet."""

from pathlib import Path

from imscope.study.config import RunConfig
from imscope.study.run import RunResult, run_study
from imscope.study.telemetry import Listener

DEMO_AMBIENT = 0.045
"""Ambient share of the demo's badly prepared lot: high enough to be seen beside the others, low
enough that the groups may still be compared."""


def run_demo(
    out: Path | str,
    *,
    seed: int = 7,
    fresh: bool = False,
    threads: int | None = None,
    listener: Listener | None = None,
) -> RunResult:
    """Simulate the demo cohort into ``out/data`` and run it into ``out/run``.

    Parameters
    ----------
    out
        Folder; made if it is not there.
    seed
        Seed of the simulation.
    fresh
        Simulate and compute everything again; a simulated cohort in ``out/data`` is replaced.
    threads, listener
        As in :func:`imscope.study.run.run_study`.

    Raises
    ------
    UsageError
        ``out/data`` holds something that is not a simulated cohort.
    """
    from imscope.simulate.cohort import simulate_cohort
    from imscope.simulate.files import remove_cohort, seed_of, write_cohort
    from imscope.simulate.settings import CohortSettings

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    sheet = folder / "data" / "samples.csv"
    if fresh or not (seed_of(folder / "data") == seed and sheet.exists()):
        remove_cohort(folder / "data")
        sheet = write_cohort(
            simulate_cohort(CohortSettings(seed=seed, troubled_ambient=DEMO_AMBIENT)),
            folder / "data",
        )
    config = RunConfig.model_validate(
        {"report": {"title": "Demonstration on a simulated cohort"}, "seed": 0}
    )
    return run_study(
        sheet,
        folder / "run",
        config=config,
        fresh=fresh,
        threads=threads,
        listener=listener,
        simulated=True,
    )
