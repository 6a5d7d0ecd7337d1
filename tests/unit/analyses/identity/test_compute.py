import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.identity import describe
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.schema import TABLES
from imscope.simulate import CohortSettings, simulate_cohort


@pytest.fixture(scope="module")
def cohort():
    made = simulate_cohort(
        CohortSettings(imsc_lots=2, primary_donors=1, cells=300, genes=4_000, cycling=0.3)
    )
    counts = sp.csr_array(sp.vstack([s.counts for s in made.samples.values()]))
    obs = pd.concat([s.cells.assign(sample=name) for name, s in made.samples.items()])
    return counts, made.features, obs.reset_index(drop=True)


@pytest.mark.parametrize("threads", [1, 2])
def test_phases_of_a_simulated_cohort(cohort, threads):
    from imscope.io.genes import map_genes

    counts, names, obs = cohort
    features, _ = map_genes(names["feature_id"].tolist())
    found = describe(Cells(MemoryBlocks.from_csr(counts), features, obs), threads=threads)
    known = (obs["state"] == "good").to_numpy()
    agree = (found.cells["cycle_phase"] == obs["phase"])[known].mean()
    assert agree > 0.95
    assert set(found.tables) <= set(TABLES)
    assert not any(t.isna().all(axis=None) for t in found.tables.values())
    assert np.isfinite(found.cells["cycle_angle"]).all()
