"""Every error and warning code, declared once; the docs page is made from this list.

``E-`` codes stop the work. ``W-`` codes are recorded in ``results.json`` and shown in the report.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One documented code."""

    code: str
    meaning: str
    fix: str


CODES: dict[str, Code] = {}


def declare(code: str, meaning: str, fix: str) -> str:
    """Register a code and return it; a code is declared exactly once.

    Examples
    --------
    >>> "E-CONFIG-KEY" in CODES
    True
    """
    if code in CODES:
        raise RuntimeError(f"code {code} is declared twice")
    CODES[code] = Code(code, meaning, fix)
    return code


CONFIG_KEY = declare(
    "E-CONFIG-KEY",
    "The configuration has a key imscope does not know.",
    "Use the suggested name, or remove the key; `imscope run --print-config` shows all of them.",
)
CONFIG_VALUE = declare(
    "E-CONFIG-VALUE",
    "A configuration value has the wrong type or is out of range.",
    "Correct the value named in the message.",
)

# engine: quality control to principal components
ENGINE_COUNTS = declare(
    "E-ENGINE-COUNTS",
    "A step that needs raw counts was given something else.",
    "Give the matrix of raw whole counts.",
)
ENGINE_SHAPE = declare(
    "E-ENGINE-SHAPE",
    "Inputs that describe the same cells or genes differ in length.",
    "Give one value per cell (or per gene) of the same matrix.",
)
ENGINE_EMPTY = declare(
    "E-ENGINE-EMPTY",
    "No cell, or no gene, is left for this step.",
    "Look at the quality limits and at the ledger of losses.",
)
