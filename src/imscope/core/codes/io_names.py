"""Codes of names, sample sheets and public data."""

from imscope.core.code_book import declare

# names
CELLS_DUPLICATE = declare(
    "E-CELLS-DUPLICATE",
    "Cell names are not unique.",
    "Make them unique, for instance by a sample prefix.",
)
CELLS_NONE = declare(
    "E-CELLS-NONE", "There is no cell with any count.", "Check that this is the right matrix."
)
SAMPLES_SAME = declare(
    "E-SAMPLES-SAME",
    "Samples that should be independent hold the same cells.",
    "List every library once; a verdict on copies of one library would mean nothing.",
)
W_SAMPLES_SAME = declare(
    "W-SAMPLES-SAME",
    "Samples hold the same cells: the same file, a copy, a part or another order of it.",
    "List every library once; no claim is tested as long as samples share cells.",
)
W_SAMPLES_BARCODES = declare(
    "W-SAMPLES-BARCODES",
    "Samples share far more barcodes than two libraries do by chance.",
    "Check that they are not one library processed in two ways.",
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
GENES_UNMAPPED = declare(
    "E-GENES-UNMAPPED",
    "Most features are not in the gene table, so every number would be of other genes than meant.",
    "Give human Ensembl ids or gene symbols as names of the features.",
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
W_GENES_COLUMN = declare(
    "W-GENES-COLUMN",
    "The names of the features were found in another column than the usual one.",
    "Check the column named.",
)
W_GENES_RESTORED = declare(
    "W-GENES-RESTORED",
    "Names of genes that a program had changed were put right.",
    "Nothing to do; the message shows how.",
)
W_GENES_PROBES = declare(
    "W-GENES-PROBES",
    "Several features of one gene, such as probes, were summed.",
    "Nothing to do.",
)
W_GENES_NOT_GENES = declare(
    "W-GENES-NOT-GENES",
    "Rows or columns of the matrix that are sums or statistics were left out.",
    "Nothing to do; the message names them.",
)
W_GENES_SPIKES = declare(
    "W-GENES-SPIKES",
    "The matrix holds spike-ins or transgenes; they are no genes of the cells.",
    "Nothing to do.",
)
W_GENES_SUBSET = declare(
    "W-GENES-SUBSET",
    "The matrix lacks classes of genes that every cell has: it holds chosen genes only.",
    "Give the full matrix; the index of chosen genes is not comparable with that of all genes.",
)
W_GENES_UNIVERSE = declare(
    "W-GENES-UNIVERSE",
    "Samples list different genes and are compared only within one list.",
    "Give all samples with the same annotation.",
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
PROTEIN_ROLE = declare(
    "E-PROTEIN-ROLE",
    "A table of roles of protein columns names a column or a role that does not exist.",
    "Roles are antigen, isotype, hashtag and spike.",
)
W_PROTEIN_ROLES = declare(
    "W-PROTEIN-ROLES",
    "Protein columns that are isotype controls, hashtags or spikes are never used as antigens.",
    "Check the roles in the message; a table of roles can correct them.",
)
W_FEATURES_TYPED = declare(
    "W-FEATURES-TYPED",
    "Features without a type were told apart by their names.",
    "Check the names in the message.",
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

# sample sheet
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

SHEET_LEVELS = declare(
    "E-SHEET-LEVELS",
    "Columns of the sample sheet contradict each other.",
    "Correct the cells named.",
)
SHEET_MERGED = declare(
    "E-SHEET-MERGED",
    "The spreadsheet has merged cells, of which only the first holds a value.",
    "Take the merging back and write the value into every line.",
)
SHEET_FORMULA = declare(
    "E-SHEET-FORMULA",
    "A cell of the spreadsheet shows an error, or a formula without a computed value.",
    "Correct the formula, or paste its value.",
)
W_SHEET_COLUMNS = declare(
    "W-SHEET-COLUMNS",
    "Columns of the sample sheet were taken by their meaning, not by their exact name.",
    "Use the exact names, see the reference of the sample sheet.",
)
W_SHEET_COVARIATES = declare(
    "W-SHEET-COVARIATES",
    "Columns of the sample sheet that are no design factors are kept as covariates.",
    "Nothing to do, unless one of them was meant as a factor: then use the factor's name.",
)
W_SHEET_MISSING = declare(
    "W-SHEET-MISSING",
    "Words for a missing value stand in the sample sheet; they are read as no value.",
    "Leave such cells empty.",
)
W_SHEET_VALUES = declare(
    "W-SHEET-VALUES",
    "Values of the sample sheet were understood in another notation than the usual one.",
    "Compare the values shown; write numbers with a point and dates as 2024-05-31.",
)
W_SHEET_LEVELS = declare(
    "W-SHEET-LEVELS",
    "Levels of a column differ only in spelling; they are kept apart.",
    "If they are the same, write them alike: each spelling counts as a donor or lot of its own.",
)
W_SHEET_CHARACTERS = declare(
    "W-SHEET-CHARACTERS",
    "Cells of the sample sheet held invisible characters; they were taken out.",
    "Nothing to do.",
)
W_SHEET_SPREADSHEET = declare(
    "W-SHEET-SPREADSHEET",
    "Something about the spreadsheet must be known: other worksheets, hidden rows, formulas.",
    "Check that the right cells were read.",
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
