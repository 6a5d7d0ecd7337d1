"""Codes of the study: configuration, run folder, cohort."""

from imscope.core.code_book import declare

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

# run folder and cohort
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
W_DESIGN = declare(
    "W-DESIGN",
    "Two levels of the design cannot be told apart, so a claim cannot be tested.",
    "Plan samples in which the two change independently.",
)
QC_NOTHING_LEFT = declare(
    "E-QC-NOTHING-LEFT",
    "Quality control leaves no cell at all.",
    "Look at the metrics with `imscope qc`, then set the limits in the configuration.",
)

OUT_PLACE = declare(
    "E-OUT-PLACE",
    "The place a result is to be written to is missing, of the wrong kind or not writable.",
    "Name a new file or folder in a folder that is there.",
)
