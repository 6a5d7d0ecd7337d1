"""Codes of regulators: networks, activity, ranks and the next experiment."""

from imscope.core.code_book import declare

REGULATORS_NETWORK = declare(
    "E-REGULATORS-NETWORK",
    "A network of regulators cannot be read, or most of its genes are unknown.",
    "Give human gene symbols as source, target and weight, SIF, GMT or a SIGNOR export.",
)
REGULATORS_SPECIES = declare(
    "E-REGULATORS-SPECIES",
    "A network, a screen or a list names genes of the mouse; imscope compares human genes.",
    "Give the human genes they stand for.",
)
REGULATORS_COVERAGE = declare(
    "E-REGULATORS-COVERAGE",
    "The data hold too few of the targets of the network to score any regulator.",
    "Give all genes of the libraries, or a network of the genes that were measured.",
)
REGULATORS_GROUPS = declare(
    "E-REGULATORS-GROUPS",
    "There are no two groups to compare, or the group asked for is not there.",
    "Name a column with two groups, and the group of interest.",
)
REGULATORS_AXIS = declare(
    "E-REGULATORS-AXIS",
    "The values of an axis are missing, no numbers, or the same in all units.",
    "Give `unit` and a column of numbers for at least three units.",
)
REGULATORS_SCREEN = declare(
    "E-REGULATORS-SCREEN",
    "A table of perturbations lacks effects, their errors, or names of genes.",
    "Give `regulator`, `effect` and `se`; `n_guides`, `n_replicates`, `mode`, `q_value` if known.",
)
REGULATORS_OPTION = declare(
    "E-REGULATORS-OPTION",
    "A setting of the regulators is out of range.",
    "Correct the setting.",
)
REGULATORS_GRADE = declare(
    "E-REGULATORS-GRADE",
    "No regulator reaches the grade that was required.",
    "Read the table; a screen in these cells is what a higher grade takes.",
)
