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

# simulate
SIMULATE_OUT = declare(
    "E-SIMULATE-OUT",
    "The folder for simulated data holds files already or cannot be written.",
    "Name a new folder; nothing is ever overwritten.",
)

# public data
DATA_NAME = declare(
    "E-DATA-NAME",
    "The catalogue of public data has no set of this name.",
    "`imscope data list` shows all names.",
)
DATA_LIST_ONLY = declare(
    "E-DATA-LIST-ONLY",
    "The data set has no direct address with a known checksum.",
    "Fetch it from the repository named in `imscope data list`.",
)
DATA_OFFLINE = declare(
    "E-DATA-OFFLINE",
    "A download could not start or was cut off.",
    "Connect to the network and give the same command again; it continues.",
)
DATA_SERVER = declare(
    "E-DATA-SERVER",
    "The server answered a download with an error.",
    "Look up the accession; the address may have moved.",
)
DATA_CHECKSUM = declare(
    "E-DATA-CHECKSUM",
    "A downloaded file is not the one of the catalogue.",
    "Try again; if it happens twice the file was changed at its source.",
)
DATA_CATALOGUE = declare(
    "E-DATA-CATALOGUE",
    "A catalogue file cannot be read or has the wrong layout.",
    "Compare it with the layout in the documentation.",
)
