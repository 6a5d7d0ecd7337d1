"""Two kinds of cells on one axis: how many are shifted by a known amount."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Share of shifted cells per region.

    Attributes
    ----------
    frac
        Maximum-likelihood share, shape ``(n_regions,)``.
    centre
        Place of the cells without the shift, same shape. Unit: standard deviations.
    log_likelihood
        With the prior of the centre, up to a constant.
    """

    frac: Floats
    centre: Floats
    log_likelihood: Floats


def fit_mosaic(z: Floats, shift: Floats, *, spread: Floats, prior: float = 0.1) -> Mosaic:
    r"""Fit the share of cells that are shifted by a known amount.

    .. math:: z_c \sim (1-\pi) N(\mu, 1) + \pi N(\mu + s_c, 1), \qquad \mu \sim N(0, t^2)

    with one share and one centre per region; the centre is free because lots differ in regulation.

    Parameters
    ----------
    z
        Standardised values, shape ``(n_cells, n_regions)``.
    shift
        Shift of each cell, same shape or ``(1, n_regions)``; negative for a loss.
    spread
        Standard deviation of the centre between lots, shape ``(n_regions,)``.
    prior
        Share to start from.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=(2000, 1)) + 4 * (np.arange(2000) < 200)[:, None]
    >>> fit = fit_mosaic(z, np.full((1, 1), 4.0), spread=np.array([0.3]))
    >>> float(fit.frac[0].round(2))
    0.1
    """
    starts = (np.quantile(z, 0.4, axis=0) + 0.25, np.zeros(z.shape[1]))
    tries = [
        _climb(z, shift, np.maximum(spread, 0.05), centre, share)
        for centre, share in zip(starts, (prior, 0.5), strict=True)
    ]
    better = tries[1].log_likelihood > tries[0].log_likelihood + 1e-6
    return Mosaic(
        *(np.where(better, b, a) for a, b in zip(_fields(tries[0]), _fields(tries[1]), strict=True))
    )


def _fields(fit: Mosaic) -> tuple[Floats, Floats, Floats]:
    return fit.frac, fit.centre, fit.log_likelihood


def _climb(z: Floats, shift: Floats, spread: Floats, centre: Floats, prior: float) -> Mosaic:
    """Climb the likelihood from one start by expectation and maximisation."""
    frac = np.full(z.shape[1], prior)
    loose = 1 / (len(z) * spread**2)
    for _ in range(60):
        odds = np.exp(np.clip((z - centre) * shift - 0.5 * shift**2, -50, 50))
        weight = frac * odds / (1 - frac + frac * odds)
        new = np.clip(weight.mean(axis=0), 1e-4, 1 - 1e-4)
        centre = (z - weight * shift).mean(axis=0) / (1 + loose)
        change = float(np.abs(new - frac).max())
        frac = new
        if change < 1e-5:
            break
    odds = np.exp(np.clip((z - centre) * shift - 0.5 * shift**2, -50, 50))
    like = (np.log(1 - frac + frac * odds) - 0.5 * (z - centre) ** 2).sum(axis=0)
    return Mosaic(frac, centre, like - 0.5 * (centre / spread) ** 2)
