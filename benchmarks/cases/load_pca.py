"""From an .h5ad file to 50 principal components of 2,000 variable genes, the whole process.

Sides: imscope (streamed from the file, exact components), brisc. Both remove damaged cells, so the
numbers of cells differ a little; quality gives the cells kept and, for imscope, the share of
variance in the components.
"""

import sys

import numpy as np
from _case import parse, peak_mb, report, timed


def main(argv):
    """Run one side."""
    args = parse(argv, ["imscope", "brisc"])
    work = {"imscope": with_imscope, "brisc": with_brisc}[args.side]
    quality, clock = timed(lambda: work(args), args.repeats)
    clock |= peak_mb()
    report(f"load_pca_{args.data.name.split('-')[0]}", args.side, args.side, clock, quality)


def with_imscope(args):
    """Stream the file four times; limits from median absolute deviations per sample."""
    from imscope.engine.standard import standard_pca
    from imscope.io.counts import read_counts
    from imscope.io.genes import gene_classes

    with read_counts(args.data) as data:
        result = standard_pca(
            data.source,
            gene_classes(data.features),
            data.obs["sample"].to_numpy(),
            threads=args.threads,
        )
    explained = float(result.pca.explained_variance.sum() / result.pca.total_variance)
    return {
        "n_cells": int(result.quality.keep.sum()),
        "components": result.pca.coordinates.shape[1],
        "explained": round(explained, 5),
    }


def with_brisc(args):
    """Its own path, with limits like ours and without batches, which is its faster way."""
    from brisc import SingleCell

    cells = SingleCell(str(args.data), num_threads=args.threads)
    cells = cells.qc(max_mito_fraction=0.2, min_genes=200, nonzero_MALAT1=False, allow_float=True)
    cells = cells.hvg(num_genes=2000).normalize().pca(num_PCs=50)
    coordinates = np.asarray(cells.obsm["pca"])
    return {"n_cells": len(coordinates), "components": coordinates.shape[1]}


if __name__ == "__main__":
    main(sys.argv[1:])
