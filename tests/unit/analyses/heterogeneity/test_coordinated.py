from itertools import permutations

import numpy as np
import pytest

from imscope.analyses.heterogeneity.coordinated import (
    compute_coordinated,
    compute_split,
    coordinated_from_halves,
)
from imscope.core.errors import DataError


def by_definition(counts, weights):
    """Mean over all ordered tuples of different cells, with second moments free of noise."""
    depth = counts.sum(1)
    root = np.sqrt(weights)
    z = counts / depth[:, None] * root
    second = [
        (np.outer(x, x) - np.diag(x)) / (n * (n - 1)) * np.outer(root, root)
        for x, n in zip(counts, depth, strict=True)
    ]
    cells = range(len(counts))
    two = np.mean([(second[a] * second[b]).sum() for a, b in permutations(cells, 2)])
    three = np.mean([z[b] @ second[a] @ z[c] for a, b, c in permutations(cells, 3)])
    four = np.mean([(z[a] @ z[b]) * (z[c] @ z[d]) for a, b, c, d in permutations(cells, 4)])
    return two - 2 * three + four


@pytest.mark.parametrize("n", [4, 5, 7])
def test_closed_form_is_the_definition(n):
    rng = np.random.default_rng(n)
    p = rng.dirichlet(np.full(6, 2.0))
    counts = rng.multinomial(11, p, size=n) + 1
    got = compute_coordinated(counts, counts.sum(1), 1 / p).tr_s2
    np.testing.assert_allclose(got, by_definition(counts, 1 / p), rtol=1e-9)


def test_a_jackknife_step_is_the_estimate_without_that_block():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(30, 2.0))
    counts = rng.multinomial(300, p, size=40)
    blocks = np.arange(40) % 4
    left = [
        compute_coordinated(counts[blocks != b], counts[blocks != b].sum(1), 1 / p).tr_s2
        for b in range(4)
    ]
    error = np.sqrt(3 / 4 * ((left - np.mean(left)) ** 2).sum())
    got = compute_coordinated(counts, counts.sum(1), 1 / p, blocks=blocks)
    np.testing.assert_allclose(got.standard_error, error, rtol=1e-8)


def test_it_is_the_limit_of_many_splits(sim):
    rng = np.random.default_rng(1)
    p = sim.profile(rng, 100)
    counts = sim.draw(rng, sim.vary(rng, p, 60, 0.5), 800)
    closed = compute_coordinated(counts, counts.sum(1), 1 / p).tr_s2
    split = compute_split(counts, counts.sum(1), 1 / p, rng=rng, replicates=400)
    assert abs(closed - split.tr_s2) < 4 * split.standard_error
    assert split.standard_error < 0.05 * closed


def test_unbiased_for_known_programmes(sim):
    rng = np.random.default_rng(2)
    p = sim.profile(rng, 120)
    loadings = rng.normal(0, 1, (3, 120)) * (rng.random((3, 120)) < 0.3)
    many = sim.vary(rng, p, 40_000, 0.4, loadings)
    s = np.cov((many / np.sqrt(p)).T)
    truth = (s**2).sum()
    values = [
        compute_coordinated(x, x.sum(1), 1 / p).tr_s2
        for x in (
            sim.draw(rng, many[rng.integers(0, len(many), 100)], rng.integers(300, 900, 100))
            for _ in range(60)
        )
    ]
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values) - truth) < 4 * error
    assert error < 0.1 * truth


def test_identical_cells_give_zero_on_average(sim):
    rng = np.random.default_rng(3)
    p = sim.profile(rng, 150)
    values = []
    for _ in range(80):
        x = rng.multinomial(500, p, size=50)
        values.append(compute_coordinated(x, x.sum(1), 1 / p).tr_s2)
    assert abs(np.mean(values)) < 3.5 * np.std(values, ddof=1) / np.sqrt(80)


def textbook_halves(a, b, weights):
    """Centred inner products of two halves, U-centred entry by entry."""
    n = len(a)
    grams = []
    for half in (a, b):
        z = half / half.sum(1, keepdims=True) * np.sqrt(weights)
        grams.append((z - z.mean(0)) @ (z - z.mean(0)).T)
    total = 0.0
    centred = []
    for g in grams:
        u = np.zeros((n, n))
        off = g - np.diag(np.diag(g))
        for c in range(n):
            for d in range(n):
                if c != d:
                    u[c, d] = (
                        off[c, d]
                        - off[c].sum() / (n - 2)
                        - off[:, d].sum() / (n - 2)
                        + off.sum() / ((n - 1) * (n - 2))
                    )
        centred.append(u)
    for c in range(n):
        for d in range(n):
            total += centred[0][c, d] * centred[1][c, d]
    return total / (n * (n - 3))


def test_the_split_version_is_the_textbook_on_the_same_halves(sim):
    rng = np.random.default_rng(4)
    p = sim.profile(rng, 40)
    counts = rng.multinomial(400, p, size=15)
    a = rng.binomial(counts, 0.5)
    b = counts - a
    got = coordinated_from_halves(a, b, a.sum(1), b.sum(1), 1 / p)
    np.testing.assert_allclose(got, textbook_halves(a, b, 1 / p), rtol=1e-9)


def test_three_cells_are_refused():
    x = np.full((3, 4), 5)
    with pytest.raises(DataError, match="at least 4 cells"):
        compute_coordinated(x, x.sum(1), np.ones(4))
