import numpy as np
import pytest
from scipy.optimize import brentq

from imscope.core.errors import DataError, UsageError
from imscope.engine.mixing import compute_lisi, expected_lisi
from imscope.engine.neighbours import find_neighbours


def textbook(d, labels, perplexity):
    def weights(beta):
        p = np.exp(-beta * (d - d[0]))
        return p / p.sum()

    def entropy_gap(log_beta):
        p = weights(np.exp(log_beta))
        p = p[p > 0]
        return -(p * np.log(p)).sum() - np.log(perplexity)

    p = weights(np.exp(brentq(entropy_gap, -20, 20, xtol=1e-13)))
    return 1 / sum(p[labels == name].sum() ** 2 for name in np.unique(labels))


@pytest.mark.parametrize(("perplexity", "n_labels"), [(30, 2), (10, 5), (5, 3)])
def test_matches_the_textbook(perplexity, n_labels):
    rng = np.random.default_rng(perplexity)
    points = rng.gamma(1, 1, (700, 6))
    labels = rng.integers(0, n_labels, 700) * 7
    found = find_neighbours(points, k=3 * perplexity)
    got = compute_lisi(points, labels, perplexity=perplexity)
    want = [
        textbook(d.astype(float), labels[i], perplexity)
        for d, i in zip(found.distances, found.indices, strict=True)
    ]
    np.testing.assert_allclose(got, want, rtol=1e-7)
    again = compute_lisi(found, labels, perplexity=perplexity, threads=2)
    np.testing.assert_array_equal(got, again)


def test_apart_is_one_and_mixed_is_the_expectation():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2_000, 4))
    labels = np.repeat(["a", "b", "c"], [1_000, 600, 400])
    np.testing.assert_allclose(expected_lisi(labels), 1 / (0.25 + 0.09 + 0.04))
    mixed = compute_lisi(points, labels).mean()
    drawn = 1 / (1 / expected_lisi(labels) * 29 / 30 + 1 / 30)  # 30 neighbours, not all cells
    assert 0.95 * drawn < mixed < 1.02 * drawn
    apart = compute_lisi(points + 99 * (labels == "a")[:, None], labels)
    np.testing.assert_allclose(apart[labels == "a"], 1, rtol=1e-12)


def test_doubles_and_a_single_label():
    points = np.zeros((100, 2))
    labels = np.arange(100) % 2
    assert np.isfinite(compute_lisi(points, labels, perplexity=10)).all()
    np.testing.assert_allclose(compute_lisi(points, labels * 0, perplexity=10), 1)


def test_bad_input_is_named():
    points = np.random.default_rng(0).normal(size=(100, 2))
    with pytest.raises(DataError, match="one label per cell"):
        compute_lisi(points, np.zeros(99), perplexity=10)
    with pytest.raises(UsageError, match="below the number of neighbours"):
        compute_lisi(find_neighbours(points, k=10), np.zeros(100), perplexity=10)
