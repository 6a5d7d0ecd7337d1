"""Codes of screens: pooled, single-cell and plates."""

from imscope.core.code_book import declare

# pooled
SCREEN_COLUMNS = declare(
    "E-SCREEN-COLUMNS",
    "A count table of guides needs a guide, a gene and at least two samples.",
    "Put guide and gene in the first two columns and one sample in each further column.",
)
SCREEN_DUPLICATE = declare(
    "E-SCREEN-DUPLICATE",
    "A guide stands more than once for the same gene.",
    "Keep one line per guide; add up lanes before the analysis.",
)
SCREEN_SHEET = declare(
    "E-SCREEN-SHEET",
    "The sheet of a screen has a column or value that cannot be used.",
    "Use `sample,condition[,replicate][,pair][,time][,bin,bin_low,bin_high]`.",
)
SCREEN_SAMPLES = declare(
    "E-SCREEN-SAMPLES",
    "Samples of the sheet and of the table do not fit together.",
    "Use the same names in both; the nearest names are given.",
)
SCREEN_ARMS = declare(
    "E-SCREEN-ARMS",
    "One side of the comparison has no sample.",
    "Name the two sides with --control and --treatment, or in the column `condition`.",
)
SCREEN_PAIRS = declare(
    "E-SCREEN-PAIRS",
    "Pairs do not have one sample on each side.",
    "Give every pair one control and one treatment sample in the column `pair`.",
)
SCREEN_DESIGN = declare(
    "E-SCREEN-DESIGN",
    "The design cannot be estimated from these samples.",
    "Drop the columns that are named, or add samples that tell them apart.",
)
SCREEN_CONTROLS = declare(
    "E-SCREEN-CONTROLS",
    "The method needs control guides or gene sets that are not there.",
    "Name them with --control-guides, --control-genes, --essential or --nonessential.",
)
SCREEN_OPTION = declare(
    "E-SCREEN-OPTION", "A setting of a screen is out of range.", "Correct the setting."
)
SCREEN_VALUES = declare(
    "E-SCREEN-VALUES",
    "A count or a measurement of a screen is not a number of the kind needed.",
    "Give raw reads, whole and not negative; leave missing values empty.",
)
SCREEN_FEW = declare(
    "E-SCREEN-FEW",
    "Too little is left to test.",
    "Read the ledger of what was left out and why.",
)
W_SCREEN_GENELESS = declare(
    "W-SCREEN-GENELESS",
    "Guides without a gene were left out.",
    "Complete the library file if they belong to a gene.",
)
W_SCREEN_EXCEL = declare(
    "W-SCREEN-EXCEL",
    "Gene names were turned into dates by a spreadsheet.",
    "Correct them in the library; what could be told was put back.",
)
W_SCREEN_REPEAT = declare(
    "W-SCREEN-REPEAT",
    "One guide stands for several genes.",
    "Such a guide counts for each of its genes; results of these genes are not independent.",
)
W_SCREEN_UNUSED = declare(
    "W-SCREEN-UNUSED", "Samples were not used.", "Name them in the sheet if they belong in."
)
W_SCREEN_REPLICATE = declare(
    "W-SCREEN-REPLICATE",
    "One side has a single sample, so its spread is borrowed from other guides.",
    "Repeat the screen: replicates are the unit of evidence.",
)
W_SCREEN_CONTROLS = declare(
    "W-SCREEN-CONTROLS",
    "There are no or few controls, so the null comes from the bulk of the genes.",
    "Add safe-targeting guides or a list of genes known to be inert.",
)
W_SCREEN_ZEROS = declare(
    "W-SCREEN-ZEROS", "A sample has many guides without reads.", "Check its depth and coverage."
)
W_SCREEN_FACTOR = declare(
    "W-SCREEN-FACTOR",
    "A size factor is far from one.",
    "Check the depth of the sample; use control guides for a strongly selected one.",
)
W_SCREEN_LOW = declare(
    "W-SCREEN-LOW",
    "Guides with too few reads were not tested.",
    "Read the ledger; deeper sequencing of the control sample brings them back.",
)
W_SCREEN_NA = declare(
    "W-SCREEN-NA",
    "Counts are missing for some guides in some samples.",
    "They are left out sample by sample, never taken as zero.",
)
W_SCREEN_ARM = declare(
    "W-SCREEN-ARM",
    "Guides of a whole chromosome arm move together, as a copy-number change of the line does.",
    "Check the karyotype; 20q11.21, 12p and 1q are the usual gains of pluripotent lines.",
)

# single cells
SCREEN_GUIDES = declare(
    "E-SCREEN-GUIDES",
    "The cells have no guide counts, or their names do not match the library.",
    "Give a MuData file with a modality `guide`, or a table that names the target of each guide.",
)
SCREEN_CELLS = declare(
    "E-SCREEN-CELLS",
    "The screen has too few cells to answer.",
    "Lower the limits of guide assignment, or sequence more cells.",
)
W_SCREEN_MOI = declare(
    "W-SCREEN-MOI",
    "The number of guides per cell is far from the one stated.",
    "Check the titre; `maximum` assignment holds for one guide per cell only.",
)
W_SCREEN_CALIBRATION = declare(
    "W-SCREEN-CALIBRATION",
    "Groups of non-targeting cells look different from one another more often than chance says.",
    "Read small effects with care: p values are too small by the factor given.",
)
W_SCREEN_LIBRARY = declare(
    "W-SCREEN-LIBRARY",
    "Guides of the matrix and of the library do not all match.",
    "Correct the names; guides without a target are left out and counted.",
)

# plates
PLATE_FORMAT = declare(
    "E-PLATE-FORMAT",
    "The folder or table is none of the plate formats that are read.",
    "Give a long table with `plate`, `well` and a value, a cellHTS2 folder, or matrix blocks.",
)
PLATE_WELL = declare(
    "E-PLATE-WELL",
    "A well lies outside the layout or is not a well.",
    "Write wells as A01 to P24 (AF48 on 1,536-well plates), once per plate.",
)
PLATE_ROLE = declare(
    "E-PLATE-ROLE",
    "The control wells that the step needs are not there.",
    "Name the roles of wells in the column `role`.",
)
PLATE_DOSE = declare(
    "E-PLATE-DOSE",
    "Doses or their unit cannot be used.",
    "Give positive doses in `dose_um`, or with a column `unit` of M, mM, uM, nM or pM.",
)
W_PLATE_CONFOUNDED = declare(
    "W-PLATE-CONFOUNDED",
    "Genotype is confounded with plate or donor.",
    "Put patient and corrected wells on the same plates, from two or more lines.",
)
W_PLATE_FLAGGED = declare(
    "W-PLATE-FLAGGED", "Flagged wells are taken as missing.", "See the log of the screen."
)
W_PLATE_BSCORE = declare(
    "W-PLATE-BSCORE",
    "The B-score would remove real effects of this layout.",
    "Use the robust linear normalisation, which is the default.",
)
W_PLATE_CONTROLS = declare(
    "W-PLATE-CONTROLS",
    "A plate has too few control wells for a quality figure.",
    "Put at least four of each control on every plate.",
)
W_PLATE_LINES = declare(
    "W-PLATE-LINES",
    "The result comes from one line or clone.",
    "Repeat in a second line before calling it independent of the line.",
)
