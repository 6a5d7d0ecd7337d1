"""Which extra culture would narrow the rates most."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.dynamics.cultures import Culture, PassageData, Total
from imscope.analyses.dynamics.edges import edge_name
from imscope.analyses.dynamics.posterior import Posterior, Spreads
from imscope.analyses.dynamics.rates import RateFit, conversion_rows, growth_rows
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import CULTURE_DESIGNS

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DesignSettings:
    """What an extra culture looks like.

    Attributes
    ----------
    cells
        Cells counted at each time.
    purity
        Share of the subset a sorted culture is started from.
    times
        Times at which it is counted; by default those of the longest culture there is.
    """

    cells: int = 2_000
    purity: float = 0.9
    times: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if (
            self.cells < 1
            or not 0 < self.purity < 1
            or any(b <= a for a, b in zip(self.times, self.times[1:], strict=False))
            or len(self.times) == 1
        ):
            raise DataError(
                "a setting of the extra culture is out of range",
                found=str(self),
                fix="cells above 0, purity between 0 and 1, two rising times or more",
                code=codes.DYNAMICS_OPTION,
            )


def design_cultures(fit: RateFit, *, settings: DesignSettings | None = None) -> "pd.DataFrame":
    """Compare extra cultures by how far each would narrow every rate.

    Parameters
    ----------
    fit
        From :func:`fit_rates`.
    settings
        See :class:`DesignSettings`.

    Returns
    -------
    table
        ``culture_designs`` as declared in :mod:`imscope.core.schema`, the best of each rate
        marked. Candidates: one more donor started as the present ones, from each sorted subset, or
        the same from a donor at hand; each counted and with harvested and seeded cells; and clones
        of each subset.

    Notes
    -----
    Expected information at the rates found: good for ranking designs, not a promise. It moves when
    the rates do.

    Examples
    --------
    >>> from imscope.simulate import PassageSettings, simulate_passages
    >>> from imscope.analyses.dynamics import fit_rates, read_passages
    >>> study = simulate_passages(PassageSettings(donors=3, passages=3))
    >>> fit = fit_rates(read_passages(study.counts, study.totals), "A>B,A>S,B>A,B>S")
    >>> table = design_cultures(fit)
    >>> best = table[table["best"]].set_index("target")["culture"]
    >>> bool("from sorted B" in best["B>A"])
    True
    """
    import pandas as pd

    chosen = settings or DesignSettings()
    post, spreads = fit.posterior, fit.fitted.best.spreads
    names = post.data.subsets
    targets = [*names, *(edge_name(e, names) for e in post.edges)]
    now = _spread_of(post, fit, spreads, ())
    rows = []
    for label, culture in _candidates(post, fit, chosen):
        then = _spread_of(post, fit, spreads, (culture,))
        rows += [
            {
                "culture": label,
                "target": t,
                "sd_now": a,
                "sd_then": b,
                "narrowing": b / a,
                "best": False,
            }
            for t, a, b in zip(targets, now.tolist(), then.tolist(), strict=True)
        ]
    table = pd.DataFrame(rows)
    table.loc[table.groupby("target")["narrowing"].idxmin(), "best"] = True
    return CULTURE_DESIGNS.check(table)


def _candidates(post: Posterior, fit: RateFit, s: DesignSettings) -> list[tuple[str, Culture]]:
    data, k = post.data, len(post.data.subsets)
    longest = max((c for c in data.cultures if c.start is None), key=lambda c: len(c.times))
    times = np.array(s.times) if s.times else longest.times
    path = post.path(fit.fitted.best.mode.x)
    ours = [i for i, c in enumerate(data.cultures) if c.start is None]
    mean = path.shares[ours, 0].mean(axis=0)
    starts = {"as the present ones": mean}
    for i, name in enumerate(data.subsets):
        mix = np.full(k, (1 - s.purity) / (k - 1))
        mix[i] = s.purity
        starts[f"from sorted {name}"] = mix
    out = []
    for who, donor in (("a new donor", " new"), (f"donor {data.donors[0]}", data.donors[0])):
        for how, start in starts.items():
            out.append((f"{who}, started {how}", _planned(times, start, donor, s.cells, data)))
    for i, name in enumerate(data.subsets):
        pure = np.eye(k)[i]
        counts = np.zeros((2, k))
        counts[1] = s.cells / k
        clones = Culture(
            "planned clones", data.donors[0], times[:2], counts, start=pure,
            covariates=_usual(data)[None], assay=data.cultures[0].assay,
        )  # fmt: skip
        out.append((f"clones of {name} followed over one interval", clones))
    return out


def _planned(times: Floats, start: Floats, donor: str, cells: int, data: PassageData) -> Culture:
    n, k = len(times), len(data.subsets)
    totals = tuple(Total(i, i + 1, 0.0) for i in range(n - 1))
    return Culture(
        "planned", donor, times, np.full((n, k), cells / k), totals,
        np.tile(_usual(data), (n - 1, 1)), start=start,
    )  # fmt: skip


def _usual(data: PassageData) -> Floats:
    x = len(data.covariates)
    if not x:
        return np.zeros(0)
    return np.asarray(np.concatenate([c.covariates for c in data.cultures]).mean(axis=0))


def _spread_of(
    post: Posterior, fit: RateFit, spreads: Spreads, extra: tuple[Culture, ...]
) -> Floats:
    """Standard deviation of every rate with expected information of all cultures.

    The present ones keep the information they gave; the extra one brings its expected one.
    """
    base = fit.fitted.best.mode
    rows = np.vstack([growth_rows(post)[0], conversion_rows(post)[0]])
    if not extra:
        return _sd(base.information, rows)
    data = post.data
    grown = Posterior(
        PassageData(
            data.subsets,
            (*data.cultures, *extra),
            data.time_unit,
            data.covariates,
            data.plating,
            data.cycling,
        ),
        post.edges,
        post.settings,
    )
    place = _places(post, grown)
    x = grown.layout.mean.copy()
    x[place] = base.x
    prior = 1 / grown.prior_sd(spreads) ** 2
    information = np.diag(prior)
    information[np.ix_(place, place)] = base.information
    information += _expected(grown, x, spreads, len(data.cultures))
    wide = np.zeros((len(rows), grown.layout.size))
    wide[:, place] = rows
    return _sd(information, wide)


def _sd(information: Floats, rows: Floats) -> Floats:
    return np.asarray(np.sqrt(np.diag(rows @ np.linalg.solve(information, rows.T))))


def _places(post: Posterior, grown: Posterior) -> NDArray[np.int64]:
    """Where the parameters of the present model stand in the one with the extra culture."""
    a, b = post.layout, grown.layout
    k, e, d = len(post.data.subsets), len(post.edges), len(post.data.donors)
    out = list(range(a.shift.start))
    for old, new, width in ((a.shift, b.shift, 1), (a.rate_shift, b.rate_shift, e)):
        if old.stop > old.start:
            out += range(new.start, new.start + d * width)
    out += range(b.start.start, b.start.start + len(post.data.cultures) * k)
    return np.array(out, dtype=np.int64)


def _expected(grown: Posterior, x: Floats, spreads: Spreads, first: int) -> Floats:
    """Expected information of the cultures from ``first`` on."""
    path, lay = grown.path(x), grown.layout
    out = np.zeros((lay.size, lay.size))
    for n, (c, t) in enumerate(grown.where.tolist()):
        if c < first:
            continue
        phi, cells = spreads.precision[grown.assay[n]], grown.counts[n].sum()
        effective = cells * (1 + phi) / (cells + phi)
        d = path.d_shares[c, t]
        out += effective * d.T @ (d / np.maximum(path.shares[c, t], 1e-9)[:, None])
    for c, start, end in grown.totals.tolist():
        if c >= first:
            d = (path.d_log_fold[c, end] - path.d_log_fold[c, start])[None] / spreads.total_sd
            out += d.T @ d
    return out
