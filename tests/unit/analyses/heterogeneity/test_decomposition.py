import numpy as np
import pandas as pd
import pytest

from imscope.analyses.heterogeneity import decompose
from imscope.analyses.heterogeneity.levels import nest_levels
from imscope.core.errors import DataError, MethodError


def textbook(counts, factors, reference, genes):
    """Nested components by the moment equations, cell by cell on a dense matrix."""
    depth = counts.sum(1).astype(float)
    y = counts / depth[:, None]
    w = np.where(genes, 1 / np.maximum(reference, 1e-15), 0.0)
    n = len(counts)
    noise = (y * (1 - y) * w).sum(1) / (depth - 1)
    labels = [np.zeros(n, int)]
    key = np.zeros(n, int)
    for factor in factors:
        code = np.unique(np.asarray(factor), return_inverse=True)[1]
        key = np.unique(np.stack([key, code], 1), axis=0, return_inverse=True)[1].ravel()
        labels.append(key)
    labels.append(np.arange(n))
    size = len(labels)
    total, a = np.zeros(size), np.zeros((size, size))
    for i, label in enumerate(labels):
        for g in np.unique(label):
            mine = label == g
            total[i] += mine.sum() * (y[mine].mean(0) ** 2 * w).sum() - noise[mine].mean()
        for j in range(size):
            for g in np.unique(labels[j]):
                child = labels[j] == g
                inside = max(child.sum(), 1) if j > i else 0
                parent = (label == label[child][0]).sum()
                a[i, j] += inside**2 / parent if j > i else 0
        a[i, : i + 1] = n
    return np.linalg.solve(a, total)[1:]


def design(rng, donors=7, batches=3):
    rows = []
    for d in range(donors):
        for b in range(int(rng.integers(1, batches + 1)) + 1):
            rows += [(f"d{d}", f"d{d}b{b}")] * int(rng.integers(8, 16))
    return pd.DataFrame(rows, columns=["donor", "batch"])


def nested_counts(sim, rng, cells, sd=(0.25, 0.15, 0.3), n_genes=150, depth=(800, 4_000)):
    p = sim.profile(rng, n_genes)
    profiles = np.tile(np.log(p), (len(cells), 1))
    for column, size in zip(["donor", "batch"], sd, strict=False):
        code = pd.factorize(cells[column])[0]
        profiles += rng.normal(0, size, (code.max() + 1, n_genes))[code]
    profiles = np.exp(profiles + rng.normal(0, sd[2], profiles.shape))
    profiles /= profiles.sum(1, keepdims=True)
    return sim.draw(rng, profiles, rng.integers(*depth, len(cells)))


@pytest.mark.parametrize("seed", range(4))
def test_components_are_the_textbook_on_unbalanced_designs(sim, seed):
    rng = np.random.default_rng(seed)
    cells = design(rng)
    counts = nested_counts(sim, rng, cells)
    h = sim.cohort(counts, cells.assign(sample=cells["batch"], platform="v3"))
    got = decompose(h, ["donor", "batch"])
    u = h.universes[0]
    want = textbook(counts, [cells["donor"], cells["batch"]], u.reference, u.genes)
    assert got.table["level"].tolist() == ["donor", "batch", "cell"]
    np.testing.assert_allclose(got.table["hi2"], want, rtol=1e-9)
    np.testing.assert_allclose(got.total_hi2, want.sum(), rtol=1e-9)
    np.testing.assert_allclose(got.table["share"].sum(), 1)


def test_a_bootstrap_replicate_is_the_textbook_on_copies(sim):
    from imscope.analyses.heterogeneity.components import components, lay_out, sum_genes

    rng = np.random.default_rng(5)
    cells = design(rng, donors=6)
    cells["arm"] = np.where(cells["donor"] < "d3", "x", "y")
    counts = nested_counts(sim, rng, cells)
    h = sim.cohort(counts, cells.assign(sample=cells["batch"], platform="v3"))
    u = h.universes[0]
    nesting = nest_levels(h.strata, ["arm", "donor", "batch"])
    codes, strata = list(nesting.codes), np.arange(len(h.strata))
    times = np.array([2.0, 0, 1, 1, 1, 1])
    layout = lay_out(h.strata["n_cells"].to_numpy(float), codes, codes[1])
    sums = sum_genes(h, strata, codes, codes[1])
    got = components(layout, sums, times[None], reference=u.reference[u.genes])[0]
    anew = components(layout, sums, times[None])[0]
    pieces, frames = [], []
    for d, k in enumerate(times.astype(int)):
        for copy in range(k):
            mine = (cells["donor"] == f"d{d}").to_numpy()
            pieces.append(counts[mine])
            frames.append(
                cells[mine].assign(donor=f"d{d}.{copy}", batch=cells["batch"] + str(copy))
            )
    frame, stacked = pd.concat(frames), np.vstack(pieces)
    factors = [frame[c] for c in ("arm", "donor", "batch")]
    want = textbook(stacked, factors, u.reference, u.genes)
    np.testing.assert_allclose(got, want, rtol=1e-9)
    share = stacked / stacked.sum(1, keepdims=True)
    means = [share[(frame["batch"] == b).to_numpy()].mean(0) for b in frame["batch"].unique()]
    want = textbook(stacked, factors, np.mean(means, axis=0), u.genes)  # samples weigh alike
    np.testing.assert_allclose(anew, want, rtol=1e-9)


def test_confounded_levels_are_merged_and_named():
    strata = pd.DataFrame(
        {
            "source_class": ["iMSC", "iMSC", "primary_MSC", "primary_MSC"],
            "donor": ["a", "a", "b", "b"],
            "batch": ["1", "2", "3", "4"],
            "library": ["1", "2", "3", "4"],
            "n_cells": 10,
        }
    )
    got = nest_levels(strata, ["source_class", "donor", "batch", "library"], unit="batch")
    assert got.names == ("source_class=donor", "batch=library")
    assert got.merged == ("source_class = donor", "batch = library")
    assert "source_class has 1 degree of freedom: its share is a rough guess" in got.untestable
    assert "claims A, B and C: iMSC has 2 batches, 3 are needed" in got.untestable
    assert "all iMSC come from one donor: what is found holds for that donor" in got.untestable


def test_lots_are_the_replicates_when_all_come_from_one_donor():
    strata = pd.DataFrame(
        {
            "source_class": ["iMSC"] * 4 + ["primary_MSC"] * 4,
            "donor": ["a"] * 4 + list("bcde"),
            "lot": list("12345678"),
            "n_cells": 10,
        }
    )
    got = nest_levels(strata, ["source_class", "donor", "lot"], unit="lot")
    assert not any(u.startswith("claims") for u in got.untestable)
    assert "all iMSC come from one donor: what is found holds for that donor" in got.untestable


def test_a_level_that_one_group_informs_has_no_interval(sim):
    rng = np.random.default_rng(8)
    cells = pd.DataFrame(
        {
            "donor": np.repeat(["a"] * 4 + list("bcde"), 20),
            "sample": np.repeat(list("12345678"), 20),
            "platform": "v3",
        }
    )
    counts = nested_counts(sim, rng, cells.assign(batch=cells["sample"]))
    table = decompose(sim.cohort(counts, cells), ["donor", "sample"]).table.set_index("level")
    assert table.loc["sample", "status"].endswith(
        "no interval: only 1 of 5 groups (donor) inform it"
    )
    assert np.isnan(table.loc["sample", "low"])
    assert np.isfinite(table.loc[["donor", "cell"], "low"]).all()


def test_one_donor_gives_no_interval_and_says_so(sim):
    rng = np.random.default_rng(1)
    cells = pd.DataFrame({"sample": np.repeat(["a", "b"], 40), "donor": "d", "platform": "v3"})
    counts = sim.draw(rng, sim.vary(rng, sim.profile(rng), 80, 0.3), 2_000)
    got = decompose(sim.cohort(counts, cells), ["donor", "sample"])
    assert got.merged == ("donor: only d",)
    assert got.table["low"].isna().all()
    assert got.interval == "none: fewer than 3 groups"


def test_mixed_platforms_and_missing_columns_end_in_errors(sim):
    rng = np.random.default_rng(2)
    counts = rng.multinomial(2_000, sim.profile(rng), size=80)
    h = sim.cohort(counts, {"sample": np.repeat(["a", "b"], 40), "platform": np.repeat([1, 2], 40)})
    with pytest.raises(MethodError, match="mixes platforms"):
        decompose(h, ["sample"])
    with pytest.raises(DataError, match="no column 'doner'"):
        decompose(h, ["doner"])


def test_levels_without_a_value_are_refused(sim):
    rng = np.random.default_rng(3)
    counts = rng.multinomial(2_000, sim.profile(rng), size=80)
    lots = np.array(["x"] * 40 + [None] * 40, dtype=object)
    h = sim.cohort(counts, {"sample": np.repeat(["a", "b"], 40), "lot": lots})
    with pytest.raises(MethodError, match="1 of 2 have no value"):
        decompose(h, ["lot"])


def test_components_and_intervals_hold_the_truth_over_many_studies(sim):
    """Six donors, additive effects of known size: small version of the validation study."""
    truth = np.array([0.12, 0.08, 0.15]) ** 2
    rng = np.random.default_rng(9)
    p = sim.profile(rng, 100)
    donors, batches = np.repeat(np.arange(6), 60), np.repeat(np.arange(18), 20)
    cells = pd.DataFrame({"donor": donors.astype(str), "sample": batches.astype(str)})
    cells["platform"] = "v3"
    estimates, held = [], np.zeros(3)
    for _ in range(40):
        effects = (
            rng.normal(0, 0.12, (6, 100))[donors]
            + rng.normal(0, 0.08, (18, 100))[batches]
            + rng.normal(0, 0.15, (360, 100))
        )
        profiles = np.clip(p * (1 + effects), 0, None)
        profiles /= profiles.sum(1, keepdims=True)
        h = sim.cohort(sim.draw(rng, profiles, 2_000), cells)
        u = h.universes[0]
        scale = ((p - p**2)[u.genes] * (p / u.reference)[u.genes]).sum()  # fractions sum to one
        table = decompose(h, ["donor", "sample"], programmes=False).table
        estimates.append(table["hi2"] / scale)
        inside = (table["low"] / scale <= truth) & (truth <= table["high"] / scale)
        held += inside.to_numpy()
    np.testing.assert_allclose(np.mean(estimates, axis=0), truth, rtol=0.1)
    assert (held >= 33).all()  # 99.8 % of binomial(40, 0.95) is at least 33
