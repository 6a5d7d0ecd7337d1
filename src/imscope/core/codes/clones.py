"""Codes of clone and edit quality control."""

from imscope.core.code_book import declare

CLONE_BUILD = declare(
    "E-CLONE-BUILD",
    "Positions have no genome build, or chromosome names match no build.",
    "State the build (GRCh38 or GRCh37) and use its chromosome names.",
)
CLONE_VARIANTS = declare(
    "E-CLONE-VARIANTS",
    "A list of variants, genotypes or STR alleles cannot be read.",
    "Correct the line that the message names.",
)
CLONE_COUNTS = declare(
    "E-CLONE-COUNTS",
    "Allele counts are missing, negative or not whole.",
    "Count reference, alternative and other reads at each variant.",
)
CLONE_PARENT = declare(
    "E-CLONE-PARENT",
    "The parent line or an expected line is not among those given.",
    "Add its genotypes, or correct its name.",
)
