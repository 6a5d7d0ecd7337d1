"""Codes of the manufacture planner."""

from imscope.core.code_book import declare

PLAN_KEY = declare(
    "E-PLAN-KEY",
    "A plan holds a key that is not known, twice, or missing.",
    "Use the name the message suggests; `imscope manufacture template` shows all of them.",
)
PLAN_VALUE = declare(
    "E-PLAN-VALUE",
    "A value of a plan is out of range, of the wrong kind, or contradicts another.",
    "Correct the line the message names.",
)
PLAN_SOURCE = declare(
    "E-PLAN-SOURCE",
    "A distribution of a plan has no source or no status.",
    "Write {value: ..., source: DOI or words, status: V, D, M or user}.",
)
PLAN_FILE = declare(
    "E-PLAN-FILE",
    "A plan, or a file it names, cannot be read.",
    "Give a YAML plan; `imscope manufacture template NAME` writes one.",
)
W_PLAN = declare(
    "W-PLAN",
    "Something of a plan must be known to read its figures.",
    "Take it as said, or correct the plan.",
)
