"""Run cases side by side and write results/*.tsv: `python benchmarks/run.py [--size 20k] CASE ...`.

Programs of a case take turns (A B A B) as fresh processes. Measured are CPU seconds (user + system)
and peak memory of the whole process, and the wall time. Peers live in their own environment, made
by `benchmarks/peers.sh`; its Python is named by `IMSCOPE_BENCH_PEERS`.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import data  # noqa: E402
from harness import Case  # noqa: E402

COLUMNS = (
    "case", "size", "program", "versions", "rounds", "cpu_s_min", "cpu_s_median", "wall_s_median",
    "peak_mb", "ours_to_this_cpu", "load", "machine", "facts",
)  # fmt: skip


def load(name: str) -> Case:
    """Import a case file."""
    spec = importlib.util.spec_from_file_location(name, HERE / "cases" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no case {name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASE


def peers_python() -> str:
    """Python of the peers' environment."""
    found = os.environ.get("IMSCOPE_BENCH_PEERS", str(HERE / ".peers" / "bin" / "python"))
    if not Path(found).exists():
        raise SystemExit("peers are missing: run benchmarks/peers.sh or set IMSCOPE_BENCH_PEERS")
    return found


def run_once(name: str, case: Case, program: str, path: str) -> dict:
    """Run one program in a fresh process and measure it."""
    kind = case.programs[program]
    python = sys.executable if kind.own else peers_python()
    env = {**os.environ, **dict(kind.environment)}
    env["PYTHONPATH"] = os.pathsep.join(
        [str(HERE), *([env.get("PYTHONPATH") or str(HERE.parent / "src")] if kind.own else [])]
    )
    start = time.perf_counter()
    child = subprocess.Popen(
        [python, str(HERE / "cases" / f"{name}.py"), program, path],
        stdout=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    out = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{name}: {program} ended with {child.returncode}")
    facts = json.loads(out.strip().splitlines()[-1])
    cpu = facts.pop("cpu_s", used.ru_utime + used.ru_stime)
    return {"cpu": cpu, "wall": wall, "peak": used.ru_maxrss / 1024, "facts": facts}


def run_case(name: str, size: str, rounds: int | None) -> Path:
    """Run all programs of a case in turn; write one TSV."""
    case = load(name)
    path = "" if size == "-" else str(data.ensure(size))
    runs: dict[str, list[dict]] = {p: [] for p in case.programs}
    for turn in range(rounds or case.rounds):
        for program in case.programs:
            runs[program].append(run_once(name, case, program, path))
            last = runs[program][-1]
            print(f"{name} {size} {program} {turn}: {last['cpu']:.2f} CPU s, {last['peak']:.0f} MB",
                  file=sys.stderr, flush=True)  # fmt: skip
    ours = runs[next(iter(case.programs))]
    lines = ["\t".join(COLUMNS)]
    for program, mine in runs.items():
        ratio = median(a["cpu"] / b["cpu"] for a, b in zip(ours, mine, strict=True))
        facts = dict(mine[-1]["facts"])
        versions = facts.pop("versions")
        cpu = [m["cpu"] for m in mine]
        lines.append("\t".join(map(str, (
            name, size, program, versions, len(mine), f"{min(cpu):.3f}", f"{median(cpu):.3f}",
            f"{median(m['wall'] for m in mine):.2f}", f"{max(m['peak'] for m in mine):.0f}",
            f"{ratio:.3f}", f"{os.getloadavg()[0]:.1f}",
            f"{os.cpu_count()} x {platform.machine()}", json.dumps(facts),
        ))))  # fmt: skip
    out = HERE / "results" / f"{name}{'' if size == '-' else '_' + size}.tsv"
    out.parent.mkdir(exist_ok=True)
    out.write_text("\n".join(lines) + "\n")
    return out


def main() -> None:
    """Parse the command line and run."""
    known = sorted(p.stem for p in (HERE / "cases").glob("*.py"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*known, []], default=known)
    parser.add_argument("--size", action="append", help="only these sizes, also 500k")
    parser.add_argument("--rounds", type=int)
    asked = parser.parse_args()
    for name in asked.cases:
        for size in asked.size or load(name).sizes:
            print(run_case(name, size, asked.rounds))
    import page

    page.write()


if __name__ == "__main__":
    main()
