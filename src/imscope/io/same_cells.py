"""Are samples made of the same cells? A copied, cut or re-ordered library is found by its counts.

Every cell gets one number made of its counts and the names of the genes, so that order of cells,
order of genes and name of the file play no part. Two libraries have no such number in common, save
by an error: even two cells of a few hundred molecules never agree in every gene.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, block_bounds
from imscope.core.errors import DataError
from imscope.io.notice import Notice, first_few

if TYPE_CHECKING:
    from imscope.core.cells import Cells

_MIN_GENES: Final = 25
"""Genes a cell must show before its counts are taken for its own."""
_MIN_SHARED: Final = 3
_BARCODE: Final = re.compile(r"(?<![A-Za-z])([ACGT]{12,})(?![a-z])")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells the cells of a sample from those of others.

    Attributes
    ----------
    counts
        uint64, sorted: one number per cell that shows enough genes.
    barcodes
        uint64, sorted: one number per barcode of bases among the names of the cells.
    """

    counts: NDArray[np.uint64]
    barcodes: NDArray[np.uint64]


def fingerprint_cells(
    source: BlockSource, feature_ids: Sequence[str], cells: Sequence[str]
) -> Fingerprint:
    """Numbers of the cells of one sample, from their counts and from their barcodes.

    Parameters
    ----------
    source
        Counts of the sample.
    feature_ids
        Stable id of each feature.
    cells
        Name of each cell.

    Examples
    --------
    >>> from imscope.core.blocks import MemoryBlocks
    >>> import scipy.sparse as sp
    >>> counts = np.random.default_rng(0).poisson(1.0, (3, 90))
    >>> genes = [f"g{i}" for i in range(90)]
    >>> one = fingerprint_cells(MemoryBlocks.from_csr(sp.csr_array(counts)), genes, list("abc"))
    >>> two = fingerprint_cells(
    ...     MemoryBlocks.from_csr(sp.csr_array(counts[::-1, ::-1])), genes[::-1], list("xyz")
    ... )
    >>> bool((one.counts == two.counts).all())
    True
    """
    own = np.array([_number(f) for f in feature_ids], dtype=np.uint64)
    made = []
    for low, high in block_bounds(source.n_cells):
        block = source.read(low, high)
        # every count enters as a number of its own, or sums of genes would stand for each other
        with np.errstate(over="ignore"):
            terms = _mix(own[block.indices] ^ _mix(_bits(block.data)))
            total = np.concatenate([[np.uint64(0)], np.cumsum(terms, dtype=np.uint64)])
            sums = total[block.indptr[1:]] - total[block.indptr[:-1]]
        made.append(sums[np.diff(block.indptr) >= _MIN_GENES])
    counts = np.unique(np.concatenate(made)) if made else np.zeros(0, dtype=np.uint64)
    found = [m[1] for m in (_BARCODE.search(str(c)) for c in cells) if m]
    barcodes = np.unique(np.array([_number(b) for b in found], dtype=np.uint64))
    return Fingerprint(counts, barcodes)


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _bits(data: NDArray[np.int32] | NDArray[np.float32]) -> NDArray[np.uint64]:
    """Counts as whole numbers; other values by their bits."""
    if data.dtype.kind == "f":
        return np.ascontiguousarray(data, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return data.astype(np.uint64)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread the bits of 64-bit numbers (finaliser of SplitMix64, doi:10.1145/2714064.2660195)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def shared_cells(prints: Mapping[str, Fingerprint]) -> list[tuple[str, str, int, int]]:
    """Pairs of samples that hold the same cells.

    Returns
    -------
    pairs
        First and second sample, cells in common, and cells of the smaller one.
    """
    found = []
    for (a, one), (b, two) in combinations(prints.items(), 2):
        small = min(len(one.counts), len(two.counts))
        both = len(np.intersect1d(one.counts, two.counts, assume_unique=True))
        if both >= min(_MIN_SHARED, max(1, small)) and both >= 0.001 * small:
            found.append((a, b, both, small))
    return found


def same_cells_notices(prints: Mapping[str, Fingerprint]) -> tuple[Notice, ...]:
    """Say which samples hold the same cells, and which share barcodes far beyond chance.

    Parameters
    ----------
    prints
        Fingerprint of the cells by sample.

    Returns
    -------
    notices
        One per set of samples that share cells.

    Examples
    --------
    >>> one = Fingerprint(np.arange(9, dtype=np.uint64), np.zeros(0, dtype=np.uint64))
    >>> same_cells_notices({"A": one, "B": one})[0].message
    "samples 'A', 'B' hold the same cells (9 of 9)"
    """
    pairs = shared_cells(prints)
    notices = []
    for group in _joined(pairs):
        within = [p for p in pairs if p[0] in group]
        both, small = max(((p[2], p[3]) for p in within), key=lambda p: p[0] / max(1, p[1]))
        notices.append(
            Notice(
                codes.W_SAMPLES_SAME,
                f"samples {first_few(group, 12)} hold the same cells ({both:,} of {small:,})",
                ", ".join(group),
            )
        )
    known = {(a, b) for a, b, _, _ in pairs}
    near = []
    for (a, one), (b, two) in combinations(prints.items(), 2):
        small = min(len(one.barcodes), len(two.barcodes))
        both = len(np.intersect1d(one.barcodes, two.barcodes, assume_unique=True))
        if (a, b) not in known and small >= 20 and both > 0.3 * small:
            near.append(f"{a!r} and {b!r} ({both:,} of {small:,})")
    if near:
        more = f" and {len(near) - 3} more pairs" if len(near) > 3 else ""
        notices.append(
            Notice(
                codes.W_SAMPLES_BARCODES,
                f"samples share barcodes, with other counts: {'; '.join(near[:3])}{more}; one "
                "library processed in two ways?",
            )
        )
    return tuple(notices)


def _joined(pairs: list[tuple[str, str, int, int]]) -> list[list[str]]:
    """Samples that are linked by shared cells, in groups."""
    groups: list[list[str]] = []
    for a, b, _, _ in pairs:
        touching = [g for g in groups if a in g or b in g]
        merged = list(dict.fromkeys([*(n for g in touching for n in g), a, b]))
        groups = [g for g in groups if g not in touching] + [merged]
    return groups


def refuse_same_cells(cells: "Cells", by: str = "sample") -> None:
    """Refuse cells that stand in a table under several samples.

    Parameters
    ----------
    cells
        The cells of a question that takes samples for independent.
    by
        Column that names the samples.

    Raises
    ------
    DataError
        Two levels of the column hold the same cells.
    """
    if by not in cells.obs:
        return
    groups = cells.groups(by)
    ids = [str(f) for f in cells.features["feature_id"]]
    prints = {}
    for name in groups.names:
        part = cells.take(groups.rows(name))
        prints[name] = fingerprint_cells(part.source, ids, [str(c) for c in part.obs.index])
    told = [n for n in same_cells_notices(prints) if n.code == codes.W_SAMPLES_SAME]
    if told:
        raise DataError(
            f"{cells.name}: levels of {by} hold the same cells",
            found=told[0].message,
            fix="keep every library once; a verdict on copies would mean nothing",
            code=codes.SAMPLES_SAME,
        )
