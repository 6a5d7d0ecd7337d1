"""Every error and warning code, declared once; the docs page is made from this list.

``E-`` codes stop the work. ``W-`` codes are recorded in ``results.json`` and shown in the report.
"""

from imscope.core.code_book import CODES as CODES
from imscope.core.code_book import Code as Code
from imscope.core.code_book import declare as declare

CONFIG_KEY = declare(
    "E-CONFIG-KEY",
    "The configuration has a key imscope does not know.",
    "Use the suggested name, or remove the key; `imscope run --print-config` shows all of them.",
)
CONFIG_VALUE = declare(
    "E-CONFIG-VALUE",
    "A configuration value has the wrong type or is out of range.",
    "Correct the value named in the message.",
)

# study: run folder and cohort
RUN_FOLDER = declare(
    "E-RUN-FOLDER",
    "The output folder cannot be used: it holds other files or cannot be written.",
    "Name a new or empty folder; nothing was touched.",
)
RUN_LOCKED = declare(
    "E-RUN-LOCKED",
    "Another run is writing to the same folder.",
    "Wait for it to end, or name another folder.",
)
W_DESIGN = declare(
    "W-DESIGN",
    "Two levels of the design cannot be told apart, so a claim cannot be tested.",
    "Plan samples in which the two change independently.",
)
QC_NOTHING_LEFT = declare(
    "E-QC-NOTHING-LEFT",
    "Quality control leaves no cell at all.",
    "Look at the metrics with `imscope qc`, then set the limits in the configuration.",
)

# --- io: files as a whole -------------------------------------------------------------------
FILE_MISSING = declare(
    "E-FILE-MISSING",
    "There is no such file or folder.",
    "Check the path; relative paths start at the sheet's folder.",
)
FILE_FORMAT = declare(
    "E-FILE-FORMAT",
    "The file is none of the formats imscope reads.",
    "Give a 10x .h5 or matrix folder, .h5ad, .h5mu, .zarr, .mtx, or a dense .csv/.tsv.",
)
FILE_EMPTY = declare("E-FILE-EMPTY", "The file has no content.", "Export or copy it again.")
FILE_READ = declare(
    "E-FILE-READ", "The operating system could not read the file.", "Check the rights and the disk."
)
FILE_CHANGED = declare(
    "E-FILE-CHANGED",
    "The file was changed while it was being read.",
    "Wait until the program that writes it has finished, then start again.",
)
FILE_MEMORY = declare(
    "E-FILE-MEMORY",
    "Reading this layout would need more memory than allowed.",
    "Store the matrix as CSR in an .h5ad file, which is read in pieces.",
)

# --- io: HDF5 -------------------------------------------------------------------------------
H5_FORMAT = declare("E-H5-FORMAT", "The file is not HDF5.", "Export or copy it again.")
H5_DAMAGED = declare(
    "E-H5-DAMAGED", "The HDF5 file is cut short or damaged.", "Copy it again and compare checksums."
)
H5_CRASH = declare(
    "E-H5-CRASH",
    "The HDF5 library crashed or ran out of its limits while the file was inspected in a separate "
    "process.",
    "The file is damaged or hostile: get a fresh copy from its source.",
)
H5_EXTERNAL_LINK = declare(
    "E-H5-EXTERNAL-LINK",
    "The file holds a link into another file.",
    "Rewrite the file with all data inside it.",
)
H5_EXTERNAL_DATA = declare(
    "E-H5-EXTERNAL-DATA",
    "A dataset keeps its bytes in another file (external storage).",
    "Rewrite the file with all data inside it.",
)
H5_VIRTUAL = declare(
    "E-H5-VIRTUAL",
    "A dataset is virtual: its values come from other datasets or files.",
    "Rewrite the file with all data inside it.",
)
H5_USER_LINK = declare(
    "E-H5-USER-LINK", "The file holds a user-defined link.", "Rewrite the file without it."
)
H5_SOFT_LINK = declare(
    "E-H5-SOFT-LINK",
    "A soft link leads nowhere or in a circle.",
    "Rewrite the file without soft links.",
)
H5_CYCLE = declare(
    "E-H5-CYCLE", "Groups of the file contain themselves.", "Rewrite the file without the loop."
)
H5_SIZE = declare(
    "E-H5-SIZE",
    "A dataset declares far more values than the file can hold.",
    "The header is wrong or hostile: get a fresh copy.",
)
H5_CHUNK = declare(
    "E-H5-CHUNK",
    "Parts of a dataset were never written; they would be read as zeros.",
    "Write the file again and wait until the writer has finished.",
)
H5_FILTER = declare(
    "E-H5-FILTER",
    "A dataset is compressed with a filter imscope does not allow.",
    "Write it with gzip, lzf, zstd or blosc.",
)
H5_LAYOUT = declare(
    "E-H5-LAYOUT",
    "The HDF5 file is neither a 10x matrix nor AnnData nor MuData, or a part of it is missing.",
    "Open it in Python and write it with anndata.",
)
H5_TYPE = declare(
    "E-H5-TYPE",
    "A dataset has a type or shape that does not fit its place.",
    "Write the file again with anndata.",
)

# --- io: zarr -------------------------------------------------------------------------------
ZARR_FORMAT = declare(
    "E-ZARR-FORMAT", "The folder is not a readable zarr store.", "Write it again."
)
ZARR_META = declare(
    "E-ZARR-META",
    "The metadata of a zarr array are wrong or disagree with its chunks.",
    "Write the store again.",
)
ZARR_CHUNK = declare(
    "E-ZARR-CHUNK",
    "Chunks of a zarr array are missing; they would be read as zeros.",
    "Copy the store again, or write it with `write_empty_chunks=True`.",
)
ZARR_CODEC = declare(
    "E-ZARR-CODEC",
    "A zarr array uses a codec imscope does not allow.",
    "Write it with zstd, blosc, gzip or no compression.",
)
ZARR_LINK = declare(
    "E-ZARR-LINK",
    "A symbolic link leads out of the zarr store.",
    "Copy the linked data into the store.",
)
ZARR_SIZE = declare(
    "E-ZARR-SIZE",
    "A zarr array declares an absurd size.",
    "The metadata are wrong: write it again.",
)

# --- io: matrices ---------------------------------------------------------------------------
MATRIX_NO_COUNTS = declare(
    "E-MATRIX-NO-COUNTS",
    "No matrix of whole counts was found in the file.",
    "Give the raw counts; `input.matrix: expression` in the run configuration takes what is there, "
    "without any answer that needs counts.",
)
MATRIX_SHAPE = declare(
    "E-MATRIX-SHAPE",
    "The matrix does not have as many rows and columns as there are cells and features.",
    "Export matrix and names together again.",
)
MATRIX_INDPTR = declare(
    "E-MATRIX-INDPTR",
    "The row pointers of the sparse matrix do not fit its values.",
    "Write the file again.",
)
MATRIX_INDEX = declare(
    "E-MATRIX-INDEX",
    "A stored value points at a feature that does not exist.",
    "Write the file again.",
)
MATRIX_REPEAT = declare(
    "E-MATRIX-REPEAT",
    "A cell holds the same feature twice.",
    "Call `sum_duplicates()` on the matrix and write it again.",
)
MATRIX_NEGATIVE = declare(
    "E-MATRIX-NEGATIVE", "A count is negative.", "Give raw counts, not scaled or corrected values."
)
MATRIX_NAN = declare(
    "E-MATRIX-NAN", "A value is not a number.", "Find out why; do not replace it by 0."
)
MATRIX_INF = declare("E-MATRIX-INF", "A value is infinite.", "Give raw counts.")
MATRIX_FRACTION = declare("E-MATRIX-FRACTION", "A count is not a whole number.", "Give raw counts.")
MATRIX_LARGE = declare(
    "E-MATRIX-LARGE",
    "A count is larger than 2,147,483,647.",
    "Check the export: no cell has this many.",
)
MATRIX_TYPE = declare(
    "E-MATRIX-TYPE", "The matrix holds something other than real numbers.", "Give raw counts."
)

# --- io: text -------------------------------------------------------------------------------
GZ_BOMB = declare(
    "E-GZ-BOMB",
    "A compressed file unpacks to far more than a count matrix would.",
    "The file is not what it says: get a fresh copy.",
)
GZ_DAMAGED = declare(
    "E-GZ-DAMAGED",
    "A compressed file is cut short or damaged.",
    "Copy it again and compare checksums.",
)
TEXT_NUL = declare(
    "E-TEXT-NUL", "A text file contains NUL bytes.", "It is binary or damaged: export it again."
)
TEXT_ENCODING = declare("E-TEXT-ENCODING", "A text file is not UTF-8.", "Save it as UTF-8.")
MTX_HEADER = declare(
    "E-MTX-HEADER",
    "The MatrixMarket header is wrong.",
    "Export the matrix again as `coordinate integer general`.",
)
MTX_ENTRIES = declare(
    "E-MTX-ENTRIES",
    "The MatrixMarket file has more or fewer entries than its header says.",
    "It is cut short or was edited: export it again.",
)
MTX_INDEX = declare(
    "E-MTX-INDEX",
    "A MatrixMarket entry points outside the matrix.",
    "Export the matrix again; rows and columns count from 1.",
)
MTX_ZERO_BASED = declare(
    "E-MTX-ZERO-BASED",
    "A MatrixMarket entry has row or column 0: the file seems to count from 0.",
    "Export it again, counting from 1.",
)
MTX_LINE = declare(
    "E-MTX-LINE", "A line of the MatrixMarket file is not `row column value`.", "Export it again."
)
SIDE_MISSING = declare(
    "E-SIDE-MISSING",
    "The files with names of features or cells are missing beside the matrix.",
    "Put features.tsv (or genes.tsv) and barcodes.tsv beside it.",
)
SIDE_AMBIGUOUS = declare(
    "E-SIDE-AMBIGUOUS",
    "The folder holds several files that could be the same part of the matrix.",
    "Keep one matrix with its names per folder.",
)
SIDE_LINE = declare(
    "E-SIDE-LINE", "A line of a names file is empty or has too few columns.", "Export it again."
)
CSV_RAGGED = declare(
    "E-CSV-RAGGED", "Lines of the table differ in their number of columns.", "Export it again."
)
CSV_NUMBER = declare(
    "E-CSV-NUMBER",
    "A field of the table is not a number.",
    "Remove the column, or correct the field.",
)
CSV_DECIMAL = declare(
    "E-CSV-DECIMAL",
    "The table seems to use a comma as decimal sign, so its numbers are ambiguous.",
    "Export it with a point as decimal sign.",
)
CSV_ORIENTATION = declare(
    "E-CSV-ORIENTATION",
    "It cannot be told whether rows or columns are genes.",
    "Use gene symbols or Ensembl ids as names of the genes.",
)
CSV_HEADER = declare(
    "E-CSV-HEADER", "The table has no usable header line.", "Give names to the columns."
)
CSV_WIDTH = declare(
    "E-CSV-WIDTH",
    "The table has more columns than any real one.",
    "Check the separator and the line ends.",
)

# --- io: names ------------------------------------------------------------------------------
CELLS_DUPLICATE = declare(
    "E-CELLS-DUPLICATE",
    "Cell names are not unique.",
    "Make them unique, for instance by a sample prefix.",
)
CELLS_NONE = declare(
    "E-CELLS-NONE", "There is no cell with any count.", "Check that this is the right matrix."
)
CELLS_NAME = declare("E-CELLS-NAME", "A cell has no name.", "Give every cell a name.")
GENES_NONE = declare(
    "E-GENES-NONE", "There is no gene expression feature.", "Check that this is the right matrix."
)
GENES_DUPLICATE = declare(
    "E-GENES-DUPLICATE",
    "The same Ensembl id stands twice among the features.",
    "Sum or remove the copies.",
)
GENES_NAME = declare(
    "E-GENES-NAME", "A feature has no name.", "Give every feature an id or symbol."
)
SPECIES_MIXED = declare(
    "E-SPECIES-MIXED",
    "The features belong to more than one species.",
    "Keep the human genes only; totals over two species mean nothing here.",
)
OBS_CATEGORY = declare(
    "E-OBS-CATEGORY", "A category code points at no category.", "Write the file again with anndata."
)
OBS_LENGTH = declare(
    "E-OBS-LENGTH",
    "A column has another length than the table.",
    "Write the file again with anndata.",
)

W_CELLS_EMPTY = declare(
    "W-CELLS-EMPTY", "Some cells have no counts.", "They are lost in quality control."
)
W_GENES_UNMAPPED = declare(
    "W-GENES-UNMAPPED",
    "Some features are not in the gene table; they are kept under their own name.",
    "Nothing to do, unless the share is large: then check species and annotation.",
)
W_GENES_ALIAS = declare(
    "W-GENES-ALIAS",
    "Some symbols are outdated and were mapped by their Ensembl id.",
    "Nothing to do.",
)
W_GENES_EXCEL = declare(
    "W-GENES-EXCEL",
    "A spreadsheet turned some gene names into dates or numbers; they are kept, never guessed.",
    "Export the matrix without a spreadsheet program.",
)
W_GENES_DUPLICATE = declare(
    "W-GENES-DUPLICATE",
    "Some gene symbols stand several times; each copy is kept under a numbered name.",
    "Use Ensembl ids.",
)
W_SPECIES_MOUSE = declare(
    "W-SPECIES-MOUSE",
    "The features are those of mouse, not human.",
    "Human gene sets will not apply.",
)
W_MATRIX_TRANSPOSED = declare(
    "W-MATRIX-TRANSPOSED",
    "The matrix is stored with rows and columns swapped; the names settle it.",
    "Nothing to do.",
)
W_FEATURES_DROPPED = declare(
    "W-FEATURES-DROPPED",
    "Features of a type imscope does not use were left out.",
    "Nothing to do; the message names the types.",
)
W_MODALITY_CELLS = declare(
    "W-MODALITY-CELLS",
    "A modality lacks some cells; they hold zeros there.",
    "Check that the modalities belong together.",
)
W_MODALITY_VALUES = declare(
    "W-MODALITY-VALUES",
    "A modality does not hold whole counts, or could not be read as a table.",
    "Give raw counts of this modality.",
)
W_ZARR_CHUNK = declare(
    "W-ZARR-CHUNK",
    "A column of a zarr table has chunks that were not written; they hold its fill value.",
    "Check the column if it should vary.",
)
W_OBS_COLUMN = declare(
    "W-OBS-COLUMN",
    "A column of the cell table has a type imscope does not read; it was left out.",
    "Nothing to do.",
)
W_MATRIX_EXPRESSION = declare(
    "W-MATRIX-EXPRESSION",
    "The run uses expression values, not counts.",
    "Answers that need counts are not given.",
)

# --- io: sample sheet -----------------------------------------------------------------------
SHEET_FORMAT = declare(
    "E-SHEET-FORMAT", "The sample sheet cannot be read as a table.", "Save it as CSV, TSV or XLSX."
)
SHEET_COLUMN = declare(
    "E-SHEET-COLUMN",
    "The sample sheet lacks a column, or has one twice.",
    "`sample` and `path` are required.",
)
SHEET_ROWS = declare("E-SHEET-ROWS", "The sample sheet has no samples.", "Add one line per sample.")
SHEET_SAMPLE = declare(
    "E-SHEET-SAMPLE",
    "A sample name is empty, has a space, or is not unique.",
    "Give each sample one short name.",
)
SHEET_VALUE = declare(
    "E-SHEET-VALUE", "A value of the sample sheet has the wrong type.", "Correct the cell named."
)
SHEET_WORD = declare(
    "E-SHEET-WORD",
    "A value of the sample sheet is not one of the allowed words.",
    "Use one of the words listed.",
)
SHEET_VARIABLE = declare(
    "E-SHEET-VARIABLE",
    "A path uses an environment variable that is not set.",
    "Set the variable, or write the path out.",
)
SHEET_PATH = declare(
    "E-SHEET-PATH", "A path of the sample sheet does not exist.", "Correct the path."
)
SHEET_SELECT = declare(
    "E-SHEET-SELECT",
    "A selection of cells cannot be applied.",
    "Write `column=value`, joined by `;`, with `|` between values.",
)
SHEET_RAGGED = declare(
    "E-SHEET-RAGGED",
    "A line of the sample sheet has more fields than the header.",
    "Quote fields that hold commas.",
)

# --- io: writing ----------------------------------------------------------------------------
WRITE_FAILED = declare(
    "E-WRITE-FAILED",
    "A file could not be written; the earlier state is untouched.",
    "Check space and rights.",
)
STORE_DAMAGED = declare(
    "E-STORE-DAMAGED",
    "A working store does not have the size its header says.",
    "Start again with `--fresh`.",
)

# --- simulate
SIMULATE_OUT = declare(
    "E-SIMULATE-OUT",
    "The folder for simulated data holds files already or cannot be written.",
    "Name a new folder; nothing is ever overwritten.",
)

# public data
DATA_NAME = declare(
    "E-DATA-NAME",
    "The catalogue of public data has no set of this name.",
    "`imscope data list` shows all names.",
)
DATA_LIST_ONLY = declare(
    "E-DATA-LIST-ONLY",
    "The data set has no direct address with a known checksum.",
    "Fetch it from the repository named in `imscope data list`.",
)
DATA_OFFLINE = declare(
    "E-DATA-OFFLINE",
    "A download could not start or was cut off.",
    "Connect to the network and give the same command again; it continues.",
)
DATA_SERVER = declare(
    "E-DATA-SERVER",
    "The server answered a download with an error.",
    "Look up the accession; the address may have moved.",
)
DATA_CHECKSUM = declare(
    "E-DATA-CHECKSUM",
    "A downloaded file is not the one of the catalogue.",
    "Try again; if it happens twice the file was changed at its source.",
)
DATA_CATALOGUE = declare(
    "E-DATA-CATALOGUE",
    "A catalogue file cannot be read or has the wrong layout.",
    "Compare it with the layout in the documentation.",
)

# --- analyses: heterogeneity ----------------------------------------------------------------
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

# engine: neighbours to markers
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

# engine: quality control to principal components
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

# --- analyses: subsets ----------------------------------------------------------------------
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
