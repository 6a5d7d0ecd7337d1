"""Codes of subsets, programmes and stages."""

from imscope.core.code_book import declare

# subsets
SUBSETS_COLUMN = declare(
    "E-SUBSETS-COLUMN",
    "A column that names units, groups or subsets does not exist or has gaps.",
    "Name one of the columns of the cell table and fill its gaps.",
)
SUBSETS_COUNTS = declare(
    "E-SUBSETS-COUNTS", "Cells per subset are not whole or not finite.", "Give counts, not shares."
)
SUBSETS_OPTION = declare(
    "E-SUBSETS-OPTION", "A setting of the subset test is out of range.", "Correct the setting."
)
SUBSETS_DESIGN = declare(
    "E-SUBSETS-DESIGN",
    "The design does not fit the counts it describes.",
    "Give one row of design per row of counts, in the same order.",
)

# programmes
RANK_SCORES_INPUT = declare(
    "E-RANK-SCORES-INPUT",
    "Gene sets or values cannot be ranked.",
    "Give columns of the matrix and values that are not negative.",
)
PROGRAMMES_OPTION = declare(
    "E-PROGRAMMES-OPTION", "A setting of the programme scores is out of range.", "Correct it."
)
PROGRAMMES_DESIGN = declare(
    "E-PROGRAMMES-DESIGN",
    "Groups, units or a comparison of programmes do not fit the cells.",
    "Name columns without gaps and groups that exist.",
)

# stages
STAGE_GENES = declare(
    "E-STAGE-GENES",
    "The matrix holds too few marker genes to call any stage.",
    "Give a matrix of all genes, or a panel that holds half of a stage's core genes.",
)
STAGE_DAYS = declare(
    "E-STAGE-DAYS",
    "The cell table has no usable column `day`, or it has gaps.",
    "Give the day of differentiation of every sample in the sample sheet.",
)
W_STAGE_GENES = declare(
    "W-STAGE-GENES",
    "Stages were not scored because too few of their marker genes are in the matrix.",
    "Give a matrix of all genes where these stages matter.",
)
W_STAGE_BULK = declare(
    "W-STAGE-BULK",
    "Rows are sums of many cells; their stage is that of the mixture.",
    "Read the stage of such a row as that of most of its cells.",
)
W_STAGE_AMBIENT = declare(
    "W-STAGE-AMBIENT",
    "The ambient share of a sample is not known and was assumed.",
    "Give raw droplets, so that it can be estimated.",
)

# mapping
W_MAP_LABELS = declare(
    "W-MAP-LABELS",
    "Labels of the reference have too few cells to be mapped to.",
    "Give more reference cells of these labels, or read cells near them as unlike the reference.",
)
