"""Codes of identity, cycle and ageing."""

from imscope.core.code_book import declare

IDENTITY_COLUMN = declare(
    "E-IDENTITY-COLUMN",
    "A column of groups or units does not exist or has gaps.",
    "Name columns of the cell table and fill their gaps.",
)
IDENTITY_SHAPE = declare(
    "E-IDENTITY-SHAPE",
    "Counts, genes and cells given to an identity analysis do not fit together.",
    "Give one row per cell and one column per gene.",
)
