"""Mutation run: change one point of the source at a time and see whether a test notices.

python tools/mutate.py map                 run the suite once, note which test runs which line
python tools/mutate.py run [--mutants N]   try N mutants (default 160, fixed seed), write the page

The mutants are spread over all rooms by their lines. Each is made in a copy of the tree; the tests
that run its line are run, quickest first, until one fails. A line that no test runs lets its
mutant live. The page is docs/mutation.md.
"""

import argparse
import ast
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "imscope"
STORE = ROOT / ".mutation"
PAGE = ROOT / "docs" / "mutation.md"
SECONDS, TESTS = 240, 400
NO_LOGIC = ("core/codes/", "core/schema/", "__init__.py", "__main__.py", "codes.py", "tables.py")
COMPARE = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
ARITHMETIC = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.BitAnd: "|",
    ast.BitOr: "&", ast.Pow: "*", ast.MatMult: "*", ast.Mod: "*",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: characters ``start`` to ``stop`` of a file become ``text``."""

    file: str
    line: int
    start: int
    stop: int
    old: str
    text: str
    kind: str

    @property
    def room(self) -> str:
        """Room and its part."""
        parts = self.file.split("/")
        return "/".join(parts[2 : 4 if parts[2] == "analyses" else 3])


def points(path: Path) -> Iterator[Mutant]:
    """Every point of a file that can be changed so that its meaning changes."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = text.encode()
    name = path.relative_to(ROOT).as_posix()
    skipped = _without_meaning(tree)

    def at(node: ast.expr) -> tuple[int, int]:
        end_line, end_col = node.end_lineno or node.lineno, node.end_col_offset or 0
        return starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_col

    def between(left: ast.expr, right: ast.expr, old: str, new: str) -> tuple[int, int, str] | None:
        low, high = at(left)[1], at(right)[0]
        place = raw[low:high].decode().find(old)
        return None if place < 0 else (low + place, low + place + len(old), new)

    def make(node: ast.expr, spot: tuple[int, int, str] | None, kind: str) -> Iterator[Mutant]:
        if spot is not None:
            low, high, new = spot
            yield Mutant(name, node.lineno, low, high, raw[low:high].decode(), new, kind)

    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, ast.expr):
            continue
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            new = COMPARE[type(node.ops[0])]
            old = {v: k for k, v in _WORDS.items()}[type(node.ops[0])]
            yield from make(node, between(node.left, node.comparators[0], old, new), "comparison")
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            old = {v: k for k, v in _WORDS.items()}[type(node.op)]
            spot = between(node.left, node.right, old, ARITHMETIC[type(node.op)])
            yield from make(node, spot, "arithmetic")
        elif isinstance(node, ast.BoolOp):
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            yield from make(node, between(node.values[0], node.values[1], old, new), "logic")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            low, _ = at(node)
            yield from make(node, (low, low + 3, ""), "negation")
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            low, high = at(node)
            new = str(not node.value) if isinstance(node.value, bool) else repr(node.value + 1)
            yield from make(node, (low, high, new), "constant")


_WORDS: dict[str, type] = {
    "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq,
    "in": ast.In, "not in": ast.NotIn, "is": ast.Is, "is not": ast.IsNot, "+": ast.Add,
    "-": ast.Sub, "*": ast.Mult, "/": ast.Div, "//": ast.FloorDiv, "&": ast.BitAnd,
    "|": ast.BitOr, "**": ast.Pow, "@": ast.MatMult, "%": ast.Mod,
}  # fmt: skip


def _without_meaning(tree: ast.Module) -> set[int]:
    """Nodes of annotations, decorators, default texts and `if TYPE_CHECKING` blocks."""
    found: set[int] = set()

    def take(node: ast.AST | None) -> None:
        if node is not None:
            found.update(id(n) for n in ast.walk(node))

    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            take(node.returns)
            for a in [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]:
                take(a.annotation)
            for d in node.decorator_list:
                take(d)
        elif isinstance(node, ast.ClassDef):
            for d in node.decorator_list:
                take(d)
        elif isinstance(node, ast.AnnAssign):
            take(node.annotation)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            take(node)
    return found


def choose(n: int, seed: int) -> list[Mutant]:
    """Spread mutants over the rooms by their points, at least three a room, at random inside."""
    rooms: dict[str, list[Mutant]] = defaultdict(list)
    for path in sorted(SRC.rglob("*.py")):
        if not any(word in path.relative_to(SRC).as_posix() for word in NO_LOGIC):
            for m in points(path):
                rooms[m.room].append(m)
    rng = random.Random(seed)
    total = sum(map(len, rooms.values()))
    chosen: list[Mutant] = []
    for room in sorted(rooms):
        share = max(3, round(n * len(rooms[room]) / total))
        chosen += rng.sample(rooms[room], min(share, len(rooms[room])))
    return chosen


def make_map() -> None:
    """Run the suite with coverage contexts; keep which test runs which line, and its time."""
    STORE.mkdir(exist_ok=True)
    for old in STORE.glob("coverage*"):
        old.unlink()
    env = os.environ | {"COVERAGE_FILE": str(STORE / "coverage"), "NUMBA_DISABLE_JIT": "0"}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal",
               "--cov=imscope", "--cov-context=test", "--cov-report=", "--durations=0",
               "--durations-min=0.0", "-p", "no:cacheprovider"]  # fmt: skip
    with (STORE / "durations.txt").open("w") as out:
        subprocess.run(
            command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT, check=False
        )


def load_map() -> dict[tuple[str, int], list[str]]:
    """Tests by file and line, quickest first."""
    times: dict[str, float] = defaultdict(float)
    for line in (STORE / "durations.txt").read_text(encoding="utf-8").splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[0].endswith("s") and parts[1] in ("call", "setup"):
            times[parts[2]] += float(parts[0][:-1])
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    base = sqlite3.connect(STORE / "coverage")
    query = (
        "select file.path, context.context, line_bits.numbits from line_bits "
        "join file on file.id = line_bits.file_id join context on context.id = line_bits.context_id"
    )
    for path, context, bits in base.execute(query):
        test = str(context).rpartition("|")[0]
        if test and "src/imscope" in path:
            name = "src/imscope" + path.rpartition("src/imscope")[2]
            for byte, value in enumerate(bits):
                for bit in range(8):
                    if value & (1 << bit):
                        found[name, byte * 8 + bit].add(test)
    return {k: sorted(v, key=lambda t: (times.get(t, 1.0), t)) for k, v in found.items()}


def try_mutant(mutant: Mutant, tests: list[str], copy: Path) -> str:
    """Say whether a test fails with the change in place."""
    if not tests:
        return "no test"
    target = copy / mutant.file
    raw = target.read_bytes()
    target.write_bytes(raw[: mutant.start] + mutant.text.encode() + raw[mutant.stop :])
    env = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
               "-p", "no:xdist", "-o", "addopts=--doctest-modules --import-mode=importlib",
               *tests[:TESTS]]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=copy, env=env, capture_output=True, timeout=SECONDS, check=False
        )
        return "lives" if done.returncode == 0 else "noticed"
    except subprocess.TimeoutExpired:
        return "noticed"  # it hangs where the original does not, or the tests took too long
    finally:
        target.write_bytes(raw)


def run(n: int, seed: int) -> None:
    """Try the mutants and write the page."""
    where = load_map()
    mutants = choose(n, seed)
    copy = Path(tempfile.mkdtemp(prefix="mutants-")) / "tree"
    ignore = shutil.ignore_patterns(".git", ".venv", ".tools", ".mutation", "node_modules", "site",
                                    "demo-out", ".mypy_cache", ".hypothesis")  # fmt: skip
    shutil.copytree(ROOT, copy, ignore=ignore)
    rows = []
    begun = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):  # what was tried is kept
        for i, mutant in enumerate(mutants, 1):
            state = try_mutant(mutant, where.get((mutant.file, mutant.line), []), copy)
            rows.append(asdict(mutant) | {"room": mutant.room, "state": state})
            took = time.monotonic() - begun
            print(f"{i}/{len(mutants)} {took:6.0f} s {state:8} {mutant.file}:{mutant.line} "
                  f"{mutant.old} -> {mutant.text}", flush=True)  # fmt: skip
    (STORE / "mutants.json").write_text(json.dumps(rows, indent=1))
    shutil.rmtree(copy.parent)
    PAGE.write_text(page(rows, seed, planned=len(mutants)), encoding="utf-8")


def page(rows: list[dict[str, object]], seed: int, *, planned: int) -> str:
    """Summary by room, and the mutants that lived."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    noticed = sum(r["state"] == "noticed" for r in rows)
    short = f" The run was stopped: {len(rows)} of {planned} changes were tried, room by room."
    short = short if len(rows) < planned else ""
    lines = [
        "# Mutation run", "",
        "One point of the source is changed at a time, and the tests that run its line are run. "
        "A change that no test notices is a hole in the tests.", "",
        f"{noticed} of {len(rows)} changes were noticed ({noticed / len(rows):.0%}), seed {seed}, "
        f"commit {commit}. Made by `python tools/mutate.py map` and `run`.{short}", "",
        "| room | changes | noticed | no test runs the line |", "|---|---|---|---|",
    ]  # fmt: skip
    for room in sorted({str(r["room"]) for r in rows}):
        mine = [r for r in rows if r["room"] == room]
        states = [r["state"] for r in mine]
        lines.append(
            f"| {room} | {len(mine)} | {states.count('noticed')} | {states.count('no test')} |"
        )
    lines += ["", "## Changes that lived", "", "| place | change | kind |", "|---|---|---|"]
    for r in rows:
        if r["state"] != "noticed":
            change = f"`{r['old']}` to `{r['text'] or 'nothing'}`".replace("|", "\\|")
            lines.append(f"| {r['file']}:{r['line']} | {change} | {r['kind']} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the map, or run the mutants."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["map", "run"])
    parser.add_argument("--mutants", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.what == "map":
        make_map()
    else:
        run(asked.mutants, asked.seed)


if __name__ == "__main__":
    main()
