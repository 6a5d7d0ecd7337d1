"""Are these whole numbers counts of molecules? Rounded, scaled, binary values and reads are not.

A matrix of whole numbers passes every test of its values and still gives a confident wrong number.
Molecules that were counted leave marks no rounding keeps: totals vary at least as chance makes them
vary, most genes that are seen at all are seen once or twice, and no number is skipped.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError

if TYPE_CHECKING:
    from imscope.core.cells import Cells

_PIECES: Final = 4
_ROWS: Final = 120
_MIN_ROWS: Final = 15
_MIN_STORED: Final = 40
"""Genes a cell must show before its values say something."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why whole numbers are no counts.

    Attributes
    ----------
    code
        ``E-MATRIX-ROUNDED``, ``E-MATRIX-BINARY`` or ``E-MATRIX-READS``.
    found
        What was seen.
    fix
        What would make the matrix usable.
    """

    code: str
    found: str
    fix: str


def sample_rows(source: BlockSource) -> list[CsrBlock]:
    """Some rows from all over a matrix, read in a few pieces."""
    n = source.n_cells
    if n <= _PIECES * _ROWS:
        return [source.read(0, n)] if n else []
    starts = np.linspace(0, n - _ROWS, _PIECES).astype(int)
    return [source.read(int(s), int(s) + _ROWS) for s in starts]


def doubt_counts(blocks: list[CsrBlock]) -> Doubt | None:
    """Find out why whole numbers cannot be counts of molecules.

    Parameters
    ----------
    blocks
        Some whole rows of the matrix, RNA features only.

    Returns
    -------
    doubt
        Nothing where they may be counts, or where there is too little to tell.

    Notes
    -----
    *Rounded or scaled*: totals of cells vary less than half as much as chance alone makes counts
    vary (their variance is at least their mean), unless all are exactly the same, as after drawing
    counts down to one depth, see :func:`one_depth`; or cells have no value of 1 although they show
    many genes; or a small number is skipped while the next one is common, as rounding a multiple
    leaves it. *Binary*: nothing but ones. *Reads*: hardly any single count, high values, and yet
    many genes at zero: copies made by amplification were counted, as plate protocols without
    molecular barcodes do.

    Examples
    --------
    >>> from imscope.core.blocks import MemoryBlocks
    >>> import scipy.sparse as sp
    >>> counts = np.random.default_rng(0).poisson(0.8, (60, 400))
    >>> rows = MemoryBlocks.from_csr(sp.csr_array(counts)).read(0, 60)
    >>> doubt_counts([rows]) is None
    True
    >>> scaled = np.rint(counts / counts.sum(axis=1, keepdims=True) * 1e4).astype(int)
    >>> doubt_counts([MemoryBlocks.from_csr(sp.csr_array(scaled)).read(0, 60)]).code
    'E-MATRIX-ROUNDED'
    """
    sums, stored, ones = _per_row(blocks)
    full = stored >= _MIN_STORED
    if full.sum() < _MIN_ROWS:
        return None
    values = np.concatenate([b.data for b in blocks])
    if values.size and int(values.max()) == 1:
        return Doubt(
            codes.MATRIX_BINARY,
            f"every value is 0 or 1, with a median of {np.median(sums[full]):,.0f} genes per cell",
            "give the counts before they were made 0 and 1",
        )
    return _scaled(sums[full], ones[full], blocks) or _reads(
        values, sums[full], stored[full], blocks
    )


def one_depth(blocks: list[CsrBlock]) -> int:
    """Total that all cells share exactly, as counts drawn down to one depth do; else 0."""
    sums, stored, _ = _per_row(blocks)
    full = sums[stored >= _MIN_STORED]
    return int(full[0]) if full.size >= _MIN_ROWS and np.ptp(full) == 0 else 0


def _per_row(
    blocks: list[CsrBlock],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Sum, stored values and ones of every row."""
    parts = []
    for b in blocks:
        row = np.repeat(np.arange(b.n_rows), np.diff(b.indptr))
        data = b.data.astype(np.float64)
        parts.append(
            (
                np.bincount(row, weights=data, minlength=b.n_rows),
                np.bincount(row[b.data > 0], minlength=b.n_rows),
                np.bincount(row[b.data == 1], minlength=b.n_rows),
            )
        )
    sums, stored, ones = (np.concatenate([p[k] for p in parts]) for k in range(3))
    return sums, stored.astype(np.int64), ones.astype(np.int64)


def _scaled(
    sums: NDArray[np.float64], ones: NDArray[np.int64], blocks: list[CsrBlock]
) -> Doubt | None:
    middle = float(np.median(sums))
    low, high = np.quantile(sums, [0.1, 0.9])  # a few damaged cells must not hide the rest
    spread = float((high - low) / 2.563)
    fix = "give the counts before they were scaled and rounded"
    if np.ptp(sums) > 0 and spread**2 < 0.5 * middle:
        return Doubt(
            codes.MATRIX_ROUNDED,
            f"all cells sum to nearly the same, {middle:,.0f} (spread {spread:,.1f}, chance alone "
            f"gives {np.sqrt(middle):,.1f})",
            fix,
        )
    without = float((ones == 0).mean())
    if without > 0.2:
        return Doubt(
            codes.MATRIX_ROUNDED,
            f"{without:.0%} of the cells have no gene with a single count",
            fix,
        )
    gaps = np.array([_skips(b, i) for b in blocks for i in range(b.n_rows)], dtype=bool)
    if gaps.mean() > 0.2:
        return Doubt(
            codes.MATRIX_ROUNDED,
            f"{gaps.mean():.0%} of the cells skip a small number whose neighbours are common",
            fix,
        )
    return None


def _skips(block: CsrBlock, row: int) -> bool:
    """Whether a small value is absent in a cell although the next higher one is common."""
    values = block.data[block.indptr[row] : block.indptr[row + 1]]
    if values.size < _MIN_STORED:
        return False
    n = np.bincount(np.minimum(values, 12).astype(np.int64), minlength=13)[1:12]
    after = np.append(n[1:], 0)
    return bool(((n == 0) & (after >= 8)).any())


def _reads(
    values: NDArray[np.int32],
    sums: NDArray[np.float64],
    stored: NDArray[np.int64],
    blocks: list[CsrBlock],
) -> Doubt | None:
    width = blocks[0].n_features
    single = float((values == 1).sum() / max(1, (values > 0).sum()))
    middle = float(np.median(values[values > 0]))
    zeros = 1 - float(np.median(stored)) / width
    if single < 0.12 and middle >= 8 and zeros > 0.2 and float(np.median(sums)) > 20_000:
        return Doubt(
            codes.MATRIX_READS,
            f"{single:.1%} of the values above 0 are single counts, their median is {middle:,.0f}, "
            f"and {zeros:.0%} of the genes are at 0: these are reads, not molecules",
            "amplification is counted too, so the noise cannot be taken off; take the values as "
            "they are by `input.matrix: expression`, without any answer that needs counts",
        )
    return None


def refuse_reads(cells: "Cells") -> None:
    """Refuse reads where counts of molecules are needed.

    Raises
    ------
    DataError
        The reader saw that the whole numbers are reads without molecular barcodes.
    """
    told = next((n for n in cells.notices if n.code == codes.W_MATRIX_READS), None)
    if told is not None:
        raise DataError(
            f"{cells.name}: its whole numbers are reads, not molecules",
            found=told.message,
            fix="`input.matrix: expression` in the run configuration takes them, without any "
            "answer that needs counts",
            code=codes.MATRIX_READS,
        )
