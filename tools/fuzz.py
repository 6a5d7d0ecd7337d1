"""Fuzz every reader, the sheet, the configuration and Gating-ML, guided by the lines reached.

``python tools/fuzz.py [TARGET ...] --seconds 600 --seed 0 --out fuzz-finds`` changes small valid
files at random, keeps what reaches new lines of imscope, and reports whatever ends in anything but
a documented code, takes longer than ten seconds, or more than a gigabyte. Every find is written out
and becomes a case of the corpus. Run by hand before a release; the summary goes into the docs.
"""

import argparse
import importlib.util
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = str(ROOT / "src" / "imscope")
SLOW_SECONDS = 10
TOKENS = (
    b"", b"\0", b"\xff", b"-1", b"0", b"1e999", b"nan", b"99999999999999999999", b"'", b'"', b"<",
    b"&x;", b"\r", b"\n\n", b"\t", b",", b";", b"[[[[", b"{{", b"%%", b"\x1b]0;x\x07", b"../../etc",
    b"\xe2\x80\xae", b"=cmd()", b"\xef\xbb\xbf", b"1,5", b"$", b"///", b"None", b"&a *a",
)  # fmt: skip


@dataclass
class Tally:
    """What one target gave."""

    name: str
    runs: int = 0
    kept: int = 0
    lines: int = 0
    slowest: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    finds: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One row of the summary."""
        good = self.ends.get("read", 0)
        codes = len([k for k in self.ends if k.startswith("E-")])
        return (
            f"| {self.name} | {self.runs:,} | {self.lines:,} | {good:,} | {codes} | "
            f"{self.slowest:.1f} s | {len(self.finds)} |"
        )


class Reached:
    """Lines of imscope reached since the last question, by Python's own monitoring."""

    def __init__(self) -> None:
        self.all: set[tuple[int, int]] = set()
        self.new = 0
        tool = sys.monitoring
        tool.use_tool_id(tool.COVERAGE_ID, "imscope-fuzz")
        tool.register_callback(tool.COVERAGE_ID, tool.events.LINE, self._line)
        tool.set_events(tool.COVERAGE_ID, tool.events.LINE)

    def _line(self, code: object, number: int) -> object:
        if getattr(code, "co_filename", "").startswith(SOURCE):
            self.all.add((id(code), number))
            self.new += 1
        return sys.monitoring.DISABLE

    def take(self) -> int:
        """Number of lines reached for the first time since the last call."""
        found, self.new = self.new, 0
        return found


def load(name: str) -> object:
    """A module of the tests that makes valid inputs."""
    place = ROOT / "tests" / "integration" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{place} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def read_all(path: Path) -> None:
    """Read every row of a matrix."""
    from imscope.io.counts import read_counts

    with read_counts(path) as counts:
        for low in range(0, counts.source.n_cells, 5):
            counts.source.read(low, min(low + 5, counts.source.n_cells))


def targets() -> dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]]:
    """Name to how a valid input is made, and how it is read."""
    made = load("malformed")
    from imscope.analyses.gates.scheme import apply_scheme
    from imscope.io.fcs import read_fcs
    from imscope.io.gating_scheme import read_gating_scheme
    from imscope.io.sheet import read_sheet
    from imscope.study.read_config import read_config

    def flow(folder: Path) -> Path:
        from flowio import create_fcs

        path = folder / "a.fcs"
        values = [float(k * 7 % 900) for k in range(120)]
        with path.open("wb") as out:
            create_fcs(out, values, ["FSC-A", "FITC-A", "PE-A"], ["", "CD73 FITC", "CD105 PE"],
                       metadata_dict={"SPILLOVER": "2,FITC-A,PE-A,1,0.2,0.05,1"})  # fmt: skip
        return path

    def gates(folder: Path) -> Path:
        from imscope.io.gating_ml import Dimension, RectangleGate, Transform, write_gating_ml

        path = folder / "g.xml"
        scale = Transform("logicle", 262_144, 0.5, 4.5)
        write_gating_ml(path, [RectangleGate("A", (Dimension("PE-A", 0.2, 0.8, scale),)),
                               RectangleGate("B", (Dimension("FITC-A", low=10.0),))])  # fmt: skip
        return path

    def config(folder: Path) -> Path:
        path = folder / "c.yaml"
        path.write_text("seed: 3\nqc: {min_umi: 500, limits: {n_umi: [1000, null]}}\n"
                        "heterogeneity: {group: lot, by: [donor]}\n")  # fmt: skip
        return path

    def sheet(folder: Path) -> Path:
        text = "sample,path,donor,passage\na,a.h5ad,D1,P3\nb,b.h5ad,D2,4\n"
        return made.sheet(folder, text)  # type: ignore[attr-defined]

    tube = flow(Path(tempfile.mkdtemp(prefix="imscope-fuzz-")))

    def gated(path: Path) -> None:
        apply_scheme(read_gating_scheme(path), read_fcs(tube))

    matrices = {k: (getattr(made, k), read_all) for k in ("h5ad", "tenx", "mtx", "table", "zarr")}
    return {
        **matrices, "fcs": (flow, read_fcs), "gating_ml": (gates, gated),
        "config": (config, read_config), "sheet": (sheet, read_sheet),
    }  # fmt: skip


def change(content: bytes, rng: random.Random) -> bytes:
    """A few random edits: bits, tokens, pieces left out, doubled or swapped."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        at = rng.randrange(len(out) + 1)
        size = rng.choice((1, 2, 4, 8, 40))
        kind = rng.randrange(6)
        if kind == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at : at + rng.choice((0, size))] = rng.choice(TOKENS)
        elif kind == 2:
            del out[at : at + size]
        elif kind == 3:
            out[at:at] = out[at : at + size] * rng.choice((1, 2, 50))
        elif kind == 4:
            other = rng.randrange(len(out) + 1)
            out[at : at + size] = out[other : other + size]
        else:
            out[at : at + size] = rng.randbytes(size)
    return bytes(out)


def files_of(place: Path) -> list[Path]:
    """Files of an input, which is a file or a folder."""
    if place.is_file():
        return [place]
    return sorted(p for p in place.rglob("*") if p.is_file())


def fuzz(
    name: str,
    make: Callable[[Path], Path],
    read: Callable[[Path], object],
    settings: argparse.Namespace,
    reached: Reached,
) -> Tally:
    """Fuzz one target for the time given."""
    from imscope.core.codes import CODES
    from imscope.core.errors import ImscopeError

    tally, rng = Tally(name), random.Random(f"{settings.seed} {name}")
    folder = Path(tempfile.mkdtemp(prefix="imscope-fuzz-"))
    place = make(folder)
    read(place)
    reached.take()
    before = len(reached.all)
    names = [p.relative_to(folder) for p in files_of(folder)]
    corpus = [{n: (folder / n).read_bytes() for n in names}]
    own = {n for n in names if place == folder / n or place in (folder / n).parents}
    end = time.monotonic() + settings.seconds
    while time.monotonic() < end:
        state = dict(rng.choice(corpus))
        victim = rng.choice(sorted(own))
        state[victim] = change(state[victim], rng)
        for n, content in state.items():
            (folder / n).write_bytes(content)
        begun = time.monotonic()
        try:
            read(place)
            ending = "read"
        except ImscopeError as error:
            ending = error.code or "no code"
        except Exception as error:  # noqa: BLE001  such an escape is what is looked for
            ending = f"{type(error).__name__} escaped"
        took = time.monotonic() - begun
        tally.runs += 1
        tally.slowest = max(tally.slowest, took)
        tally.ends[ending] += 1
        if (ending != "read" and ending not in CODES) or took > SLOW_SECONDS:
            keep_find(settings.out, tally, ending, took, folder)
        if reached.take():
            corpus.append(state)
            tally.kept += 1
    tally.lines = len(reached.all) - before
    shutil.rmtree(folder, ignore_errors=True)
    return tally


def keep_find(out: Path, tally: Tally, ending: str, took: float, folder: Path) -> None:
    """Write a find out, once for each way it ends."""
    word = f"{ending}, {took:.1f} s" if took > SLOW_SECONDS else ending
    if any(f == ending for f in tally.finds):
        return
    tally.finds.append(ending)
    target = out / tally.name / f"{len(tally.finds):03}"
    shutil.copytree(folder, target, dirs_exist_ok=True)
    print(f"{tally.name}: {word} -> {target}", file=sys.stderr)


def main() -> None:
    """Fuzz the targets named, or all; leave with 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=float, default=600, help="for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("fuzz-finds"))
    settings = parser.parse_args()
    known = targets()
    chosen = settings.targets or list(known)
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise SystemExit(f"unknown target {unknown[0]}; there are {', '.join(known)}")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    reached = Reached()
    print("| target | inputs | new lines | read | codes | slowest | finds |")
    print("|---|---|---|---|---|---|---|")
    tallies = []
    for name in chosen:
        tallies.append(fuzz(name, *known[name], settings, reached))
        print(tallies[-1].line(), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\npeak memory {peak:.0f} MB, of the inspecting process {child:.0f} MB")
    raise SystemExit(1 if any(t.finds for t in tallies) else 0)


if __name__ == "__main__":
    main()
