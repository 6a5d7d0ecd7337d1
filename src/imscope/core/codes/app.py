"""Codes of the local app."""

from imscope.core.code_book import declare

APP_EXTRA = declare(
    "E-APP-EXTRA", "The local app is not installed.", "Install imscope[serve], then start again."
)
APP_PORT = declare(
    "E-APP-PORT",
    "The port of the local app is in use or may not be used.",
    "Name another with --port, or stop the program that has it.",
)
APP_FOLDER = declare(
    "E-APP-FOLDER",
    "The folder of the local app is missing or no folder.",
    "Name the folder that holds your runs.",
)
APP_UNKNOWN = declare(
    "E-APP-UNKNOWN",
    "There is no run, sheet or job of that name in the folder of the app.",
    "Go back to the list; it may have been moved or deleted meanwhile.",
)
APP_STALE = declare(
    "E-APP-STALE",
    "A sheet was changed elsewhere since it was opened here.",
    "Open it again and repeat your changes; nothing was written over.",
)
APP_OUTSIDE = declare(
    "E-APP-OUTSIDE",
    "A sheet names files outside the folder of the app.",
    "Put the files under the folder, or run this sheet from the command line.",
)
APP_NAME = declare(
    "E-APP-NAME",
    "A name for a sheet or run cannot be used.",
    "Use letters, digits, `-`, `_` and `.`; begin with a letter or digit; at most 80.",
)
APP_RUNNING = declare(
    "E-APP-RUNNING",
    "This run folder is being written, or holds something else.",
    "Wait until it has ended, or name another.",
)
