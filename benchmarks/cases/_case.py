"""What the cases share: inputs, the clock and the one line of JSON they print.

A case runs one side (ours or a peer) in its own process, so this file must import nothing that a
peer's environment may lack.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np


def parse(argv: Sequence[str], sides: Sequence[str]) -> argparse.Namespace:
    """Read the side and the input from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=sides)
    parser.add_argument("data", type=Path, help=".h5ad, or the common start of .npy files")
    parser.add_argument("--labels", default="state", help="column of obs in an .h5ad")
    parser.add_argument("--coordinates", default="X_pca", help="entry of obsm in an .h5ad")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2, help="cpu_s is the least of them")
    parser.add_argument("--option", default="", help="effort of a peer, see the case")
    return parser.parse_args(argv)


def read_counts(data: Path):
    """CSR parts ``indptr, indices, data`` and the shape."""
    if data.suffix != ".h5ad":
        indptr, indices, counts = (np.load(f"{data}_{part}.npy") for part in PARTS)
        return indptr, indices, counts, (len(indptr) - 1, int(indices.max()) + 1)
    import h5py

    with h5py.File(data) as file:
        group = file["X"]
        indptr, indices, counts = (group[part][:] for part in PARTS)
        return indptr, indices, counts, tuple(int(n) for n in group.attrs["shape"])


PARTS = ("indptr", "indices", "data")


def read_labels(data: Path, column: str) -> np.ndarray:
    """Integer code of each cell."""
    if data.suffix != ".h5ad":
        return np.load(f"{data}_labels.npy").astype(np.int32)
    import h5py

    with h5py.File(data) as file:
        entry = file["obs"][column]
        codes = entry["codes"][:] if isinstance(entry, h5py.Group) else entry[:]
    return np.unique(codes, return_inverse=True)[1].astype(np.int32)


def read_coordinates(data: Path, key: str) -> np.ndarray:
    """float32 principal components."""
    if data.suffix != ".h5ad":
        return np.load(f"{data}_pcs.npy").astype(np.float32)
    if key == "make":
        return made_coordinates(data)
    import h5py

    with h5py.File(data) as file:
        return file["obsm"][key][:].astype(np.float32)


def made_coordinates(data: Path) -> np.ndarray:
    """Fifty components of random sums of genes, for a data set without any."""
    kept = data.with_suffix(".components.npy")
    if not kept.exists():
        import scipy.sparse as sp

        indptr, indices, counts, shape = read_counts(data)
        scale = np.repeat(5_000 / np.add.reduceat(counts, indptr[:-1]), np.diff(indptr))
        logs = sp.csr_array((np.log1p(counts * scale), indices, indptr), shape=shape)
        mixed = logs @ np.random.default_rng(0).normal(size=(shape[1], 200))
        left, sizes, _ = np.linalg.svd(mixed - mixed.mean(axis=0), full_matrices=False)
        np.save(kept, (left[:, :50] * sizes[:50]).astype(np.float32))
    return np.load(kept)


def size_factors(indptr: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Depth of each cell over the mean depth."""
    total = np.add.reduceat(counts, indptr[:-1], dtype=np.float64)
    return total / total.mean()


def timed[T](work: Callable[[], T], repeats: int) -> tuple[T, dict[str, float]]:
    """Run several times; the first run includes compilation, the figures are of the best."""
    clocks = []
    for _ in range(max(1, repeats)):
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        clocks.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu_s, wall_s = min(clocks)
    return result, {"cpu_s": cpu_s, "wall_s": wall_s, "first_cpu_s": clocks[0][0]}


def report(case: str, side: str, package: str, clock: dict[str, float], quality: dict) -> None:
    """Print the line; memory is that of the whole process, before quality was measured."""
    if package == "imscope":  # may run from its source folder, not installed
        from imscope import __version__ as number
    else:
        number = version(package)
    line = {"case": case, "side": side, "version": f"{package} {number}"}
    line |= {name: round(value, 4) for name, value in clock.items()}
    line |= {"threads": os.environ.get("OMP_NUM_THREADS", ""), "quality": quality}
    print(json.dumps(line))


def peak_mb() -> dict[str, float]:
    """Peak memory of the process so far."""
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
