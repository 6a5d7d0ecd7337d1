"""Joined evidence on a simulated world: channels, posterior, grades and their words."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imscope.analyses.regulators import (
    ActivitySettings,
    Network,
    NextSettings,
    activity,
    contrast_profiles,
    next_experiments,
    rank,
    read_screen,
)
from imscope.analyses.regulators.grades import Evidence, grade, veto, words
from imscope.analyses.regulators.posterior import (
    FEATURES,
    SIGNS,
    Channels,
    frozen_model,
    posterior,
)
from imscope.analyses.regulators.reach import bundled_toy, reach_scores
from imscope.core.errors import DataError, UsageError
from imscope.io import open_cells
from imscope.simulate import RegulatorSettings, simulate_regulators, write_regulators

CAUSAL = re.compile(r"\b(master|drives|controls|changes)\b", re.IGNORECASE)


def ranked(folder, world, *, screen=True, programme=True):
    write_regulators(world, folder)
    pairs = world.network.set_axis(["regulator", "target", "weight"], axis=1)
    network = Network(pairs, "simulated prior", "none")
    with open_cells(folder / "pools.h5ad", bulk=True) as cells:
        part = contrast_profiles(cells, "subset", unit="lot")[0]
    found = activity(part, network, settings=ActivitySettings(draws=200))
    given = read_screen(world.screen) if screen else None
    goal = world.programme if programme else None
    return found, rank(found, network, programme=goal, screen=given, rewirings=200)


@pytest.fixture(scope="module")
def world():
    return simulate_regulators(RegulatorSettings(seed=11))


@pytest.fixture(scope="module")
def made(world, tmp_path_factory):
    return ranked(tmp_path_factory.mktemp("world") / "w", world)


def test_key_regulators_lead(world, made):
    table = made[1].table
    table = table[table["kind"] == "regulator"].sort_values("posterior", ascending=False)
    key = set(world.truth.loc[world.truth["key"], "regulator"])
    assert len(key & set(table["regulator"].head(10))) >= 0.5 * len(key)
    assert table["posterior"].between(0, 1).all()
    assert table["rank_p"].between(0, 1).all()


def test_every_column_is_filled_somewhere(made):
    table = made[1].table
    own = table[table["kind"] == "regulator"]
    for name in ("effect", "low", "high", "p_value", "q", "activity_z", "expression_z", "reach_z",
                 "screen_z", "screen_q", "screen_power", "expression_cpm"):  # fmt: skip
        assert np.isfinite(own[name]).any(), name
    graded = own[own["grade"] != ""]
    assert (graded["words"] != "").all()
    assert own["family"].ne("").all()
    assert own["n_units"].eq(6).all()
    markers = table[table["kind"] == "surface"]
    assert len(markers)
    assert markers["grade"].eq("").all()
    assert markers["posterior"].isna().all()


def test_paths_begin_at_graded_regulators(made):
    paths, table = made[1].paths, made[1].table
    top = set(table.loc[table["grade"].isin(["causal here", "upstream"]), "regulator"])
    assert top
    assert set(paths["from"]) <= top
    assert set(paths["sign"]) <= {"+", "-"}


def test_causal_words_need_the_grade(made):
    table = made[1].table
    for row in table.to_dict("records"):
        if row["grade"] != "causal here":
            assert not CAUSAL.search(f"{row['words']} {row['conflicts']} {row['status']}"), row
        if row["grade"] not in ("causal here", "upstream"):
            assert row["lever"] == ""


def test_no_programme_and_no_screen(world, tmp_path):
    found, ranking = ranked(tmp_path / "w", world, screen=False, programme=False)
    assert ranking.table["screen_z"].isna().all()
    assert not ranking.table["grade"].isin(["causal here", "contradicted"]).any()
    assert len(found.regulators)


def test_few_units_are_described(tmp_path):
    few = simulate_regulators(RegulatorSettings(lots=2, seed=2))
    table = ranked(tmp_path / "w", few)[1].table
    assert set(table["grade"]) == {"described"}
    assert table["posterior"].isna().all()


def test_order_is_by_grade_then_posterior(made):
    from imscope.analyses.regulators.grades import ORDER

    own = made[1].table.query("kind == 'regulator'")
    place = own["grade"].map(ORDER.index).to_numpy()
    assert (np.diff(place) >= 0).all()


def test_next_names_untested_families_once(made):
    found, ranking = made
    table = next_experiments(ranking, found.regulators, settings=NextSettings(budget=6))
    assert table["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table.iloc[0]["experiment"].startswith("sort on")
    own = ranking.table.set_index("regulator")
    picked = own.loc[table["regulator"].iloc[1:]]
    assert picked["family"].is_unique
    assert not (picked["screen_power"] >= 0.8).any()
    assert (table["gain"].iloc[1:] >= 0).all()
    for name in ("experiment", "readout", "controls", "changes"):
        assert table[name].ne("").all()
    assert table["cost"].gt(0).all()
    assert table["power"].iloc[1:].between(0, 1).all()


def test_next_by_gain_and_compounds(made):
    found, ranking = made
    one = next_experiments(ranking, found.regulators, settings=NextSettings(budget=5, by="gain"))
    assert one["gain"].iloc[1] > 0
    weak = NextSettings(budget=5, by="gain", guides=1, replicates=1)
    few = next_experiments(ranking, found.regulators, settings=weak)
    assert few["gain"].iloc[1] < one["gain"].iloc[1]
    name = one["regulator"].iloc[-1]
    at_hand = pd.DataFrame({"regulator": [name], "compound": ["X-1"]})
    two = next_experiments(ranking, found.regulators, compounds=at_hand)
    assert two["experiment"].str.startswith("X-1 at").any()
    with pytest.raises(UsageError):
        NextSettings(budget=0)
    with pytest.raises(UsageError):
        next_experiments(ranking, found.regulators, costs={"knockout": 0})


def test_reach_has_the_sign_of_the_path():
    z = reach_scores(bundled_toy(), {"T0": -1.0, "T1": -1.0, "T2": -1.0}, rewirings=300)
    assert z["UP"] < 0 < z["DOWN"]


def test_model_is_frozen_and_monotone():
    model = frozen_model()
    for value, sign in zip(model.coefficients, SIGNS, strict=False):
        assert value * sign >= 0
    assert len(model.coefficients) == len(FEATURES) + 1


@settings(deadline=None, max_examples=40)
@given(st.floats(0.5, 8), st.floats(-3, 8), st.floats(0.05, 0.9), st.floats(0.02, 0.09))
def test_silent_screen_lowers_with_power(act, reach, power, more):
    def at(p, z):
        return posterior(Channels(*(np.array([v]) for v in (act, 1.0, reach, z, p))))[0]

    assert at(power + more, 0.0) <= at(power, 0.0)
    assert at(power, 6.0) >= at(power, 0.0)


def evidence(**more):
    e = Evidence("AAA", "x v y", 3.0, 0.01, 3.0, 0.8, *[float("nan")] * 5, True, False)
    return replace(e, **more)


def test_contradicted_is_kept_and_worded():
    silent = evidence(screen_z=0.2, screen_q=0.9, power=0.95, guides=3, replicates=3)
    assert grade(silent) == "contradicted"
    assert "did not move" in words(silent, "contradicted")
    weak = replace(silent, power=0.5)
    assert grade(weak) == "upstream"
    assert grade(evidence(circular=True)) == ""


def test_vetoes():
    assert veto("POU5F1", "raise")
    assert veto("TP53", "lower")
    assert not veto("POU5F1", "lower")


ONE = {"regulator": ["TP53"], "effect": [1.0], "se": [1.0]}
SCREENS = [
    (pd.DataFrame({"regulator": ["TP53"], "effect": [1.0]}), "SCREEN"),
    (pd.DataFrame({"effect": [1.0], "se": [0.1]}), "SCREEN"),
    (pd.DataFrame({"regulator": ["TP53"], "effect": [1.0], "se": [0.0]}), "SCREEN"),
    (
        pd.DataFrame({"regulator": ["TP53"], "effect": [1.0], "se": [1.0], "mode": ["odd"]}),
        "SCREEN",
    ),
    (pd.DataFrame({"regulator": ["Nt5e"], "effect": [1.0], "se": [1.0]}), "SPECIES"),
]


@pytest.mark.parametrize(("table", "code"), SCREENS)
def test_screens_refused(table, code):
    with pytest.raises(DataError) as caught:
        read_screen(table)
    assert caught.value.code == f"E-REGULATORS-{code}"


def test_screens_of_other_rooms_are_read():
    genes = pd.DataFrame({"gene": ["TP53"], "log2_fc": [1.0], "ci_low": [0.5], "ci_high": [1.5],
                          "q_value": [0.01], "n_guides": [4]})  # fmt: skip
    one = read_screen(genes).loc["TP53"]
    assert one["effect"] == -1.0
    assert one["z"] == pytest.approx(-3.92, abs=0.01)
    assert one["guides"] == 4
    even = pd.DataFrame(
        {"target": ["RB1"], "hi2_ratio": [0.5], "hi2_low": [0.4], "hi2_high": [0.6]}
    )
    assert read_screen(even).loc["RB1", "effect"] == -1.0
    raised = pd.DataFrame({"regulator": ["RB1"], "effect": [2.0], "se": [1.0], "mode": ["CRISPRa"]})
    assert read_screen(raised).loc["RB1", "z"] == 2.0
