"""Growth of subsets and conversion between them from passaged cultures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.dynamics.cultures import PassageData
from imscope.analyses.dynamics.edges import edge_name, read_edges
from imscope.analyses.dynamics.laplace import Fitted, fit_posterior
from imscope.analyses.dynamics.layout import Edge
from imscope.analyses.dynamics.mixture import describe
from imscope.analyses.dynamics.posterior import Posterior
from imscope.analyses.dynamics.settings import RateSettings
from imscope.core import codes
from imscope.core.errors import MethodError
from imscope.core.schema import CONVERSION_RATES, GROWTH_RATES, RATE_EFFECTS

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
NOT_IDENTIFIED = "not identified by these data"


@dataclass(frozen=True, slots=True, eq=False)
class RateFit:
    """Rates of one study.

    Attributes
    ----------
    growth, conversion, effects
        ``growth_rates``, ``conversion_rates`` and ``rate_effects`` as declared in
        :mod:`imscope.core.schema`.
    donor_sd
        Standard deviation between donors of growth (per day) and of log conversion, each with
        ``sd``, ``low`` and ``high``; empty with one donor.
    status
        ``ok``, or what cannot be said at all.
    warnings
        One sentence each.
    time_unit
        ``day`` or ``passage``: unit of the rates.
    posterior, fitted
        The model and its posterior.
    settings
        As given.
    """

    growth: "pd.DataFrame"
    conversion: "pd.DataFrame"
    effects: "pd.DataFrame"
    donor_sd: dict[str, dict[str, float]]
    status: str
    warnings: tuple[str, ...]
    time_unit: str
    posterior: Posterior
    fitted: Fitted
    settings: RateSettings


def fit_rates(
    data: PassageData,
    edges: str | Sequence[str] | None = None,
    *,
    settings: RateSettings | None = None,
) -> RateFit:
    r"""Estimate growth and conversion of subsets, with intervals over donors.

    Between harvests :math:`dn/dt = Bn`, :math:`B = Q^\top + \mathrm{diag}(g)`. Compositions are
    Dirichlet-multinomial around :math:`n/1^\top n`; harvested over seeded is log-normal around the
    total. Donors differ by a shared shift of growth and by a factor of each conversion.

    Parameters
    ----------
    data
        From :func:`read_passages`.
    edges
        Conversions allowed, such as ``"A>B,B>A"``; by default all, for 5 subsets or fewer.
    settings
        Priors and limits.

    Returns
    -------
    fit
        Rates, what is identified, and the posterior.

    Raises
    ------
    MethodError
        No culture was counted twice, or no start reached an optimum.

    Notes
    -----
    Rates and the spread between donors are estimated together: rates by Laplace's method at every
    node of a grid over the spreads, weighted by the posterior of the spreads. Cells are never the
    replicate. A rate whose posterior standard deviation exceeds 0.7 of its prior one is called not
    identified; its interval is then mostly the prior.

    References
    ----------
    .. [1] Rue H, Martino S, Chopin N (2009). J R Stat Soc B 71:319-392.
       doi:10.1111/j.1467-9868.2008.00700.x
    .. [2] Dhawan A et al. (2016). Sci Rep 6:18074. doi:10.1038/srep18074

    Examples
    --------
    >>> import pandas as pd
    >>> from imscope.analyses.dynamics import read_passages
    >>> counts = pd.DataFrame(
    ...     {"donor": ["d"] * 6, "day": [0, 0, 4, 4, 8, 8], "subset": ["A", "B"] * 3,
    ...      "count": [500, 500, 700, 300, 850, 150]})
    >>> fit = fit_rates(read_passages(counts), edges="")
    >>> bool(fit.growth["relative"].all()), bool(fit.growth["rate_per_day"].iloc[0] > 0.05)
    (True, True)
    """
    chosen = settings or RateSettings()
    pairs = read_edges(edges, data.subsets)
    if all((c.counts.sum(axis=1) > 0).sum() < 2 and c.start is None for c in data.cultures):
        raise MethodError(
            "rates need a culture that was counted at two times or more",
            found=f"{len(data.cultures)} cultures, each counted once",
            fix="count the same culture again after it has grown",
            code=codes.DYNAMICS_FIT,
        )
    post = Posterior(data, pairs, chosen)
    fitted = fit_posterior(post)
    growth = _growth(post, fitted)
    conversion = _conversion(post, fitted)
    lost = [*growth.loc[~growth["identified"], "subset"]]
    lost += [
        f"{a}>{b}" for a, b in conversion.loc[~conversion["identified"], ["from", "to"]].to_numpy()
    ]
    warnings = [*data.warnings, *_warnings(post, fitted, edges)]
    if lost:
        warnings.append(f"{NOT_IDENTIFIED}: {', '.join(lost)}")
    return RateFit(
        growth,
        conversion,
        _effects(post, fitted),
        _donor_sd(post, fitted),
        "ok" if len(data.donors) > 1 else "one donor: intervals are over counts, not over donors",
        tuple(warnings),
        data.time_unit,
        post,
        fitted,
        chosen,
    )


def growth_rows(post: Posterior) -> tuple[Floats, Floats]:
    """Linear functions whose values are the growth reported, and their prior spreads."""
    lay, k = post.layout, len(post.data.subsets)
    rows = np.zeros((k, lay.size))
    rows[:, lay.growth] = np.eye(k) if post.data.has_totals else np.eye(k) - 1 / k
    return rows, np.sqrt((rows**2) @ (lay.sd**2))


def conversion_rows(post: Posterior) -> tuple[Floats, Floats]:
    """Linear functions whose values are the log conversions, and their prior spreads."""
    lay = post.layout
    rows = np.zeros((len(post.edges), lay.size))
    rows[:, lay.conversion] = np.eye(len(post.edges))
    return rows, lay.sd[lay.conversion]


def _growth(post: Posterior, fitted: Fitted) -> "pd.DataFrame":
    import pandas as pd

    rows, prior = growth_rows(post)
    middle, ends, sd = describe(fitted, rows, post.settings.confidence)
    identified = sd <= post.settings.not_identified * prior
    relative = not post.data.has_totals
    note = "relative: differences from the mean growth of the subsets" if relative else ""
    return GROWTH_RATES.check(
        pd.DataFrame(
            {
                "subset": list(post.data.subsets),
                "rate_per_day": middle,
                "low": ends[0],
                "high": ends[1],
                "posterior_over_prior": sd / prior,
                "identified": identified,
                "relative": relative,
                "note": [_note(i, note) for i in identified.tolist()],
            }
        )
    )


def _note(identified: bool, more: str = "") -> str:
    return "; ".join(n for n in ("" if identified else NOT_IDENTIFIED, more) if n)


def _conversion(post: Posterior, fitted: Fitted) -> "pd.DataFrame":
    import pandas as pd

    rows, prior = conversion_rows(post)
    middle, ends, sd = describe(fitted, rows, post.settings.confidence)
    identified = sd <= post.settings.not_identified * prior
    names = post.data.subsets
    late = ["largest rate of a logistic rise" if e in post.layout.late else ""
            for e in range(len(post.edges))]  # fmt: skip
    return CONVERSION_RATES.check(
        pd.DataFrame(
            {
                "from": pd.Series([names[i] for i, _ in post.edges], dtype="str"),
                "to": pd.Series([names[j] for _, j in post.edges], dtype="str"),
                "rate_per_day": np.exp(middle),
                "low": np.exp(ends[0]),
                "high": np.exp(ends[1]),
                "posterior_over_prior": sd / prior,
                "identified": identified.astype(bool),
                "note": pd.Series(
                    [_note(i, m) for i, m in zip(identified.tolist(), late, strict=True)],
                    dtype="str",
                ),
            }
        )
    )


def _effects(post: Posterior, fitted: Fitted) -> "pd.DataFrame":
    import pandas as pd

    lay, names = post.layout, post.data.covariates
    rates = [*post.data.subsets, *(edge_name(e, post.data.subsets) for e in post.edges)]
    labels = [(c, r) for r in rates for c in names]
    at = np.r_[
        np.arange(lay.growth_slope.start, lay.growth_slope.stop),
        np.arange(lay.conversion_slope.start, lay.conversion_slope.stop),
    ].astype(np.int64)
    rows = np.eye(lay.size)[at]
    middle, ends, sd = describe(fitted, rows, post.settings.confidence)
    return RATE_EFFECTS.check(
        pd.DataFrame(
            {
                "covariate": pd.Series([c for c, _ in labels], dtype="str"),
                "rate": pd.Series([r for _, r in labels], dtype="str"),
                "effect": middle,
                "low": ends[0],
                "high": ends[1],
                "identified": (sd <= post.settings.not_identified * lay.sd[at]).astype(bool),
            }
        )
    )


def _donor_sd(post: Posterior, fitted: Fitted) -> dict[str, dict[str, float]]:
    from scipy.stats import norm

    reach = norm.ppf((1 + post.settings.confidence) / 2)
    return {
        name: {
            "sd": float(np.exp(middle)),
            "low": float(np.exp(middle - reach * se)),
            "high": float(np.exp(middle + reach * se)),
        }
        for name, (middle, se) in fitted.tau.items()
    }


def _warnings(post: Posterior, fitted: Fitted, edges: str | Sequence[str] | None) -> list[str]:
    data, out = post.data, []
    donors = len(data.donors)
    if not data.has_totals:
        out.append(
            "no totals: growth is relative, its differences between subsets are known and its "
            "level is not"
        )
    if donors == 1:
        out.append("one donor: nothing is said about other donors")
    elif donors < 4:
        out.append(f"{donors} donors: the spread between donors rests mostly on its prior")
    times = max(len(c.times) for c in data.cultures)
    if times == 2 and len(post.edges) > 1:
        out.append(
            f"two time points and {len(post.edges)} conversions: selection and conversion can "
            "hardly be told apart"
        )
    if edges is None and post.edges:
        out.append(
            f"no conversions declared: all {len(post.edges)} are allowed; declare those that exist"
        )
    if fitted.starts_agreeing < 2 and post.settings.starts > 1:
        out.append("only one start of the optimiser reached the best fit")
    if data.time_unit == "passage":
        out.append("times are passages: rates are per passage, not per day")
    return out


def edges_of(fit: RateFit) -> tuple[Edge, ...]:
    """Conversions of a fit as pairs of positions."""
    return fit.posterior.edges
