"""Tables of population dynamics, forecasts and trajectories."""

from imscope.core.schema.declare import table

GROWTH_RATES = table(
    "growth_rates",
    "Net growth of each subset, with an interval over donors.",
    """
    subset | text | | name of the subset
    rate_per_day | number | 1/day | net growth; less the mean over subsets when `relative`
    low | number | 1/day | lower end of the interval
    high | number | 1/day | upper end of the interval
    posterior_over_prior | number | ratio | standard deviation after the data over that before
    identified | boolean | | whether the data say more than the prior did
    relative | boolean | | no totals were given: only differences of growth are known
    note | text | | what can and cannot be said
    """,
)
CONVERSION_RATES = table(
    "conversion_rates",
    "Rate at which cells of one subset become another, with an interval over donors.",
    """
    from | text | | subset that is left
    to | text | | subset that is entered
    rate_per_day | number | 1/day | median of the posterior
    low | number | 1/day | lower end of the interval
    high | number | 1/day | upper end of the interval
    posterior_over_prior | number | ratio | standard deviation of the log rate after over before
    identified | boolean | | whether the data say more than the prior did
    note | text | | what can and cannot be said
    """,
)
RATE_EFFECTS = table(
    "rate_effects",
    "Change of growth (per day) or of log conversion per standard deviation of a covariate.",
    """
    covariate | text | | name of the covariate
    rate | text | | subset, or FROM>TO
    effect | number | per SD | change of growth (1/day) or of log conversion
    low | number | per SD | lower end of the interval
    high | number | per SD | upper end of the interval
    identified | boolean | | whether the data say more than the prior did
    """,
)
RATE_CHECKS = table(
    "rate_checks",
    "Intervals of the rates by other ways, as a check on the headline interval.",
    """
    parameter | text | | subset, or FROM>TO
    low | number | 1/day | headline interval, lower end
    high | number | 1/day | headline interval, upper end
    donor_t_low | number | 1/day | by a donor-robust standard error and t, lower end
    donor_t_high | number | 1/day | by a donor-robust standard error and t, upper end
    bootstrap_low | number | 1/day | by drawing donors with replacement; empty below 8 donors
    bootstrap_high | number | 1/day | by drawing donors with replacement; empty below 8 donors
    """,
)
CULTURE_DESIGNS = table(
    "culture_designs",
    "Extra cultures, and how far each would narrow the rates.",
    """
    culture | text | | what would be added
    target | text | | rate it narrows: subset, or FROM>TO
    sd_now | number | log or 1/day | standard deviation of the target as things are
    sd_then | number | log or 1/day | expected with the extra culture
    narrowing | number | ratio | sd_then over sd_now
    best | boolean | | the largest narrowing of this target
    """,
)
FORECAST_CURVE = table(
    "forecast_curve",
    "Forecast of a fraction at each passage for a new lot (for this culture with one donor).",
    """
    passage | number | passage or day | time
    median | number | fraction | median over lots
    low | number | fraction | lower end of the band of a new measurement
    high | number | fraction | upper end of the band of a new measurement
    safe_probability | number | probability | that the limit is kept at this and all earlier ones
    """,
)
FORECAST_MODELS = table(
    "forecast_models",
    "Models of the forecast; the first is the plain baseline.",
    """
    name | text | | model
    weight | number | fraction | weight, from forecasts of passages left out
    rmse_unseen | number | fraction | root mean squared error on passages left out
    n_unseen | integer | values | forecasts the error is over
    """,
)
COMPOSITION_CHANGES = table(
    "composition_changes",
    "Change of each subset relative to the unchanged bulk; donors are the replicates.",
    """
    subset | text | | name of the subset
    contrast | text | | what is compared with what
    log_fold | number | log | mean log fold change, median change over subsets taken off
    low | number | log | lower end of the interval
    high | number | log | upper end of the interval
    p_value | number | probability | moderated t, two-sided
    q_value | number | probability | Benjamini-Hochberg over subsets of a contrast
    p_exact | number | probability | exact sign flips, or relabelling of unpaired units
    n_units | integer | units | units compared
    absolute_log_fold | number | log | change of the number of cells; needs totals
    absolute_low | number | log | lower end of its interval
    absolute_high | number | log | upper end of its interval
    status | text | | ok with its floor, not estimable, or NOT TESTABLE with the reason
    """,
)
