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
