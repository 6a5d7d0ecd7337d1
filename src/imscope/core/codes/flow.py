"""Codes of flow cytometry files and of gates that come from elsewhere."""

from imscope.core.code_book import declare

# flow cytometry files
FCS_HEADER = declare(
    "E-FCS-HEADER",
    "The first 58 bytes are not the header of an FCS 2.0, 3.0 or 3.1 file.",
    "Export the file again as FCS 3.1.",
)
FCS_OFFSETS = declare(
    "E-FCS-OFFSETS",
    "Byte offsets of the segments are impossible, or header and TEXT contradict each other.",
    "Export the file again; the offsets cannot be guessed.",
)
FCS_TRUNCATED = declare(
    "E-FCS-TRUNCATED",
    "The file ends before the segments that its header announces.",
    "Copy it again and compare checksums.",
)
FCS_TEXT = declare(
    "E-FCS-TEXT",
    "The TEXT segment is not a list of keywords and values.",
    "Export the file again; a delimiter inside a value must be doubled.",
)
FCS_KEYWORD = declare(
    "E-FCS-KEYWORD",
    "A required keyword is missing, stands twice with different values, or has a value that makes "
    "no sense.",
    "Export the file again, or correct the keyword with the program that wrote it.",
)
FCS_CHANNELS = declare(
    "E-FCS-CHANNELS",
    "Channel names are missing or stand more than once.",
    "Give every channel its own name ($PnN).",
)
FCS_LAYOUT = declare(
    "E-FCS-LAYOUT",
    "Events are stored in a way imscope does not read (mode, data type, bits or byte order).",
    "Export as list mode, float or 8, 16 or 32 bit integer.",
)
FCS_LENGTH = declare(
    "E-FCS-LENGTH",
    "Events times channels times bits does not equal the length of the DATA segment.",
    "Export the file again; events may be missing.",
)
FCS_VALUES = declare(
    "E-FCS-VALUES",
    "Event values are not finite, or look as if read in the wrong byte order.",
    "Export the file again; check $BYTEORD.",
)
FCS_SPILLOVER = declare(
    "E-FCS-SPILLOVER",
    "The spillover matrix has the wrong shape, unknown channels, or cannot be inverted.",
    "Correct the matrix, or read the file without compensation.",
)
FCS_MORE_DATA = declare(
    "E-FCS-MORE-DATA",
    "The file holds more than one data set ($NEXTDATA).",
    "Split it into one file per data set.",
)
W_FCS_SETS = declare(
    "W-FCS-SETS",
    "The file holds several data sets, of which one is read.",
    "Name another one (`--data-set`), or split the file.",
)
W_FCS_OFFSETS = declare(
    "W-FCS-OFFSETS",
    "An offset is off in a way that is common and harmless; the data were still found.",
    "Nothing to do; the message says what was taken.",
)
W_FCS_TEXT = declare(
    "W-FCS-TEXT",
    "Keywords were not written by the rules of FCS but could be read in one way only.",
    "Nothing to do; the message says what was seen.",
)
W_FCS_VALUES = declare(
    "W-FCS-VALUES",
    "Events lie beyond the stated range of their channel.",
    "Look at the detector's settings; a piled-up edge is no population.",
)
W_FCS_SPILLOVER = declare(
    "W-FCS-SPILLOVER",
    "The file has no spillover matrix that can be used.",
    "Compensate before export, or accept uncompensated values.",
)

# surface proteins
SURFACE_TABLE = declare(
    "E-SURFACE-TABLE",
    "A table of antibodies does not have the column that names the gene.",
    "Give a tab-separated table with gene symbols in a column `gene`.",
)

# gates on other data
FLOW_SCALE = declare(
    "E-FLOW-SCALE",
    "The parameters make no display scale, or values on it are not finite.",
    "Correct the parameters; the defaults suit an 18 bit cytometer.",
)
GATE_TARGET = declare(
    "E-GATE-TARGET",
    "The target label or the column that holds it does not exist.",
    "Give `--target COLUMN=LABEL` with a column of the cell table and one of its values.",
)
GATING_ML = declare(
    "E-GATING-ML",
    "The file is not Gating-ML 2.0, is unsafe, or holds gates of a kind that is not read.",
    "Export rectangle gates with linear, log, asinh or logicle scales.",
)
GATE_SORT = declare(
    "E-GATE-SORT",
    "A sort plan was asked for with impossible figures.",
    "Give a number of cells above 0 and shares above 0 up to 1.",
)
