"""Exact two-sided probabilities by relabelling units; random relabellings where they are many."""

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST = 20_000
"""Relabellings up to which all are tried; beyond, as many are drawn."""
SLACK = 1e-9
"""Relative difference below which two sums are the same: relabellings tie exactly."""


def sign_flip_p(changes: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
    """Probability of a mean change as far from zero when signs are random.

    Parameters
    ----------
    changes
        One row per unit, shape ``(n_units, n_responses)``.
    rng
        Used only where there are more than 20,000 patterns of signs.

    Returns
    -------
    p_value, floor
        Shape ``(n_responses,)``; and the smallest value that can occur.

    Examples
    --------
    >>> p, floor = sign_flip_p(np.array([[1.0], [2.0], [1.5]]), np.random.default_rng(0))
    >>> p.tolist(), floor
    ([0.25], 0.25)
    """
    n = len(changes)
    if 2 ** (n - 1) <= MOST:  # the first sign may stay: the other half mirrors it
        bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n - 1) & 1
        signs = np.column_stack([np.ones(len(bits)), 1 - 2.0 * bits])
        floor, extra = 1 / 2 ** (n - 1), 0
    else:
        signs = rng.choice([-1.0, 1.0], size=(MOST, n))
        floor, extra = 1 / (MOST + 1), 1
    return _beyond(np.abs(signs @ changes), np.abs(changes.sum(axis=0)), extra), floor


def relabel_p(
    values: Floats, test: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Floats, float]:
    """Probability of a difference of means as far from zero when labels are random.

    Parameters
    ----------
    values
        One row per unit, shape ``(n_units, n_responses)``.
    test
        Units of the test arm.
    rng
        Used only where there are more than 20,000 labellings.

    Returns
    -------
    p_value, floor
        Shape ``(n_responses,)``; and the smallest value that can occur.

    Examples
    --------
    >>> v = np.array([[0.0], [1.0], [5.0], [6.0]])
    >>> p, floor = relabel_p(v, np.array([False, False, True, True]), np.random.default_rng(0))
    >>> p.round(3).tolist(), round(floor, 3)
    ([0.333], 0.333)
    """
    n, k = len(values), int(test.sum())
    if comb(n, k) <= MOST:
        chosen = np.array(list(combinations(range(n), k)))
        labels = np.zeros((len(chosen), n))
        np.put_along_axis(labels, chosen, 1.0, axis=1)
        floor, extra = (2 if 2 * k == n else 1) / comb(n, k), 0
    else:
        labels = np.array([rng.permutation(test) for _ in range(MOST)], dtype=np.float64)
        floor, extra = 1 / (MOST + 1), 1
    weights = labels / k - (1 - labels) / (n - k)
    own = values[test].mean(axis=0) - values[~test].mean(axis=0)
    return _beyond(np.abs(weights @ values), np.abs(own), extra), floor


def _beyond(null: Floats, own: Floats, extra: int) -> Floats:
    far = (null >= own * (1 - SLACK) - 1e-12).sum(axis=0)
    return np.asarray((far + extra) / (len(null) + extra), dtype=np.float64)
