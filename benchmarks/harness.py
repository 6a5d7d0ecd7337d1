"""What a case file needs: run one program of the case, and report in one line of JSON."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """One competitor. ``own`` programs run in our environment, others in that of the peers.

    ``run`` gets the path of the data and returns extra facts. If it returns ``cpu_s``, that is the
    measurement; otherwise it is the CPU time of the whole process.
    """

    run: Callable[[str], dict[str, object]]
    packages: tuple[str, ...]
    own: bool = False
    environment: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One comparison. The first program is ours; ratios are to each of the others."""

    title: str
    sizes: tuple[str, ...]
    programs: dict[str, Program]
    goal: str = ""
    rounds: int = 3


def warm_cpu(work: Callable[[], object], times: int = 3) -> float:
    """Smallest CPU time of ``work`` after one run that does not count."""
    work()
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def main(case: Case) -> None:
    """Entry point of a case file: `python cases/x.py PROGRAM DATA`."""
    program = case.programs[sys.argv[1]]
    facts = program.run(sys.argv[2])
    print(json.dumps({**facts, "versions": _versions(program.packages)}))


def _versions(packages: tuple[str, ...]) -> str:
    def one(name: str) -> str:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            if name != "imscope":
                raise
            text = Path(__file__).parents[1].joinpath("src/imscope/__init__.py").read_text()
            return "imscope " + text.split('__version__ = "')[1].split('"')[0]

    return ", ".join(one(p) for p in packages)
