"""Programmes and stages from open chromatin: gene activity goes where RNA counts go."""

import numpy as np
import pandas as pd
import scipy.sparse as sp

from imscope.analyses.subsets import score
from imscope.analyses.subsets.stage_calls import call_stages
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.engine.chromatin import activity_from_peaks
from imscope.evidence.gene_positions import gene_positions
from imscope.evidence.gene_sets import genes_of
from imscope.evidence.stage_panel import stage_panel

OPEN, SHUT = 4.0, 0.05


def promoters():
    """One peak at the start of every gene that a stage or a programme uses, and of others."""
    table = gene_positions().drop_duplicates("symbol").set_index("symbol")
    named = set(stage_panel().genes) | genes_of("interferon_signature", "ecm_core")
    background = table.drop(index=[s for s in named if s in table.index]).sample(
        600, random_state=1
    )
    chosen = pd.concat([table.loc[[s for s in sorted(named) if s in table.index]], background])
    start = np.where(chosen["strand"] == "+", chosen["start"], chosen["end"])
    names = [
        f"chr{c}:{max(s - 150, 1)}-{s + 150}"
        for c, s in zip(chosen["chromosome"], start, strict=True)
    ]
    return chosen.index.to_numpy(), names


def test_stages_and_programmes_are_told_from_peaks():
    genes, peaks = promoters()
    rng = np.random.default_rng(3)
    pluripotent = genes_of("residual_psc_msc_safe")
    interferon = genes_of("interferon_signature")
    rate = np.full((120, len(genes)), SHUT)
    rate[:, -600:] = 1.0
    rate[:60, np.isin(genes, list(pluripotent))] = OPEN
    rate[60:, np.isin(genes, list(interferon))] = OPEN
    counts = sp.csr_array(rng.poisson(rate).astype(np.int32))
    made = activity_from_peaks(MemoryBlocks.from_csr(counts), peaks)
    obs = pd.DataFrame({"sample": ["early"] * 60 + ["late"] * 60})
    cells = Cells(made.source, made.features, obs)
    table = score(cells).tables["programme_scores"].set_index(["programme", "group"])
    on = table.loc[("interferon_signature", "late"), "score"]
    assert on > 2 * table.loc[("interferon_signature", "early"), "score"]
    stages = call_stages(cells).cells["stage"]
    assert (stages[:60] == "pluripotent").mean() > 0.9
    assert (stages[60:] == "pluripotent").mean() < 0.02
