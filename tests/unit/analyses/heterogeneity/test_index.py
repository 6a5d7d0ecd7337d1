import numpy as np
import pandas as pd
import pytest

from imscope.analyses.heterogeneity import HeterogeneitySettings, describe_claims, index_table
from imscope.core.errors import DataError, UsageError


def one_group(table):
    assert len(table) == 1
    return table.iloc[0]


def test_identical_cells_of_any_depth_give_zero(sim):
    rng = np.random.default_rng(0)
    p = sim.profile(rng)
    rejected = 0
    z = []
    for _ in range(60):
        counts = rng.multinomial(rng.integers(1_000, 9_000, 100), p)
        row = one_group(index_table(sim.cohort(counts, {"sample": ["s"] * 100}), "sample"))
        rejected += row["hi2_low"] > 0 or row["hi2_high"] < 0
        z.append(row["hi2"] / ((row["hi2_high"] - row["hi2_low"]) / 4.19))
    assert rejected <= 9  # 3 expected; 99.8 % of binomial(60, 0.05) is at most 9
    assert abs(np.mean(z)) < 3.5 / np.sqrt(60)


def test_ten_times_less_depth_changes_the_cv_by_less_than_three_percent(sim):
    rng = np.random.default_rng(1)
    p = sim.profile(rng, 600)
    counts = sim.draw(rng, sim.vary(rng, p, 500, 0.35), 12_000)
    thin = rng.binomial(counts, 0.1)
    full, low = (
        one_group(index_table(sim.cohort(x, {"sample": ["s"] * 500}), "sample"))["bcv_percent"]
        for x in (counts, thin)
    )
    assert abs(low / full - 1) < 0.03


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_mixtures_of_two_populations_follow_theory(sim, share):
    rng = np.random.default_rng(2)
    p = sim.profile(rng, 500)
    q = p * np.exp(rng.normal(0, 0.8, 500) * (rng.random(500) < 0.3))
    q /= q.sum()
    n = 4_000
    second = np.zeros(n, bool)
    second[: int(share * n)] = True
    counts = np.vstack(
        [rng.multinomial(4_000, p, size=(~second).sum()), rng.multinomial(4_000, q, second.sum())]
    )
    h = sim.cohort(counts, {"sample": ["s"] * n})
    genes, ref = h.universes[0].genes, h.universes[0].reference
    theory = share * (1 - share) * (((p - q) ** 2)[genes] / ref[genes]).sum() * n / (n - 1)
    got = one_group(index_table(h, "sample"))["hi2"]
    assert abs(got / theory - 1) < 0.04


def test_seed_and_threads(sim):
    rng = np.random.default_rng(3)
    counts = sim.draw(rng, sim.vary(rng, sim.profile(rng), 160, 0.3), 2_000)
    cells = {"sample": np.repeat(["a", "b", "c", "d"], 40), "lot": np.repeat(["x", "y"], 80)}
    tables = [
        pd.concat([index_table(h, by, threads=t) for by in ("sample", "lot")])
        for t in (1, 2)
        for h in [sim.cohort(counts, cells, threads=t)]
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)


def test_pooled_group_holds_differences_between_samples(sim):
    rng = np.random.default_rng(4)
    p = sim.profile(rng)
    lots = [sim.vary(rng, p, 1, 0.4)[0] for _ in range(6)]
    counts = np.vstack([sim.draw(rng, sim.vary(rng, q, 60, 0.2), 3_000) for q in lots])
    cells = {"sample": np.repeat([f"s{k}" for k in range(6)], 60), "platform": "v3", "arm": "iMSC"}
    row = one_group(index_table(sim.cohort(counts, cells), "arm"))
    assert row["n_units"] == 6
    assert "bootstrap" in row["interval"]
    assert row["hi2_within"] < 0.6 * row["hi2"]
    assert row["hi2_low"] < row["hi2"] < row["hi2_high"]


def test_groups_that_cannot_be_estimated_say_so_and_give_no_number(sim):
    rng = np.random.default_rng(5)
    p = sim.profile(rng)
    counts = np.vstack([rng.multinomial(600, p, size=40), rng.multinomial(3_000, p, size=50)])
    cells = {
        "sample": ["shallow"] * 40 + ["few"] * 10 + ["good"] * 40,
        "platform": ["v2"] * 40 + ["v3"] * 50,
        "arm": "x",
    }
    h = sim.cohort(counts, cells)
    table = index_table(h, "sample").set_index("group")
    assert table.loc["shallow", "status"] == "not estimable: median depth 600 UMI is below 1,000"
    assert table.loc["few", "status"] == "not estimable: 10 cells, 25 are needed"
    assert table.loc[["shallow", "few"], "hi2"].isna().all()
    assert table.loc["good", "status"] == "ok"
    mixed = one_group(index_table(h, "arm"))
    assert mixed["status"].startswith("not comparable: the group mixes platforms")
    assert np.isnan(mixed["hi2"])


def test_ambient_is_a_warning(sim):
    rng = np.random.default_rng(6)
    p = sim.profile(rng)
    counts = sim.draw(rng, sim.vary(rng, p, 100, 0.3), 3_000)
    cells = {"sample": np.repeat(["a", "b"], 50), "ambient_frac": np.repeat([0.02, 0.10], 50)}
    table = index_table(sim.cohort(counts, cells), "sample").set_index("group")
    assert "W-AMBIENT-HIGH: ambient share 10.0 %" in table.loc["b", "warnings"]
    assert "W-AMBIENT" not in table.loc["a", "warnings"]


def test_the_cap_prints_its_error(sim):
    rng = np.random.default_rng(7)
    p = sim.profile(rng)
    loadings = rng.normal(0, 1, (3, 300)) * (rng.random((3, 300)) < 0.4)
    counts = sim.draw(rng, sim.vary(rng, p, 400, 0.4, loadings), 3_000)
    settings = HeterogeneitySettings(coordinated_cells=200)
    capped = one_group(
        index_table(sim.cohort(counts, {"sample": ["s"] * 400}, settings=settings), "sample")
    )
    whole = one_group(index_table(sim.cohort(counts, {"sample": ["s"] * 400}), "sample"))
    assert "from 200 of 400 cells, subsampling error" in capped["warnings"]
    assert abs(np.log(capped["hi_c"] / whole["hi_c"])) < 0.3
    assert 2 < whole["programmes"] < 6


def test_a_sample_is_described_against_its_pool_and_platforms_are_not_compared(sim):
    rng = np.random.default_rng(8)
    p = sim.profile(rng)
    lots = [sim.vary(rng, p, 1, 0.5)[0] for _ in range(4)]
    counts = np.vstack([sim.draw(rng, sim.vary(rng, q, 60, 0.15), 3_000) for q in lots])
    cells = {
        "sample": np.repeat(["a", "b", "c", "d"], 60),
        "platform": np.repeat(["v2", "v3"], 120),
    }
    claims = describe_claims(sim.cohort(counts, cells))
    described = claims[claims["verdict"] == "DESCRIPTIVE"]
    assert described["test_group"].tolist() == ["a", "b", "c", "d"]
    assert (described["high"] < 1).all()
    assert described["reason"].str.contains("more alike").all()
    refused = claims[claims["verdict"] == "NOT TESTABLE"]
    assert refused[["test_group", "reference_group"]].to_numpy().tolist() == [["v2", "v3"]]
    assert refused["ratio"].isna().all()


def test_a_missing_column_suggests_the_nearest(sim):
    counts = np.full((30, 60), 40)
    h = sim.cohort(counts, {"sample": ["s"] * 30, "platform": "v3"})
    with pytest.raises(DataError, match="did you mean platform"):
        index_table(h, "plaftorm")


def test_a_column_that_differs_from_cell_to_cell_is_named(sim):
    counts = np.full((2_100, 60), 3)
    with pytest.raises(DataError, match="n_umi"):
        sim.cohort(counts, {"sample": ["s"] * 2_100, "n_umi": np.arange(2_100)})


def test_settings_out_of_range_are_usage_errors():
    with pytest.raises(UsageError, match="margin_low"):
        HeterogeneitySettings(margin_low=1.5)
