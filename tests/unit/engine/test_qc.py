import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.qc import QcSettings, apply_qc, compute_qc, suggest_qc


def cohort(n=600, p=80, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.gamma(2, 5, (n, 1)) * rng.dirichlet(np.ones(p)) * p)
    classes = {
        "mito": np.arange(p) < 6,
        "ribo": (np.arange(p) >= 4) & (np.arange(p) < 20),
        "haemoglobin": np.arange(p) == 70,
    }
    return x, classes


def test_metrics_match_pandas():
    x, classes = cohort()
    got = compute_qc(MemoryBlocks.from_csr(sp.csr_array(x)), classes)
    frame = pd.DataFrame(x)
    np.testing.assert_array_equal(got["n_umi"], frame.sum(axis=1))
    np.testing.assert_array_equal(got["n_genes"], (frame > 0).sum(axis=1))
    for name, mask in classes.items():
        want = frame.loc[:, mask].sum(axis=1) / frame.sum(axis=1)
        np.testing.assert_allclose(got[f"{name}_frac"], want)


def test_shares_are_missing_where_they_mean_nothing():
    source = MemoryBlocks.from_csr(sp.csr_array([[0, 0], [3, 1]]))
    got = compute_qc(source, {"mito": np.array([True, False]), "ribo": np.zeros(2, bool)})
    assert np.isnan(got["mito_frac"][0])
    assert got["mito_frac"][1] == 0.75
    assert got[["ribo_frac", "haemoglobin_frac"]].isna().all(axis=None)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 39), st.randoms(use_true_random=False))
def test_metrics_belong_to_the_cell(cut, random):
    x, classes = cohort(n=40)
    order = np.array(random.sample(range(40), 40))
    whole = compute_qc(MemoryBlocks.from_csr(sp.csr_array(x)), classes)
    moved = compute_qc(MemoryBlocks.from_csr(sp.csr_array(x[order])), classes)
    pd.testing.assert_frame_equal(moved, whole.iloc[order].reset_index(drop=True))
    pieces = [
        compute_qc(MemoryBlocks.from_csr(sp.csr_array(y)), classes) for y in (x[:cut], x[cut:])
    ]
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), whole)


@pytest.mark.parametrize("shared", [False, True])
def test_limits_are_median_and_mad_of_the_sample(shared):
    x, classes = cohort()
    metrics = compute_qc(MemoryBlocks.from_csr(sp.csr_array(x)), classes)
    samples = np.array(["b", "a"])[np.arange(len(x)) % 2]
    rules = QcSettings(n_mads=2.0, min_umi=1, min_genes=1, floor_mito_frac=0.0, shared=shared)
    limits = suggest_qc(metrics, samples, settings=rules).set_index(["sample", "metric"])
    for sample in "ab":
        here = metrics if shared else metrics[samples == sample]
        mito = here["mito_frac"]
        mad = 1.4826 * (mito - mito.median()).abs().median()
        row = limits.loc[(sample, "mito_frac")]
        assert row["high"] == pytest.approx(mito.median() + 2 * mad)
        assert (row["median"], row["mad"]) == pytest.approx((mito.median(), mad))
        logs = np.log(here["n_umi"])
        mad = 1.4826 * (logs - logs.median()).abs().median()
        assert limits.loc[(sample, "n_umi"), "low"] == np.floor(np.exp(logs.median() - 2 * mad))


def test_floors_and_ceilings_hold():
    n = 50
    rng = np.random.default_rng(0)
    metrics = pd.DataFrame(
        {
            "n_umi": np.full(n, 200.0),
            "n_genes": np.full(n, 3000),
            "mito_frac": rng.uniform(0.6, 0.7, n),
            "haemoglobin_frac": np.zeros(n),
        }
    )
    limits = suggest_qc(metrics, ["bad"] * n).set_index("metric")
    assert limits.loc["n_umi", ["low", "reason"]].tolist() == [500, "floor"]
    assert limits.loc["mito_frac", ["high", "reason"]].tolist() == [0.5, "ceiling"]
    assert limits.loc["haemoglobin_frac", "high"] == 0.2
    good = suggest_qc(metrics.assign(mito_frac=0.01), ["good"] * n).set_index("metric")
    assert good.loc["mito_frac", ["high", "reason"]].tolist() == [0.05, "floor"]


def test_ledger_counts_each_cell_once():
    x, classes = cohort()
    x[:7] = 0
    metrics = compute_qc(MemoryBlocks.from_csr(sp.csr_array(x)), classes)
    samples = np.array(["a", "b", "c"])[np.arange(len(x)) % 3]
    rules = QcSettings(min_umi=300, min_genes=40)
    limits = suggest_qc(metrics, samples, settings=rules)
    doublets = np.arange(len(x)) % 10 == 0
    result = apply_qc(metrics, samples, limits, doublets=doublets)
    ledger = result.ledger
    assert ledger["n_lost"].sum() == (~result.keep).sum() > 7
    for sample, rows in ledger.groupby("sample", sort=False):
        assert rows["n_before"].iloc[0] == (samples == sample).sum()
        assert rows["n_after"].iloc[-1] == result.keep[samples == sample].sum()
        np.testing.assert_array_equal(rows["n_before"].iloc[1:], rows["n_after"].iloc[:-1])
        assert (rows["n_lost"] <= rows["n_flagged"]).all()
    assert ledger.loc[ledger["rule"] == "doublet", "n_flagged"].sum() == doublets.sum()
    assert not result.keep[doublets].any()
    empty = ledger.loc[ledger["rule"] == "empty cell", "n_lost"]
    assert empty.sum() == 7
    for metric, bound in (("n_umi", "low"), ("n_genes", "low")):
        low = limits[limits["metric"] == metric].set_index("sample")[bound].loc[samples]
        assert (metrics[metric].to_numpy()[result.keep] >= low.to_numpy()[result.keep]).all()


def test_wrong_use_is_named():
    metrics = pd.DataFrame({"n_umi": [900.0, 800.0], "n_genes": [400, 300]})
    with pytest.raises(DataError, match="one row per cell"):
        suggest_qc(metrics, ["a"])
    limits = suggest_qc(metrics, ["a", "a"])
    with pytest.raises(DataError, match="no limit on n_umi"):
        apply_qc(metrics, ["a", "b"], limits)
