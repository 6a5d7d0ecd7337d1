import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import norm

from imscope.analyses.screens import (
    CellSettings,
    analyse_cells,
    assign_guides,
    compare_uniformity,
    target_effects,
)
from imscope.analyses.screens.null_model import fit_null_model
from imscope.analyses.screens.target_scores import gamma_tails
from imscope.core.errors import DataError, UsageError
from imscope.io.cell_screens import CellScreenData, target_of
from imscope.simulate import simulate_cell_screen


def data_of(made):
    return CellScreenData(made.counts, made.guides, made.genes, made.guide_names, made.targets,
                          made.obs, ())  # fmt: skip


@pytest.fixture(scope="module")
def screen():
    return simulate_cell_screen(targets=24, genes=250, cells=240, control_cells=500, seed=5)


def test_uniformity_is_told_from_mean_and_depth(screen):
    names = list(screen.truth["target"])
    target = np.array([names.index(t) if t in names else -1 for t in screen.obs["true_target"]])
    unit = np.unique(screen.obs["true_guide"].to_numpy(str), return_inverse=True)[1]
    got = compare_uniformity(screen.counts, target, unit, control=target < 0, n_targets=len(names))
    kind = screen.truth["kind"].to_numpy()
    assert (got.verdict[kind == "more"] == "INFERIOR").all()
    assert (got.verdict[kind == "less"] == "SUPERIOR").all()
    still = np.isin(kind, ("mean", "depth", "inert"))
    assert (got.p_value[still] < 0.05).mean() <= 0.2
    np.testing.assert_allclose(got.ratio[still], 1, atol=0.2)
    assert np.abs(np.log(got.naive[kind == "depth"])).min() > 0.2  # the plain ratio follows depth


@pytest.mark.parametrize("method", ["maximum", "mixture"])
def test_assignment_finds_the_guides_given(screen, method):
    calls = assign_guides(screen.guides, method=method)
    truth = [screen.guide_names.index(g) for g in screen.obs["true_guide"]]
    assert (calls.only_guide() == truth).mean() > 0.97
    again = assign_guides(screen.guides, method=method)
    assert (calls.calls != again.calls).nnz == 0


def test_the_score_agrees_with_a_likelihood_ratio():
    rng = np.random.default_rng(0)
    y = rng.poisson(3.0, (800, 1))
    y[:200] = rng.poisson(2.6, (200, 1))
    target = np.where(np.arange(800) < 200, 0, -1)
    got = target_effects(sp.csr_array(y), np.ones((800, 1)), target, control=target < 0)
    a, b, n, m = y[:200].mean(), y[200:].mean(), 200, 600
    wald = np.log(a / b) / np.sqrt(1 / (n * a) + 1 / (m * b))
    np.testing.assert_allclose(got.z[0, 0], wald, rtol=0.08)
    np.testing.assert_allclose(got.effect[0, 0], np.log(a / b), rtol=0.15)


def test_permutation_moments_are_those_of_draws():
    rng = np.random.default_rng(1)
    y = rng.negative_binomial(0.5, 0.2, (300, 1))
    target = np.where(np.arange(300) < 40, 0, -1)
    one = target_effects(sp.csr_array(y), np.ones((300, 1)), target, control=target < 0)
    z = []
    for _ in range(400):
        mixed = rng.permutation(target)
        z.append(
            target_effects(sp.csr_array(y), np.ones((300, 1)), mixed, control=mixed < 0).z[0, 0]
        )
    drawn = 2 * min((np.array(z) <= one.z[0, 0]).mean(), (np.array(z) >= one.z[0, 0]).mean())
    assert abs(one.p_value[0, 0] - drawn) < 0.1


def test_the_gamma_tail_is_normal_without_skewness():
    x = np.linspace(-3, 3, 13)
    np.testing.assert_allclose(gamma_tails(x, np.zeros(13)), 2 * norm.sf(np.abs(x)), rtol=1e-9)


def test_the_null_model_finds_its_parameters():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(5000), rng.normal(0, 1, 5000)])
    mu = np.exp(0.5 + 0.3 * x[:, 1])
    model = fit_null_model(rng.negative_binomial(4, 4 / (4 + mu))[:, None].astype(float), x)
    np.testing.assert_allclose(model.beta[:, 0], (0.5, 0.3), atol=0.05)
    np.testing.assert_allclose(model.theta, 4, rtol=0.25)


def test_the_whole_path_and_its_ledger(screen):
    got = analyse_cells(data_of(screen), settings=CellSettings(subset="subset", moi=20))
    kind = dict(zip(screen.truth["target"], screen.truth["kind"], strict=True))
    targets = got.tables["screen_targets"].set_index("target")
    moved = [t for t, k in kind.items() if k == "mean"]
    assert (targets.loc[moved, "n_genes"] >= 3).all()
    assert (targets.loc[moved, "energy_p"] < 0.05).mean() > 0.8
    assert got.calibration["p05"] < 0.08
    assert got.calibration["discoveries"] <= 2
    assert any(w.startswith("W-SCREEN-MOI") for w in got.warnings)
    assert set(got.tables["screen_shares"]["kind"]) == {"subset"}
    assert got.tables["screen_ledger"]["what"].tolist()[-1] == "pairs"
    assert len(got.obs) == screen.counts.shape[0]


def test_no_controls_is_an_error(screen):
    lonely = tuple("" if t == "non-targeting" else t for t in screen.targets)
    data = CellScreenData(screen.counts, screen.guides, screen.genes, screen.guide_names, lonely,
                          screen.obs, ())  # fmt: skip
    with pytest.raises(DataError, match="cells with the control"):
        analyse_cells(data)
    with pytest.raises(UsageError, match="no way to assign"):
        assign_guides(screen.guides, method="guess")


def test_targets_in_names():
    names = ("TP53_2", "NTC-1", "HLA-A_sg3", "safe-targeting_12", "MARCH8g1")
    assert [target_of(n) for n in names] == [
        "TP53",
        "non-targeting",
        "HLA-A",
        "non-targeting",
        "MARCH8",
    ]
