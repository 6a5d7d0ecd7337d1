import numpy as np
import pytest

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import UsageError
from imscope.engine.chromatin import activity_from_peaks
from imscope.engine.protein import normalise_protein
from imscope.evidence.gene_positions import gene_positions
from imscope.simulate.modalities import simulate_peaks, simulate_protein

SUBSETS = np.repeat(["matrix", "progenitor"], 400)


def test_the_truth_is_found_again_by_the_protein_scale():
    made = simulate_protein(SUBSETS, {"CD73": {"matrix"}, "CD146": {"progenitor"}})
    found = normalise_protein(made.counts, made.antigens, np.repeat("b", 800))
    assert found.antigens == ("CD73", "CD146")
    assert ((found.positive == 1) == made.positive[:, :2]).mean() > 0.99
    levels = made.counts.toarray()[~made.positive[:, 0], 0]
    np.testing.assert_allclose(levels.mean(), 6 * np.exp(0.125), rtol=0.1)


def test_open_peaks_become_active_genes():
    genes = gene_positions().set_index("symbol").loc[["NT5E", "MCAM"]]
    names = [f"chr{g.chromosome}:{g.start + 10}-{g.start + 400}" for g in genes.itertuples()]
    made = simulate_peaks(SUBSETS, names, [{"matrix"}, {"progenitor"}])
    found = activity_from_peaks(MemoryBlocks.from_csr(made.counts), names)
    block = found.source.read(0, 800)
    at = found.features.index[found.features["symbol"] == "NT5E"][0]
    rows = np.repeat(np.arange(800), np.diff(block.indptr))
    mine = block.indices == at
    total = np.bincount(rows[mine], block.data[mine], 800)
    assert total[SUBSETS == "matrix"].mean() > 30 * total[SUBSETS != "matrix"].mean()


def test_bad_settings_are_refused():
    with pytest.raises(UsageError):
        simulate_protein(["a"], {}, signal=-1)
    with pytest.raises(UsageError):
        simulate_peaks(["a"], ["chr1:1-9"], [])
