"""Codes of simulated data."""

from imscope.core.code_book import declare

# simulate
SIMULATE_OUT = declare(
    "E-SIMULATE-OUT",
    "The folder for simulated data holds files already or cannot be written.",
    "Name a new folder; nothing is ever overwritten.",
)
