"""From an h5ad file to clusters, map and tie-corrected marker tests, import included.

Ours are the steps of `imscope run` up to the markers, as the run calls them: it also hashes the
input and stores counts and results; doublets are not scored, because the peers do not score them.
The whole run answers all its other questions too: ambient RNA, programmes, stages, identity,
safety, subsets, heterogeneity, and writes the folder with report and provenance.
"""

from harness import Case, Program, main

THREADS = tuple(
    (name, "1")
    for name in (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
        "IMSCOPE_THREADS", "POLARS_MAX_THREADS",
    )
)  # fmt: skip


def run_path(path: str) -> dict:
    from the_run import run_up_to

    return run_up_to(path, "markers", {"doublets": {"score": False}})


def run_folder(path: str) -> dict:
    from the_run import run_whole

    return run_whole(path)


def run_scanpy(path: str) -> dict:
    import anndata
    import scanpy as sc

    data = anndata.read_h5ad(path)
    data.X.indptr = data.X.indptr.astype(data.X.indices.dtype)  # SciPy refuses mixed widths
    data.var["mt"] = data.var_names.str.startswith("MT-")
    sc.pp.calculate_qc_metrics(data, qc_vars=["mt"], percent_top=None, inplace=True)
    sc.pp.filter_cells(data, min_genes=200)
    sc.pp.filter_genes(data, min_cells=3)
    data = data[data.obs["pct_counts_mt"] < 20].copy()
    sc.pp.normalize_total(data)
    sc.pp.log1p(data)
    sc.pp.highly_variable_genes(data, n_top_genes=2000, batch_key="sample")
    sc.pp.pca(data, n_comps=50, mask_var="highly_variable")
    sc.pp.neighbors(data, n_neighbors=15)
    sc.tl.leiden(data, flavor="igraph", n_iterations=2, directed=False)
    sc.tl.umap(data)
    sc.tl.rank_genes_groups(data, "leiden", method="wilcoxon", tie_correct=True)
    return {"cells": data.n_obs, "clusters": int(data.obs["leiden"].nunique())}


def run_brisc(path: str) -> dict:
    from brisc import SingleCell

    data = SingleCell(path, num_threads=1)
    data = data.qc(allow_float=True, nonzero_MALAT1=False, max_mito_fraction=0.2, min_genes=200)
    data = data.hvg(batch_column="sample").normalize().pca()
    data = data.neighbors().shared_neighbors().cluster().umap()
    found = data.find_markers("cluster")
    return {
        "cells": int(data.obs["passed_QC"].sum()),
        "clusters": int(data.obs["cluster"].n_unique()),
        "markers": f"{len(found)} by fold change and detection, no rank test",
    }


CASE = Case(
    "Whole path with UMAP and marker tests, one thread",
    ("20k",),
    {
        "imscope run up to markers": Program(run_path, ("imscope",), True, THREADS),
        "imscope run (whole, report)": Program(run_folder, ("imscope",), True, THREADS),
        "scanpy": Program(run_scanpy, ("scanpy", "igraph", "umap-learn"), False, THREADS),
        "brisc (no rank test)": Program(run_brisc, ("brisc",), False, THREADS),
    },
    goal="at most 20 CPU s, not above brisc, at most a quarter of Scanpy. At 100k cells "
    "`imscope run` at most 3 GB, and 1 GB up to the components.",
    rounds=2,
)

if __name__ == "__main__":
    main(CASE)
