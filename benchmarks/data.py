"""Synthetic cohorts of known size for timing: 12 samples, 8 states on a branching path.

`python benchmarks/data.py 20k` writes one uncompressed h5ad into the cache folder
(`IMSCOPE_BENCH_DATA`, default `~/.cache/imscope/benchmarks`). About 4,800 UMI per cell, 7 to 8 % of
values not zero, 20,000 genes.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

SIZES = {"2k": 2_000, "20k": 20_000, "100k": 100_000, "500k": 500_000}
N_GENES, N_SAMPLES, N_STATES, UMI = 20_000, 12, 8, 4_777
PARENT = (0, 0, 1, 1, 2, 2, 3, 3)  # each state branches off an earlier one
SLOTS = 1 << 22  # molecules are drawn from a table with so many places
ROWS = 1_000


def folder() -> Path:
    """Where data sets are kept."""
    wish = os.environ.get("IMSCOPE_BENCH_DATA")
    return Path(wish) if wish else Path.home() / ".cache" / "imscope" / "benchmarks"


def ensure(size: str) -> Path:
    """Return the path of a data set; make it first if it is not there."""
    path = folder() / f"cohort_{size}.h5ad"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            write(Path(scratch), SIZES[size], path)
    return path


def state_tables(rng: np.random.Generator) -> np.ndarray:
    """Genes in proportion to their expression, one row per state."""
    base = rng.normal(0, 2.55, N_GENES)
    logs = [base]
    for state in range(1, N_STATES):
        step = np.where(rng.random(N_GENES) < 0.1, rng.normal(0, 0.8, N_GENES), 0)
        logs.append(logs[PARENT[state]] + step)
    tables = np.empty((N_STATES, SLOTS), dtype=np.int32)
    for state, values in enumerate(logs):
        cumulative = np.cumsum(np.exp(values))
        places = (np.arange(SLOTS) + 0.5) / SLOTS * cumulative[-1]
        tables[state] = np.searchsorted(cumulative, places)
    return tables


def draw(tables: np.ndarray, rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """Draw cells: molecules come from the cell's state or, early on the path, from its parent."""
    state = rng.integers(0, N_STATES, n)
    depth = rng.poisson(UMI * np.exp(rng.normal(-0.06, 0.35, n)))
    cell = np.repeat(np.arange(n), depth)
    early = rng.random(cell.size) < np.repeat(0.5 * rng.random(n), depth)
    source = np.where(early, np.array(PARENT)[state[cell]], state[cell])
    gene = tables[source, rng.integers(0, SLOTS, cell.size)]
    counts = np.bincount(cell * N_GENES + gene, minlength=n * N_GENES)
    at = np.flatnonzero(counts)
    per_cell = np.bincount(at // N_GENES, minlength=n)
    return per_cell, (at % N_GENES).astype(np.int32), counts[at].astype(np.float32), state


def write(scratch: Path, n_cells: int, path: Path) -> None:
    """Write blocks to raw files, then all of it into one h5ad."""
    import h5py

    rng = np.random.default_rng(1)
    tables = state_tables(rng)
    sizes, states = [], []
    with (scratch / "i").open("wb") as genes, (scratch / "v").open("wb") as values:
        for low in range(0, n_cells, ROWS):
            per_cell, index, value, state = draw(tables, rng, min(ROWS, n_cells - low))
            index.tofile(genes)
            value.tofile(values)
            sizes.append(per_cell)
            states.append(state)
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)
    part = scratch / "part.h5ad"
    with h5py.File(part, "w") as f:
        f.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        x = f.create_group("X")
        x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        x.attrs["shape"] = np.array([n_cells, N_GENES])
        x["indptr"] = indptr
        for name, file, kind in (("indices", "i", np.int32), ("data", "v", np.float32)):
            out = x.create_dataset(name, shape=(indptr[-1],), dtype=kind)
            for low in range(0, int(indptr[-1]), 1 << 24):
                size = min(1 << 24, int(indptr[-1]) - low)
                out[low : low + size] = np.fromfile(scratch / file, kind, size, offset=4 * low)
        sample = np.arange(n_cells) * N_SAMPLES // n_cells
        names = [f"MT-{g}" if g < 13 else f"GENE{g}" for g in range(N_GENES)]
        _frame(f, "obs", [f"cell{c}" for c in range(n_cells)], sample=[f"s{s:02d}" for s in sample],
               state=[f"state{s}" for s in np.concatenate(states)])  # fmt: skip
        _frame(f, "var", names)
        for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
            f.create_group(name).attrs.update(
                {"encoding-type": "dict", "encoding-version": "0.1.0"}
            )
    part.rename(path)


def _frame(top: object, name: str, index: list[str], **columns: list[str]) -> None:
    import h5py

    group = top.create_group(name)  # type: ignore[attr-defined]
    group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0"})
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array(list(columns), dtype=h5py.string_dtype())
    for column, values in {"_index": index, **columns}.items():
        item = group.create_dataset(column, data=values, dtype=h5py.string_dtype())
        item.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(ensure(wanted))
