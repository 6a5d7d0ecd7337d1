"""Codes of the record: registry, signatures, specifications, comparisons, charts, certificates."""

from imscope.core.code_book import declare

REG_ACTOR = declare(
    "E-REG-ACTOR",
    "Writing to the registry needs a person, known by a key.",
    "Name the person with `--as NAME`, or make the registry with `imscope registry init`.",
)
REG_STATE = declare(
    "E-REG-STATE",
    "This step does not follow from the present state of the object.",
    "Take one of the next steps that the message names.",
)
REG_CLOCK = declare(
    "E-REG-CLOCK",
    "The clock is more than five minutes before the last event of the registry.",
    "Correct the clock of the machine, then try again; nothing was written.",
)
REG_CYCLE = declare(
    "E-REG-CYCLE",
    "A link would make an object its own ancestor, or older than its parent.",
    "Check which of the two is the parent; the message shows the path.",
)
REG_CODE = declare(
    "E-REG-CODE",
    "A code is unknown, of the wrong form, or already used in the registry.",
    "Use the code as on the tube; codes are never reused or renamed.",
)
REG_LOCKED = declare(
    "E-REG-LOCKED",
    "The registry could not be opened for writing: another program holds it, or it cannot be read.",
    "Wait for the other program, check the path and its rights; nothing was written.",
)
REG_NEWER = declare(
    "E-REG-NEWER",
    "The registry was written by a newer imscope, or by an older one and needs an upgrade.",
    "Install the version named, or run `imscope registry upgrade`.",
)
REG_NETFS = declare(
    "E-REG-NETFS",
    "An SQLite registry cannot lie on a network file system.",
    "Use a local folder, or a PostgreSQL server for a team.",
)
REG_TAMPERED = declare(
    "E-REG-TAMPERED",
    "The record does not verify: it was changed outside imscope, or it is damaged.",
    "Run `imscope registry verify` and keep the file as it is; restore a verified backup.",
)
REG_RUN_CHANGED = declare(
    "E-REG-RUN-CHANGED",
    "A file of a run folder is not the one the run wrote.",
    "Run again into a new folder and register that.",
)
REG_RESTRICTED = declare(
    "E-REG-RESTRICTED",
    "A use restriction of a donor or line forbids this.",
    "Ask the person who keeps the consent; the restriction is named.",
)
REG_WHY = declare(
    "E-REG-WHY",
    "A change needs a reason of at least three words that is not the last one repeated.",
    "Say with `--why` what is changed and for what reason.",
)
REG_INPUT = declare(
    "E-REG-INPUT",
    "A file brought to the registry does not have the form described in the docs.",
    "Correct the field that the message names; nothing was written.",
)
SIGN_SAME_PERSON = declare(
    "E-SIGN-SAME-PERSON",
    "The same person cannot take both of these parts on one lot.",
    "Let a second person sign.",
)
SIGN_ROLE = declare(
    "E-SIGN-ROLE",
    "The person does not hold the role this step needs.",
    "An administrator grants roles with `imscope registry person`.",
)
SIGN_KEY = declare(
    "E-SIGN-KEY",
    "The key is missing, closed, or not the one of this person.",
    "Make a key with `imscope registry key`.",
)
SIGN_PASSPHRASE = declare(
    "E-SIGN-PASSPHRASE",
    "The passphrase is wrong or missing.",
    "Type it again, or name a file that holds it in IMSCOPE_PASSPHRASE_FILE.",
)
SIGN_CONTENT = declare(
    "E-SIGN-CONTENT",
    "The signature does not fit the content.",
    "Signed version and present version differ; look at both before any decision.",
)
SIGN_LOCKED = declare(
    "E-SIGN-LOCKED",
    "The account is locked after five failed signings.",
    "Wait 15 minutes; the failures stand on the record.",
)
SPEC_UNIT = declare(
    "E-SPEC-UNIT",
    "Units of a criterion and a result differ.",
    "Report the result in the unit of the criterion.",
)
SPEC_LIMITS = declare(
    "E-SPEC-LIMITS",
    "A criterion has limits that make no sense, or a specification has the wrong form.",
    "Correct the field that the message names.",
)
COMP_PLAN = declare(
    "E-COMP-PLAN",
    "The comparability plan has the wrong form or was changed.",
    "Correct the field that the message names and register the plan again, before the data.",
)
COMP_KEY = declare(
    "E-COMP-KEY",
    "Results with different comparability keys cannot be compared.",
    "Run all lots with one frozen reference profile, or bridge the two.",
)
COMP_UNITS = declare(
    "E-COMP-UNITS",
    "There are too few independent units, or the units cannot be told.",
    "Name donors and lots; see the table of what may be said with how many.",
)
COMP_SCALE = declare(
    "E-COMP-SCALE",
    "Values do not fit the scale the plan names.",
    "A log scale needs positive values, a logit scale values between 0 and 1.",
)
COMP_CONSTANT = declare(
    "E-COMP-CONSTANT",
    "All values are the same, so their spread is not known.",
    "Report more decimals, or use exact bounds.",
)
CHART_KEY = declare(
    "E-CHART-KEY",
    "A chart cannot mix comparability keys, methods or units.",
    "Chart one key, or start a new phase with `imscope release bridge`.",
)
CHART_PHASE = declare(
    "E-CHART-PHASE",
    "A chart needs its baseline lots named and frozen.",
    "Freeze them with `imscope release baseline`.",
)
CHART_ORDER = declare(
    "E-CHART-ORDER",
    "Lots have no or not one manufacturing order.",
    "Give every lot its own number or date of manufacture.",
)
CHART_EXCLUDED = declare(
    "E-CHART-EXCLUDED",
    "A lot can be left out of a baseline only with a deviation.",
    "Open a deviation for the lot and name it.",
)
CERT_OPEN = declare(
    "E-CERT-OPEN",
    "A certificate cannot be issued while something is open.",
    "Close what the message names first.",
)
CERT_SIGNED = declare(
    "E-CERT-SIGNED",
    "A signed certificate cannot be changed.",
    "Issue a new one that replaces it.",
)
