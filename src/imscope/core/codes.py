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

# engine: neighbours to markers
PATH_COORDINATES = declare(
    "E-PATH-COORDINATES",
    "Coordinates of cells are missing, not finite, or not those of the cells in question.",
    "Give one finite row per cell, such as its principal components.",
)
PATH_FEW_CELLS = declare(
    "E-PATH-FEW-CELLS",
    "There are too few cells for neighbours, or too few in a batch for an alignment.",
    "Ask for fewer neighbours, or leave out the step for so few cells.",
)
PATH_GRAPH = declare(
    "E-PATH-GRAPH",
    "A graph of cells is not square, not symmetric, or has a weight that cannot be used.",
    "Give the result of neighbour_graph, or make the weights symmetric and not negative.",
)
PATH_LABELS = declare(
    "E-PATH-LABELS",
    "Labels, size factors or counts do not fit the cells they belong to.",
    "Give one label and one positive size factor per cell, and raw counts.",
)
PATH_OPTION = declare(
    "E-PATH-OPTION",
    "An option of a step between neighbours and markers is out of range.",
    "Correct the option named in the message.",
)
