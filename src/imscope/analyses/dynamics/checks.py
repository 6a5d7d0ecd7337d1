"""Intervals by other ways, as a check on the headline interval of the rates."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.dynamics.edges import edge_name
from imscope.analyses.dynamics.laplace import find_mode
from imscope.analyses.dynamics.posterior import Posterior
from imscope.analyses.dynamics.rates import RateFit, conversion_rows, growth_rows
from imscope.core.rng import spawn
from imscope.core.schema import RATE_CHECKS

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
FEWEST_DONORS = 8
"""Donors below which drawing donors with replacement says too little."""


def check_intervals(fit: RateFit, *, draws: int = 200, seed: int = 0) -> "pd.DataFrame":
    """Put donor-robust and donor-bootstrap intervals beside the headline ones.

    Parameters
    ----------
    fit
        From :func:`fit_rates`.
    draws
        Sets of donors drawn; 0 for none.
    seed
        Of the draws.

    Returns
    -------
    table
        ``rate_checks`` as declared in :mod:`imscope.core.schema`. Donor-robust intervals are empty
        below 3 donors, bootstrap ones below 8.

    Notes
    -----
    Both hold the spreads at their best values. They are a check: taking the widest of the
    three would cover more than is stated.

    Examples
    --------
    >>> from imscope.simulate import PassageSettings, simulate_passages
    >>> from imscope.analyses.dynamics import fit_rates, read_passages
    >>> study = simulate_passages(PassageSettings(donors=3, passages=3))
    >>> fit = fit_rates(read_passages(study.counts, study.totals), "A>B")
    >>> check_intervals(fit, draws=0)["parameter"].tolist()
    ['A', 'B', 'S', 'A>B']
    """
    import pandas as pd

    post = fit.posterior
    rows = np.vstack([growth_rows(post)[0], conversion_rows(post)[0]])
    k = len(post.data.subsets)
    names = [*post.data.subsets, *(edge_name(e, post.data.subsets) for e in post.edges)]
    robust = _donor_t(fit, rows)
    drawn = _bootstrap(fit, rows, draws, seed)
    for ends in (robust, drawn):
        ends[:, k:] = np.exp(ends[:, k:])
    return RATE_CHECKS.check(
        pd.DataFrame(
            {
                "parameter": names,
                "low": [*fit.growth["low"], *fit.conversion["low"]],
                "high": [*fit.growth["high"], *fit.conversion["high"]],
                "donor_t_low": robust[0],
                "donor_t_high": robust[1],
                "bootstrap_low": drawn[0],
                "bootstrap_high": drawn[1],
            }
        )
    )


def _donor_t(fit: RateFit, rows: Floats) -> Floats:
    """Sandwich over donors with a t quantile."""
    post, mode = fit.posterior, fit.fitted.best.mode
    donors = post.data.donors
    ends = np.full((2, len(rows)), np.nan)
    if len(donors) < 3:
        return ends
    lay = post.layout
    shared = np.arange(lay.shift.start)
    spreads = fit.fitted.best.spreads
    scores = []
    prior = (mode.x - lay.mean) / post.prior_sd(spreads) ** 2
    for donor in donors:
        part = Posterior(post.data.of_donors([donor]), post.edges, post.settings)
        # a model of one donor has no shifts: its shared rates are those of this donor
        x = part.layout.mean.copy()
        x[shared] = mode.x[shared]
        _own_rates(post, mode.x, donors.index(donor), x)
        x[part.layout.start] = _own_starts(post, mode.x, donor)
        score = part.evaluate(x, spreads).gradient - (x - part.layout.mean) / part.layout.sd**2
        scores.append(score[shared])
    d = len(donors)
    s = np.array(scores) + prior[shared] / d
    covariance = fit.fitted.best.covariance[np.ix_(shared, shared)]
    meat = s.T @ s * d / (d - 1)
    robust = rows[:, shared] @ covariance @ meat @ covariance @ rows[:, shared].T
    se = np.sqrt(np.maximum(np.diag(robust), 0))
    reach = stats.t.ppf((1 + fit.settings.confidence) / 2, d - 1) * se
    middle = rows @ mode.x
    return np.stack([middle - reach, middle + reach])


def _own_rates(post: Posterior, x: Floats, donor: int, into: Floats) -> None:
    """Put a donor's shifts into the rates of a model of that donor alone."""
    lay, e = post.layout, len(post.edges)
    if lay.shift.stop > lay.shift.start:
        into[lay.growth] += x[lay.shift.start + donor]
    if lay.rate_shift.stop > lay.rate_shift.start:
        at = lay.rate_shift.start + donor * e
        into[lay.conversion] += x[at : at + e]


def _own_starts(post: Posterior, x: Floats, donor: str) -> Floats:
    k = len(post.data.subsets)
    every = x[post.layout.start].reshape(-1, k)
    mine = [i for i, c in enumerate(post.data.cultures) if c.donor == donor]
    return np.asarray(every[mine].ravel(), dtype=np.float64)


def _bootstrap(fit: RateFit, rows: Floats, draws: int, seed: int) -> Floats:
    post = fit.posterior
    donors = list(post.data.donors)
    ends = np.full((2, len(rows)), np.nan)
    if len(donors) < FEWEST_DONORS or not draws:
        return ends
    mode, spreads = fit.fitted.best.mode, fit.fitted.best.spreads
    shared = slice(0, post.layout.shift.start)
    values = []
    for n in range(draws):
        rng = spawn(seed, "dynamics bootstrap", n)
        chosen = [donors[i] for i in rng.integers(len(donors), size=len(donors))]
        part = Posterior(post.data.of_donors(chosen), post.edges, post.settings)
        x = part.first_guess()
        x[shared] = mode.x[shared]
        found = find_mode(part, x, spreads, 1e-4)
        if found.converged:
            values.append(rows[:, shared] @ found.x[shared])
    tail = 50 * (1 - fit.settings.confidence)
    return np.percentile(np.array(values), [tail, 100 - tail], axis=0)
