"""Rank-sum test and AUC of all genes, each group against all other cells, counts in memory.

Sides: imscope, illico, scanpy (tie-corrected; slow).
"""

import sys

import numpy as np
from _case import parse, peak_mb, read_counts, read_labels, report, size_factors, timed


def main(argv):
    """Run one side."""
    args = parse(argv, ["imscope", "illico", "scanpy"])
    indptr, indices, counts, shape = read_counts(args.data)
    labels = read_labels(args.data, args.labels)
    factors = size_factors(indptr, counts)
    if args.side == "imscope":
        from imscope.core.blocks import MemoryBlocks
        from imscope.engine.markers import score_markers

        source = MemoryBlocks(
            indptr.astype(np.int64), indices.astype(np.int32), counts.astype(np.int32), shape[1]
        )
        n_groups = int(labels.max()) + 1

        def work():
            return score_markers(
                source, factors, labels, n_groups=n_groups, threads=args.threads
            ).p_value
    else:
        work = peer(args, indptr, indices, counts, shape, labels, factors)
    p_value, clock = timed(work, args.repeats)
    clock |= peak_mb()
    report("markers", args.side, args.side, clock, quality(p_value, args, shape))


def peer(args, indptr, indices, counts, shape, labels, factors):
    """Prepare log-normalised data (not timed); return the work of a peer."""
    import anndata as ad
    import pandas as pd
    import scipy.sparse as sp

    values = np.log1p(counts / np.repeat(factors, np.diff(indptr))).astype(np.float32)
    x = sp.csr_matrix((values, indices, indptr), shape)
    obs = pd.DataFrame({"group": pd.Categorical(labels.astype(str))}, index=[*map(str, labels)])
    cells = ad.AnnData(x, obs=obs)
    cells.obs_names = [str(i) for i in range(shape[0])]
    cells.var_names = [str(i) for i in range(shape[1])]
    if args.side == "illico":
        from illico import asymptotic_wilcoxon

        def work():
            frame = asymptotic_wilcoxon(
                cells, is_log1p=True, group_keys="group", n_threads=args.threads
            )
            return frame["p_value"].unstack(level=-1)[cells.var_names].to_numpy()  # noqa: PD010
    else:
        import scanpy as sc

        def work():
            sc.tl.rank_genes_groups(cells, "group", method="wilcoxon", tie_correct=True)
            names, p = (cells.uns["rank_genes_groups"][key] for key in ("names", "pvals"))
            return np.array(
                [p[g][np.argsort(names[g].astype(np.int64))] for g in names.dtype.names]
            )

    return work


def quality(p_value, args, shape):
    """Largest relative difference of p-values from SciPy's over a few genes of every group."""
    import scipy.sparse as sp
    from scipy.stats import mannwhitneyu

    indptr, indices, counts, _ = read_counts(args.data)
    labels, factors = read_labels(args.data, args.labels), size_factors(indptr, counts)
    genes = np.linspace(0, shape[1] - 1, 25).astype(int)
    x = sp.csr_array((counts, indices, indptr), shape)[:, genes].toarray()
    value = (x / factors[:, None]).astype(np.float32).astype(np.float64)
    worst = 0.0
    for group in range(p_value.shape[0]):
        mine = labels == group
        want = mannwhitneyu(value[mine], value[~mine], method="asymptotic", axis=0).pvalue
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.abs(p_value[group, genes] / want - 1)
        worst = max(worst, float(np.nanmax(gap)))
    return {"largest_relative_gap_to_scipy": worst, "genes": int(shape[1])}


if __name__ == "__main__":
    main(sys.argv[1:])
