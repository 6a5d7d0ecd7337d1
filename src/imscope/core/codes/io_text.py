"""Codes of matrices and text."""

from imscope.core.code_book import declare

SHEET_WIDE = declare(
    "E-SHEET-WIDE",
    "The sample sheet has far more columns than any design.",
    "Give the sample sheet, one line per sample; a matrix goes into its column `path`.",
)

# matrices
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
MATRIX_ROUNDED = declare(
    "E-MATRIX-ROUNDED",
    "The whole numbers are rounded or scaled values, not counts of molecules.",
    "Give the counts before they were scaled and rounded.",
)
MATRIX_BINARY = declare(
    "E-MATRIX-BINARY",
    "Every value is 0 or 1: whether a gene was seen, not how often.",
    "Give the counts before they were made 0 and 1.",
)
W_MATRIX_ONE_DEPTH = declare(
    "W-MATRIX-ONE-DEPTH",
    "All cells have exactly the same total, as counts drawn down to one depth have.",
    "Give the counts as they were before, which say more.",
)
W_MATRIX_READS = declare(
    "W-MATRIX-READS",
    "The whole numbers look like reads without molecular barcodes, not counts of molecules.",
    "Questions that need counts of molecules are not answered.",
)
MATRIX_READS = declare(
    "E-MATRIX-READS",
    "The whole numbers are reads without molecular barcodes, not counts of molecules.",
    "`input.matrix: expression` in the run configuration takes them, without any answer that needs "
    "counts.",
)

# text
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
