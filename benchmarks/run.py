"""Run cases side by side and write results/*.tsv: `python benchmarks/run.py [--size 20k] CASE ...`.

Without arguments every case runs once at its small size. Programs whose packages are missing are
skipped, and the table says so.

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
import threading
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import data  # noqa: E402
from harness import Case, Program  # noqa: E402

COLUMNS = (
    "case", "size", "program", "versions", "rounds", "cpu_s_min", "cpu_s_median", "wall_s_median",
    "peak_mb", "ours_to_this_cpu", "load", "machine", "facts",
)  # fmt: skip


def sided(title: str, *sides: tuple[str, str], goal: str, size: str = "20k") -> Case:
    """A case whose file takes a side and prints its own clock."""
    one = tuple((n, "1") for n in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "IMSCOPE_THREADS"))
    arguments = ("--threads", "1", "--repeats", "1", "--coordinates", "make")
    if title.startswith("Communities"):
        arguments += ("--option", "{data}.graph.npz")
    programs = {s: Program(print, (p,), s == "imscope", one, arguments) for s, p in sides}
    return Case(f"{title}, one thread (CPU of the work alone)", (size,), programs, goal, 1)


US = ("imscope", "imscope")
SIDED = {
    "markers": sided(
        "Rank-sum test and AUC of all genes, 8 groups", US, ("illico", "illico"),
        goal="at most 0.8 of illico, 0.15 of Scanpy.",
    ),
    "neighbours": sided(
        "Fifteen nearest neighbours", US, ("brisc", "brisc"), ("pynndescent", "pynndescent"),
        goal="at most brisc at recall of at least 0.95.",
    ),
    "communities": sided(
        "Communities of the graph", US, ("igraph", "igraph"),
        goal="at most igraph at its modularity.",
    ),
    "umap_layout": sided("Map of the cells", US, ("umap-learn", "umap-learn"), goal=""),
    "rank_scores": sided(
        "Sixty gene sets scored in every cell", US, ("scanpy", "scanpy"), ("pyucell", "pyucell"),
        goal="at most 0.2 of Scanpy; rank correlation with the definition of at least 0.99.",
    ),
    "lisi": sided("Mixing of labels (LISI)", US, ("fastlisi", "fastlisi"),
        goal="at most 0.15 of fastlisi."),
}  # fmt: skip


def load(name: str) -> Case:
    """Import a case file, or describe one of those that have sides."""
    if name in SIDED:
        return SIDED[name]
    spec = importlib.util.spec_from_file_location(name, HERE / "cases" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no case {name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASE


def peers_python() -> str:
    """Python of the peers' environment."""
    return os.environ.get("IMSCOPE_BENCH_PEERS", str(HERE / ".peers" / "bin" / "python"))


def make_graph(path: str) -> None:
    """Make the graph that all sides of the case of communities read, once."""
    if not Path(f"{path}.graph.npz").exists():
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parent / "src")))}
        script, option = HERE / "cases" / "communities.py", f"{path}.graph.npz"
        subprocess.run(
            [sys.executable, str(script), "graph", path, "--coordinates", "make",
             "--option", option], env=env, check=True,
        )  # fmt: skip


def why_skipped(program: Program) -> str:
    """Why a program cannot run here, or nothing."""
    if program.own:
        return ""
    python = peers_python()
    if not Path(python).exists():
        return "peers are not installed: run benchmarks/peers.sh or set IMSCOPE_BENCH_PEERS"
    code = "import sys, importlib.metadata as m; [m.version(p) for p in sys.argv[1:]]"
    done = subprocess.run([python, "-c", code, *program.packages], capture_output=True, check=False)
    return f"not installed: {', '.join(program.packages)}" if done.returncode else ""


def run_once(name: str, case: Case, program: str, path: str) -> dict:
    """Run one program in a fresh process and measure it."""
    kind = case.programs[program]
    python = sys.executable if kind.own else peers_python()
    env = {**os.environ, **dict(kind.environment)}
    env["PYTHONPATH"] = os.pathsep.join(
        [str(HERE), *([env.get("PYTHONPATH") or str(HERE.parent / "src")] if kind.own else [])]
    )
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # users import compiled files
    script = str(HERE / "cases" / f"{name}.py")
    start = time.perf_counter()
    child = subprocess.Popen(
        [python, script, program, path, *(a.format(data=path) for a in kind.arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    out, err = _drain(child)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{program} ended with {child.returncode}: {err.strip()[-300:]}")
    facts = json.loads(out.strip().splitlines()[-1])
    if "version" in facts:  # a case with sides
        facts = {"versions": facts["version"], "cpu_s": facts["cpu_s"]} | facts["quality"]
    cpu = facts.pop("cpu_s", used.ru_utime + used.ru_stime)
    return {"cpu": cpu, "wall": wall, "peak": used.ru_maxrss / 1024, "facts": facts}


def _drain(child: subprocess.Popen) -> tuple[str, str]:
    """Read both streams to their ends without waiting for the process."""
    found: dict[str, str] = {}

    def read(name: str) -> None:
        found[name] = getattr(child, name).read()

    other = threading.Thread(target=read, args=("stderr",))
    other.start()
    read("stdout")
    other.join()
    return found["stdout"], found["stderr"]


def run_case(name: str, size: str, rounds: int | None) -> Path:
    """Run all programs of a case in turn; write one TSV."""
    case = load(name)
    path = "" if size == "-" else str(data.ensure(size))
    if name == "communities":
        make_graph(path)
    skipped = {p: why for p, k in case.programs.items() if (why := why_skipped(k))}
    runs: dict[str, list[dict]] = {p: [] for p in case.programs if p not in skipped}
    for turn in range(rounds or case.rounds):
        for program in [p for p in runs if p not in skipped]:
            try:
                last = run_once(name, case, program, path)
            except RuntimeError as error:
                skipped[program] = str(error)
                print(f"{name} {size}: {error}", file=sys.stderr, flush=True)
                continue
            runs[program].append(last)
            print(f"{name} {size} {program} {turn}: {last['cpu']:.2f} CPU s, {last['peak']:.0f} MB",
                  file=sys.stderr, flush=True)  # fmt: skip
    ours = runs[next(iter(case.programs))]
    machine = (f"{os.getloadavg()[0]:.1f}", f"{os.cpu_count()} x {platform.machine()}")
    lines = ["\t".join(COLUMNS)]
    for program in case.programs:
        if program in skipped:
            why = " ".join(skipped[program].split())
            row = (name, size, program, "skipped", 0, *("-",) * 5, *machine, json.dumps(why))
            lines.append("\t".join(map(str, row)))
            continue
        mine = runs[program]
        ratio = median(a["cpu"] / b["cpu"] for a, b in zip(ours, mine, strict=True)) if ours else 0
        facts = dict(mine[-1]["facts"])
        versions = facts.pop("versions")
        cpu = [m["cpu"] for m in mine]
        lines.append("\t".join(map(str, (
            name, size, program, versions, len(mine), f"{min(cpu):.3f}", f"{median(cpu):.3f}",
            f"{median(m['wall'] for m in mine):.2f}", f"{max(m['peak'] for m in mine):.0f}",
            f"{ratio:.3f}", *machine, json.dumps(facts),
        ))))  # fmt: skip
    out = HERE / "results" / f"{name}{'' if size == '-' else '_' + size}.tsv"
    out.parent.mkdir(exist_ok=True)
    out.write_text("\n".join(lines) + "\n")
    return out


def main() -> None:
    """Parse the command line and run."""
    files = {p.stem for p in (HERE / "cases").glob("*.py") if not p.stem.startswith("_")}
    known = sorted(files | set(SIDED))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*known, []], default=[])
    parser.add_argument("--size", action="append", help="only these sizes, also 500k")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--full", action="store_true", help="every size, and repeated")
    asked = parser.parse_args()
    quick = not (asked.cases or asked.full)
    for name in asked.cases or known:
        sizes = asked.size or load(name).sizes[: 1 if quick else None]
        for size in sizes:
            written = run_case(name, size, asked.rounds or (1 if quick else None))
            rows = [line.split("\t") for line in written.read_text().splitlines()]
            for row in rows:
                print("  ".join((f"{row[2]:58}", *(f"{row[c]:>12}" for c in (5, 8, 9)))))
    import page

    page.write()


if __name__ == "__main__":
    main()
