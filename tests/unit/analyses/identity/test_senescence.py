import numpy as np
import pandas as pd
import pytest

from imscope.analyses.identity.cycle import score_cycle
from imscope.analyses.identity.senescence import (
    score_profiles,
    score_senescence,
    senescence_table,
)
from imscope.core.errors import DataError


def run(as_panel, counts, samples=None, reference=None):
    panel, groups = as_panel(counts, samples)
    cycle = score_cycle(panel, groups)
    found = score_senescence(panel, cycle, reference=reference)
    return found, senescence_table(found, panel, groups)


def test_senescent_cells_are_called_and_look_alikes_are_not(cells, as_panel):
    counts, kind = cells(1, 1_500, s=0.1, g2m=0.1, old=0.15, quiet=0.1, licensed=0.1)
    found, table = run(as_panel, counts)
    rate = {k: found.called[kind == k].mean() for k in set(kind)}
    assert rate["old"] > 0.6
    assert max(rate[k] for k in ("rest", "s", "g2m", "quiet", "licensed")) < 0.05
    row = table.iloc[0]
    assert row["status"] == "ok"
    assert row["lmnb1_ratio"] < 0.5
    assert row["frac"] > 5 * row["chance_frac"]


def test_without_senescent_cells_about_none_is_called(cells, as_panel):
    found, _ = run(as_panel, cells(2, 1_000, s=0.1, g2m=0.1)[0])
    assert found.called.mean() < 0.01


def test_a_reference_shows_a_lot_in_which_most_are_senescent(cells, as_panel):
    young, _ = cells(3, 500, s=0.15, g2m=0.15)
    aged, _ = cells(3, 500, s=0.02, g2m=0.02, old=0.7)
    samples = ["young"] * 500 + ["aged"] * 500
    reference = np.array(samples) == "young"
    _, table = run(as_panel, np.vstack([young, aged]), samples, reference)
    frac = table.set_index("group")["frac"]
    assert frac["aged"] > 0.4
    assert frac["young"] < 0.01
    assert set(table["relative_to"]) == {"reference samples"}


def test_kept_lmnb1_leaves_the_call_open(cells, as_panel, genes):
    counts, kind = cells(4, 1_200, s=0.1, g2m=0.1, old=0.2)

    at = genes.index("LMNB1")
    counts[kind == "old", at] = np.random.default_rng(0).permutation(counts[kind == "rest", at])[
        : (kind == "old").sum()
    ]
    _, table = run(as_panel, counts)
    assert table["reason"].iloc[0].startswith("LMNB1 is not shown to be lower")


@pytest.mark.parametrize("lost", [["LMNB1"], ["CDKN1A", "CDKN2A"]])
def test_missing_genes_are_named(cells, as_panel, genes, lost):
    counts, _ = cells(5, 200, s=0.2, g2m=0.2)
    counts[:, [genes.index(g) for g in lost]] = 0
    found, table = run(as_panel, counts)
    assert lost[0] in found.why_not
    assert np.isnan(table["frac"]).all()


def test_profiles_need_all_four(cells, features):
    growing = {"s": 0.3, "g2m": 0.3}
    kinds = [growing, growing, {"quiet": 1.0}, {"licensed": 1.0}, {"old": 1.0}]
    sums = np.array([cells(9, 150, depth=20_000, **k)[0].sum(axis=0) for k in kinds], dtype=float)
    sums[1] = cells(9, 151, depth=20_000, **growing)[0].sum(axis=0)  # not the same cells twice
    reference = np.array([True, True, False, False, False])
    names = ["a", "b", "quiet", "licensed", "old"]
    table = score_profiles(sums, features, names, reference=reference).set_index("group")
    words = ["reference", "reference", "not senescent", "not senescent", "senescent"]
    assert table["call"].tolist() == words
    for name in ("quiet", "licensed"):  # arrest or SASP alone, as in rest and after licensing
        assert "LMNB1 halved" in table.loc[name, "reason"].partition("not met")[2]
    assert table.loc["old", "reason"].endswith("not met: none")


def test_profiles_without_reference_say_so(cells, features):

    sums = cells(1, 2)[0].astype(float)
    table = score_profiles(sums, features, ["a", "b"], reference=np.zeros(2, dtype=bool))
    assert set(table["reason"]) == {"there is no reference profile"}
    with pytest.raises(DataError, match="do not fit"):
        score_profiles(sums, pd.DataFrame({"symbol": ["A"]}), ["a", "b"], reference=np.ones(2))
