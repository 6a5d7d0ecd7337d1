import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.subsets import PrimingSettings, compare_priming
from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError, UsageError

CORE = ["RUNX2", "ALPL", "COL1A1", "COL1A2"]


def rows_of(fold, n=1200, seed=0, missing=False):
    """Four rows: two lines, each before and after; the core genes change by ``fold``."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.7, 60, n) + 5
    counts = []
    for line in (0, 1):
        for after in (0, 1):
            mean = rate * np.exp(rng.normal(0, 0.3, n)) * (3 if line else 1)
            mean[:4] = rate[:4] * (fold if after else 1) * (3 if line else 1)
            counts.append(rng.poisson(mean))
    symbols = [*CORE, *[f"G{k}" for k in range(n - 4)]]
    obs = pd.DataFrame({"line": ["a", "a", "b", "b"], "stage": ["iMSC", "osteo"] * 2})
    if missing:
        obs.loc[2, "stage"] = "other"
    return (
        MemoryBlocks.from_csr(sp.csr_array(np.array(counts))),
        pd.DataFrame({"symbol": symbols}),
        obs,
    )


def compare(*data, **options):
    return compare_priming(*data, pair="line", baseline={"stage": "iMSC"}, **options)


def test_a_rise_of_the_core_genes_is_told_at_any_depth():
    table = compare(*rows_of(4.0))
    assert table["verdict"].tolist() == ["further", "further"]
    np.testing.assert_allclose(table["log2_ratio"], 2.0, atol=0.4)


def test_without_a_rise_false_calls_keep_the_level():
    p = [compare(*rows_of(1.0, seed=s))["p_value"] for s in range(40)]
    assert (np.concatenate(p) <= 0.05).mean() <= 0.11


def test_a_pair_without_baseline_has_words():
    table = compare(*rows_of(4.0, missing=True)).set_index(["pair", "group"])
    assert table.loc[("b", "osteo"), "verdict"] == "NOT TESTABLE"
    assert np.isnan(table.loc[("b", "osteo"), "p_value"])
    assert table.loc[("b", "osteo"), "status"] == "no baseline of the same pair"


def test_wrong_columns_and_stages_are_refused():
    data = rows_of(1.0)
    with pytest.raises(DataError, match="no column 'donor'"):
        compare_priming(*data, pair="donor", baseline={"stage": "iMSC"})
    with pytest.raises(DataError, match="never 'MSC'"):
        compare_priming(*data, pair="line", baseline={"stage": "MSC"})
    with pytest.raises(UsageError, match="no stage"):
        compare(*data, settings=PrimingSettings(stage="liver"))
