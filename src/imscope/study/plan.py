"""The steps of a run: found in their folder, put in order by what they need, and run."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from imscope.study import steps as home
from imscope.study.step import EVERY, Run, Step
from imscope.study.store import FILES, Finished, StepStore, write_result
from imscope.study.telemetry import Telemetry


def find_steps() -> tuple[Step, ...]:
    """All steps of the folder ``study/steps``, in the order in which they run.

    Examples
    --------
    >>> [step.name for step in find_steps()][:3]
    ['design', 'qc', 'components']
    """
    found: list[Step] = []
    for module in pkgutil.iter_modules(home.__path__):
        content = importlib.import_module(f"{home.__name__}.{module.name}")
        found += content.STEPS if hasattr(content, "STEPS") else [content.STEP]
    return order_steps(found)


def order_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Put steps in an order in which each comes after all it needs; ties by rank, then name.

    Raises
    ------
    RuntimeError
        Two steps have one name, a step needs one that is not there, or they need each other.
    """
    waiting = sorted(steps, key=lambda s: (s.rank, s.name))
    names = [s.name for s in waiting]
    if len(set(names)) < len(names):
        raise RuntimeError(f"two steps have one name: {sorted(names)}")
    needs = {s.name: _needs(s, waiting) for s in waiting}
    unknown = {n for needed in needs.values() for n in needed} - set(names)
    if unknown:
        raise RuntimeError(f"there is no step {', '.join(sorted(unknown))}")
    order: list[Step] = []
    while waiting:
        done = {s.name for s in order}
        ready = next((s for s in waiting if needs[s.name] <= done), None)
        if ready is None:
            raise RuntimeError(f"steps need each other: {', '.join(s.name for s in waiting)}")
        order.append(ready)
        waiting.remove(ready)
    return tuple(order)


def _needs(step: Step, steps: Sequence[Step]) -> set[str]:
    if step.needs == EVERY:
        return {s.name for s in steps if s.needs != EVERY}
    return set(step.needs)


def run_steps(
    plan: Sequence[Step],
    run: Run,
    ingested: Mapping[str, Finished],
    store: StepStore,
    telemetry: Telemetry,
) -> dict[str, Finished]:
    """Run steps in their order; each is addressed by all that it reads and sees nothing else."""
    done: dict[str, Finished] = {}
    base = {f"ingest {name}": step.digest for name, step in ingested.items()}
    for step in plan:
        with telemetry.step(step.label, step.share) as parts:
            had = {name: done[name] for name in sorted(_needs(step, plan), key=list(done).index)}
            inputs = base | {name: finished.digest for name, finished in had.items()}

            def work(folder: Path, step: Step = step, had: Mapping[str, Finished] = had) -> None:
                write_result(folder, step.work(run, had), step.tables)
                if step.files is not None:
                    (folder / FILES).mkdir()
                    step.files(run, had, folder / FILES)

            done[step.name] = store.run(step.name, dict(step.settings(run)), inputs, work)
            parts.append(done[step.name].cached)
    return done
