"""Differences in the shares of subsets with units as replicates; shifts of the whole removed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logit

from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.moderate import fit_moderated, moderated_f

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Transform = Literal["logit", "arcsine", "log_ratio"]


@dataclass(frozen=True, slots=True, eq=False)
class ShareDesign:
    """Which rows are compared, and which column of the design is tested."""

    full: Floats
    null: Floats
    tested: list[int]
    contrasts: list[str]
    block: NDArray[np.int64] | None
    n_units: list[int]

    @property
    def paired_arms(self) -> bool:
        """Two arms, each block once in each: differences within blocks can be taken."""
        if self.block is None or len(self.tested) != 1:
            return False
        x = self.full[:, self.tested[0]]
        each = [sorted(x[self.block == b].tolist()) for b in np.unique(self.block)]
        return all(e == [0.0, 1.0] for e in each)


def share_design(
    design: "pd.DataFrame",
    factor: str,
    *,
    pair: str | None = None,
    least: int = 3,
    reference: str | None = None,
) -> ShareDesign | str:
    """Build the design of one factor, or say in words why it cannot be tested.

    Parameters
    ----------
    design
        One row per unit; ``factor`` and ``pair`` are columns.
    factor
        Words make groups, numbers are a covariate.
    pair
        Names the block measured more than once.
    least
        Units per group, or in all for a covariate.
    reference
        Group the others are compared with; the first in sorted order by default.
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    column = design[factor]
    ones = np.ones((len(design), 1))
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        x = column.to_numpy(dtype=np.float64)
        if len(np.unique(x)) < 2:
            return f"{factor} has one value only"
        tested, names, sizes = x[:, None] - x.mean(), [f"per unit of {factor}"], [len(x)]
        independent = design[pair].nunique() if pair else len(x)
        if independent < least:
            return f"{independent} independent units, {least} are needed"
    else:
        words = column.astype(str)
        levels = sorted(words.unique(), key=lambda w: (w != reference, w))
        if len(levels) < 2:
            return f"{factor} has one group only"
        sizes = [int((words == level).sum()) for level in levels]
        few = [f"{level} has {n}" for level, n in zip(levels, sizes, strict=True) if n < least]
        if few:
            return f"{least} units per arm are needed: {', '.join(few)}"
        tested = np.column_stack([(words == level).to_numpy(np.float64) for level in levels[1:]])
        names = [f"{level} against {levels[0]}" for level in levels[1:]]
    null, block = ones, None
    if pair is not None:
        block = np.unique(design[pair].astype(str), return_inverse=True)[1].astype(np.int64)
        dummies = (block[:, None] == np.arange(1, block.max() + 1)).astype(np.float64)
        null = np.column_stack([ones, dummies])
    full = np.column_stack([null, tested])
    if np.linalg.matrix_rank(full) < full.shape[1]:
        return f"{factor} cannot be told apart from {pair}"
    if len(full) - full.shape[1] < 2:
        return f"{len(full)} units leave fewer than 2 degrees of freedom"
    columns = list(range(null.shape[1], full.shape[1]))
    return ShareDesign(full, null, columns, names, block, sizes)


def transform_shares(y: Floats, how: Transform) -> Floats:
    """Shares of counts on the scale they are compared on."""
    total = y.sum(axis=1, keepdims=True)
    if how == "arcsine":
        return np.asarray(np.arcsin(np.sqrt(y / total)), dtype=np.float64)
    smooth = (y + 0.5) / (total + 0.5 * y.shape[1])
    return np.asarray(np.log(smooth) if how == "log_ratio" else logit(smooth), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class ShareTest:
    """Effects with intervals, shape ``(n_contrasts, n_subsets)``, and one p value per subset.

    Attributes
    ----------
    effect, low, high
        Of each contrast.
    p_each
        Moderated t of each contrast.
    p_value, q_value
        Moderated F over all contrasts, and its adjustment over subsets.
    responses, design, tested
        What the effects were estimated from: shift removed, shape ``(n_rows, n_subsets)``.
    """

    effect: Floats
    low: Floats
    high: Floats
    p_each: Floats
    p_value: Floats
    q_value: Floats
    responses: Floats
    design: Floats
    tested: list[int]


def compare_shares(
    z: Floats, made: ShareDesign, *, shift: bool = True, confidence: float = 0.95
) -> ShareTest:
    """Moderated test of every subset, variances borrowed over subsets.

    Parameters
    ----------
    z
        Values of units and subsets, such as log shares, shape ``(n_units, n_subsets)``.
    made
        From :func:`share_design`.
    shift
        Subtract the median change over subsets, so that the growth of one is no loss of the others.
    confidence
        Of the intervals.
    """
    full, tested = made.full, made.tested
    if shift:
        z, full, tested = without_shift(z, made)
    return moderate_changes(z, full, tested, confidence)


def moderate_changes(z: Floats, full: Floats, tested: list[int], confidence: float) -> ShareTest:
    """Moderated test of columns of a design, as they are."""
    fit = fit_moderated(z, full)
    _, p = moderated_f(fit, tested)
    each = np.array([moderated_f(fit, [c])[1] for c in tested])
    p, each = (np.where(fit.variance > 0, v, np.nan) for v in (p, each))
    tail = (1 + confidence) / 2
    reach = stats.norm.ppf(tail) if np.isinf(fit.df) else stats.t.ppf(tail, fit.df)
    effect = fit.coefficients[tested]
    half = reach * np.sqrt(fit.variance * np.diag(fit.unscaled)[tested][:, None])
    return ShareTest(
        effect, effect - half, effect + half, each, p, benjamini_hochberg(p), z, full, tested
    )


def without_shift(z: Floats, made: ShareDesign) -> tuple[Floats, Floats, list[int]]:
    """Subtract the median change over subsets: within each pair, else along the coefficients."""
    if made.paired_arms and made.block is not None:
        late = made.full[:, made.tested[0]] == 1
        order = np.argsort(made.block[late], kind="stable")
        other = np.argsort(made.block[~late], kind="stable")
        change = z[late][order] - z[~late][other]
        change = change - np.median(change, axis=1, keepdims=True)
        return change, np.ones((len(change), 1)), [0]
    coefficients = np.linalg.lstsq(made.full, z, rcond=None)[0]
    for c in made.tested:
        z = z - made.full[:, [c]] * np.median(coefficients[c])
    return z, made.full, made.tested
