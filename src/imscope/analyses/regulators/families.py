"""Families: regulators that share targets or activity are one finding."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import scipy.sparse as sp

Floats = NDArray[np.float64]
JACCARD = 0.3
CORRELATION = 0.9
UNITS = 6
"""Units from which a correlation of activities over units says anything."""
RIDGE = 1.0


def find_families(
    weights: "sp.csr_array", names: tuple[str, ...], effect: Floats, by_unit: Floats
) -> list[str]:
    """Name of the regulator that speaks for each: the strongest first takes those like it.

    Parameters
    ----------
    weights
        Shape ``(n_regulators, n_genes)``.
    names, effect
        Of the regulators.
    by_unit
        Activities, ``(n_units, n_regulators)``.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> w = sp.csr_array([[1.0, 1, 1, 0, 0], [1.0, 1, 0, 0, 0], [0.0, 0, 0, 1, 1]])
    >>> find_families(w, ("A", "B", "C"), np.array([1.0, 2.0, 3.0]), np.zeros((2, 3)))
    ['B', 'B', 'C']
    """
    present = (weights != 0).astype(np.float64)
    shared = np.asarray((present @ present.T).toarray())
    size = np.diag(shared)
    like = shared / np.maximum(size[:, None] + size[None, :] - shared, 1) > JACCARD
    if len(by_unit) >= UNITS:
        centred = by_unit - by_unit.mean(axis=0)
        length = np.sqrt((centred**2).sum(axis=0))
        length[length == 0] = np.inf
        like |= (centred.T @ centred) / np.outer(length, length) > CORRELATION
    speaker = np.full(len(names), -1)
    order = sorted(range(len(names)), key=lambda k: (-abs(effect[k]), names[k]))
    for k in order:
        if speaker[k] < 0:
            speaker[like[k] & (speaker < 0)] = k
            speaker[k] = k
    return [names[k] for k in speaker]


def conditional_effects(
    mean: Floats, weights: "sp.csr_array", families: list[str], effect: Floats
) -> Floats:
    """Activity of each member given the others of its family: ridge on their shared targets.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> w = sp.csr_array([[1.0, 1, 1, 0], [0.0, 1, 1, 0]])
    >>> d = np.array([0.0, 2.0, 2.0, 0.0])
    >>> conditional_effects(d, w, ["A", "A"], np.array([1.0, 2.0])).round(2).tolist()
    [0.41, 1.55]
    """
    out = effect.astype(np.float64).copy()
    family = np.array(families, dtype=object)
    for name in sorted(set(families)):
        own = np.flatnonzero(family == name)
        if len(own) < 2:
            continue
        part = weights[own]
        gram = np.asarray((part @ part.T).toarray())
        ridge = RIDGE * float(np.mean(np.diag(gram))) / 4
        solved = np.linalg.solve(gram + ridge * np.eye(len(own)), part @ mean)
        alone = (part @ mean) / (np.diag(gram) + ridge)
        with np.errstate(divide="ignore", invalid="ignore"):
            out[own] = np.where(alone != 0, effect[own] * solved / alone, 0.0)
    return out
