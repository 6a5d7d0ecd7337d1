"""Sixty gene sets scored in every cell, counts in memory.

Sides: imscope (ranks), scanpy (`score_genes`, one call per set), pyucell and decoupler where there.
"""

import sys

import numpy as np
from _case import parse, peak_mb, read_counts, report, timed

N_SETS, LEAST, MOST = 60, 5, 55


def sets_of(n_features):
    """Sets of 5 to 54 genes drawn at random."""
    rng = np.random.default_rng(7)
    return [rng.choice(n_features, n, replace=False) for n in rng.integers(LEAST, MOST, N_SETS)]


def main(argv):
    """Run one side."""
    args = parse(argv, ["imscope", "scanpy", "pyucell"])
    indptr, indices, counts, shape = read_counts(args.data)
    sets = sets_of(shape[1])
    make = {"imscope": ours, "scanpy": scanpy, "pyucell": pyucell}[args.side]
    work = make(indptr, indices, counts, shape, sets, args.threads)
    scores, clock = timed(work, args.repeats)
    clock |= peak_mb()
    facts = quality(np.asarray(scores), indptr, indices, counts, shape, sets)
    report("rank_scores", args.side, args.side, clock, facts)


def ours(indptr, indices, counts, shape, sets, threads):
    """Our one pass over the counts."""
    from imscope.core.blocks import MemoryBlocks
    from imscope.engine.rank_scores import score_ranks

    source = MemoryBlocks(
        indptr.astype(np.int64), indices.astype(np.int32), counts.astype(np.int32), shape[1]
    )
    return lambda: score_ranks(source, sets, threads=threads).scores


def _annotated(values, indices, indptr, shape):
    import anndata as ad
    import scipy.sparse as sp

    cells = ad.AnnData(sp.csr_matrix((values, indices, indptr), shape))
    cells.obs_names = [str(i) for i in range(shape[0])]
    cells.var_names = [f"g{i}" for i in range(shape[1])]
    return cells


def scanpy(indptr, indices, counts, shape, sets, _):
    """Log-normalised beforehand (not timed), then one call per set."""
    import scanpy as sc

    total = np.add.reduceat(counts, indptr[:-1])
    values = np.log1p(counts * np.repeat(1e4 / total, np.diff(indptr))).astype(np.float32)
    cells = _annotated(values, indices, indptr, shape)

    def work():
        for k, genes in enumerate(sets):
            sc.tl.score_genes(cells, [f"g{g}" for g in genes], score_name=f"s{k}")
        return cells.obs[[f"s{k}" for k in range(len(sets))]].to_numpy()

    return work


def pyucell(indptr, indices, counts, shape, sets, _):
    """The same definition in Python."""
    import pyucell

    cells = _annotated(counts.astype(np.float32), indices, indptr, shape)
    named = {f"s{k}": [f"g{g}" for g in genes] for k, genes in enumerate(sets)}

    def work():
        pyucell.compute_ucell_scores(cells, signatures=named, max_rank=1500, n_jobs=1)
        return cells.obs[[f"s{k}_UCell" for k in range(len(sets))]].to_numpy()

    return work


def quality(scores, indptr, indices, counts, shape, sets):
    """Least rank correlation over the sets with the definition, on 400 cells."""
    import scipy.sparse as sp
    from scipy.stats import rankdata, spearmanr

    rows = np.linspace(0, shape[0] - 1, 400).astype(int)
    dense = sp.csr_array((counts, indices, indptr), shape)[rows].toarray()
    ranks = np.minimum(rankdata(-dense, axis=1), 1501)
    found = [
        spearmanr(scores[rows, k], -ranks[:, genes].sum(axis=1)).statistic
        for k, genes in enumerate(sets)
    ]
    return {"least_rank_correlation": round(float(np.min(found)), 4), "sets": len(sets)}


if __name__ == "__main__":
    main(sys.argv[1:])
