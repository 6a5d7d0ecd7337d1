"""Codes of the safety screens."""

from imscope.core.code_book import declare

# residual cells
RESIDUAL_OPTION = declare(
    "E-RESIDUAL-OPTION",
    "A setting of the search for residual cells is out of range.",
    "Correct the setting.",
)
RESIDUAL_CELLS = declare(
    "E-RESIDUAL-CELLS",
    "The cell table does not fit the matrix, or names no group for some cells.",
    "Give one row per cell and a group for each.",
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
