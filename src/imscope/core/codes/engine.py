"""Codes of the engine."""

from imscope.core.code_book import declare

# neighbours to markers
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

# quality control to principal components
ENGINE_COUNTS = declare(
    "E-ENGINE-COUNTS",
    "A step that needs raw counts was given something else.",
    "Give the matrix of raw whole counts.",
)
ENGINE_SHAPE = declare(
    "E-ENGINE-SHAPE",
    "Inputs that describe the same cells or genes differ in length.",
    "Give one value per cell (or per gene) of the same matrix.",
)
ENGINE_EMPTY = declare(
    "E-ENGINE-EMPTY",
    "No cell, or no gene, is left for this step.",
    "Look at the quality limits and at the ledger of losses.",
)

# workers beyond this process
WORKER_LOST = declare(
    "E-WORKER-LOST",
    "The same rows ended several workers one after the other.",
    "Give the workers more memory with --worker-memory, or use fewer per machine.",
)
WORKER_PATH = declare(
    "E-WORKER-PATH",
    "A worker cannot read the counts under the path this process uses.",
    "Put the run folder where every worker sees it under the same path.",
)
WORKER_SCHEDULER = declare(
    "E-WORKER-SCHEDULER",
    "The scheduler cannot be used: not installed, not reachable, or of another version.",
    "Check the address with imscope doctor --scheduler, or run without --scheduler.",
)
WORKER_SOURCE = declare(
    "E-WORKER-SOURCE",
    "A source of counts lives in this process only and cannot be sent to workers.",
    "Read it from a run folder or a store, or run on threads.",
)
