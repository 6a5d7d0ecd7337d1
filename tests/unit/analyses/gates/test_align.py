import numpy as np
import pandas as pd
import pytest

from imscope.analyses.gates.align import _bic_prefers_two, _two_means, align_batches
from imscope.analyses.gates.gate import Gate, Literal, apply_gate
from imscope.core.errors import DataError


def raw_batch(rng, n, share, low=5.0, high=150.0, gain=1.0):
    y = rng.random(n) < share
    rate = np.where(y, high, low) * gain * rng.lognormal(0, 0.35, n)
    return rng.poisson(rate).astype(float), y


def test_two_means_is_the_exact_optimum():
    rng = np.random.default_rng(0)
    for _ in range(50):
        v = np.sort(rng.normal(size=20) + (rng.random(20) < 0.4) * 3)
        cost = [
            ((v[:k] - v[:k].mean()) ** 2).sum() + ((v[k:] - v[k:].mean()) ** 2).sum()
            for k in range(1, 20)
        ]
        assert _two_means(v) == int(np.argmin(cost)) + 1


def test_mixture_bic_tells_one_normal_curve_from_two():
    rng = np.random.default_rng(1)
    one = np.sort(rng.normal(size=3000))
    two = np.sort(np.concatenate([rng.normal(size=2700), rng.normal(4, 1, 300)]))
    assert not _bic_prefers_two(one, _two_means(one))
    assert _bic_prefers_two(two, _two_means(two))


def test_one_threshold_means_the_same_in_batches_of_other_gain_and_mix():
    rng = np.random.default_rng(2)
    parts = [raw_batch(rng, 1500, s, gain=g) for s, g in ((0.3, 1), (0.1, 6), (0.6, 0.4))]
    raw = pd.DataFrame({"CD3": np.concatenate([p[0] for p in parts])})
    y = np.concatenate([p[1] for p in parts])
    batch = np.repeat(["a", "b", "c"], 1500)
    out = align_batches(raw, batch)
    gate = Gate((Literal("CD3", "+", 0.5),), out.scale)
    inside = apply_gate(out.values, gate)
    assert (inside == y).mean() > 0.98
    fixed = max(((raw["CD3"].to_numpy() > t) == y).mean() for t in range(1, 400))
    assert (inside == y).mean() > fixed
    np.testing.assert_array_equal(apply_gate(raw, gate, batch), inside)


def test_a_batch_without_positive_cells_is_not_stretched():
    rng = np.random.default_rng(3)
    parts = [raw_batch(rng, 1500, s) for s in (0.3, 0.25, 0.0)]
    raw = pd.DataFrame({"CD19": np.concatenate([p[0] for p in parts])})
    out = align_batches(raw, np.repeat(["a", "b", "c"], 1500), studies=["s"] * 4500)
    row = out.table.set_index("batch").loc["c"]
    assert row["method"] == "one peak (negative)"
    assert (out.values["CD19"].to_numpy()[3000:] > 0.5).mean() < 0.02


def test_background_tells_a_positive_peak():
    rng = np.random.default_rng(4)
    parts = [raw_batch(rng, 1500, s) for s in (0.3, 1.0)]
    raw = pd.DataFrame({"CD3": np.concatenate([p[0] for p in parts])})
    known = pd.DataFrame({"CD3": [5.0]}, index=["b"])
    out = align_batches(raw, np.repeat(["a", "b"], 1500), background=known)
    row = out.table.set_index("batch").loc["b"]
    assert row["method"] == "one peak (positive)"
    assert (out.values["CD3"].to_numpy()[1500:] > 0.5).mean() > 0.95


def test_landmarks_are_drawn_towards_the_study():
    rng = np.random.default_rng(5)
    gains = np.exp(rng.normal(0, 0.05, 6))
    raw = np.concatenate([raw_batch(rng, 400, 0.3, gain=g)[0] for g in gains])
    batch = np.repeat(list("abcdef"), 400)
    frame = pd.DataFrame({"CD3": raw})
    alone = align_batches(frame, batch, studies=batch).table["negative"]
    shared = align_batches(frame, batch, studies=["s"] * 2400).table["negative"]
    assert shared.std() < alone.std()


def test_input_that_does_not_fit():
    frame = pd.DataFrame({"CD3": [1.0, np.inf]})
    with pytest.raises(DataError, match="infinite"):
        align_batches(frame, ["a", "a"])
    with pytest.raises(DataError, match="do not fit"):
        align_batches(frame, ["a"])
    few = align_batches(pd.DataFrame({"CD3": [1.0, 2.0]}), ["a", "a"])
    assert few.table["method"].tolist() == ["none"]
