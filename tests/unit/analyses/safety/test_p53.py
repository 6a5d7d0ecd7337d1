import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.safety.p53_screen import p53
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.evidence.gene_sets import genes_of


def lots(low="", n_lots=6, depth=4_000):
    rng = np.random.default_rng(3)
    targets = sorted(genes_of("p53_targets"))
    names = targets + [f"GENE{k}" for k in range(200)]
    mean = rng.gamma(2, 1, len(names))
    mean[: len(targets)] = 1.5
    parts, obs = [], []
    for k in range(n_lots):
        level = mean * rng.lognormal(0, 0.12, len(names))
        if f"L{k}" == low:
            level[: len(targets)] *= 0.3
        level = level / level.sum()
        parts.append(rng.multinomial(depth, level, 60))
        obs += [f"L{k}"] * 60
    features = pd.DataFrame({"feature_id": names, "symbol": names})
    source = MemoryBlocks.from_csr(sp.csr_array(np.vstack(parts)))
    return source, features, pd.DataFrame({"lot": obs})


def test_the_low_lot_is_found():
    table = p53(Cells(*lots(low="L2"))).set_index("group")
    assert table.loc["L2", "verdict"] == "low"
    assert table.loc["L2", "n_low"] == 10
    np.testing.assert_allclose(table.loc["L2", "log2_ratio"], np.log2(0.3), atol=0.2)
    assert (table.drop(index="L2")["verdict"] == "not low").all()


def test_the_statistic_is_the_textbook_prediction_interval():
    from scipy import stats

    source, features, obs = lots()
    found = p53(Cells(source, features, obs))
    block = source.read(0, source.n_cells)
    dense = sp.csr_array((block.data, block.indices, block.indptr), (360, 210)).toarray()
    sums = dense.reshape(6, 60, -1).sum(axis=1)
    m = np.log2((sums[:, :10] + 0.5) / sums.sum(axis=1, keepdims=True)).mean(axis=1)
    t = (m[0] - m[1:].mean()) / (m[1:].std(ddof=1) * np.sqrt(1.2))
    np.testing.assert_allclose(found.loc[0, "p_value"], stats.t.cdf(t, 4), rtol=1e-9)


@pytest.mark.parametrize(("n_lots", "depth"), [(3, 4_000), (6, 5)])
def test_too_little_is_said_in_words(n_lots, depth):
    table = p53(Cells(*lots(n_lots=n_lots, depth=depth)))
    assert set(table["verdict"]) == {"NOT TESTABLE"}
    assert table["reason"].str.contains("needs 3 sibling lots and 5 targets").all()
