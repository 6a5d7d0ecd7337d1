"""Codes of files, containers and writing."""

from imscope.core.code_book import declare

# files as a whole
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
FILE_KIND = declare(
    "E-FILE-KIND",
    "The path is a pipe, a device or a socket, not a file.",
    "Write the content to a file and give that.",
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
FILE_ARCHIVE = declare(
    "E-FILE-ARCHIVE",
    "An archive holds something that must not be unpacked, or is damaged.",
    "Unpack it by hand, look at it, and give the matrix itself.",
)
FILE_SAMPLES = declare(
    "E-FILE-SAMPLES",
    "A folder or archive holds several samples.",
    "`imscope sheet FOLDER` writes a sample sheet with a line for each.",
)
W_DELIVERY_CHOSEN = declare(
    "W-DELIVERY-CHOSEN",
    "Of several matrices of one sample, one was taken.",
    "Name the other one in the sheet if it was meant.",
)

# HDF5
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
H5_REFERENCE = declare(
    "E-H5-REFERENCE",
    "A reference inside the file leads to an object that no link reaches.",
    "Rewrite the file with a current anndata, which writes no references.",
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

# zarr
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
    "An entry of the zarr store is a symbolic link.",
    "Copy the linked data into the store.",
)
ZARR_ENTRY = declare(
    "E-ZARR-ENTRY",
    "An entry of the zarr store is neither a file nor a folder, or hides below an array.",
    "Copy the store with a tool that copies files and folders only.",
)
ZARR_SIZE = declare(
    "E-ZARR-SIZE",
    "A zarr array, or one of its chunks, opens to an absurd size.",
    "The metadata are wrong or hostile: write it again.",
)

# writing
WRITE_FAILED = declare(
    "E-WRITE-FAILED",
    "A file could not be written; the earlier state is untouched.",
    "Check space and rights.",
)
DISK_FULL = declare(
    "E-DISK-FULL",
    "There is no space for a file, or it reached the size allowed.",
    "Make room or raise the limit; the earlier state is untouched.",
)
PERMISSION = declare(
    "E-PERMISSION", "The operating system denies access.", "Check the rights of file and folder."
)
MEMORY = declare(
    "E-MEMORY", "Memory is used up.", "Close programs, or use a machine with more memory."
)
FILES_OPEN = declare(
    "E-FILES-OPEN", "Too many files are open.", "Raise the limit (`ulimit -n`) and start again."
)
DISK_FAULT = declare(
    "E-DISK-FAULT", "The disk reports a fault.", "Check the disk and copy its data away."
)
SYSTEM = declare(
    "E-SYSTEM",
    "The operating system refused something else.",
    "See what was found, mend it and start again.",
)
INTERNAL = declare(
    "E-INTERNAL",
    "A fault of imscope itself.",
    "Send the report file named in the message to the maintainers (see `SECURITY.md` if the input "
    "is of unknown origin).",
)
STORE_DAMAGED = declare(
    "E-STORE-DAMAGED",
    "A working store does not have the size its header says.",
    "Start again with `--fresh`.",
)
