import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from imscope.core.errors import DataError
from imscope.engine.protein import find_isotypes, fit_two_modes, normalise_protein
from imscope.io.counts import read_counts

DATA = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))


def two(rng, n=1_000, share=0.3, gap=5.0):
    high = int(n * share)
    return np.r_[rng.normal(1, 0.7, n - high), rng.normal(1 + gap, 1.0, high)]


def test_agrees_with_scikit_learn():
    x = two(np.random.default_rng(3))
    ours = fit_two_modes(x)
    theirs = GaussianMixture(2, random_state=0, n_init=5, tol=1e-8, max_iter=1_000).fit(x[:, None])
    order = np.argsort(theirs.means_.ravel())
    np.testing.assert_allclose(ours.centres, theirs.means_.ravel()[order], atol=0.02)
    np.testing.assert_allclose(ours.shares, theirs.weights_[order], atol=0.005)
    np.testing.assert_allclose(ours.spreads, np.sqrt(theirs.covariances_.ravel()[order]), atol=0.03)
    one = GaussianMixture(1).fit(x[:, None]).bic(x[:, None])
    np.testing.assert_allclose(ours.bic_gain, one - theirs.bic(x[:, None]), rtol=0.01)


@pytest.mark.parametrize("kind", ["normal", "uniform", "gamma", "lognormal_mild"])
def test_one_hump_is_not_two_modes(kind):
    rng = np.random.default_rng(5)
    draw = {
        "normal": lambda: rng.normal(2, 1, 2_000),
        "uniform": lambda: rng.uniform(0, 1, 2_000),
        "gamma": lambda: np.log1p(rng.gamma(3, 10, 2_000)),
        "lognormal_mild": lambda: rng.lognormal(0, 0.4, 2_000),
    }[kind]
    assert not any(fit_two_modes(draw()).supported for _ in range(20))


def test_few_cells_say_so():
    assert "too few cells" in fit_two_modes(np.arange(10.0)).reason


def test_scale_and_shift_change_nothing():
    x = two(np.random.default_rng(8))
    a, b = fit_two_modes(x), fit_two_modes(3 * x - 4)
    np.testing.assert_allclose(b.threshold, 3 * a.threshold - 4, atol=0.02)
    np.testing.assert_allclose(b.bic_gain, a.bic_gain, rtol=1e-3)


def antibodies(rng, n=600, staining=1.0):
    """Two real markers and two isotypes; background follows the cell's stickiness."""
    sticky = rng.lognormal(0, 0.5, n)
    positive = rng.random(n) < 0.4
    base = 6 * staining * sticky
    cd73 = rng.poisson(base + positive * 150 * staining)
    none = rng.poisson(base)
    iso = rng.poisson(base[:, None] * np.ones(2))
    return np.c_[cd73, none, iso], positive


NAMES = ["CD73", "CD45", "IgG1", "mouse_IgG2a_isotype"]


def test_batches_come_to_one_scale():
    rng = np.random.default_rng(0)
    one, p1 = antibodies(rng)
    two_, p2 = antibodies(rng, staining=4.0)
    batch = np.repeat(["a", "b"], 600)
    found = normalise_protein(np.r_[one, two_], NAMES, batch)
    assert found.antigens == ("CD73", "CD45")
    truth = np.r_[p1, p2]
    assert (found.positive[:, 0] == truth).mean() > 0.99
    for name in "ab":
        here = batch == name
        np.testing.assert_allclose(np.median(found.values[here & truth, 0]), 1, atol=0.06)
        np.testing.assert_allclose(np.median(found.values[here & ~truth, 0]), 0, atol=0.06)
    rows = found.markers.set_index(["antigen", "batch"])
    assert set(rows.loc["CD73", "scale"]) == {"aligned"}
    assert set(rows.loc["CD45", "scale"]) == {"log above background"}
    assert set(rows.loc["CD45", "background"]) == {"isotype controls"}
    assert (rows.loc["CD45", "positive_frac"] < 0.05).all()


def test_isotypes_take_stickiness_away():
    counts, positive = antibodies(np.random.default_rng(4))
    plain = normalise_protein(counts[:, :2], NAMES[:2], np.repeat("a", 600))
    aware = normalise_protein(counts, NAMES, np.repeat("a", 600))
    assert aware.values[~positive, 0].std() < 0.8 * plain.values[~positive, 0].std()


def test_one_peak_without_controls_has_no_sign():
    rng = np.random.default_rng(1)
    found = normalise_protein(rng.poisson(9, (300, 1)), ["CD45"], np.repeat("a", 300))
    assert (found.positive == -1).all()
    assert found.markers["background"].tolist() == ["single peak"]
    assert np.isnan(found.markers["positive_frac"]).all()


def test_empty_droplets_give_the_zero():
    rng = np.random.default_rng(1)
    cells, empty = rng.poisson(300, (300, 1)), rng.poisson(4, (500, 1))
    found = normalise_protein(
        cells, ["CD90"], np.repeat("a", 300), empty=empty, empty_batches=np.repeat("a", 500)
    )
    assert found.markers["background"].tolist() == ["empty droplets"]
    assert (found.positive == 1).all()
    np.testing.assert_allclose(found.values.mean(), np.log(301 / 5), atol=0.1)


def test_isotypes_are_found_by_name():
    names = [
        "IgG1",
        "IgG2b_control_TotalSeqB",
        "CD11b",
        "IGF1R",
        "hsIgM",
        "anti-IgM",
        "isotype_RTK",
    ]
    assert find_isotypes(names) == ["IgG1", "IgG2b_control_TotalSeqB", "anti-IgM", "isotype_RTK"]


@pytest.mark.parametrize(
    ("counts", "names", "what"),
    [
        ([[1.0, -1.0]], ["a", "b"], "negative"),
        ([[1.0, np.nan]], ["a", "b"], "not finite"),
        ([[1.0]], ["a", "b"], "antigens"),
        ([[1.0, 2.0]], ["a", "a"], "twice"),
    ],
)
def test_bad_input_is_named(counts, names, what):
    with pytest.raises(DataError, match=what):
        normalise_protein(counts, names, ["x"])


def test_an_unknown_isotype_is_named():
    with pytest.raises(DataError, match="IgG9"):
        normalise_protein([[1.0]], ["CD73"], ["x"], isotypes=["IgG9"])


@pytest.mark.shared
def test_lineage_markers_of_blood_are_called():
    path = DATA / "cite" / "pbmc_rna_adt" / "pbmc_10x_10k.h5ad"
    if not path.exists():
        pytest.skip("the shared data are not here (IMSCOPE_SHARED_DATA)")
    with read_counts(path) as counts:
        protein = counts.modalities["protein"]
        label = counts.obs["label"].astype(str).to_numpy()
    names = protein.features["symbol"].tolist()
    found = normalise_protein(protein.counts, names, np.repeat("b", len(label)))
    for antigen, yes, no in (
        ("CD3", ["CD4+ T cells", "CD8+ T cells"], ["B cells", "NK cells", "CD14+ monocytes"]),
        ("CD19", ["B cells"], ["CD4+ T cells", "CD8+ T cells", "NK cells"]),
        ("CD14", ["CD14+ monocytes"], ["B cells", "CD4+ T cells"]),
    ):
        positive = found.positive[:, found.antigens.index(antigen)] == 1
        assert positive[np.isin(label, yes)].mean() > 0.98
        assert positive[np.isin(label, no)].mean() < 0.02
    rows = found.markers.set_index("antigen")
    assert rows.loc["PD-1", "background"] == "single peak"


def test_a_small_batch_keeps_the_scale_of_the_others():
    rng = np.random.default_rng(0)

    def draw(n):
        return np.r_[rng.poisson(5, n * 3 // 5), rng.poisson(200, n - n * 3 // 5)][:, None]

    big, small = draw(500), draw(30)
    batch = np.r_[np.repeat("b1", 500), np.repeat("b2", 30)]
    alone = normalise_protein(big, ["CD73"], batch[:500])
    both = normalise_protein(np.vstack([big, small]), ["CD73"], batch)
    assert both.markers["scale"].tolist() == ["aligned", "borrowed"]
    assert both.markers["status"].tolist() == ["two modes", "too few cells"]
    np.testing.assert_array_equal(both.values[:500], alone.values)
    raw = np.log1p(small.ravel().astype(float))
    width = alone.markers["centre_positive"] - alone.markers["centre_negative"]
    np.testing.assert_allclose(np.ptp(both.values[500:]), np.ptp(raw) / width[0], rtol=1e-5)
