import numpy as np
import pandas as pd
import pytest

from imscope.analyses.subsets.names import UNNAMED, name_subsets
from imscope.core.errors import DataError

PROGRAMMES = ("angiogenesis", "immunomodulation", "hypoxia", "cc_s", "osteo_priming")


def tables(lift, *, units=6, noise=0.02, seed=0, status="ok"):
    """Scores of subsets `0` and `1`, with programmes of subset `1` lifted."""
    rng = np.random.default_rng(seed)
    rows = [
        (g, f"u{k}", p, rng.normal(0.2, noise) + (g == "1") * lift.get(p, 0.0))
        for g in ("0", "1")
        for k in range(units)
        for p in PROGRAMMES
    ]
    unit = pd.DataFrame(rows, columns=["group", "unit", "programme", "score"])
    scores = unit.groupby(["group", "programme"], as_index=False)["score"].mean()
    scores["status"] = status
    return scores, unit


def test_the_programme_that_is_higher_in_every_unit_names_the_subset():
    scores, unit = tables({"angiogenesis": 0.3})
    row = name_subsets(scores, {"1"}, unit_scores=unit).set_index("group").loc["1"]
    assert row["name"] == "angiogenesis"
    assert row["n_agree"] == row["n_units"] == 6
    assert row["confidence"] == pytest.approx(0.05 ** (1 / 6))  # exact limit when all agree
    assert row["effect"] == pytest.approx(0.3, abs=0.05)


def test_a_cluster_that_did_not_pass_stays_unnamed():
    scores, unit = tables({"angiogenesis": 0.3})
    names = name_subsets(scores, set(), unit_scores=unit)
    assert set(names["name"]) == {UNNAMED}
    assert names["reason"].str.contains("test of splitting").all()


def test_noise_is_rarely_named():
    named = 0
    for seed in range(100):
        scores, unit = tables({}, seed=seed)
        names = name_subsets(scores, {"0", "1"}, unit_scores=unit)
        named += (names["name"] != UNNAMED).any()
    assert named <= 15  # two subsets, each at 5 %; mean 10 without the margin


def test_two_families_that_lead_alike_give_no_name():
    scores, unit = tables({"angiogenesis": 0.3, "hypoxia": 0.3}, seed=3)
    twin = unit[unit["programme"] == "angiogenesis"].assign(programme="hypoxia")
    unit = pd.concat([unit[unit["programme"] != "hypoxia"], twin])
    row = name_subsets(scores, {"1"}, unit_scores=unit).set_index("group").loc["1"]
    assert row["name"] == UNNAMED
    assert "lead alike" in row["reason"]


def test_few_units_and_unscored_programmes_name_nothing():
    scores, unit = tables({"angiogenesis": 0.3}, units=2)
    row = name_subsets(scores, {"1"}, unit_scores=unit).set_index("group").loc["1"]
    assert "2 units hold it" in row["reason"]
    scores, unit = tables({"angiogenesis": 0.3}, status="not scored")
    assert name_subsets(scores, {"1"}, unit_scores=unit)["name"].tolist() == [UNNAMED] * 2


def test_copies_of_cells_change_nothing_because_units_are_counted():
    scores, unit = tables({"angiogenesis": 0.05}, noise=0.05)
    once = name_subsets(scores, {"1"}, unit_scores=unit)
    again = name_subsets(scores, {"1"}, unit_scores=pd.concat([unit] * 20))
    pd.testing.assert_frame_equal(once, again)


def test_a_missing_column_is_named():
    scores, unit = tables({})
    with pytest.raises(DataError, match="unit"):
        name_subsets(scores, {"1"}, unit_scores=unit.drop(columns="unit"))
