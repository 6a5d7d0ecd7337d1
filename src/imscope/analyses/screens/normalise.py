"""Size factors of the samples of a pooled screen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError, UsageError

Floats = NDArray[np.float64]
METHODS = ("median", "total", "control", "none")
ZEROS_REFUSE, ZEROS_WARN = 0.45, 0.30


@dataclass(frozen=True, slots=True, eq=False)
class SizeFactors:
    """Factors that multiply the reads of each sample, and how they were made."""

    factors: Floats
    method: str
    notes: tuple[str, ...]


def size_factors(
    counts: Floats, *, method: str = "median", controls: NDArray[np.bool_] | None = None
) -> SizeFactors:
    r"""Compute the size factor of every sample by the median of ratios.

    .. math:: f_j = 1/\mathrm{median}_i\,(x_{ij}/g_i),\quad g_i = \exp(\bar{\ln(x_{ij}+1)})

    Parameters
    ----------
    counts
        Shape ``(n_guides, n_samples)``; NaN where missing. Unit: reads.
    method
        ``median`` (all guides), ``control`` (control guides only), ``total`` or ``none``. With more
        than 45 % guides without reads in a sample ``median`` becomes ``total``, which is said.
    controls
        Which guides are controls, shape ``(n_guides,)``.

    Raises
    ------
    DataError
        ``control`` without control guides, or a sample without reads.

    References
    ----------
    .. [1] Li W et al. (2014). Genome Biol 15:554. doi:10.1186/s13059-014-0554-4

    Examples
    --------
    >>> size_factors(np.array([[10.0, 20.0], [30.0, 60.0], [50.0, 100.0]])).factors.round(3)
    array([1.45 , 0.725])
    """
    if method not in METHODS:
        raise UsageError(
            f"{method!r} is no way to normalise", fix=", ".join(METHODS), code=codes.SCREEN_OPTION
        )
    totals = np.nansum(counts, axis=0)
    if (totals <= 0).any():
        raise DataError(
            "a sample has no reads",
            found=f"sample number {int(np.argmin(totals)) + 1}",
            code=codes.SCREEN_VALUES,
        )
    if method == "none":
        return SizeFactors(np.ones(len(totals)), "none", ())
    notes = []
    if method == "control":
        if controls is None or not controls.any():
            raise DataError(
                "normalisation by controls needs control guides",
                fix="name them with --control-guides or --control-genes",
                code=codes.SCREEN_CONTROLS,
            )
        counts = counts[controls]
    else:
        zeros = np.nanmean(counts == 0, axis=0)
        if zeros.max() > ZEROS_REFUSE and method == "median":
            notes.append(
                f"{codes.W_SCREEN_ZEROS}: {100 * zeros.max():.0f} % of guides have no reads in a "
                "sample, so depth is taken from totals and not from the median of ratios"
            )
            method = "total"
        elif zeros.max() > ZEROS_WARN:
            notes.append(f"{codes.W_SCREEN_ZEROS}: {100 * zeros.max():.0f} % without reads")
    if method == "total":
        return SizeFactors(totals.mean() / totals, "total", tuple(notes))
    return SizeFactors(_median_of_ratios(counts), method, tuple(notes))


def _median_of_ratios(counts: Floats) -> Floats:
    whole = counts[~np.isnan(counts).any(axis=1)]
    whole = whole[whole.sum(axis=1) > 0]
    if not len(whole):
        raise DataError(
            "no guide has reads in every sample",
            fix="normalise by total reads",
            code=codes.SCREEN_VALUES,
        )
    centre = np.exp(np.log(whole + 1).mean(axis=1))
    ratios = np.sort(whole / centre[:, None], axis=0)[len(whole) // 2]
    if (ratios <= 0).any():
        raise DataError(
            "half of the guides have no reads in a sample",
            fix="normalise by total reads",
            code=codes.SCREEN_VALUES,
        )
    return np.asarray(1 / ratios)
