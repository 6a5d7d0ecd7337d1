"""Choices of the population model, fixed before the data are read."""

import math
from dataclasses import dataclass
from typing import Literal

from imscope.core import codes
from imscope.core.errors import DataError

SenescenceEdge = Literal["constant", "logistic"]


@dataclass(frozen=True, slots=True)
class RateSettings:
    """Priors and limits of the population model; rates are per day.

    Attributes
    ----------
    growth_mean, growth_sd
        Prior of the growth of a subset. Unit: per day.
    cycling_slope
        Prior growth gained per fraction of cells in S or G2/M above the mean. Unit: per day.
    conversion_mean, conversion_log_sd
        Prior median of a conversion rate (per day) and the standard deviation of its log.
    covariate_sd
        Prior standard deviation of the change of a rate per standard deviation of a covariate.
    precision, precision_log_sd
        Prior median and log standard deviation of the Dirichlet precision of a composition.
    total_sd, total_log_sd
        Prior median and log standard deviation of the error of log(harvested / seeded).
    donor_growth_sd, donor_conversion_sd
        Scales of the half-normal priors of the standard deviations between donors: of growth (per
        day) and of log conversion.
    start_sd
        Prior standard deviation of a log ratio of two subsets at the start.
    days_per_passage
        Days a passage is taken to last where time is given in passages; widens the priors.
    senescence_edge
        Whether conversion into ``senescent`` is constant or rises as a logistic curve in time.
    senescent
        Name of the subset that edge leads to; needed for ``logistic``.
    starts
        Optimiser starts.
    not_identified
        Posterior over prior standard deviation above which a rate is called not identified.
    confidence
        Of the intervals.
    seed
        Of the starts.
    """

    growth_mean: float = 0.3
    growth_sd: float = 0.5
    cycling_slope: float = 0.4
    conversion_mean: float = 0.05
    conversion_log_sd: float = 1.5
    covariate_sd: float = 0.3
    precision: float = 200.0
    precision_log_sd: float = 1.0
    total_sd: float = 0.1
    total_log_sd: float = 0.5
    donor_growth_sd: float = 0.1
    donor_conversion_sd: float = 0.3
    start_sd: float = 3.0
    days_per_passage: float = 4.0
    senescence_edge: SenescenceEdge = "constant"
    senescent: str = ""
    starts: int = 8
    not_identified: float = 0.7
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        scales = (
            self.growth_sd,
            self.conversion_mean,
            self.conversion_log_sd,
            self.covariate_sd,
            self.precision,
            self.precision_log_sd,
            self.total_sd,
            self.total_log_sd,
            self.donor_growth_sd,
            self.donor_conversion_sd,
            self.start_sd,
            self.days_per_passage,
            self.starts,
        )
        if (
            not all(math.isfinite(s) and s > 0 for s in scales)
            or not 0.5 <= self.confidence < 1
            or not 0 < self.not_identified <= 1
            or self.senescence_edge not in ("constant", "logistic")
        ):
            raise DataError(
                "a setting of the population model is out of range",
                found=str(self),
                fix="scales and numbers above 0; confidence from 0.5 to below 1",
                code=codes.DYNAMICS_OPTION,
            )
        if self.senescence_edge == "logistic" and not self.senescent:
            raise DataError(
                "a logistic senescence edge needs the name of the senescent subset",
                found="senescent is empty",
                fix='set senescent to a subset, such as senescent="S"',
                code=codes.DYNAMICS_OPTION,
            )
