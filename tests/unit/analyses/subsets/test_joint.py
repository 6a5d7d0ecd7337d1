import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.subsets import SubsetSettings
from imscope.analyses.subsets.find import split
from imscope.analyses.subsets.joint import (
    _divisions,
    centred,
    find_axis,
    gap_p,
    smallest_share,
    split_lots,
)
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.schema import SUBSET_JOINT

GENES, MINE = 150, np.arange(40, 80)


def lot(rng, n=200, *, share=0.0, continuum=False, depth=3_000):
    """Cells of one lot; a share of them has the genes ``MINE`` twice as high."""
    base = np.random.default_rng(7).lognormal(0, 0.8, GENES)
    own = base * rng.lognormal(0, 0.1, GENES)
    fold = np.ones((n, GENES))
    inside = rng.random(n) < share
    fold[np.ix_(inside, MINE)] = 2.0
    if continuum:
        fold[:, MINE] = 4.0 ** rng.random((n, 1))
    rate = own * fold * rng.lognormal(0, 0.2, (n, GENES))
    rate /= rate.sum(axis=1, keepdims=True)
    counts = rng.poisson(rate * rng.lognormal(np.log(depth), 0.2, (n, 1))).astype(float)
    return counts, counts.sum(axis=1), inside


def lots(seed, n_lots=4, **knobs):
    rng = np.random.default_rng(seed)
    return [lot(rng, **knobs) for _ in range(n_lots)]


def tables(made):
    return [centred(y, d) for y, d, _ in made]


def test_a_shared_subset_is_found_with_its_cells_and_genes():
    made = lots(1, share=0.25)
    found = split_lots(tables(made), 10)
    assert found.p_value < 1e-3
    side, truth = np.concatenate(found.sides), np.concatenate([t for _, _, t in made])
    assert (side == truth).mean() > 0.97
    strongest = np.argsort(-found.axis.weights)[:30]
    assert np.isin(strongest, MINE).all()


@pytest.mark.parametrize("knobs", [{}, {"continuum": True}])
def test_one_population_and_a_continuum_are_not_split(knobs):
    p = [split_lots(tables(lots(s, n_lots=3, n=150, **knobs)), 10).p_value for s in range(6)]
    assert min(p) > 0.05


def test_the_axis_puts_the_centres_at_nought_and_one():
    made = tables(lots(2, share=0.3))
    axis = find_axis(made, 10)
    places = np.concatenate([axis.place(t) for t in made])
    side = places > axis.cut
    assert np.median(places[~side]) == pytest.approx(0, abs=0.05)
    assert np.median(places[side]) == pytest.approx(1, abs=0.05)


def test_a_gap_needs_cells_and_two_modes():
    rng = np.random.default_rng(3)
    assert gap_p(rng.normal(size=10)) == 1.0
    assert gap_p(rng.normal(0.5, 0.4, 300)) > 0.2
    assert gap_p(np.r_[rng.normal(0, 0.12, 200), rng.normal(1, 0.12, 60)]) < 1e-4


def test_more_cells_let_a_smaller_subset_be_seen():
    few = [(y, d) for y, d, _ in lots(4, n_lots=2, n=60, depth=800)]
    many = [(y, d) for y, d, _ in lots(4, n_lots=4, n=250)]
    least = smallest_share(many, 10, 0.05, np.random.default_rng(0))
    none = smallest_share(few, 10, 0.05, np.random.default_rng(0))
    assert least <= 0.3
    assert not none <= least


def as_cells(made, **columns):
    counts = sp.csr_array(np.vstack([y for y, _, _ in made]).astype(np.int32))
    obs = pd.DataFrame({"lot": np.repeat([f"L{k}" for k in range(len(made))], len(made[0][1]))})
    features = pd.DataFrame({"symbol": [f"G{k}" for k in range(GENES)]})
    return Cells(MemoryBlocks.from_csr(counts), features, obs.assign(**columns))


FEW = SubsetSettings(genes=150, max_cells=400, most_nulls=10)


def test_lots_together_decide_and_every_column_is_filled():
    made = lots(5, share=0.25)
    found = split(as_cells(made), settings=FEW).tables
    row = SUBSET_JOINT.check(found["subset_joint"]).iloc[0]
    assert (row["node"], row["status"], row["n_lots"], row["n_cells"]) == ("root", "split", 4, 800)
    assert row["share_low"] <= 0.25 <= row["share_high"]
    assert (row["basis"], row["reason"], row["explained_by"]) == ("units", "", "")
    assert row["p_value"] <= row["alpha_node"] == pytest.approx(0.05)
    assert row["separation"] > 3
    assert row["n_genes"] > 20
    assert set(row["genes"].split(", ")) <= {f"G{k}" for k in MINE}
    assert 0 < row["smallest_share"] <= 0.4
    assert set(found["subset_calls"]["shape"]) == {"discrete"}
    assert found["subset_calls"]["replication"].str.endswith("seen over 4 units together").all()
    labels = found["subset_labels"]["subset"].to_numpy() == "1"
    assert (labels == np.concatenate([t for _, _, t in made])).mean() > 0.97


def test_a_split_that_a_covariate_explains_is_not_counted():
    made = lots(6, share=0.25)
    score = np.concatenate([t for _, _, t in made]) + 0.0
    found = split(as_cells(made, doublet_score=score), settings=FEW).tables
    rows = found["subset_joint"]
    row = rows.iloc[0]
    assert (row["status"], row["explained_by"]) == ("not counted", "doublet score")
    assert row["reason"] == "explained by doublet score"
    # the same cells are asked again without its genes, at half the level
    assert rows["node"].tolist()[:2] == ["root", "root"]
    assert rows["alpha_node"].iloc[1] == pytest.approx(row["alpha_node"] / 2)
    assert not set(rows["genes"].iloc[1].split(", ")) & set(row["genes"].split(", "))


def test_one_lot_says_what_it_could_have_seen():
    made = lots(7, n_lots=1, n=300)
    found = split(as_cells(made), settings=FEW).tables
    assert found["subset_joint"]["status"].tolist() == ["NOT TESTABLE"]
    call = found["subset_calls"].iloc[0]
    if call["shape"] == "continuous":
        assert "in this unit alone" in call["reason"]
    assert np.isnan(call["smallest_share"]) or 0 < call["smallest_share"] <= 0.4


@pytest.mark.parametrize("n", [2, 3, 4, 7, 8, 30, 200])
def test_divisions_are_few_halves_of_the_lots(n):
    made = _divisions(n)
    assert 1 <= len(made) <= 5
    assert made == _divisions(n)
    for first in made:
        assert len(set(first)) == n // 2
        assert set(first) < set(range(n))


def test_shared_subsets_are_named_by_their_programme_and_have_one_number_in_all_lots():
    from imscope.analyses.subsets.shared_names import name_shared
    from imscope.evidence.gene_sets import load

    made = lots(8, share=0.3)
    cells = as_cells(made)
    symbols = [f"G{k}" for k in range(GENES)]
    own = list(load()["ecm_core"].genes)[: len(MINE)]
    symbols[40 : 40 + len(own)] = own
    named = Cells(cells.source, pd.DataFrame({"symbol": symbols}), cells.obs)
    found = split(named, settings=FEW).tables
    names = name_shared(named, found, unit="lot").set_index("group")
    assert names.index.tolist() == ["shared 0", "shared 1"]
    assert names.loc["shared 1", "name"] == "ecm core"
    labels = found["subset_labels"]
    share = labels.assign(one=labels["subset"] == "1").groupby("group")["one"].mean()
    assert ((share > 0.2) & (share < 0.4)).all()
    none = {**found, "subset_joint": found["subset_joint"].assign(status="one population")}
    assert len(name_shared(named, none, unit="lot")) == 0
