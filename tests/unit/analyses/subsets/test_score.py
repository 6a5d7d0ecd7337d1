import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.subsets import ProgrammeSettings, score
from imscope.analyses.subsets.contrasts import lay_out
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.errors import DataError
from imscope.evidence.gene_sets import GeneSet, load

GENES = 1_200
RAISED = np.arange(40, 60)
FEW = ProgrammeSettings(random_sets=1_000)


def one_set(name, columns, direction="up"):
    return GeneSet(name, "test", direction, tuple(f"G{c}" for c in columns), "general", "")


def cohort(seed, *, fold=1.0, lots=3, cells=40, same_lots=False, spread=0.15):
    """Two arms; genes RAISED stand higher in arm b; each lot has its own profile."""
    rng = np.random.default_rng(seed)
    base = rng.lognormal(0, 1.0, GENES)
    counts, arm, lot = [], [], []
    for k in range(2 * lots):
        b = k >= lots
        rate = base * rng.lognormal(0, spread, GENES)
        rate[RAISED] *= fold if b else 1.0
        counts.append(rng.poisson(rate / rate.sum() * 3_000, (cells, GENES)))
        arm += ["b" if b else "a"] * cells
        lot += [f"L{k % lots if same_lots else k}"] * cells
    features = pd.DataFrame(
        {"feature_id": [f"G{g}" for g in range(GENES)], "symbol": [f"G{g}" for g in range(GENES)]}
    )
    obs = pd.DataFrame({"arm": arm, "lot": lot}, index=[f"c{i}" for i in range(len(arm))])
    return MemoryBlocks.from_csr(sp.csr_array(np.vstack(counts))), features, obs


SETS = {
    "raised": one_set("raised", RAISED),
    "quiet": one_set("quiet", RAISED, "down"),
    "still": one_set("still", range(200, 230)),
    "other": one_set("other", range(300, 312)),
    "far": GeneSet("far", "test", "up", ("G1", "X1", "X2"), "general", ""),
    "empty": GeneSet("empty", "test", "up", (), "general", ""),
}


def table_of(data, **options):
    made = score(Cells(*data), **({"by": "arm", "unit": "lot", "settings": FEW} | options))
    return made.tables["programme_scores"]


@pytest.fixture(scope="module")
def table():
    return table_of(cohort(1, fold=1.5), sets=SETS).set_index(["group", "programme"])


def test_the_raised_programme_is_found_and_others_are_not(table):
    row = table.loc[("b", "raised")]
    assert row["status"] == "ok"
    assert row["rank"] <= 2  # the same genes stand there twice
    assert row["q_value"] < 0.01
    np.testing.assert_allclose(row["effect"], np.log2(1.5), atol=0.15)
    assert table.loc[("b", "still"), "p_value"] > 0.05
    assert row["score"] > table.loc[("a", "raised"), "score"]


def test_a_down_set_is_the_mirror_of_the_same_genes(table):
    up, down = table.loc[("b", "raised")], table.loc[("b", "quiet")]
    np.testing.assert_allclose(down["score"], 1 - up["score"], atol=1e-6)
    # the random sets of both are drawn anew, so their means differ a little
    np.testing.assert_allclose(down["effect"], -up["effect"], atol=0.02)


def test_what_is_not_scored_says_why_and_holds_no_number(table):
    for name, words in (("far", "1 of 3 genes"), ("empty", "placeholder")):
        row = table.loc[("a", name)]
        assert row["status"] == "not scored"
        assert row["reason"].startswith(words)
        assert np.isnan(row[["score", "effect", "p_value", "q_value"]].astype(float)).all()


def test_the_placeholder_among_the_bundled_sets_is_not_scored():
    table = table_of(cohort(2, lots=2, cells=5))
    row = table[table["programme"] == "rohart16"].iloc[0]
    assert row["reason"].startswith("placeholder")
    assert set(table["programme"]) == set(load())


def test_one_unit_on_a_side_is_not_testable():
    row = table_of(cohort(3, fold=2.0, lots=1), sets=SETS).iloc[0]
    assert row["status"] == "NOT TESTABLE"
    assert row["reason"] == "a has 1 unit, 2 are needed on each side"
    assert np.isnan(row["p_value"])
    assert row["rank"] <= 2
    assert row["p_set"] < 0.01


def test_units_on_both_sides_are_paired():
    data = cohort(4, fold=1.5, same_lots=True, spread=0.5)
    cells = Cells(*data)
    assert lay_out(cells.groups("arm"), cells.units("lot")).contrasts[0].paired
    table = table_of(data, sets=SETS)
    assert table.set_index(["group", "programme"]).loc[("b", "raised"), "p_unit"] < 0.05


def test_other_groups_of_a_unit_are_put_together():
    obs = pd.DataFrame({"cluster": list("xyz" * 2), "lot": list("111222")})
    cells = Cells(MemoryBlocks.from_csr(sp.csr_array(np.ones((6, 1)))), obs[["lot"]].head(1), obs)
    layout = lay_out(cells.groups("cluster"), cells.units("lot"))
    sums = layout.profiles(np.arange(6.0)[:, None])
    rest = sums[layout.contrasts[0].second].ravel()  # rows are x1 x2 y1 y2 z1 z2
    np.testing.assert_array_equal(rest, [2 + 4, 3 + 5])


def test_a_true_null_is_rejected_about_as_often_as_said():
    """Units differ, arms do not: with cells as replicates this would reject often."""
    hits, n = 0, 0
    names = {f"s{k}": one_set(f"s{k}", range(20 * k, 20 * k + 20)) for k in range(30)}
    for seed in range(6):
        data = cohort(100 + seed, lots=3, cells=8, spread=0.4)
        found = table_of(data, sets=names)
        p = found.loc[found["group"] == "a", "p_value"].to_numpy()
        hits, n = hits + (p < 0.05).sum(), n + len(p)
    assert hits / n < 0.07


def test_two_groups_can_be_named():
    source, features, obs = cohort(5, lots=2, cells=5)
    obs["arm"] = ["abc"[i % 3] for i in range(len(obs))]
    settings = ProgrammeSettings(test="b", reference="c", random_sets=1_000)
    table = table_of((source, features, obs), sets=SETS, settings=settings)
    said = table.drop_duplicates("group").set_index("group")["contrast"]
    assert said.to_dict() == {"a": "", "b": "b against c", "c": ""}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": "nothing"}, "no column"),
        ({"settings": ProgrammeSettings(test="z")}, "no group 'z'"),
    ],
)
def test_a_wrong_design_is_said(change, words):
    data = cohort(6, lots=1, cells=3)
    with pytest.raises(DataError, match=words):
        table_of(data, **change)


def test_too_few_random_sets_are_refused():
    with pytest.raises(DataError, match="out of range"):
        ProgrammeSettings(random_sets=999)


def test_licensing_ranks_first_among_the_bundled_sets():
    """Primed against unprimed cells of the same donors, simulated: there is no such data set."""
    rng = np.random.default_rng(8)
    genes = sorted({g for s in load().values() for g in s.genes})
    genes += [f"OTHER{k}" for k in range(2_000)]
    base = rng.lognormal(0, 1.2, len(genes))
    primed = np.isin(genes, load()["immunomodulation"].genes)
    counts, arm, donor = [], [], []
    for d in range(4):
        own = base * rng.lognormal(0, 0.25, len(genes))
        for name in ("unprimed", "primed"):
            rate = own * np.where(primed & (name == "primed"), 2.5, 1.0)
            counts.append(rng.poisson(rate / rate.sum() * 4_000, (30, len(genes))))
            arm += [name] * 30
            donor += [f"D{d}"] * 30
    features = pd.DataFrame({"feature_id": genes, "symbol": genes})
    table = table_of(
        (
            MemoryBlocks.from_csr(sp.csr_array(np.vstack(counts))),
            features,
            pd.DataFrame({"arm": arm, "donor": donor}),
        ),
        unit="donor",
        settings=ProgrammeSettings(test="primed", random_sets=1_000),
    )
    mine = table[(table["group"] == "primed") & table["score"].notna()].set_index("programme")
    assert mine["rank"].eq(1).idxmax() == "immunomodulation"
    assert mine["p_value"].idxmin() == "immunomodulation"
