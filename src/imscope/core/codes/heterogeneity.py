"""Codes of the heterogeneity analyses."""

from imscope.core.code_book import declare

# heterogeneity
HETEROGENEITY_COLUMN = declare(
    "E-HETEROGENEITY-COLUMN",
    "The column to group or decompose by does not exist.",
    "Use one of the columns listed; the nearest names are suggested.",
)
HETEROGENEITY_LEVELS = declare(
    "E-HETEROGENEITY-LEVELS",
    "No level of the design can be told apart from the cells.",
    "Name at least one column with two or more levels.",
)
HETEROGENEITY_PROFILE = declare(
    "E-HETEROGENEITY-PROFILE",
    "The frozen reference profile cannot be made, read or used for these samples.",
    "Freeze a profile from three or more lots of the same platform, chemistry and pipeline.",
)
W_NO_FLOOR = declare(
    "W-FLOOR-NONE",
    "No technical floor is known, so part of the index may be made by the technique.",
    "Measure one: pool wells of one RNA, spike-ins, or a bridging reference in every library.",
)
W_PLATES = declare(
    "W-PLATES-DIFFER",
    "Plates, batches or libraries of one scheme differ three-fold or more in their index.",
    "Compare only inside a plate, or find out what went wrong with the low or high one.",
)
W_ARMS = declare(
    "W-ARMS-UNEQUAL",
    "The compared groups differ in depth, cells, losses or day, beside what is asked.",
    "Read the difference beside the verdict; repeat with libraries made alike.",
)
W_AMBIENT = declare(
    "W-AMBIENT-HIGH",
    "Ambient RNA is high enough to make cells look more alike.",
    "Remove ambient RNA upstream or repeat the library; do not read the index as uniformity.",
)
W_DEPTH = declare(
    "W-DEPTH-LOW",
    "A sample of the group has too few UMI per cell.",
    "Sequence deeper, or leave the sample out.",
)
W_PLATFORM = declare(
    "W-PLATFORM-UNKNOWN",
    "The platform is not stated, so nothing checks that indices may be compared.",
    "Add the column `platform` to the sample sheet.",
)
W_BIOTYPE = declare(
    "W-BIOTYPE-UNKNOWN",
    "Gene biotypes are unknown, so the gene universe is wider than usual.",
    "Use Ensembl ids or current gene symbols.",
)
W_COORDINATED = declare(
    "W-COORDINATED",
    "Coordinated heterogeneity is not estimable, uncertain, or from part of the cells.",
    "Read the words after the code; more cells or depth lower the error.",
)
W_MATCHED = declare(
    "W-DEPTH-MATCHED",
    "The index changes by more than 10 % when depths are matched by thinning.",
    "The noise of these counts is not multinomial; compare only libraries of like depth.",
)
W_FLOOR = declare(
    "W-FLOOR",
    "A technical floor was measured on controls, and the index above it stands beside.",
    "Compare the floor with the index: where they are close, the technique makes the differences.",
)
