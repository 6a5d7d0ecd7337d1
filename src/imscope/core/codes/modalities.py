"""Codes of protein, chromatin and joint neighbours."""

from imscope.core.code_book import declare

PROTEIN_INPUT = declare(
    "E-PROTEIN-INPUT",
    "Protein counts, antigens and batches do not fit together.",
    "Give one antigen per column and one batch per cell; counts are finite and not negative.",
)
PROTEIN_OPTION = declare(
    "E-PROTEIN-OPTION",
    "An isotype control or option of the protein scale is not there.",
    "Name isotype controls as they stand among the antigens.",
)
PEAK_NAME = declare(
    "E-PEAK-NAME",
    "Peaks have no coordinates.",
    "Name peaks chromosome:start-end, such as chr1:10000-10500.",
)
PEAK_BUILD = declare(
    "E-PEAK-BUILD",
    "The coordinates do not fit the human genome GRCh38.",
    "Map the data to GRCh38 (hg38); coordinates of another build are not lifted over.",
)
PEAK_OPTION = declare(
    "E-PEAK-OPTION",
    "An option of the gene activity is out of range.",
    "Correct the option.",
)
FRAGMENT_COLUMNS = declare(
    "E-FRAGMENT-COLUMNS",
    "A line of a fragment file does not have chromosome, start, end, barcode and count.",
    "Give the fragments.tsv.gz that the aligner wrote.",
)
FRAGMENT_COORDINATES = declare(
    "E-FRAGMENT-COORDINATES",
    "A fragment ends before it starts or lies outside its chromosome.",
    "Check the file; coordinates are 0-based, half open, in GRCh38.",
)
FRAGMENT_ORDER = declare(
    "E-FRAGMENT-ORDER",
    "A fragment file is not sorted by chromosome and start.",
    "Sort it, such as by `sort -k1,1 -k2,2n`.",
)
FRAGMENT_EMPTY = declare(
    "E-FRAGMENT-EMPTY",
    "A fragment file has no fragment of the wanted cells.",
    "Check that barcodes are written the same way in both files.",
)
JOINT_INPUT = declare(
    "E-JOINT-INPUT",
    "Modalities for joint neighbours do not fit together.",
    "Give at least one modality; all have the same cells in the same order.",
)
MUDATA_INPUT = declare(
    "E-MUDATA-INPUT",
    "Modalities to be written do not have the same cells.",
    "Give one row per cell in every modality, in the same order.",
)
MUDATA_KIND = declare(
    "E-MUDATA-KIND",
    "The file is not MuData.",
    "Give a .h5mu file; read_counts reads the other formats.",
)
