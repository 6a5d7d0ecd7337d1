import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from imscope.analyses.identity.cycle import coordination, cycle_table, score_cycle


@pytest.mark.parametrize(("s", "g2m"), [(0.06, 0.04), (0.2, 0.15), (0.35, 0.2)])
def test_shares_of_the_phases_come_back(cells, as_panel, s, g2m):
    counts, kind = cells(1, 800, s=s, g2m=g2m)
    panel, groups = as_panel(counts)
    found = score_cycle(panel, groups)
    table = cycle_table(found, groups).set_index("phase")["frac"]
    true = {"S": (kind == "s").mean(), "G2M": (kind == "g2m").mean()}
    for phase, want in true.items():
        assert abs(table[phase] - want) < 0.04
    np.testing.assert_allclose(table[["G1", "S", "G2M"]].sum(), 1)
    assert roc_auc_score(kind != "rest", found.p_s + found.p_g2m) > 0.97


def test_order_on_the_circle_is_that_of_the_cycle(cells, as_panel):
    counts, kind = cells(2, 800, s=0.3, g2m=0.3)
    found = score_cycle(*as_panel(counts))
    middle = {k: np.angle(np.exp(1j * found.angle[kind == k]).mean()) % (2 * np.pi)
              for k in ("s", "g2m", "rest")}  # fmt: skip
    assert abs(np.angle(np.exp(1j * middle["s"]))) < 0.6
    assert 0.6 < middle["g2m"] < middle["rest"] < 2 * np.pi - 0.6


def test_depth_alone_moves_no_cell(cells, as_panel):
    counts, _ = cells(3, 600, s=0.2, g2m=0.15, depth=12_000)
    half = np.random.default_rng(0).binomial(counts, 0.5)
    panel, groups = as_panel(np.vstack([counts, half]), ["full"] * 600 + ["half"] * 600)
    table = cycle_table(score_cycle(panel, groups), groups).set_index(["phase", "group"])["frac"]
    assert abs(table["S+G2M", "full"] - table["S+G2M", "half"]) < 0.03


def test_without_dividing_cells_nothing_is_called(cells, as_panel):
    counts, _ = cells(4, 600)
    found = score_cycle(*as_panel(counts))
    assert found.why_not.startswith("the genes of G2 and M do not go together")
    assert set(found.phase) == {"not called"}


def test_coordination_is_a_z_score_when_genes_are_independent():
    rng = np.random.default_rng(5)
    depth = rng.lognormal(8, 0.3, 400)
    z = [coordination(rng.poisson(depth[:, None] * np.full(40, 1e-4)), depth) for _ in range(60)]
    assert abs(np.mean(z)) < 0.5
    assert 0.7 < np.std(z) < 1.4


def test_three_units_give_an_interval_over_units(cells, as_panel):
    counts, _ = cells(6, 400, s=0.2, g2m=0.2)
    panel, groups = as_panel(counts)
    lots = np.array([f"L{k % 4}" for k in range(400)], dtype=object)
    table = cycle_table(score_cycle(panel, groups), type(groups)(groups.names, groups.group, lots))
    assert set(table["basis"]) == {"units"}
    assert (table["n_units"] == 4).all()
    assert ((table["low"] <= table["frac"]) & (table["frac"] <= table["high"])).all()


def test_few_cells_are_refused_in_words(cells, as_panel):
    counts, _ = cells(7, 99, s=0.3)
    assert score_cycle(*as_panel(counts)).why_not.startswith("99 cells")
