import os
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imscope.analyses.subsets.abundance import AbundanceSettings, differential_abundance
from imscope.analyses.subsets.composition import describe_composition
from imscope.analyses.subsets.diversity import cells_at, hill_table, rarefied, sample_coverage
from imscope.core.errors import DataError
from imscope.stats.moderate import fit_moderated, moderated_f

DATA = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))


def expected_by_enumeration(x, m):
    n = sum(x)
    f = np.zeros(m + 1)
    for a in x:
        for k in range(1, m + 1):
            f[k] += comb(a, k) * comb(n - a, m - k) / comb(n, m)
    k = np.arange(1, m + 1)
    share = k / m
    return [
        f[1:].sum(),
        np.exp(-(share * np.log(share) * f[1:]).sum()),
        1 / (share**2 * f[1:]).sum(),
    ]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.data())
def test_rarefied_numbers_are_the_textbook_sums(x, data):
    m = data.draw(st.integers(1, sum(x)))
    assert rarefied(np.array(x), m) == pytest.approx(expected_by_enumeration(x, m), rel=1e-9)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=8), st.floats(0.1, 0.95))
def test_the_fewest_cells_reach_the_coverage(x, target):
    m = cells_at(x, target)
    assert m == sum(x) or sample_coverage(x, m) >= target
    assert m == 1 or sample_coverage(x, m - 1) < target


def test_one_subset_and_no_cells():
    table = hill_table(pd.DataFrame({"a": [30, 0], "b": [0, 0]}, ["x", "empty"]))
    x, empty = table[table["group"] == "x"], table[table["group"] == "empty"]
    assert x["hill"].tolist() == pytest.approx([1, 1, 1])
    assert empty["hill"].isna().all()
    assert (empty["status"] == "not estimable").all()


def test_moderation_without_borrowing_is_ordinary_regression():
    rng = np.random.default_rng(0)
    x = np.c_[np.ones(9), np.repeat([0.0, 1, 0], 3), np.repeat([0.0, 0, 1], 3)]
    y = rng.normal(size=(9, 2))
    f, p = moderated_f(fit_moderated(y, x), [1, 2])
    for k in range(2):
        model = sm.OLS(y[:, k], x).fit()
        assert f[k] == pytest.approx(model.fvalue)
        assert p[k] == pytest.approx(model.f_pvalue)


def null_counts(rng, n, phi=30, k=6):
    p = rng.dirichlet(np.full(k, 4.0))
    y = [rng.multinomial(2000, rng.dirichlet(phi * p)) for _ in range(2 * n)]
    return pd.DataFrame(y).rename(columns=str), pd.DataFrame({"arm": np.repeat(["a", "b"], n)})


@pytest.mark.parametrize("column", ["p_value", "p_likelihood"])
def test_type_one_error_with_units_as_replicates(column):
    rng = np.random.default_rng(1)
    p = np.concatenate(
        [differential_abundance(*null_counts(rng, 4), "arm")[column] for _ in range(60)]
    )
    assert 0.02 <= (p < 0.05).mean() <= 0.09


def test_a_doubled_subset_is_found_paired_or_along_passages():
    rng = np.random.default_rng(2)
    p = np.array([0.1, 0.3, 0.3, 0.3])
    late = p * [3, 1, 1, 1]
    donors = [rng.dirichlet(40 * p) for _ in range(5)]
    rows = [rng.multinomial(3000, rng.dirichlet(400 * d * w / (d * w).sum()))
            for d in donors for w in (np.ones(4), late / p)]  # fmt: skip
    counts = pd.DataFrame(rows).rename(columns=str)
    design = pd.DataFrame({"donor": np.repeat(list("abcde"), 2), "when": ["a", "b"] * 5})
    for how in ("logit", "arcsine", "log_ratio"):
        table = differential_abundance(
            counts, design, "when", pair="donor", settings=AbundanceSettings(how)
        )
        assert table["q_value"].iloc[0] < 0.01
        assert table["low"].iloc[0] > 0
    design["passage"] = np.where(design["when"] == "a", 2, 8)
    slope = differential_abundance(counts, design, "passage", pair="donor")
    both = differential_abundance(counts, design, "when", pair="donor")
    assert slope["effect"].iloc[0] * 6 == pytest.approx(both["effect"].iloc[0])


def test_the_order_of_subsets_has_no_influence():
    counts, design = null_counts(np.random.default_rng(3), 4)
    one = differential_abundance(counts, design, "arm").set_index("cluster")
    two = differential_abundance(counts[counts.columns[::-1]], design, "arm").set_index("cluster")
    assert two.loc[one.index, "p_value"].tolist() == pytest.approx(one["p_value"].tolist())


def test_two_units_per_arm_are_not_tested():
    counts, design = null_counts(np.random.default_rng(4), 2)
    table = differential_abundance(counts, design, "arm")
    assert table["status"].str.startswith("NOT TESTABLE: 3 units per arm").all()
    assert table["p_value"].isna().all()


def test_bad_counts_and_columns():
    counts, design = null_counts(np.random.default_rng(5), 3)
    with pytest.raises(DataError, match="whole counts"):
        differential_abundance(counts / 7, design, "arm")
    with pytest.raises(DataError, match="missing or has gaps"):
        differential_abundance(counts, design, "clone")


def test_the_run_gets_both_tables_and_clusters_stay_descriptive():
    rng = np.random.default_rng(6)
    lots = [f"l{k}" for k in range(6)]
    cells = pd.DataFrame(
        {"lot": np.repeat(lots, 50), "cluster": rng.integers(0, 3, 300).astype(str)}
    )
    cells["arm"] = np.where(cells["lot"] < "l3", "x", "y")
    tables = describe_composition(cells, group="arm", unit="lot")
    assert set(tables) == {"composition", "differential_abundance"}
    assert tables["composition"]["basis"].str.contains("descriptive").all()
    few = describe_composition(cells[cells["lot"] != "l0"], group="arm", unit="lot")
    assert set(few) == {"composition"}


@pytest.mark.shared
def test_gut_under_infection():
    path = DATA / "dynamics" / "composition_haber2017" / "haber_counts.csv"
    if not path.exists():
        pytest.skip("the shared data are not there")
    counts = pd.read_csv(path, index_col=0)
    arm = counts.index.str.replace(r"_\d+$", "", regex=True)
    share = counts["Enterocyte"] / counts.sum(axis=1)
    assert share[arm == "Salm"].min() > share[arm == "Control"].max()
    chosen = arm.isin(["Control", "Salm"])
    table = differential_abundance(counts[chosen], pd.DataFrame({"arm": arm[chosen]}), "arm")
    assert table["status"].str.contains("Salm has 2").all()
    half = pd.DataFrame({"arm": ["a", "b"] * 5})
    assert (differential_abundance(counts, half, "arm")["q_value"] > 0.05).all()


@pytest.mark.shared
def test_blood_of_young_and_old():
    folder = DATA / "dynamics" / "composition_pbmc_huang2021"
    if not folder.exists():
        pytest.skip("the shared data are not there")
    shares = pd.read_csv(folder / "CTpropsTransposed.txt", sep="\t", index_col=0).T
    design = pd.read_csv(folder / "sampleinfo.csv").set_index("Sample").loc[shares.index]
    counts = (shares * 50).round()  # percentages only; as if 5,000 cells had been counted
    table = differential_abundance(counts, design, "Age").set_index("cluster")
    naive = shares["CD8.Naive"]
    plain = stats.ttest_ind(naive[design["Age"] == "young"], naive[design["Age"] == "old"])
    assert plain.pvalue < 0.01
    assert table.loc["CD8.Naive", "q_value"] < 0.01
    assert table.loc["CD8.Naive", "low"] > 0
