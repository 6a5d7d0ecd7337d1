"""Intervals of a mean over units and of a share: one implementation each."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from imscope.core.errors import DataError


def t_interval(values: ArrayLike, *, level: float = 0.95) -> tuple[float, float, float, float]:
    """Mean of units with Student's interval.

    Parameters
    ----------
    values
        One per unit, at least 2.
    level
        Of the two-sided interval.

    Returns
    -------
    mean, low, high, sd
        ``sd`` is the standard deviation of the units.

    Examples
    --------
    >>> [round(v, 2) for v in t_interval([0.1, 0.2, 0.3])]
    [0.2, -0.05, 0.45, 0.1]
    """
    v = np.asarray(values, dtype=np.float64)
    if len(v) < 2:
        raise DataError("an interval over units needs two of them", found=f"{len(v)}")
    mean, sd = float(v.mean()), float(v.std(ddof=1))
    step = float(student.ppf(0.5 + level / 2, len(v) - 1)) * sd / float(np.sqrt(len(v)))
    return mean, mean - step, mean + step, sd


def wilson_interval(called: float, total: float, *, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a binomial share.

    References
    ----------
    .. [1] Wilson EB (1927). J Am Stat Assoc 22:209-212. doi:10.1080/01621459.1927.10502953

    Examples
    --------
    >>> [round(v, 3) for v in wilson_interval(0, 20)]
    [0.0, 0.161]
    """
    if not (total > 0 and 0 <= called <= total):
        raise DataError("a share needs 0 to n called out of n", found=f"{called} of {total}")
    z2 = float(norm.ppf(0.5 + level / 2)) ** 2
    share = called / total
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = np.sqrt(z2 * (share * (1 - share) / total + z2 / (4 * total**2))) / (1 + z2 / total)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
