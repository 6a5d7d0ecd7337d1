"""Growth and conversion of subsets: error, coverage and what is called not identified."""

from dataclasses import dataclass, replace

import numpy as np

from imscope.analyses.dynamics import RateSettings, fit_rates, read_passages
from imscope.analyses.dynamics.posterior import Posterior, Spreads
from imscope.simulate.passages import PassageSettings, simulate_passages
from validation.common import Row, Study, met, percent

FEW_STARTS = RateSettings(starts=2)
REFERENCE = PassageSettings()
FRESH = {
    "three subsets, slow": PassageSettings(
        growth=(0.42, 0.26, 0.0), edges=("A>B", "B>A", "B>S"), conversion=(0.06, 0.02, 0.05)
    ),
    "chain of four": PassageSettings(
        subsets=("A", "B", "C", "S"),
        growth=(0.60, 0.45, 0.30, -0.08),
        edges=("A>B", "B>C", "C>S", "B>A"),
        conversion=(0.12, 0.08, 0.05, 0.03),
    ),
    "two states that switch": PassageSettings(
        subsets=("normoxic", "hypoxic"),
        growth=(0.40, 0.22),
        edges=("normoxic>hypoxic", "hypoxic>normoxic"),
        conversion=(0.08, 0.04),
    ),
}
"""Parameter sets no choice of the estimator was made on."""


@dataclass(frozen=True)
class Runs:
    """Errors, coverage and flags of many fits: one row per fit, one column per rate."""

    errors: np.ndarray
    covered: np.ndarray
    flagged: np.ndarray
    poor: np.ndarray
    n_growth: int
    names: tuple[str, ...]


def simulate(settings: PassageSettings, n: int, seed: int, totals: bool = True) -> Runs:
    """Fit ``n`` simulated studies."""
    edges = ",".join(settings.edges)
    truth = np.array([*settings.growth, *settings.conversion])
    k = len(settings.growth)
    if not totals:
        truth[:k] -= truth[:k].mean()
    errors, covered, flagged, poor = [], [], [], []
    for i in range(n):
        study = simulate_passages(replace(settings, seed=seed + i))
        data = read_passages(study.counts, study.totals if totals else None)
        fit = fit_rates(data, edges, settings=FEW_STARTS)
        table = [*fit.growth.itertuples(), *fit.conversion.itertuples()]
        estimate = np.array([r.rate_per_day for r in table])
        error = np.abs(estimate - truth)
        error[k:] /= truth[k:]
        errors.append(error)
        covered.append([r.low <= t <= r.high for r, t in zip(table, truth, strict=True)])
        flagged.append([not r.identified for r in table])
        poor.append(_poor(fit.posterior, settings))
    return Runs(
        np.array(errors),
        np.array(covered),
        np.array(flagged),
        np.array(poor),
        k,
        (*settings.subsets, *settings.edges),
    )


def _poor(post: Posterior, s: PassageSettings) -> np.ndarray:
    """Rates whose posterior SD at the truth exceeds 0.7 of the prior: not identifiable."""
    lay = post.layout
    x = post.first_guess()
    x[lay.growth], x[lay.conversion] = s.growth, np.log(s.conversion)
    spreads = Spreads(
        np.array([s.precision]),
        s.total_sd,
        max(s.donor_growth_sd, 1e-3),
        max(s.donor_conversion_sd, 1e-3),
    )
    sd = np.sqrt(np.diag(np.linalg.inv(post.evaluate(x, spreads).search)))
    at = np.r_[
        np.arange(*lay.growth.indices(lay.size)), np.arange(*lay.conversion.indices(lay.size))
    ]
    return sd[at] > 0.7 * lay.sd[at]


def coverage(quick: bool) -> list[Row]:
    n = 15 if quick else 180
    rows, every = [], []
    for name, settings in FRESH.items():
        for start, donors in (("similar", 5), ("sorted", 6)):
            runs = simulate(replace(settings, start=start, donors=donors), n, 50_000)
            every.append(runs.covered.ravel())
            each = runs.covered.mean(axis=0)
            pooled = float(runs.covered.mean())
            worst = int(each.argmin())
            label = f"{name}, {start} start, {donors} donors, {n} studies"
            rows += [
                Row(label, "coverage of 95 % intervals, pooled", "90 to 98 %", percent(pooled),
                    met(0.90 <= pooled <= 0.98)),
                Row(label, f"least coverage of one rate ({runs.names[worst]})", "85 % or more",
                    percent(float(each[worst])), met(each[worst] >= 0.85)),
            ]  # fmt: skip
    pooled = float(np.concatenate(every).mean())
    label = f"all of them, {2 * n * len(FRESH)} studies"
    rows.append(
        Row(label, "coverage of 95 % intervals, pooled", "90 to 98 %", percent(pooled),
            met(0.90 <= pooled <= 0.98))
    )  # fmt: skip
    return rows


def errors(quick: bool) -> list[Row]:
    n = 12 if quick else 100
    cases = (
        ("no variation between donors", 0.0, 0.0, (0.02, 0.02, 0.05), (15, 15, 30, 15)),
        ("donors vary", 0.05, 0.25, (0.03, 0.03, 0.05), (25, 25, 35, 25)),
    )
    rows = []
    for name, g, q, limits, percents in cases:
        settings = replace(
            REFERENCE, start="sorted", donors=6, donor_growth_sd=g, donor_conversion_sd=q
        )
        runs = simulate(settings, n, 70_000)
        middle = np.median(runs.errors, axis=0)
        for i, label in enumerate(runs.names):
            growth = i < runs.n_growth
            limit = limits[i] if growth else percents[i - runs.n_growth] / 100
            ours = f"{middle[i]:.3f} per day" if growth else percent(float(middle[i]))
            goal = f"{limit} per day or less" if growth else f"{100 * limit:.0f} % or less"
            rows.append(
                Row(f"sorted starts, {name}, {n} studies",
                    f"median error of {'growth of' if growth else 'conversion'} {label}",
                    goal, ours, met(middle[i] <= limit))
            )  # fmt: skip
    return rows


def limits(quick: bool) -> list[Row]:
    n = 10 if quick else 60
    rows = []
    study = simulate_passages(REFERENCE)
    edges = ",".join(REFERENCE.edges)
    no_totals = fit_rates(read_passages(study.counts), edges, settings=FEW_STARTS)
    said = bool(no_totals.growth["relative"].all()) and any(
        "relative" in w for w in no_totals.warnings
    )
    rows.append(
        Row("no totals", "growth is called relative", "yes", "yes" if said else "no", met(said))
    )
    runs = simulate(REFERENCE, n, 80_000, totals=False)
    pooled = float(runs.covered.mean())
    rows.append(
        Row(f"no totals, similar start, {n} studies", "coverage of growth differences and conversions",
            "90 to 98 %", percent(pooled), met(0.90 <= pooled <= 0.98))
    )  # fmt: skip
    short = replace(REFERENCE, passages=2, donors=3, cells=300)
    runs = simulate(short, n, 90_000)
    caught = float(runs.flagged[runs.poor].mean()) if runs.poor.any() else float("nan")
    calm = float(runs.flagged[~runs.poor].mean()) if (~runs.poor).any() else float("nan")
    rows += [
        Row(f"similar start, 3 donors, 2 passages, {n} studies",
            f"rates not identifiable at the truth ({int(runs.poor.sum())}) and flagged",
            "90 % or more", percent(caught), met(caught >= 0.9),
            "not identifiable: posterior SD at the true rates above 0.7 of the prior SD"),
        Row(f"similar start, 3 donors, 2 passages, {n} studies", "identifiable rates flagged",
            "none stated", percent(calm)),
    ]  # fmt: skip
    return rows


COVERAGE = Study(
    "dynamics-coverage",
    "Coverage of growth and conversion rates",
    "Passages are drawn from known rates with donors that differ (growth 0.05 a day, conversion 25 %), "
    "six passages of four days, 2,000 cells, and fitted with the spread between donors estimated.",
    coverage,
)
ERRORS = Study(
    "dynamics-errors",
    "Error of growth and conversion rates",
    "Six cultures from sorted subsets; the rates are those of the reference simulation.",
    errors,
)
LIMITS = Study(
    "dynamics-limits",
    "What passages cannot tell",
    "Without totals growth is relative; short series from one mix cannot tell selection from conversion.",
    limits,
)
