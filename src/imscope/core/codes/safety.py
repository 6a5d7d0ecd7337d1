"""Codes of the safety screens."""

from imscope.core.code_book import declare

SAFETY_COLUMN = declare(
    "E-SAFETY-COLUMN",
    "A column that names lots or reference lots is not there or has gaps.",
    "Name one of the columns of the cell table and fill its gaps.",
)
SAFETY_REFERENCE = declare(
    "E-SAFETY-REFERENCE",
    "A reference lot that was named is not among the lots.",
    "Name reference lots as they stand in the column of lots.",
)
SAFETY_COUNTS = declare(
    "E-SAFETY-COUNTS",
    "The screen needs UMI counts.",
    "Give the matrix of raw counts.",
)
SAFETY_OPTION = declare(
    "E-SAFETY-OPTION", "A setting of the screen is out of range.", "Correct the setting."
)
