"""Codes of potency: assays, outcome tables and their link to attributes of lots."""

from imscope.core.code_book import declare

POTENCY_COLUMN = declare(
    "E-POTENCY-COLUMN",
    "A column an assay or outcome table needs is missing, has gaps, or holds what it may not.",
    "Name the columns as in the methods page on potency and fill every row.",
)
POTENCY_STANDARD = declare(
    "E-POTENCY-STANDARD",
    "A run of an assay has no reference standard, or more than one.",
    "Mark one sample of every run as the standard: `is_reference`, or --standard NAME.",
)
POTENCY_DOSES = declare(
    "E-POTENCY-DOSES",
    "Doses are not positive numbers, or too few differ for the curve that was asked for.",
    "Give dose or dilution as a positive number, at least five for 4PL and three for a line.",
)
POTENCY_TWICE = declare(
    "E-POTENCY-TWICE",
    "The same measurement stands twice: one run under two names, or one row again.",
    "Leave the second one out; a copied run is no second run.",
)
POTENCY_OPTION = declare(
    "E-POTENCY-OPTION", "A setting of the potency analyses is out of range.", "Correct it."
)
OUTCOME_UNIT = declare(
    "E-OUTCOME-UNIT",
    "An outcome has no unit or no direction, or has two.",
    "Fill `unit` and `direction` (`higher` or `lower` is better), the same in all its rows.",
)
OUTCOME_LOTS = declare(
    "E-OUTCOME-LOTS",
    "No lot of the outcome table is among the lots that have attributes.",
    "Use the names of the sample sheet's column `lot` in both.",
)
ATTRIBUTE_NAME = declare(
    "E-POTENCY-ATTRIBUTE",
    "An attribute that was declared is not in the table, or is the same for every lot.",
    "Name a column of the attribute table.",
)
POTENCY_LOST = declare(
    "W-POTENCY-LOST",
    "Lots or rows were left out of a link between attributes and outcomes.",
    "See the message for which and why.",
)
POTENCY_PASSAGE = declare(
    "W-POTENCY-PASSAGE",
    "An outcome was measured on another passage than the cells its attributes come from.",
    "Measure both on one passage, or say why the difference does not matter.",
)
POTENCY_RANGE = declare(
    "W-POTENCY-RANGE",
    "Responses beyond the range of an assay were left out of its curves.",
    "Dilute further, or give the values the reader measured.",
)
