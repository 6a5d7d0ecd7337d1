"""Does the share of a subset differ: tests in which the unit, not the cell, is the replicate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logit

from imscope.analyses.subsets.likelihood import beta_binomial_p
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import DIFFERENTIAL_ABUNDANCE
from imscope.engine.markers import adjust_p_values
from imscope.stats.moderate import fit_moderated, moderated_f

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Transform = Literal["logit", "arcsine", "log_ratio"]


@dataclass(frozen=True, slots=True)
class AbundanceSettings:
    """Choices of the abundance test, fixed before the data are read.

    Attributes
    ----------
    transform
        ``logit`` or ``arcsine`` of the shares, or ``log_ratio``: log shares less the median change
        over the subsets, so that the growth of one does not count as the loss of all others.
    min_units
        Units per arm (or units in all, for a covariate) below which nothing is tested.
    confidence
        Of the intervals.
    """

    transform: Transform = "logit"
    min_units: int = 3
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if (
            self.transform not in ("logit", "arcsine", "log_ratio")
            or self.min_units < 3
            or not 0.5 <= self.confidence < 1
        ):
            raise DataError(
                "a setting of the abundance test is out of range",
                found=f"{self}",
                fix="transform logit, arcsine or log_ratio; 3 units or more; confidence below 1",
                code=codes.SUBSETS_OPTION,
            )


def differential_abundance(
    counts: "pd.DataFrame",
    design: "pd.DataFrame",
    factor: str,
    *,
    pair: str | None = None,
    settings: AbundanceSettings | None = None,
) -> "pd.DataFrame":
    """Test every subset for a difference between groups or along a covariate.

    Parameters
    ----------
    counts
        Cells per unit (rows) and subset (columns). Unit: cells.
    design
        One row per row of ``counts``, in the same order.
    factor
        Column of ``design``: words make groups (the first in sorted order is the reference),
        numbers are a covariate such as the passage.
    pair
        Column of ``design`` that names the block (donor) measured more than once.
    settings
        See :class:`AbundanceSettings`.

    Returns
    -------
    table
        ``differential_abundance`` as declared in :mod:`imscope.core.schema`. With too few units
        every row says NOT TESTABLE in words and holds no number.

    Raises
    ------
    DataError
        Counts are not whole, a unit has no cells, the design has other rows, gaps or no such
        column.

    Notes
    -----
    The moderated test borrows variance over subsets; the likelihood test beside it does not, but
    knows how many cells were counted. Shares add up to one: an increase of one subset lowers all
    others. ``log_ratio`` removes that as long as fewer than half of the subsets change.

    References
    ----------
    .. [1] Phipson B et al. (2022). Bioinformatics 38:4720-4726. doi:10.1093/bioinformatics/btac582
    .. [2] Smyth GK (2004). Stat Appl Genet Mol Biol 3:3. doi:10.2202/1544-6115.1027

    Examples
    --------
    >>> import pandas as pd
    >>> counts = pd.DataFrame({"a": [50, 55, 45, 90, 85, 95], "b": 100, "c": 100})
    >>> design = pd.DataFrame({"arm": ["x"] * 3 + ["y"] * 3})
    >>> table = differential_abundance(counts, design, "arm")
    >>> bool(table["q_value"].iloc[0] < 0.01), table["status"].iloc[0]
    (True, 'ok')
    """
    chosen = settings or AbundanceSettings()
    y = _checked(counts, design, factor, pair)
    made = _design(design, factor, pair, chosen)
    subsets = [str(c) for c in counts.columns]
    if isinstance(made, str):
        return _refused(subsets, factor, made)
    return _tested(y, subsets, made, chosen)


@dataclass(frozen=True, slots=True, eq=False)
class _Design:
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


def _design(
    design: "pd.DataFrame", factor: str, pair: str | None, settings: AbundanceSettings
) -> _Design | str:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    column = design[factor]
    least = settings.min_units
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
        levels = sorted(words.unique())
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
    return _Design(full, null, columns, names, block, sizes)


def _transformed(y: Floats, how: Transform) -> Floats:
    total = y.sum(axis=1, keepdims=True)
    if how == "arcsine":
        return np.asarray(np.arcsin(np.sqrt(y / total)), dtype=np.float64)
    smooth = (y + 0.5) / (total + 0.5 * y.shape[1])
    return np.asarray(np.log(smooth) if how == "log_ratio" else logit(smooth), dtype=np.float64)


def _tested(
    y: Floats, subsets: list[str], made: _Design, settings: AbundanceSettings
) -> "pd.DataFrame":
    import pandas as pd

    z = _transformed(y, settings.transform)
    full, tested = made.full, made.tested
    if settings.transform == "log_ratio":
        z, full, tested = _without_shift(z, made)
    fit = fit_moderated(z, full)
    _, p = moderated_f(fit, tested)
    p = np.where(fit.variance > 0, p, np.nan)
    total = y.sum(axis=1)
    seen = y.sum(axis=0) > 0
    likely = np.array(
        [
            beta_binomial_p(y[:, k], total, made.full, made.null) if seen[k] else np.nan
            for k in range(len(subsets))
        ]
    )
    p = np.where(seen, p, np.nan)
    q, q_likely = adjust_p_values(p), adjust_p_values(likely)
    share = y / total[:, None]
    tail = (1 + settings.confidence) / 2
    reach = stats.norm.ppf(tail) if np.isinf(fit.df) else stats.t.ppf(tail, fit.df)
    rows = []
    for c, name in zip(tested, made.contrasts, strict=True):
        effect = fit.coefficients[c]
        half = reach * np.sqrt(fit.variance * fit.unscaled[c, c])
        for k, subset in enumerate(subsets):
            rows.append(
                {
                    "cluster": subset,
                    "contrast": name,
                    "mean_share": float(share[:, k].mean()),
                    "effect": effect[k],
                    "low": effect[k] - half[k],
                    "high": effect[k] + half[k],
                    "scale": settings.transform,
                    "p_value": p[k],
                    "q_value": q[k],
                    "p_likelihood": likely[k],
                    "q_likelihood": q_likely[k],
                    "n_units": len(y),
                    "units_per_arm": "; ".join(map(str, made.n_units)),
                    "status": "ok" if seen[k] else "not estimable: no cell of this subset",
                }
            )
    return DIFFERENTIAL_ABUNDANCE.check(pd.DataFrame(rows))


def _without_shift(z: Floats, made: _Design) -> tuple[Floats, Floats, list[int]]:
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


def _refused(subsets: list[str], factor: str, why: str) -> "pd.DataFrame":
    import pandas as pd

    numbers = ("mean_share", "effect", "low", "high", "p_value", "q_value")
    empty = dict.fromkeys((*numbers, "p_likelihood", "q_likelihood"), float("nan"))
    rows = [
        {
            "cluster": subset,
            "contrast": factor,
            **empty,
            "scale": "",
            "n_units": 0,
            "units_per_arm": "",
            "status": f"NOT TESTABLE: {why}",
        }
        for subset in subsets
    ]
    return DIFFERENTIAL_ABUNDANCE.check(pd.DataFrame(rows, columns=DIFFERENTIAL_ABUNDANCE.names))


def _checked(
    counts: "pd.DataFrame", design: "pd.DataFrame", factor: str, pair: str | None
) -> Floats:
    y = counts.to_numpy(dtype=np.float64)
    bad = ~np.isfinite(y) | (y < 0) | (y % 1 != 0)
    if bad.any() or y.shape[1] < 2 or (y.sum(axis=1) == 0).any():
        raise DataError(
            "abundance needs whole counts of at least 2 subsets and cells in every unit",
            found=f"{int(bad.sum())} unusable counts, {y.shape[1]} subsets, "
            f"{int((y.sum(axis=1) == 0).sum())} units without cells",
            fix="give cells per unit and subset, not shares; drop empty units",
            code=codes.SUBSETS_COUNTS,
        )
    if len(design) != len(y):
        raise DataError(
            "counts and design differ in their number of rows",
            found=f"{len(y)} and {len(design)}",
            fix="give one row of design per row of counts, in the same order",
            code=codes.SUBSETS_DESIGN,
        )
    for name in (factor, pair):
        if name is not None and (name not in design.columns or design[name].isna().any()):
            raise DataError(
                f"column {name!r} of the design is missing or has gaps",
                found=f"columns: {', '.join(map(str, design.columns))}",
                fix="fill it for every unit",
                code=codes.SUBSETS_COLUMN,
            )
    return y
