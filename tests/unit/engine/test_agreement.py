import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy import stats

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.agreement import ALL, compare_rna_protein
from imscope.engine.protein import normalise_protein

GENES = {"CD73": "NT5E", "CD90": "THY1", "CD999": "ABSENT"}


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    n = 800
    on = rng.random(n) < 0.5
    rna = np.c_[rng.poisson(np.where(on, 2.0, 0.1)), rng.poisson(1.0, n), rng.poisson(500, n)]
    adt = np.c_[
        rng.poisson(np.where(on, 300, 4) * rng.lognormal(0, 0.3, n)),
        rng.poisson(np.where(rng.random(n) < 0.5, 300, 4)),
        rng.poisson(np.where(on, 300, 4)),
    ]
    lots = np.repeat(["a", "b", "c", "d"], n // 4)
    protein = normalise_protein(adt, list(GENES), lots)
    features = pd.DataFrame({"symbol": ["NT5E", "THY1", "VIM"]})
    return MemoryBlocks.from_csr(sp.csr_array(rna)), features, protein, lots, rna, on


def table_of(cells, **options):
    source, features, protein, lots, *_ = cells
    return compare_rna_protein(source, features, protein, genes=GENES, lots=lots, **options)


def test_values_are_those_of_the_textbook(cells):
    table = table_of(cells).set_index(["group", "antigen"])
    _, _, protein, lots, rna, _ = cells
    here = lots == "b"
    share = rna[here, 0] / rna[here].sum(axis=1)
    want = stats.spearmanr(share, protein.values[here, 0]).statistic
    np.testing.assert_allclose(table.loc[("b", "CD73"), "correlation"], want)
    positive = protein.positive[here, 0] == 1
    want = (rna[here, 0][positive] > 0).mean()
    np.testing.assert_allclose(table.loc[("b", "CD73"), "detected_frac"], want)


def test_agreement_and_its_absence_are_told_apart_over_lots(cells):
    table = table_of(cells).set_index(["group", "antigen"])
    good, none = table.loc[(ALL, "CD73")], table.loc[(ALL, "CD90")]
    assert good["correlation_low"] > 0.4
    assert none["correlation_low"] < 0.05 < 0.15 > none["correlation_high"] - 0.1
    assert good["detected_low"] < 1 - np.exp(-2.0) < good["detected_high"]
    assert (good["n_units"], good["interval_over"]) == (4, "lots")
    z = np.arctanh(table.loc[[*"abcd"], :].xs("CD73", level="antigen")["correlation"])
    half = stats.t.ppf(0.975, 3) * z.std() / 2
    np.testing.assert_allclose(good["correlation_low"], np.tanh(z.mean() - half))


def test_what_cannot_be_said_is_said_in_words(cells):
    table = table_of(cells).set_index(["group", "antigen"])
    assert "not among the features" in table.loc[(ALL, "CD999"), "reason"]
    source, features, protein, _, *_ = cells
    two = np.repeat(["a", "b"], 400)
    lots = compare_rna_protein(source, features, protein, genes=GENES, lots=two).set_index(
        ["group", "antigen"]
    )
    assert "needed 3" in lots.loc[(ALL, "CD73"), "reason"]
    assert np.isnan(lots.loc[(ALL, "CD73"), "correlation"])
    with pytest.raises(DataError):
        compare_rna_protein(source, features, protein, genes=GENES, lots=two[:5])


def test_threads_change_nothing(cells):
    pd.testing.assert_frame_equal(table_of(cells, threads=1), table_of(cells, threads=2))
