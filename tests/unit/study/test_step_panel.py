import numpy as np
import pandas as pd
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.study.steps.panel import panel_genes, quantise_panel


def test_values_are_within_half_a_step_of_the_truth():
    rng = np.random.default_rng(1)
    counts, factors = rng.poisson(1.5, (60, 8)), rng.uniform(0.5, 2, 60)
    genes = np.array([5, 0, 7])
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    values, maxima = quantise_panel(source, factors, genes)
    want = np.log1p(counts / factors[:, None])[:, genes].T
    np.testing.assert_allclose(maxima, want.max(axis=1), rtol=1e-6)
    assert (np.abs(values / 255 * maxima[:, None] - want) <= maxima[:, None] / 509).all()


def test_a_gene_nobody_expresses_is_all_zero():
    source = MemoryBlocks.from_csr(sp.csr_array(np.array([[1, 0], [2, 0]])))
    values, maxima = quantise_panel(source, np.ones(2), np.array([1]))
    assert not values.any()
    assert maxima[0] == 0


def test_wanted_genes_come_first_by_symbol_or_id_and_unknown_ones_are_left_out():
    features = pd.DataFrame(
        {"feature_id": [f"E{i}" for i in range(6)], "symbol": ["A", "NT5E", "B", "C", "D", "E"]}
    )
    markers = pd.DataFrame(
        {"rank": [1, 2, 1], "cluster": ["0", "0", "1"], "feature_id": ["E4", "E0", "E5"]}
    )
    rows = panel_genes(features, ["C", "E2", "nothing"], markers, limit=5)
    assert rows.tolist() == [3, 2, 1, 4, 5]
