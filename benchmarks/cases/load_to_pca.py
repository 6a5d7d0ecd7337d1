"""From an h5ad file to 50 principal components: the first steps of `imscope run`, import included.

The run also hashes its inputs and stores counts and results, which the peer does not; doublets are
not scored, because the peer does not score them.
"""

from harness import Case, Program, main

ONE_THREAD = tuple(
    (name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "IMSCOPE_THREADS")
)


def run_imscope(path: str) -> dict:
    from the_run import run_up_to

    return run_up_to(path, "components", {"doublets": {"score": False}})


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
