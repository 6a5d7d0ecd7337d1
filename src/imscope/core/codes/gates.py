"""Codes of gate design and flow cytometry."""

from imscope.core.code_book import declare

# the gate itself
GATE_TEXT = declare(
    "E-GATE-TEXT",
    "The text of a gate cannot be read.",
    "Write markers with signs, as in `CD73+ CD45-`; a name with spaces goes in double quotes.",
)
GATE_FILE = declare(
    "E-GATE-FILE",
    "A gate file is damaged or of a form this version does not read.",
    "Write it again with `imscope gates design --out`; its JSON Schema is in the reference.",
)
GATE_MARKER = declare(
    "E-GATE-MARKER",
    "A marker of the gate was not measured.",
    "Use a gate on markers of this data set; the nearest names are given.",
)
GATE_BATCH = declare(
    "E-GATE-BATCH",
    "The gate has no raw threshold for a batch.",
    "Align the new data first and apply the gate in aligned units.",
)
GATE_OPTION = declare(
    "E-GATE-OPTION", "A setting of gate design is out of range.", "Correct the setting."
)
GATE_INPUT = declare(
    "E-GATE-INPUT",
    "Values, labels or donors do not fit together or are not finite.",
    "Give one row per cell, in the same order, without infinite values.",
)
