"""Synthetic benchmark data: 12 samples, 8 states on a branching path, 20,000 genes.

Counts are Poisson, so the spectrum is flat after the few components of the states: hard for
approximate neighbour search, neutral for exact methods. Files are AnnData as published ones are:
CSR, float32 values, int32 indices, contiguous, no compression.

``python benchmarks/data.py c20k`` writes a file unless it is there and prints its path.
"""

import os
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

SIZES = {"c2k": 2_000, "c20k": 20_000, "c100k": 100_000, "c500k": 500_000}
N_GENES, N_SAMPLES, N_STATES = 20_000, 12, 8
UMI, SPREAD = 4_600, 2.6
"""Median counts per cell; SD of log mean expression, which gives a density near 7.4 %."""
PARENT = (0, 0, 1, 1, 2, 2, 4, 5)
VERSION = 1


def folder() -> Path:
    """Where benchmark data are kept."""
    place = os.environ.get("IMSCOPE_BENCH_DATA")
    return Path(place) if place else Path.home() / ".cache" / "imscope" / "bench"


def data_path(name: str) -> Path:
    """Write a data set unless it is there; return its file."""
    path = folder() / f"{name}-v{VERSION}.h5ad"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"writing {path}", file=sys.stderr)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        write(unfinished, SIZES[name])
        unfinished.replace(path)
    with h5py.File(path) as file:
        ready = "X_pca" in file["obsm"]
    if not ready:
        add_components(path)
    return path


def add_components(path: Path) -> None:
    """Add principal components of all cells, which the later steps start from."""
    from imscope.engine.hvg import compute_gene_moments, select_variable_genes
    from imscope.engine.normalise import compute_size_factors
    from imscope.engine.pca import compute_pca
    from imscope.engine.qc import compute_qc
    from imscope.io.counts import read_counts

    with read_counts(path) as data:
        factors = compute_size_factors(compute_qc(data.source, {})["n_umi"])
        groups = data.obs["sample"].astype("category").cat.codes.to_numpy()
        moments = compute_gene_moments(data.source, factors, groups, N_SAMPLES)
        genes = select_variable_genes(moments).selected
        coordinates = compute_pca(data.source, factors, genes).coordinates
    with h5py.File(path, "r+") as file:
        file["obsm"]["X_pca"] = coordinates
        kind = {"encoding-type": "array", "encoding-version": "0.2.0"}
        file["obsm"]["X_pca"].attrs.update(kind)


def write(path: Path, n_cells: int) -> None:
    """Draw the cells in chunks and write them as AnnData."""
    rng = np.random.default_rng(20_261_101)
    base = rng.normal(0.0, SPREAD, N_GENES).astype(np.float32)
    base[:13] = np.log(0.04 / 13 * np.exp(base[13:]).sum())  # mitochondrial: 4 % of the counts
    steps = np.zeros((N_STATES, N_GENES), dtype=np.float32)
    for state in range(N_STATES):
        genes = rng.choice(N_GENES, 600, replace=False)
        steps[state, genes] = rng.normal(0.0, 1.0, 600)
    shifts = rng.normal(0.0, 0.1, (N_SAMPLES, N_GENES)).astype(np.float32)
    state = rng.integers(0, N_STATES, n_cells)
    sample = rng.integers(0, N_SAMPLES, n_cells)
    depth = UMI * np.exp(rng.normal(0.0, 0.3, n_cells))
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        parts = [Path(scratch) / "data", Path(scratch) / "indices"]
        lengths = []
        with parts[0].open("wb") as data, parts[1].open("wb") as indices:
            for low in range(0, n_cells, 1_000):
                rows = slice(low, low + 1_000)
                log_mean = base + positions(rng, state[rows]) @ steps + shifts[sample[rows]]
                cell, gene, count = draw(rng, log_mean, depth[rows])
                lengths.append(np.bincount(cell, minlength=len(log_mean)))
                count.astype("<f4").tofile(data)
                gene.astype("<i4").tofile(indices)
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        with h5py.File(path, "w") as file:
            write_matrix(file, parts, indptr)
            write_frames(file, state, sample)


def positions(rng: np.random.Generator, state: np.ndarray) -> np.ndarray:
    """How far each cell has gone along every branch on the way to its state."""
    out = np.zeros((len(state), N_STATES), dtype=np.float32)
    out[np.arange(len(state)), state] = rng.uniform(0.2, 1.0, len(state))
    for row, own in enumerate(state):
        while own:
            own = PARENT[own]
            out[row, own] = 1.0
    return out


def draw(rng: np.random.Generator, log_mean: np.ndarray, depth: np.ndarray) -> tuple:
    """Poisson counts above zero: cell, gene, count.

    The first event of a Poisson process comes at a time known from one uniform number; the rest are
    Poisson over the time left.
    """
    rate = np.exp(log_mean)
    rate *= (depth / rate.sum(axis=1))[:, None].astype(np.float32)
    uniform = rng.random(rate.shape, dtype=np.float32)
    cell, gene = np.nonzero(uniform < -np.expm1(-rate))
    left = rate[cell, gene].astype(np.float64) + np.log1p(-uniform[cell, gene].astype(np.float64))
    return cell, gene, 1 + rng.poisson(np.maximum(left, 0.0))


def write_matrix(file: h5py.File, parts: list, indptr: np.ndarray) -> None:
    """Write CSR group X."""
    group = file.create_group("X")
    shape = np.array([len(indptr) - 1, N_GENES])
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": shape})
    group["indptr"] = indptr.astype(np.int64 if indptr[-1] >= 2**31 else np.int32)
    for path, name, kind in zip(parts, ("data", "indices"), ("<f4", "<i4"), strict=True):
        values = np.memmap(path, dtype=kind, mode="r")
        target = group.create_dataset(name, shape=values.shape, dtype=kind)
        for low in range(0, len(values), 1 << 24):
            target[low : low + (1 << 24)] = values[low : low + (1 << 24)]


def write_frames(file: h5py.File, state: np.ndarray, sample: np.ndarray) -> None:
    """Write obs, var and the empty parts of an AnnData file."""
    file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    text = h5py.string_dtype("utf-8")
    names = [f"cell{i}" for i in range(len(state))]
    genes = [f"GENE{i}" for i in range(N_GENES)]
    genes[:13] = [f"MT-{i}" for i in range(13)]
    for what, index, columns in (
        ("obs", names, {"state": (state, "S"), "sample": (sample, "sample")}),
        ("var", genes, {}),
    ):
        frame = file.create_group(what)
        frame.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0"})
        frame.attrs["_index"] = "_index"
        frame.attrs.create("column-order", list(columns), dtype=text, shape=(len(columns),))
        frame.create_dataset("_index", data=index, dtype=text)
        frame["_index"].attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})
        for name, (codes, prefix) in columns.items():
            entry = frame.create_group(name)
            entry.attrs.update({"encoding-type": "categorical", "encoding-version": "0.2.0"})
            entry.attrs["ordered"] = False
            levels = [f"{prefix}{i}" for i in range(int(codes.max()) + 1)]
            entry.create_dataset("categories", data=levels, dtype=text)
            entry["codes"] = codes.astype(np.int8)
            for part, kind in (("categories", "string-array"), ("codes", "array")):
                entry[part].attrs.update({"encoding-type": kind, "encoding-version": "0.2.0"})
    for what in ("obsm", "varm", "obsp", "varp", "layers", "uns"):
        file.create_group(what).attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    for wanted in sys.argv[1:]:
        print(data_path(wanted))
