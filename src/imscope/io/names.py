"""Lists of names, one per line."""

from pathlib import Path

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.loose_table import read_text

_HEADERS = ("gene", "genes", "symbol", "gene_symbol", "sgrna", "guide", "hgnc_symbol", "id")


def read_names(path: str | Path | None) -> tuple[str, ...]:
    r"""Read names from the first column of a text file; a header and empty lines are left out.

    Parameters
    ----------
    path
        The file; None gives no names.

    Raises
    ------
    DataError
        The file is missing or holds no name.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "essential.txt"
    >>> _ = path.write_text("GENE\tHGNC_ID\nPOLR2A\tHGNC:9187\nRPL3\tHGNC:10332\n")
    >>> read_names(path)
    ('POLR2A', 'RPL3')
    """
    if path is None:
        return ()
    path = Path(path)
    lines = [line.split("\t")[0].split(",")[0].strip() for line in read_text(path).split("\n")]
    names = [n for n in lines if n and not n.startswith("#")]
    if names and names[0].lower() in _HEADERS:
        names = names[1:]
    if not names:
        raise DataError(f"{path} holds no name", code=codes.FILE_EMPTY)
    return tuple(dict.fromkeys(names))
