"""Heterogeneity index of counts in memory: the pass, intervals, and the coordinated part."""

from harness import Case, Program, main, warm_cpu

ONE_THREAD = (("IMSCOPE_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1"))
SAMPLES = 12


def arrays(path: str):
    import h5py
    import numpy as np

    from imscope.core.blocks import MemoryBlocks

    with h5py.File(path) as f:
        x = f["X"]
        n = int(x.attrs["shape"][1])
        data = np.empty(x["data"].shape, dtype=np.int32)
        for low in range(0, len(data), 1 << 24):
            data[low : low + (1 << 24)] = x["data"][low : low + (1 << 24)]
        return MemoryBlocks(x["indptr"][:], x["indices"][:], data, n)


def high_water() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_pass(path: str) -> dict:
    import numpy as np

    from imscope.engine.moments import compute_unit_moments

    source = arrays(path)
    units = (np.arange(source.n_cells) * 240 // source.n_cells).astype(np.int32)
    kept = np.ones(source.n_features, dtype=bool)

    def work() -> None:
        compute_unit_moments(source, units, 240, kept=kept)

    return {"cpu_s": warm_cpu(work), "million_values": round(source.data.size / 1e6, 1)}


def run_tables(path: str) -> dict:
    import time

    import numpy as np
    import pandas as pd

    from imscope.analyses.heterogeneity import compute_heterogeneity, index_table
    from imscope.analyses.heterogeneity.groups import coordinated_of, groups_by
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings

    source = arrays(path)
    number = np.arange(source.n_cells) * SAMPLES // source.n_cells
    names = np.array([f"s{i:02d}" for i in range(SAMPLES)], dtype=object)
    cells = pd.DataFrame({"sample": names[number], "platform": "3p-v3", "whole": "all"})
    genes = pd.DataFrame({"feature_id": [f"G{g}" for g in range(source.n_features)]})
    genes["symbol"] = genes["feature_id"]
    settings = HeterogeneitySettings(replicate_unit="sample", bootstrap=1_000)
    before, start = high_water(), time.process_time()
    h = compute_heterogeneity(source, genes, cells, classes={}, settings=settings)
    for by in ("sample", "whole"):
        for group in groups_by(h, by):
            coordinated_of(h, group)
    coordinated = time.process_time()
    tables = [index_table(h, by) for by in ("sample", "whole")]
    end = time.process_time()
    again = time.process_time()
    h2 = compute_heterogeneity(source, genes, cells, classes={}, settings=settings)
    one_pass = time.process_time() - again
    del h2
    return {
        "cpu_s": one_pass + end - coordinated,
        "coordinated_cpu_s": round(coordinated - start - one_pass, 2),
        "mb_above_matrix": round(high_water() - before),
        "rows": sum(len(t) for t in tables),
        "interval": str(tables[1]["interval"].iloc[0]),
    }


def run_floor(path: str) -> dict:
    import numba
    import numpy as np

    source = arrays(path)

    @numba.njit
    def floor(indptr, indices, data, cells, genes):
        for i in range(indptr.size - 1):
            for j in range(indptr[i], indptr[i + 1]):
                cells[i] += data[j]
                genes[indices[j]] += data[j]

    def work() -> None:
        cells = np.zeros(source.n_cells, dtype=np.int64)
        genes = np.zeros(source.n_features, dtype=np.int64)
        floor(source.indptr, source.indices, source.data, cells, genes)

    return {"cpu_s": warm_cpu(work), "million_values": round(source.data.size / 1e6, 1)}


CASE = Case(
    "Heterogeneity index of counts in memory, one thread (CPU of the work alone)",
    ("20k", "100k"),
    {
        "imscope, moments of 240 units": Program(run_pass, ("imscope", "numba"), True, ONE_THREAD),
        "plain pass: sums by row and gene": Program(run_floor, ("numba",), True, ONE_THREAD),
        "imscope, index of 12 samples and pool, 1,000 bootstraps": Program(
            run_tables, ("imscope", "numba"), True, ONE_THREAD
        ),
    },
    goal="the pass at most 3 times the plain pass; at 100k cells index and 1,000 bootstraps at "
    "most 10 CPU s and 2 GB above the matrix, coordinated index at most 60 CPU s.",
    rounds=2,
)

if __name__ == "__main__":
    main(CASE)
