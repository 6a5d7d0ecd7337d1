"""Rows of an open file as a recipe: where they lie and what they were, opened again by a worker.

An open file, its lock and its checks cannot travel between processes; importing this module teaches
Python to send path and stamp instead. Rows that are in memory travel as their arrays.
"""

import copyreg
import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError
from imscope.io.counts import read_raw
from imscope.io.memory_size import half_of_memory
from imscope.io.raw import RawCounts
from imscope.io.rows import CsrRows, DenseRows

KEPT_OPEN = 32
"""Files a worker keeps open."""


def stamp_of(rows: CsrRows | DenseRows) -> str:
    """Hash of shape, row pointers, size and time of the file: no other is taken for this one."""
    about = [rows.n_cells, rows.n_features, rows.names.where]
    try:
        stat = rows.names.path.stat()
        about += [stat.st_size, stat.st_mtime_ns]
    except OSError:  # a worker that cannot see the file gives another stamp, and is refused
        about.append("unseen")
    digest = hashlib.sha256(" ".join(map(str, about)).encode())
    if isinstance(rows, CsrRows):
        digest.update(np.ascontiguousarray(rows.indptr).tobytes())
    return digest.hexdigest()


def _send(rows: CsrRows | DenseRows) -> tuple[object, ...]:
    """What travels: arrays that are in memory, otherwise path and stamp."""
    values = rows.matrix if isinstance(rows, DenseRows) else rows.data
    if not isinstance(values, np.ndarray):
        place = rows.names.path.absolute()
        return reopen, (place, not rows.whole, stamp_of(rows))
    if isinstance(rows, DenseRows):
        return DenseRows, (values, rows.names, rows.whole)
    return CsrRows, (values, rows.indices, rows.indptr, rows.n_features, rows.names, rows.whole)


def reopen(path: Path, expression: bool, stamp: str) -> BlockSource:
    """Open the rows of a recipe in this process.

    Parameters
    ----------
    path
        The file, under the path it had.
    expression
        Whether it was read as expression values.
    stamp
        From :func:`stamp_of`.

    Raises
    ------
    DataError
        The file cannot be read here, or holds another matrix than the recipe's.

    Examples
    --------
    >>> reopen(Path("nowhere.h5ad"), False, "")
    Traceback (most recent call last):
        ...
    imscope.core.errors.DataError: there is no file nowhere.h5ad...
    """
    rows = _open(path, expression, stamp).rows
    if not isinstance(rows, CsrRows | DenseRows) or stamp_of(rows) != stamp:
        raise DataError(
            f"{path} is not the file this pass began with",
            found=f"{rows.n_cells:,} cells of {rows.n_features:,} features",
            fix="start again; let nothing write the file meanwhile",
            code=codes.WORKER_PATH,
        )
    return rows


@lru_cache(maxsize=KEPT_OPEN)
def _open(path: Path, expression: bool, stamp: str) -> RawCounts:  # noqa: ARG001 part of the key
    return read_raw(path, expression=expression, max_bytes=half_of_memory())


copyreg.pickle(CsrRows, _send)  # type: ignore[arg-type]
copyreg.pickle(DenseRows, _send)  # type: ignore[arg-type]
