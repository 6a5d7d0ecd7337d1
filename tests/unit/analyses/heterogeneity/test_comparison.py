import numpy as np
import pandas as pd
import pytest

from imscope.analyses.heterogeneity import (
    HeterogeneitySettings,
    compare,
    describe_claims,
    index_table,
    relative_table,
)
from imscope.analyses.heterogeneity.arms import choose_arms, make_arm
from imscope.analyses.heterogeneity.between import compare_spread, spread_power
from imscope.analyses.heterogeneity.drift import drift_of
from imscope.analyses.heterogeneity.groups import groups_by
from imscope.core.errors import DataError


def two_arms(sim, seed, *, within, lots=5, between=(0.2, 0.2), cells=40, genes=150, passages=(0,)):
    """Lots of two groups with given spread inside and between lots; one sample per passage."""
    rng = np.random.default_rng(seed)
    p = sim.profile(rng, genes)
    counts, rows = [], []
    for arm, (name, inside) in enumerate(zip(("iMSC", "primary_MSC"), within, strict=True)):
        for lot in range(lots):
            centre = sim.vary(rng, p, 1, between[arm])[0]
            drift = rng.normal(0, 1, genes)
            for passage in passages:
                moved = centre * np.exp(drift * 0.02 * passage * (1 + arm))
                shape = sim.vary(rng, moved / moved.sum(), cells, inside[lot])
                counts.append(sim.draw(rng, shape, rng.integers(2_000, 5_000, cells)))
                row = {
                    "sample": f"{name}{lot}p{passage}",
                    "lot": f"{name}{lot}",
                    "source_class": name,
                    "platform": "v3",
                    "population_doublings": float(passage),
                }
                rows += [row] * cells
    return np.vstack(counts), pd.DataFrame(rows)


TIGHT, WIDE = [0.20, 0.21, 0.19, 0.2, 0.2], [0.40, 0.38, 0.42, 0.4, 0.41]


def claim(table, letter):
    return table.set_index("claim").loc[letter]


def test_a_more_uniform_group_is_superior_and_the_claims_differ(sim):
    counts, cells = two_arms(sim, 0, within=(TIGHT, WIDE))
    table = compare(sim.cohort(counts, cells), "source_class", unit="lot")
    a = claim(table, "A")
    assert a[["test_group", "reference_group"]].tolist() == ["iMSC", "primary_MSC"]
    assert a["verdict"] == "SUPERIOR"
    np.testing.assert_allclose(a["p_raw"], 1 / 252)
    np.testing.assert_allclose(a["p_value"], 1 / 252)  # the first claim pays nothing
    np.testing.assert_allclose(a["p_least"], 1 / 252)
    settings = HeterogeneitySettings(adjustment="holm")
    by_holm = compare(sim.cohort(counts, cells, settings=settings), "source_class", unit="lot")
    np.testing.assert_allclose(claim(by_holm, "A")["p_value"], 2 / 252)  # C is not testable
    assert claim(by_holm, "A")["low"] < a["low"]  # the interval is at the level of the test
    assert a["low"] < np.expm1(0.2**2) / np.expm1(0.4**2) < a["high"] < 0.5
    assert abs(a["ratio_unmatched"] / a["ratio"] - 1) < 0.1
    assert claim(table, "B")["verdict"] == "INCONCLUSIVE"
    assert "these units would show it in" in claim(table, "B")["reason"]
    assert claim(table, "C")["verdict"] == "NOT TESTABLE"


def test_turned_round_it_is_inferior(sim):
    counts, cells = two_arms(sim, 0, within=(TIGHT, WIDE))
    h = sim.cohort(counts, cells)
    table = compare(h, "source_class", unit="lot", test="primary_MSC", reference="iMSC")
    assert claim(table, "A")["verdict"] == "INFERIOR"


def test_like_tight_lots_are_equivalent(sim):
    same = [0.3] * 5
    counts, cells = two_arms(sim, 1, within=(same, same), cells=150)
    table = compare(sim.cohort(counts, cells), "source_class", unit="lot")
    assert claim(table, "A")["verdict"] == "EQUIVALENT"


def test_drift_is_compared_along_population_doublings(sim):
    same = [0.2] * 4
    counts, cells = two_arms(sim, 2, within=(same, same), lots=4, passages=(0, 5, 10), cells=60)
    table = compare(sim.cohort(counts, cells), "source_class", unit="lot")
    c = claim(table, "C")
    assert c["p_raw"] <= 2 / 70
    assert 0.1 < c["ratio"] < 0.6  # half the speed: a quarter of its square
    assert c["n_test"] == 4


def test_drift_of_a_lot_that_does_not_move_is_zero_on_average(sim):
    values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p = sim.profile(rng, 100)
        counts = sim.draw(rng, sim.vary(rng, p, 90, 0.3), 1_500)
        cells = {
            "sample": np.repeat(["a", "b", "c"], 30),
            "lot": "x",
            "population_doublings": np.repeat([0.0, 4.0, 9.0], 30),
        }
        h = sim.cohort(counts, cells)
        values.append(drift_of(h, groups_by(h, "lot")[0])[0])
    assert abs(np.mean(values)) < 3.5 * np.std(values, ddof=1) / np.sqrt(40)


def test_spread_components_are_the_between_unit_truth(sim):
    same = [0.1] * 12
    counts, cells = two_arms(sim, 3, within=(same, same), lots=12, between=(0.15, 0.3), cells=25)
    h = sim.cohort(counts, cells)
    arms = [
        make_arm(h, g, "lot")
        for pair in choose_arms(h, "source_class", test=None, reference=None)
        for g in pair
    ]
    got = compare_spread(h, *arms, margin=(0.8, 1.25))
    u = h.universes[0]
    y = counts / counts.sum(1, keepdims=True)
    for value, arm in ((got.test, "iMSC"), (got.reference, "primary_MSC")):
        mine = (cells["source_class"] == arm).to_numpy()
        means, errors = [], []
        for lot in cells["lot"][mine].unique():
            rows = y[(cells["lot"] == lot).to_numpy()]
            means.append(rows.mean(0))
            errors.append(rows.var(0, ddof=1) / len(rows))
        v = np.var(means, axis=0, ddof=1) - np.mean(errors, axis=0)
        np.testing.assert_allclose(value, (v[u.genes] / u.reference[u.genes]).sum(), rtol=1e-9)
    assert got.p_lower < 0.01
    assert got.low < got.ratio < got.high


def test_sixteen_units_see_a_halved_spread():
    assert spread_power(15, 15) < 0.82
    assert spread_power(16, 16) > 0.80


def test_pairs_use_the_paired_test(sim):
    rng = np.random.default_rng(4)
    donor = rng.uniform(0.2, 0.5, 6)
    counts, cells = two_arms(sim, 5, within=(donor * 0.85, donor), lots=6, cells=60)
    cells["pair"] = cells["lot"].str[-1]
    a = claim(compare(sim.cohort(counts, cells), "source_class", unit="lot"), "A")
    assert a["method"] == "exact sign flips of pairs and paired t"
    np.testing.assert_allclose(a["p_raw"], 1 / 64)
    unpaired = compare(sim.cohort(counts, cells.drop(columns="pair")), "source_class", unit="lot")
    assert claim(unpaired, "A")["p_raw"] > a["p_raw"]


def refused(table, words):
    assert (table["verdict"] == "NOT TESTABLE").all()
    assert table[["ratio", "low", "high", "p_value", "p_equivalence"]].isna().all(axis=None)
    assert table["reason"].str.contains(words).all()


def test_bad_designs_are_not_testable(sim):
    counts, cells = two_arms(sim, 6, within=(TIGHT, WIDE))

    def run(frame, keep=slice(None), **words):
        return compare(sim.cohort(counts[keep], frame[keep]), "source_class", unit="lot", **words)

    few = cells["lot"].str[-1].isin(["0", "1"]).to_numpy()
    refused(run(cells, few), r"iMSC has 2 replicate units \(lot\), 3 are needed")
    mixed = cells.assign(platform=np.where(cells["source_class"] == "iMSC", "v2", "v3"))
    refused(run(mixed), "platforms or pipelines are mixed")
    soup = cells.assign(ambient_frac=np.where(cells["source_class"] == "iMSC", 0.10, 0.02))
    refused(run(soup), "iMSC has 0 replicate units.*10.0 % ambient RNA")
    mild = cells.assign(ambient_frac=np.where(cells["source_class"] == "iMSC", 0.045, 0.01))
    refused(run(mild), "ambient RNA differs")
    refused(run(cells, registered="0" * 64), "not those registered")
    one = (cells["source_class"] == "iMSC").to_numpy()
    refused(run(cells, one), "only one source_class")
    with pytest.raises(DataError, match="no group 'BM'"):
        run(cells, test="BM")


def test_a_sample_with_soup_is_never_called_more_uniform(sim):
    counts, cells = two_arms(sim, 7, within=(TIGHT, WIDE))
    cells["ambient_frac"] = 0.10
    table = compare(sim.cohort(counts, cells), "source_class", unit="lot")
    refused(table, "0 replicate units")
    cells["ambient_frac"] = np.where(cells["lot"] == "iMSC0", 0.10, 0.02)
    a = claim(compare(sim.cohort(counts, cells), "source_class", unit="lot"), "A")
    assert a["n_test"] == 4
    assert "left out: iMSC0: 10.0 % ambient RNA" in a["reason"]


def test_the_registered_hash_lets_the_same_settings_pass(sim):
    counts, cells = two_arms(sim, 0, within=(TIGHT, WIDE))
    settings = HeterogeneitySettings(margin_low=0.7, margin_high=1.4)
    h = sim.cohort(counts, cells, settings=settings)
    same = compare(h, "source_class", unit="lot", registered=settings.digest)
    assert claim(same, "A")["verdict"] == "SUPERIOR"
    assert claim(same, "A")["settings_hash"] == settings.digest
    other = compare(h, "source_class", unit="lot", registered=HeterogeneitySettings().digest)
    refused(other, "margin included")


def test_null_lots_are_called_different_no_more_often_than_stated(sim):
    """One group cut at random into arms: claim A rejects 5 % at most (one-sided, 6 v 6)."""
    same = [0.3] * 6
    counts, cells = two_arms(sim, 8, within=(same, same), lots=6, between=(0.2, 0.2), cells=30)
    lots = cells["lot"].unique()
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(40):
        test = set(rng.permutation(lots)[:6])
        arm = np.where(cells["lot"].isin(test), "iMSC", "primary_MSC")
        table = compare(
            sim.cohort(counts, cells.assign(source_class=arm)), "source_class", unit="lot"
        )
        hits += claim(table, "A")["verdict"] == "SUPERIOR"
    assert hits <= 6  # 99.5 % of binomial(40, 0.05)


def test_ten_percent_ambient_rna_is_never_more_uniform(sim):
    """The same cells with a tenth of their RNA taken from the pool: no table calls them uniform."""
    counts, cells = two_arms(sim, 6, within=([0.3] * 4, [0.3] * 4), lots=4)
    rng = np.random.default_rng(0)
    soup = counts.sum(0) / counts.sum()
    dirty = (cells["source_class"] == "iMSC").to_numpy()
    foreign = np.round(0.1 * counts.sum(1)).astype(int)
    mixed = np.array(
        [
            rng.multivariate_hypergeometric(row, row.sum() - k) + rng.multinomial(k, soup)
            if bad
            else row
            for row, k, bad in zip(counts, foreign, dirty, strict=True)
        ]
    )
    cells["ambient_frac"] = np.where(dirty, 0.10, 0.01)
    cells["is_reference"] = ~dirty
    clean, h = sim.cohort(counts, cells), sim.cohort(mixed, cells)
    before, after = (index_table(x, "sample").set_index("group")["hi2"] for x in (clean, h))
    dirty_samples = after.index.str.startswith("iMSC")
    assert (
        after[dirty_samples] / before[dirty_samples]
    ).mean() < 0.9  # the bait: it does look more uniform
    warned = index_table(h, "sample").set_index("group")["warnings"]
    assert warned[dirty_samples].str.contains("W-AMBIENT-HIGH").all()
    assert (compare(h, "source_class", unit="lot")["verdict"] == "NOT TESTABLE").all()
    described = describe_claims(h).set_index("test_group")
    assert (described.loc[after.index[dirty_samples], "verdict"] == "NOT TESTABLE").all()
    assert (described.loc[after.index[~dirty_samples], "verdict"] == "DESCRIPTIVE").all()
    ratios = relative_table(h, "sample").set_index("group")
    assert ratios.loc[after.index[dirty_samples], "ratio"].isna().all()
    assert ratios.loc[after.index[dirty_samples], "status"].str.contains("10.0 % ambient RNA").all()
