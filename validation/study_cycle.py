"""Cell cycle and concentration by gene on a simulated cohort."""

import numpy as np
import pandas as pd

from imscope.analyses.heterogeneity import compute_heterogeneity, index_table
from imscope.core.blocks import MemoryBlocks
from imscope.io.genes import gene_classes, map_genes
from imscope.simulate import CohortSettings, simulate_cohort
from validation.common import Row, Study, met, percent


def run(quick: bool) -> list[Row]:
    shares = {}
    for cycling in (0.0, 0.25, 0.5):
        settings = CohortSettings(
            imsc_lots=1,
            primary_donors=1,
            cells=150 if quick else 500,
            genes=1_500,
            cycling=cycling,
            doublets=0.0,
            damaged=0.0,
            ambient=0.0,
            troubled_lot=0,
        )
        cohort = simulate_cohort(settings)
        features, _ = map_genes(cohort.features["feature_id"].tolist())
        counts = next(iter(cohort.samples.values())).counts
        h = compute_heterogeneity(
            MemoryBlocks.from_csr(counts),
            features,
            pd.DataFrame({"sample": ["one"] * counts.shape[0], "platform": "simulated"}),
            classes=gene_classes(features),
            threads=1,
        )
        row = index_table(h, "sample", threads=1).iloc[0]
        shares[cycling] = 1 - float(row["hi2_without_cycle"]) / float(row["hi2"])
    values = np.array(list(shares.values()))
    return [
        Row(
            f"{percent(c, 0)} of cells divide",
            "share of HI2 held by cycle and dissociation genes",
            "rises with dividing cells",
            percent(s),
            met(bool((np.diff(values) > 0).all()) or c == 0),
        )
        for c, s in shares.items()
    ]


STUDY = Study(
    "cycle", "Dividing cells", "One simulated lot with 0, 25 and 50 % of dividing cells.", run
)
