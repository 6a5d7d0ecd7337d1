"""Codes of the one container of cells: columns, gaps, lengths, counts."""

from imscope.core.code_book import declare

CELLS_COLUMN = declare(
    "E-CELLS-COLUMN",
    "A column that was named is not in the table of cells.",
    "Name one of the columns that are listed.",
)
CELLS_GAPS = declare(
    "E-CELLS-GAPS",
    "No cell has a value in a column that is needed.",
    "Fill the column in the sample sheet or the file.",
)
CELLS_TRUTH = declare(
    "E-CELLS-TRUTH",
    "A column of yes and no holds another word.",
    "Write yes or no, true or false, 1 or 0.",
)
CELLS_LENGTH = declare(
    "E-CELLS-LENGTH",
    "Tables of cells or features do not have the length of the matrix.",
    "Cut all of them with the same choice of cells and features.",
)
CELLS_COUNTS = declare(
    "E-CELLS-COUNTS",
    "The question needs UMI counts and the matrix holds other values.",
    "Give the raw count matrix.",
)
CELLS_CLOSED = declare(
    "E-CELLS-CLOSED",
    "Counts are asked for after their file was closed.",
    "Do all reading inside the `with` block, or open the file again.",
)
W_CELLS_LEFT_OUT = declare(
    "W-CELLS-LEFT-OUT",
    "Cells without a value in a column that is needed were left out.",
    "Fill the column, or take it as said.",
)
ROW_KIND = declare(
    "E-ROW-KIND",
    "The column `row_kind` holds a word that names no kind of row, or more than one kind.",
    "Write cell, well, pool or library; split a table that holds several kinds.",
)
ROW_CELLS = declare(
    "E-ROW-CELLS",
    "The question is about single cells and the rows are pools of cells or bulk libraries.",
    "Give single cells, or ask what rows of many cells can answer: programmes, stage, panel, sex.",
)
W_ROW_KIND = declare(
    "W-ROW-KIND",
    "The rows of the matrix are taken as something else than cells.",
    "Write `cell` into a column `row_kind` of the cell table if they are cells.",
)
