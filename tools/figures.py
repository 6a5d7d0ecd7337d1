"""Figures of the house: lines, lengths, import circles, tests a line, columns named in tests.

python tools/figures.py            print them
python tools/figures.py --check    exit 1 when one of the fixed limits is broken
"""

import argparse
import ast
import re
import statistics
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
SRC, TESTS = ROOT / "src" / "imscope", ROOT / "tests"
LIMITS = {"file_median": 150, "file_p90": 300, "function_p95": 40, "circles": 0}


def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(tree: ast.Module, known: set[str]) -> set[str]:
    """Modules of ours that a module names outside its functions, for types too."""
    found: set[str] = set()
    for node in _outside(tree.body):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{a.name}" for a in node.names} | {node.module}
    return {name for name in found if name in known}


def _outside(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If):
            yield from _outside([*node.body, *node.orelse])
        elif isinstance(node, ast.Try | ast.With):
            yield from _outside(node.body)
        else:
            yield node


def circles(trees: dict[str, ast.Module]) -> list[str]:
    """One circle of imports, or nothing; a package does not depend on its own parts' parents."""
    known = set(trees)
    graph = {
        name: {d for d in imports_of(tree, known) if d != name and not name.startswith(f"{d}.")}
        for name, tree in trees.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(n) for n in error.args[1]]
    return []


def function_lengths(tree: ast.Module) -> list[int]:
    """Lines of each function without its docstring."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            words = 0 if text is None else len(text.splitlines())
            found.append((node.end_lineno or node.lineno) - node.lineno + 1 - words)
    return found


def columns_in_no_test() -> list[str]:
    """Declared columns whose name stands in no test, as ``table.column``."""
    from imscope.core.schema import TABLES

    words: set[str] = set()
    for path in TESTS.rglob("*.py"):
        words |= set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", path.read_text(encoding="utf-8")))
    return [f"{t.name}.{c.name}" for t in TABLES.values() for c in t.columns if c.name not in words]


def measure() -> dict[str, float]:
    """All figures by name."""
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in modules().items()}
    lines = sorted(len(p.read_text(encoding="utf-8").splitlines()) for p in modules().values())
    tests = [len(p.read_text(encoding="utf-8").splitlines()) for p in TESTS.rglob("*.py")]
    functions = sorted(n for tree in trees.values() for n in function_lengths(tree))
    return {
        "src_files": len(lines),
        "src_lines": sum(lines),
        "file_median": statistics.median(lines),
        "file_p90": lines[int(0.9 * len(lines))],
        "function_p95": functions[int(0.95 * len(functions))],
        "circles": bool(circles(trees)),
        "test_lines": sum(tests),
        "tests_a_line": round(sum(tests) / sum(lines), 3),
        "columns_in_no_test": len(columns_in_no_test()),
    }


def main() -> int:
    """Print the figures; with ``--check`` hold the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    found = measure()
    for name, value in found.items():
        limit = f"   at most {LIMITS[name]}" if name in LIMITS else ""
        print(f"{name:<20} {value:>10,g}{limit}")
    broken = [n for n, limit in LIMITS.items() if found[n] > limit]
    if asked.check and broken:
        print(f"over the limit: {', '.join(broken)}", file=sys.stderr)
    return 1 if asked.check and broken else 0


if __name__ == "__main__":
    sys.exit(main())
