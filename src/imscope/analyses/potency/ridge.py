"""All attributes together: ridge regression that is judged on the unit left out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.potency.blocks import Blocks

Floats = NDArray[np.float64]
PENALTIES = np.geomspace(0.1, 1_000, 9)
ORDERS = 199
LEAST = 6


@dataclass(frozen=True, slots=True)
class Predicted:
    """How well units that were left out are predicted.

    Attributes
    ----------
    r2
        One less the squared error over the variance within blocks; NaN with fewer than 6 units.
    p_value
        Share of permutations within blocks that predict as well, own one included.
    n_units
        Units.
    """

    r2: float
    p_value: float
    n_units: int


def predict_left_out(x: Floats, y: Floats, blocks: Blocks, rng: np.random.Generator) -> Predicted:
    """Leave-one-out prediction of an outcome from all attributes, within blocks.

    Parameters
    ----------
    x, y
        Attributes, shape ``(n, p)``, and outcome; attributes with gaps take their block's mean.
    blocks
        Of the units.
    rng
        Of the permutations.

    Notes
    -----
    The penalty is the best of nine on the left-out units themselves, which flatters; every
    permutation chooses its own in the same way, so the probability is right all the same.

    References
    ----------
    .. [1] Golub GH, Heath M, Wahba G (1979). Technometrics 21:215-223.
       doi:10.1080/00401706.1979.10489751

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(20, 3))
    >>> one = Blocks(np.zeros(20, dtype=int), "")
    >>> found = predict_left_out(x, x[:, 0] + 0.1 * rng.normal(size=20), one, rng)
    >>> found.r2 > 0.8, found.p_value
    (True, 0.005)
    """
    n, df = len(y), len(y) - blocks.n_blocks
    if n < LEAST or df < 4:
        return Predicted(float("nan"), float("nan"), n)
    filled = np.where(np.isfinite(x), x, np.nanmean(x, axis=0, keepdims=True))
    z = blocks.centre(filled)
    size = np.sqrt((z**2).sum(axis=0) / df)
    z = z[:, size > 0] / size[size > 0]
    target = blocks.centre(y)
    if not z.shape[1] or not (target**2).sum():
        return Predicted(float("nan"), float("nan"), n)
    values, vectors = np.linalg.eigh(z @ z.T)
    lone = 1 / np.bincount(blocks.code)[blocks.code]
    hats = [
        (vectors * (np.maximum(values, 0) / (np.maximum(values, 0) + k))) @ vectors.T
        for k in PENALTIES
    ]
    targets = np.column_stack([target, target[blocks.permutations(rng, ORDERS)].T])
    best = np.full(targets.shape[1], np.inf)
    for hat in hats:
        rest = (targets - hat @ targets) / np.clip(1 - np.diag(hat) - lone, 0.05, None)[:, None]
        best = np.minimum(best, (rest**2).sum(axis=0))
    # what the mean of the block alone would leave on a unit left out
    blank = ((targets / (1 - np.clip(lone, 0, 0.95))[:, None]) ** 2).sum(axis=0)
    r2 = 1 - best / blank
    p = float((1 + (r2[1:] >= r2[0] - 1e-12).sum()) / (1 + ORDERS))
    return Predicted(float(r2[0]), p, n)
