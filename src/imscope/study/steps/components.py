"""Step: size factors, variable genes and principal components of the kept cells."""

import numpy as np
import pandas as pd

from imscope.core.result import Result
from imscope.core.schema import QC_LEDGER
from imscope.core.views import select_rows
from imscope.engine.hvg import compute_gene_moments, select_variable_genes
from imscope.engine.normalise import compute_size_factors
from imscope.engine.pca import compute_pca
from imscope.engine.qc import record_genes
from imscope.io.genes import gene_classes
from imscope.study.blocks import block_codes
from imscope.study.step import Had, Run, Step


def work_components(run: Run, had: Had) -> Result:
    """Size factors, variable genes, principal components; the ledger ends with the genes."""
    path, qc = run.config.path, had["qc"]
    rows = run.rows(had)
    source = select_rows(run.cohort.source, rows)
    codes = run.cohort.codes[rows]
    totals = qc.table("metrics")["n_umi"].to_numpy(np.float64)[rows]
    relative = compute_size_factors(totals, codes)
    factors = relative * run.cohort.scale  # per step of the source
    blocks, n_blocks = block_codes(run, codes)
    moments = compute_gene_moments(source, factors, blocks, n_samples=n_blocks, threads=run.threads)
    classes = gene_classes(run.cohort.features)
    n_cells_with_gene = moments.n_detected.sum(axis=0)
    seldom = n_cells_with_gene < run.config.qc.min_cells_per_gene
    not_shared = ~run.cohort.features["in_all"].to_numpy(bool)
    exclude = seldom | not_shared | classes["mito"] | classes["ribo"] | classes["haemoglobin"]
    chosen = select_variable_genes(moments, n_genes=path.n_variable_genes, exclude=exclude)
    pca = compute_pca(
        source, factors, chosen.selected, n_components=path.n_components, threads=run.threads
    )
    genes = record_genes(qc.array("gene_cells"), n_cells_with_gene)
    return Result(
        tables={
            "variable_genes": chosen.table,
            "qc_ledger": pd.concat([qc.table("ledger"), genes], ignore_index=True),
        },
        arrays={
            "rows": rows,
            "size_factors": factors,
            "relative_factors": relative,
            "coordinates": pca.coordinates,
            "explained_variance": pca.explained_variance,
            "explained_variance_ratio": pca.explained_variance_ratio,
        },
    )


STEP = Step(
    "components",
    "components",
    work_components,
    needs=("qc",),
    settings=lambda run: run.settings(run.config.path, run.config.qc, sheet=True),
    tables=(QC_LEDGER,),
    share=1.3,
    rank=20,
)
