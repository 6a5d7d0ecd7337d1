"""Does the share of a subset differ: tests in which the unit, not the cell, is the replicate."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.subsets.likelihood import beta_binomial_p
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import DIFFERENTIAL_ABUNDANCE
from imscope.engine.abundance import (
    ShareDesign,
    ShareTest,
    Transform,
    compare_shares,
    share_design,
    transform_shares,
)
from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.unlike_arms import ArmsTest, compare_unlike_arms

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


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
    The moderated test borrows variance over subsets; two arms without blocks have variances of
    their own and may differ in units, spread and cells. The likelihood test beside it does not, but
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
    made = share_design(design, factor, pair=pair, least=chosen.min_units)
    subsets = [str(c) for c in counts.columns]
    if isinstance(made, str):
        return _refused(subsets, factor, made)
    return _tested(y, subsets, made, chosen)


def _tested(
    y: Floats, subsets: list[str], made: ShareDesign, settings: AbundanceSettings
) -> "pd.DataFrame":
    import pandas as pd

    test = _test(y, made, settings)
    total = y.sum(axis=1)
    seen = y.sum(axis=0) > 0
    arms = made.full[:, made.tested[0]] == 1 if _two_arms(made) else None
    likely = np.array(
        [
            beta_binomial_p(y[:, k], total, made.full, made.null, arms=arms) if seen[k] else np.nan
            for k in range(len(subsets))
        ]
    )
    p = np.where(seen, test.p_value, np.nan)
    q, q_likely = benjamini_hochberg(p), benjamini_hochberg(likely)
    share = y / total[:, None]
    rows = []
    for c, name in enumerate(made.contrasts):
        for k, subset in enumerate(subsets):
            rows.append(
                {
                    "cluster": subset,
                    "contrast": name,
                    "mean_share": float(share[:, k].mean()),
                    "effect": test.effect[c, k],
                    "low": test.low[c, k],
                    "high": test.high[c, k],
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


def _two_arms(made: ShareDesign) -> bool:
    return made.block is None and len(made.n_units) == 2


def _test(y: Floats, made: ShareDesign, settings: AbundanceSettings) -> ShareTest | ArmsTest:
    """Two arms without blocks get variances of their own; other designs one for all units."""
    if _two_arms(made):
        late = made.full[:, made.tested[0]] == 1
        got = compare_unlike_arms(y, late, scale=settings.transform, confidence=settings.confidence)
        return replace(got, effect=got.effect[None], low=got.low[None], high=got.high[None])
    z = transform_shares(y, settings.transform)
    shift = settings.transform == "log_ratio"
    return compare_shares(z, made, shift=shift, confidence=settings.confidence)


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
