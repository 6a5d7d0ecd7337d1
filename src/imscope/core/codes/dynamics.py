"""Codes of population dynamics, forecasts and trajectories."""

from imscope.core.code_book import declare

DYNAMICS_COLUMN = declare(
    "E-DYNAMICS-COLUMN",
    "A column the analysis needs is missing, has gaps, or names something twice.",
    "Name the columns as in the methods page and fill every row.",
)
DYNAMICS_TIME = declare(
    "E-DYNAMICS-TIME",
    "Times are not numbers, mix days with passages, or run backwards.",
    "Give one kind of time in one column; days as `day`, passages as `passage`.",
)
DYNAMICS_COUNTS = declare(
    "E-DYNAMICS-COUNTS",
    "Cells per subset are not whole, negative, or shares were given for counts.",
    "Give the number of cells counted, not fractions.",
)
DYNAMICS_TOTALS = declare(
    "E-DYNAMICS-TOTALS",
    "Seeded or harvested cells are not positive, or belong to no culture.",
    "Give seeded and harvested cells of intervals of the cultures that were counted.",
)
DYNAMICS_EDGES = declare(
    "E-DYNAMICS-EDGES",
    "The conversions that are allowed are not declared in a usable way.",
    "Write them as FROM>TO with names of subsets, separated by commas.",
)
DYNAMICS_OPTION = declare(
    "E-DYNAMICS-OPTION", "A setting of the dynamics is out of range.", "Correct the setting."
)
DYNAMICS_FIT = declare(
    "E-DYNAMICS-FIT",
    "The model did not reach an optimum on these data.",
    "Declare fewer conversions, check units of time, and look for mistyped counts.",
)
DYNAMICS_SERIES = declare(
    "E-DYNAMICS-SERIES",
    "A series to forecast has no usable fractions, counts or passages.",
    "Give passage and either positive and cells, or fraction (0 to 1) or percent.",
)
