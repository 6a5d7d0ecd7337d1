import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.kernels.counts import sum_counts
from imscope.engine.qc import (
    QcSettings,
    apply_qc,
    compute_count_sums,
    compute_qc,
    record_genes,
    suggest_qc,
)

COUNTS = arrays(np.int64, (7, 60), elements=st.sampled_from([0, 0, 0, 1, 2, 5, 255, 256, 900]))


@settings(deadline=None, max_examples=40)
@given(COUNTS)
def test_metrics_match_numpy(counts):
    mito = np.arange(60) < 5
    sums = compute_count_sums(MemoryBlocks.from_csr(sp.csr_array(counts)), {"mito": mito})
    total = counts.sum(axis=1)
    np.testing.assert_array_equal(sums.cells["n_umi"], total)
    np.testing.assert_array_equal(sums.cells["n_genes"], (counts > 0).sum(axis=1))
    np.testing.assert_array_equal(sums.gene_umi, counts.sum(axis=0))
    np.testing.assert_array_equal(sums.gene_cells, (counts > 0).sum(axis=0))
    safe = np.where(total > 0, total, np.nan)
    np.testing.assert_allclose(sums.cells["mito_frac"], counts[:, mito].sum(axis=1) / safe)
    top = np.sort(counts, axis=1)[:, -50:].sum(axis=1)
    np.testing.assert_allclose(sums.cells["top50_frac"], top / safe)


def test_compiled_and_python_bodies_agree():
    counts = sp.csr_array(np.random.default_rng(1).negative_binomial(0.2, 0.002, (5, 80)))
    bits = (np.arange(80) % 4).astype(np.uint8)
    found = []
    for body in (sum_counts, sum_counts.py_func):
        cells, genes = np.zeros((5, 5), np.int64), np.zeros((80, 2), np.int64)
        source = MemoryBlocks.from_csr(counts)
        body(source.indptr, source.indices, source.data, bits, cells, genes)
        found.append((cells, genes))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_class_the_file_does_not_hold_is_nan():
    metrics = compute_qc(
        MemoryBlocks.from_csr(sp.csr_array([[3, 1]])), {"mito": np.zeros(2, dtype=bool)}
    )
    assert metrics["mito_frac"].isna().all()
    assert metrics["ribo_frac"].isna().all()


def test_values_that_are_not_counts_are_refused():
    source = MemoryBlocks.from_csr(sp.csr_array([[0.5, 1.0]]))
    with pytest.raises(DataError, match="whole counts"):
        compute_qc(source, {})


def frame(umi, genes=None, mito=None):
    umi = np.asarray(umi)
    n = len(umi)
    return pd.DataFrame(
        {
            "n_umi": umi,
            "n_genes": umi // 2 if genes is None else genes,
            "mito_frac": np.full(n, 0.02) if mito is None else mito,
            "ribo_frac": np.full(n, 0.1),
            "haemoglobin_frac": np.full(n, np.nan),
            "top50_frac": np.full(n, 0.3),
        }
    )


def test_limits_are_median_and_mad_on_the_log_scale():
    umi = np.array([1000, 2000, 4000, 8000, 16000] * 3)
    limits = suggest_qc(frame(umi), ["a"] * 15, settings=QcSettings(n_mads=0.5))
    row = limits[limits["metric"] == "n_umi"].iloc[0]
    mad = 1.4826022185056018 * np.log(2)
    np.testing.assert_allclose([row["median"], row["mad"]], [np.log(4000), mad])
    np.testing.assert_allclose(row["low"], np.exp(np.log(4000) - 0.5 * mad))
    assert row["reason"].startswith("MAD")


def test_floors_ceilings_and_unmeasured_metrics_say_so():
    mito = np.linspace(0, 0.9, 100)
    limits = suggest_qc(frame(np.full(100, 300), mito=mito), ["a"] * 100).set_index("metric")
    assert limits.loc["n_umi", "low"] == 500
    assert limits.loc["n_umi", "reason"] == "floor"
    assert limits.loc["mito_frac", "high"] == 0.5
    assert limits.loc["haemoglobin_frac", "reason"].startswith("not measured")
    assert np.isnan(limits.loc["haemoglobin_frac", "high"])


def test_shared_limits_are_the_same_and_weigh_samples_equally():
    umi = np.concatenate([np.full(1000, 2000), np.full(10, 8000), np.full(10, 32000)])
    samples = np.repeat(["a", "b", "c"], [1000, 10, 10])
    limits = suggest_qc(frame(umi), samples, settings=QcSettings(shared=True))
    umis = limits[limits["metric"] == "n_umi"]
    assert umis["low"].nunique() == 1
    np.testing.assert_allclose(umis["median"], np.log(8000))
    own = suggest_qc(frame(umi), samples)
    assert own[own["metric"] == "n_umi"]["low"].nunique() == 3


def test_the_ledger_adds_up_and_empty_cells_have_their_own_rule():
    rng = np.random.default_rng(3)
    umi = rng.integers(0, 4000, 400)
    umi[:20] = 0
    metrics = frame(umi, mito=rng.uniform(0, 0.4, 400))
    samples = rng.choice(["x", "y"], 400)
    doublets = rng.random(400) < 0.1
    result = apply_qc(metrics, samples, suggest_qc(metrics, samples), doublets=doublets)
    ledger = result.ledger
    assert ledger[ledger["rule"] == "no counts"]["n_lost"].sum() == 20
    for name, rows in ledger.groupby("sample"):
        assert rows["n_before"].iloc[0] == (samples == name).sum()
        assert rows["n_after"].iloc[-1] == result.keep[samples == name].sum()
        np.testing.assert_array_equal(rows["n_before"] - rows["n_lost"], rows["n_after"])
        np.testing.assert_array_equal(rows["n_after"].iloc[:-1], rows["n_before"].iloc[1:])
    assert (ledger["n_flagged"] >= ledger["n_lost"]).all()
    kept = metrics[result.keep]
    assert kept["n_umi"].min() >= 500
    assert not doublets[result.keep].any()


def test_a_sample_without_limits_is_named():
    metrics = frame(np.full(4, 2000))
    limits = suggest_qc(metrics, ["a"] * 4)
    with pytest.raises(DataError, match="first is b"):
        apply_qc(metrics, ["a", "a", "a", "b"], limits)


def test_genes_are_recorded():
    ledger = record_genes([0, 2, 5, 1], [0, 0, 3, 1])
    assert ledger["n_lost"].tolist() == [1, 1]
