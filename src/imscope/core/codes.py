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

# study: run folder and cohort
RUN_FOLDER = declare(
    "E-RUN-FOLDER",
    "The output folder cannot be used: it holds other files or cannot be written.",
    "Name a new or empty folder; nothing was touched.",
)
RUN_LOCKED = declare(
    "E-RUN-LOCKED",
    "Another run is writing to the same folder.",
    "Wait for it to end, or name another folder.",
)
SHEET_SELECT = declare(
    "E-SHEET-SELECT",
    "`sample_key` or `select` names a cell column the file does not have.",
    "Correct the sample sheet; the message lists the columns found.",
)
SAMPLE_EMPTY = declare(
    "E-SAMPLE-EMPTY",
    "A sample has no cells.",
    "Check the file, `sample_key` and `select` of that row.",
)
QC_NOTHING_LEFT = declare(
    "E-QC-NOTHING-LEFT",
    "Quality control leaves no cell at all.",
    "Look at the metrics with `imscope qc`, then set the limits in the configuration.",
)
