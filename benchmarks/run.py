"""Run the benchmarks: imscope and its peers in turn, each in its own process.

``python benchmarks/run.py`` runs the quick set, ``--all`` the rest too, ``--only NAME`` one case.
Peers run under the interpreter that ``IMSCOPE_PEERS_PYTHON`` names (see ``peers.sh``); a peer that
is missing is skipped and the reason is printed.

Sides take turns (A B A B), so that a slow spell of the machine hits both. Of every process the
whole is measured from outside: CPU seconds of user and system and peak memory, with interpreter,
imports and everything. Each case adds its own clock of the work alone. Results go to
``benchmarks/results/CASE.tsv``.
"""

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
OURS = ("imscope", "floor")


@dataclass(frozen=True)
class Case:
    """A file under ``cases``, its data and its sides; the first side is ours."""

    name: str
    file: str
    data: str
    sides: tuple[str, ...]
    figure: str = "process_cpu_s"
    threads: int = 1
    repeats: int = 1
    quick: bool = True
    goal: str = ""


CASES = (
    Case("import", "import_time", "", ("imscope", "brisc", "scanpy"), goal="<= 0.5 CPU s"),
    Case("cold_compile", "cold_compile", "", ("imscope",), "cpu_s", goal="<= 5 CPU s"),
    Case(
        *("warm_pass", "warm_pass", "c20k", ("imscope", "floor"), "cpu_s"),
        repeats=3,
        goal="<= 3x floor",
    ),
    Case("load_pca_c20k", "load_pca", "c20k", ("imscope", "brisc"), goal="<= 0.65x brisc CPU"),
    Case(
        *("load_pca_c100k", "load_pca", "c100k", ("imscope", "brisc")),
        quick=False,
        goal="<= 0.40x brisc CPU, <= 500 MB",
    ),
    Case(
        *("markers_c20k", "markers", "c20k", ("imscope", "illico"), "cpu_s"),
        repeats=2,
        quick=False,
        goal="<= 0.8x illico CPU",
    ),
    Case(
        *("neighbours_c20k", "neighbours", "c20k", ("imscope", "brisc", "sklearn"), "cpu_s"),
        repeats=2,
        quick=False,
        goal="<= 1.0x brisc CPU at recall >= 0.95",
    ),
    Case(
        *("umap_c20k", "umap_layout", "c20k", ("imscope", "umap-learn"), "cpu_s"),
        quick=False,
    ),
)
COLUMNS = (
    *("case", "side", "version", "turn", "process_cpu_s", "process_peak_mb", "cpu_s", "wall_s"),
    *("peak_mb", "threads", "figure", "goal", "quality", "machine", "python", "load", "measured"),
)


def main() -> int:
    """Run the cases asked for; 1 if one of ours failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also the cases that take minutes")
    parser.add_argument("--only", action="append", help="names of cases")
    parser.add_argument("--turns", type=int, default=3, help="runs of every side")
    args = parser.parse_args()
    failed = False
    for case in CASES:
        wanted = case.name in args.only if args.only else args.all or case.quick
        if wanted:
            failed |= not run_case(case, args.turns)
    return int(failed)


def run_case(case: Case, turns: int) -> bool:
    """Run all sides in turn and write the table; false if our side failed."""
    if not (HERE / "cases" / f"{case.file}.py").exists():
        print(f"{case.name}: skipped, there is no cases/{case.file}.py")
        return True
    sides = [s for s in case.sides if interpreter(s, case) is not None]
    data = prepared(case.data) if case.data else "-"
    rows, broken = [], set()
    for turn in range(-1 if turns > 1 else 0, turns):  # the first turn fills caches, not counted
        for side in sides:
            if side in broken:
                continue
            row = run_side(case, side, data, turn)
            if row is None:
                broken.add(side)
            elif turn >= 0:
                rows.append(row)
    write(case.name, rows)
    show(case, rows)
    return case.sides[0] not in broken


def prepared(name: str) -> str:
    """Path of a data set, made in another process: a child inherits the peak of its parent."""
    command = [sys.executable, str(HERE / "data.py"), name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def interpreter(side: str, case: Case) -> str | None:
    """Python of a side; none, with the reason printed, if the peers are not there."""
    if side in OURS:
        return sys.executable
    peers = os.environ.get("IMSCOPE_PEERS_PYTHON", "")
    if not Path(peers).is_file():
        print(f"{case.name}: {side} skipped, IMSCOPE_PEERS_PYTHON names no interpreter")
        return None
    return peers


def run_side(case: Case, side: str, data: str, turn: int) -> dict | None:
    """Run one process and measure it from outside."""
    command = [interpreter(side, case), str(HERE / "cases" / f"{case.file}.py"), side, data]
    command += ["--threads", str(case.threads), "--repeats", str(case.repeats)]
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON", "POLARS_MAX")
    env = os.environ | {f"{n}_NUM_THREADS": str(case.threads) for n in names}
    env["POLARS_MAX_THREADS"] = str(case.threads)
    env["PYTHONPATH"] = str(HERE.parent / "src") if side in OURS else ""
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # installed programs run from compiled files
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        words = errors.decode(errors="replace").strip().splitlines()
        print(f"{case.name}: {side} failed: {words[-1] if words else process.returncode}")
        return None
    line = json.loads(output.decode().strip().splitlines()[-1])
    return {
        **{key: line.get(key, "") for key in ("version", "cpu_s", "wall_s", "peak_mb")},
        "case": case.name,
        "side": side,
        "turn": turn,
        "process_cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "process_peak_mb": round(usage.ru_maxrss / 1024, 1),
        "threads": case.threads,
        "figure": case.figure,
        "goal": case.goal,
        "quality": json.dumps(line.get("quality", {})),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "measured": time.strftime("%Y-%m-%d"),
    }


def write(name: str, rows: list[dict]) -> None:
    """Write one row per process."""
    if not rows:
        return
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{name}.tsv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def show(case: Case, rows: list[dict]) -> None:
    """Print median, least and most of every side."""
    for side in dict.fromkeys(row["side"] for row in rows):
        mine = [float(row[case.figure]) for row in rows if row["side"] == side]
        peak = max(float(row["process_peak_mb"]) for row in rows if row["side"] == side)
        print(
            f"{case.name}: {side} {statistics.median(mine):.3f} "
            f"({min(mine):.3f}-{max(mine):.3f}) CPU s, {peak:.0f} MB"
        )


if __name__ == "__main__":
    sys.exit(main())
