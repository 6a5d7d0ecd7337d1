"""Quality control, normalisation and gene moments on counts in memory, against a plain pass."""

from harness import Case, Program, main, warm_cpu

ONE_THREAD = (("IMSCOPE_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1"))


def arrays(path: str):
    import h5py
    import numpy as np

    from imscope.core.blocks import MemoryBlocks

    with h5py.File(path) as f:
        x = f["X"]
        n = int(x.attrs["shape"][1])
        return MemoryBlocks(x["indptr"][:], x["indices"][:], x["data"][:].astype(np.int32), n)


def run_imscope(path: str) -> dict:
    import numpy as np

    from imscope.engine.hvg import compute_gene_moments
    from imscope.engine.normalise import compute_size_factors
    from imscope.engine.qc import apply_qc, compute_count_sums, suggest_qc

    source = arrays(path)
    sample = np.arange(source.n_cells) * 12 // source.n_cells
    mito = np.arange(source.n_features) < 13

    def work() -> None:
        metrics = compute_count_sums(source, {"mito": mito}).cells
        keep = apply_qc(metrics, sample, suggest_qc(metrics, sample)).keep
        factors = compute_size_factors(metrics["n_umi"], sample)
        compute_gene_moments(source, factors, np.where(keep, sample, -1), n_samples=12)

    return {"cpu_s": warm_cpu(work), "million_values": source.data.size / 1e6}


def run_floor(path: str) -> dict:
    import numba
    import numpy as np

    source = arrays(path)

    @numba.njit
    def floor(indptr, indices, data, sums):  # total per cell, then log moments per gene
        for i in range(indptr.size - 1):
            total = 0
            for j in range(indptr[i], indptr[i + 1]):
                total += data[j]
            scale = 4777.0 / total
            for j in range(indptr[i], indptr[i + 1]):
                value = np.log1p(data[j] * scale)
                sums[indices[j], 0] += value
                sums[indices[j], 1] += value * value

    def work() -> None:
        floor(source.indptr, source.indices, source.data, np.zeros((source.n_features, 2)))

    return {"cpu_s": warm_cpu(work), "million_values": source.data.size / 1e6}


CASE = Case(
    "Warm quality control, normalisation and gene moments (CPU of the work alone)",
    ("20k",),
    {
        "imscope, 1 thread": Program(run_imscope, ("imscope", "numba"), True, ONE_THREAD),
        "plain pass": Program(run_floor, ("numba",), True, ONE_THREAD),
    },
    goal="at most 3 times the plain pass.",
)

if __name__ == "__main__":
    main(CASE)
