import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from sklearn.manifold import trustworthiness

from imscope.core.errors import DataError, UsageError
from imscope.engine.embed import compute_umap, fit_curve
from imscope.engine.kernels.layout import run_epochs
from imscope.engine.neighbours import find_neighbours, neighbour_graph


def groups(n=400, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, n)
    return rng.normal(size=(n, 10)) + 12 * np.eye(10)[truth], truth


@given(st.floats(0.01, 0.99))
@settings(max_examples=20)
def test_curve_is_the_least_squares_fit(min_dist):
    d = np.linspace(0, 3, 300)[1:]
    aim = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist)))
    want, _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), d, aim, p0=(1, 1))
    np.testing.assert_allclose(fit_curve(min_dist), want, rtol=1e-4)


def test_groups_stay_together_and_apart():
    points, truth = groups()
    place = compute_umap(find_neighbours(points), points)
    assert place.dtype == np.float32
    inside = find_neighbours(place, k=10).indices
    assert (truth[inside] == truth[:, None]).mean() > 0.98
    assert trustworthiness(points, place, n_neighbors=10) > 0.9
    start = points[:, :2]
    assert trustworthiness(points, place) > trustworthiness(points, start) + 0.1


def test_same_seed_same_picture():
    points, _ = groups(150)
    found = find_neighbours(points)
    one = compute_umap(found, points, seed=3, n_epochs=50)
    again = compute_umap(found, points, seed=3, n_epochs=50, graph=neighbour_graph(found))
    other = compute_umap(found, points, seed=4, n_epochs=50)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.1


def test_larger_min_dist_spreads_more():
    points, _ = groups(300)
    found = find_neighbours(points)
    gap = [
        np.median(find_neighbours(compute_umap(found, points, min_dist=m), k=1).distances)
        for m in (0.01, 0.8)
    ]
    assert gap[1] > 2 * gap[0]


@pytest.mark.parametrize("n_dimensions", [1, 2])
def test_few_cells_and_few_dimensions(n_dimensions):
    points = np.arange(4.0 * n_dimensions).reshape(4, n_dimensions)
    place = compute_umap(find_neighbours(points, k=2), points)
    assert np.isfinite(place).all()
    assert len(np.unique(place, axis=0)) == 4


def test_doubles_are_finite():
    points = np.zeros((20, 3))
    assert np.isfinite(compute_umap(find_neighbours(points, k=5), points)).all()


def test_bad_input_is_named():
    found = find_neighbours([[0.0], [1.0], [2.0]], k=1)
    with pytest.raises(DataError, match="one row of finite coordinates per cell"):
        compute_umap(found, [[0.0]])
    with pytest.raises(UsageError, match="min_dist"):
        compute_umap(found, [[0.0], [1.0], [2.0]], min_dist=0)


def test_compiled_kernel_and_python_agree():
    rng = np.random.default_rng(0)
    heads = np.array([0, 1, 2, 3, 4], dtype=np.int32)
    tails = np.array([1, 0, 3, 2, 0], dtype=np.int32)
    gaps = np.array([1, 1, 2, 2, 1.5], dtype=np.float32)
    d2 = ((np.arange(1024) + 0.5) / 256) ** 2
    pull, push = (-1 / (1 + d2)).astype(np.float32), (1 / (0.01 + d2)).astype(np.float32)
    start = rng.normal(0, 3, (5, 2)).astype(np.float32)
    places = []
    for body in (run_epochs, run_epochs.py_func):
        place = start.copy()
        due = np.stack([gaps, gaps / 5]).astype(float)
        body(heads, tails, gaps, place, pull, push, due, 0, 4, 10, 12345)
        places.append(place)
    np.testing.assert_allclose(places[0], places[1], rtol=2e-3, atol=2e-3)
    assert np.abs(places[0] - start).max() > 0.1
