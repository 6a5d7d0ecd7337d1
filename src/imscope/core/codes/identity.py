"""Codes of identity, cycle and ageing."""

from imscope.core.code_book import declare

IDENTITY_SHAPE = declare(
    "E-IDENTITY-SHAPE",
    "Counts, genes and cells given to an identity analysis do not fit together.",
    "Give one row per cell and one column per gene.",
)
