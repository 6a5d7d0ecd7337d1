"""From an h5ad file to 50 principal components, import included."""

from harness import Case, Program, main

ONE_THREAD = tuple(
    (name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "IMSCOPE_THREADS")
)


def run_imscope(path: str) -> dict:
    from pathlib import Path

    import numpy as np

    from imscope.engine.fused import standard_pca
    from imscope.io.counts import read_counts

    counts = read_counts(Path(path))
    mito = counts.features["symbol"].astype(str).str.startswith("MT-").to_numpy()
    result = standard_pca(
        counts.source, {"mito": mito}, np.asarray(counts.obs["sample"], dtype=object)
    )
    return {"cells": len(result.pca.coordinates), "components": result.pca.n_components}


def run_brisc(path: str) -> dict:
    from brisc import SingleCell

    data = SingleCell(path, num_threads=1)
    data = data.qc(
        allow_float=True, nonzero_MALAT1=False, max_mito_fraction=0.2, min_genes=200, num_threads=1
    )
    data = data.hvg(num_threads=1).normalize(num_threads=1).pca(num_threads=1)
    return {"cells": int(data.obs["passed_QC"].sum())}


CASE = Case(
    "Load to 50 principal components",
    ("20k", "100k"),
    {
        "imscope, 1 thread": Program(run_imscope, ("imscope",), True, ONE_THREAD),
        "brisc, 1 thread": Program(run_brisc, ("brisc",), False, ONE_THREAD),
    },
    goal="CPU at most 0.65 of brisc at 20k, 0.40 at 100k, 0.35 at 500k; memory at most 0.5 GB, "
    "0.6 GB at 500k.",
)

if __name__ == "__main__":
    main(CASE)
