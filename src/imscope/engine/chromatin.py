"""Gene activity: accessible chromatin near genes as counts with gene symbols."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock, MemoryBlocks
from imscope.core.errors import DataError, UsageError
from imscope.evidence.gene_positions import chromosome_ends, gene_positions
from imscope.io.fragments import parse_peaks, read_fragments

if TYPE_CHECKING:
    import pandas as pd

PROMOTER = 2_000
"""Base pairs before the start of a gene that count for it."""
MAX_OUTSIDE = 0.001
"""Share of peaks beyond the end of their chromosome that is still believed."""
MAX_ELSEWHERE = 0.5
"""Share of peaks or fragments on contigs that are no main chromosome of GRCh38."""
MIN_PEAKS = 2_000
MIN_ENRICHMENT = 1.5
"""Peaks at starts of genes over peaks at places 50 to 150 kb away."""


@dataclass(frozen=True, slots=True)
class GeneActivity:
    """Chromatin as counts per gene.

    Attributes
    ----------
    source
        Counts of cells x genes; programme scores and stage calls take it as they take RNA.
        Whole numbers, or float32 when weighted by distance.
    features
        ``feature_id`` and ``symbol`` of every gene.
    n_peaks_used
        Peaks (or fragments) near a gene.
    frac_used
        Their share of all.
    method
        What was counted, in words.
    """

    source: BlockSource
    features: "pd.DataFrame"
    n_peaks_used: int
    frac_used: float
    method: str


@dataclass(frozen=True, slots=True)
class _Activity:
    """A view of peak counts as gene counts, made block by block."""

    source: BlockSource
    load: sp.csr_array
    whole: bool

    @property
    def n_cells(self) -> int:
        return self.source.n_cells

    @property
    def n_features(self) -> int:
        return int(self.load.shape[1])

    def read(self, start: int, stop: int) -> CsrBlock:
        block = self.source.read(start, stop)
        shape = (block.n_rows, block.n_features)
        counts = sp.csr_array((block.data, block.indices, block.indptr), shape=shape)
        genes = sp.csr_array(counts @ self.load)
        genes.sort_indices()
        kind = np.int32 if self.whole else np.float32
        return CsrBlock(
            block.start,
            genes.indptr.astype(np.int64),
            genes.indices.astype(np.int32),
            genes.data.astype(kind),
            self.n_features,
        )


def activity_from_peaks(
    source: BlockSource,
    peaks: Sequence[str],
    *,
    distance: int = 0,
    upstream: int = PROMOTER,
    check_build: bool = True,
) -> GeneActivity:
    r"""Turn peak counts into counts per gene.

    A peak counts for a gene if it overlaps the body of the gene or the ``upstream`` base pairs
    before its start, by strand. With ``distance`` set, peaks farther away count too, with weight
    :math:`e^{-d/5000}` for a gap of d base pairs.

    Parameters
    ----------
    source
        Counts of cells x peaks.
    peaks
        Names with coordinates, see :func:`imscope.io.fragments.parse_peaks`.
    distance
        Largest gap of a peak that still counts; 0 counts overlaps only. Unit: base pairs.
    upstream
        Promoter. Unit: base pairs.
    check_build
        Refuse peaks that do not fit GRCh38.

    Raises
    ------
    DataError
        A peak has no coordinates, or the genome build does not fit.
    UsageError
        A distance is negative.

    Notes
    -----
    Long genes get more counts, so compare a gene between cells and not genes within a cell. Open
    chromatin is no expression: a stage call from it is a hint until RNA confirms it.

    References
    ----------
    .. [1] Stuart T et al. (2021). Nature Methods 18:1333-1341. doi:10.1038/s41592-021-01282-5

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[2, 1, 4]]))
    >>> names = ["chr6:85449000-85449500", "chr6:85460000-85460400", "chr1:5000-5100"]
    >>> found = activity_from_peaks(source, names)
    >>> block = found.source.read(0, 1)
    >>> at = found.features.index[found.features["symbol"] == "NT5E"][0]
    >>> block.data[block.indices == at]
    array([3], dtype=int32)
    """
    if distance < 0 or upstream < 0:
        raise UsageError(
            "distances must not be negative",
            found=f"distance {distance}, upstream {upstream}",
            code=codes.PEAK_OPTION,
        )
    places = parse_peaks(peaks)
    if len(places) != source.n_features:
        raise DataError(
            "every peak needs one name",
            found=f"{len(places):,} names, {source.n_features:,} peaks",
            code=codes.PEAK_NAME,
        )
    if check_build:
        _check_build(places)
    genes = gene_positions()
    load = _peak_load(places, genes, upstream, distance)
    used = int((np.diff(load.indptr) > 0).sum())
    words = f"gene body and {upstream:,} bp before its start"
    if distance:
        words += f"; peaks up to {distance:,} bp away by exp(-d / 5,000 bp)"
    return GeneActivity(
        _Activity(source, load, whole=distance == 0),
        genes[["feature_id", "symbol"]].copy(),
        used,
        used / max(len(places), 1),
        words,
    )


def activity_from_fragments(
    path: str | Path, cells: Sequence[str], *, upstream: int = PROMOTER
) -> GeneActivity:
    """Count fragments near genes, straight from a fragment file read in pieces.

    A fragment counts once for each gene whose body or promoter holds its middle.

    Parameters
    ----------
    path
        ``fragments.tsv.gz`` in GRCh38, sorted.
    cells
        Barcodes, in the order wanted.
    upstream
        Promoter. Unit: base pairs.

    Raises
    ------
    DataError
        The file is damaged, unsorted, has bad coordinates or wrong columns, does not fit GRCh38,
        or holds no fragment of these cells.
    """
    genes = gene_positions()
    low, high = _windows(genes, upstream)
    edges, members = _segments(genes, low, high)
    totals: sp.csr_array | None = None
    n_lines = n_elsewhere = n_cells = n_used = 0
    for piece in read_fragments(path, cells, chromosome_ends()):
        middle = (piece.start + piece.end) // 2
        segment = _locate(piece.chromosome, middle, edges)
        inside = segment >= 0
        part = sp.csr_array(
            (np.ones(int(inside.sum()), np.int32), (piece.cell[inside], segment[inside])),
            shape=(len(cells), members.shape[0]),
        )
        counts = sp.csr_array(part @ members)
        totals = counts if totals is None else sp.csr_array(totals + counts)
        n_lines += piece.n_lines
        n_elsewhere += piece.n_elsewhere
        n_cells += len(middle)
        n_used += int((np.diff(members.indptr)[segment[inside]] > 0).sum())
    if n_lines and n_elsewhere > MAX_ELSEWHERE * n_lines:
        raise _wrong_build(f"{n_elsewhere:,} of {n_lines:,} fragments lie on unknown contigs")
    if totals is None or not n_cells:
        raise DataError(
            f"{path} has no fragment of these cells",
            found=f"{n_lines:,} fragments, {len(cells):,} barcodes",
            fix="check that barcodes are written the same way in both files (such as a `-1`)",
            code=codes.FRAGMENT_EMPTY,
        )
    totals.sort_indices()
    return GeneActivity(
        MemoryBlocks.from_csr(totals.astype(np.int32)),
        genes[["feature_id", "symbol"]].copy(),
        n_used,
        n_used / n_cells,
        f"fragments whose middle lies in the gene body or {upstream:,} bp before its start",
    )


def _windows(genes: "pd.DataFrame", upstream: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """0-based half-open window of each gene: body and promoter, by strand."""
    plus = (genes["strand"] == "+").to_numpy()
    low = genes["start"].to_numpy() - 1 - np.where(plus, upstream, 0)
    high = genes["end"].to_numpy() + np.where(plus, 0, upstream)
    return np.maximum(low, 0), high


def _peak_load(
    peaks: "pd.DataFrame", genes: "pd.DataFrame", upstream: int, distance: int
) -> sp.csr_array:
    """Weight of each peak for each gene, shape ``(n_peaks, n_genes)``."""
    low, high = _windows(genes, upstream)
    rows, columns, gaps = [], [], []
    chromosomes = genes["chromosome"].to_numpy()
    for name, mine in peaks.groupby("chromosome", sort=True):
        at = np.flatnonzero(chromosomes == name)
        if not at.size:
            continue
        order = np.argsort(mine["start"].to_numpy(), kind="stable")
        index = mine.index.to_numpy()[order]
        start, end = (mine[c].to_numpy()[order] for c in ("start", "end"))
        longest = int((end - start).max())
        first = np.searchsorted(start, low[at] - distance - longest, side="left")
        last = np.searchsorted(start, high[at] + distance, side="left")
        size = last - first
        gene = np.repeat(at, size)
        begin = np.repeat(np.cumsum(size) - size, size)
        peak = np.repeat(first, size) + np.arange(int(size.sum())) - begin
        gap = np.maximum(np.maximum(start[peak] - high[gene], low[gene] - end[peak]), -1) + 1
        keep = gap <= distance if distance else gap == 0
        rows.append(index[peak[keep]])
        columns.append(gene[keep])
        gaps.append(gap[keep])
    shape = (len(peaks), len(genes))
    if not rows:
        return sp.csr_array(shape, dtype=np.int32)
    gap = np.concatenate(gaps)
    weight = np.exp(-gap / 5_000).astype(np.float32) if distance else np.ones(gap.size, np.int32)
    return sp.csr_array((weight, (np.concatenate(rows), np.concatenate(columns))), shape=shape)


def _segments(
    genes: "pd.DataFrame", low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[dict[str, tuple[int, NDArray[np.int64]]], sp.csr_array]:
    """Cut chromosomes at every window edge; tell which genes each segment belongs to."""
    edges: dict[str, tuple[int, NDArray[np.int64]]] = {}
    rows, columns, offset = [], [], 0
    chromosomes = genes["chromosome"].to_numpy()
    for name in dict.fromkeys(chromosomes.tolist()):
        at = np.flatnonzero(chromosomes == name)
        cuts = np.unique(np.concatenate([[0], low[at], high[at]]))
        edges[name] = (offset, cuts)
        first, last = np.searchsorted(cuts, low[at]), np.searchsorted(cuts, high[at])
        size = last - first
        begin = np.repeat(np.cumsum(size) - size, size)
        rows.append(offset + np.repeat(first, size) + np.arange(int(size.sum())) - begin)
        columns.append(np.repeat(at, size))
        offset += len(cuts)
    row, column = np.concatenate(rows), np.concatenate(columns)
    members = sp.csr_array((np.ones(row.size, np.int32), (row, column)), (offset, len(genes)))
    return edges, members


def _locate(
    chromosome: NDArray[np.object_],
    position: NDArray[np.int64],
    edges: dict[str, tuple[int, NDArray[np.int64]]],
) -> NDArray[np.int64]:
    """Segment of each position; -1 on chromosomes without genes."""
    out = np.full(len(position), -1, dtype=np.int64)
    for name in dict.fromkeys(chromosome.tolist()):
        if name in edges:
            mine = chromosome == name
            offset, cuts = edges[name]
            out[mine] = offset + np.searchsorted(cuts, position[mine], side="right") - 1
    return out


def _check_build(peaks: "pd.DataFrame") -> None:
    """Refuse peaks off their chromosome, on unknown contigs, or not gathered at gene starts."""
    ends = peaks["chromosome"].map(chromosome_ends())
    unknown = float(ends.isna().mean())
    outside = int((peaks["end"] > ends).sum())
    n = len(peaks)
    if unknown > MAX_ELSEWHERE:
        raise _wrong_build(f"{100 * unknown:.0f} % of {n:,} peaks lie on unknown contigs")
    if outside > MAX_OUTSIDE * n:
        raise _wrong_build(f"{outside:,} of {n:,} peaks lie beyond the end of their chromosome")
    if n >= MIN_PEAKS:
        ratio = start_enrichment(peaks)
        if ratio < MIN_ENRICHMENT:
            raise _wrong_build(
                f"peaks are {ratio:.2f} times as frequent at starts of genes as 50 to 150 kb away; "
                f"with the right build at least {MIN_ENRICHMENT}"
            )


def start_enrichment(peaks: "pd.DataFrame") -> float:
    """Peaks within 1 kb of starts of genes, over the mean at places 50 to 150 kb to either side.

    Parameters
    ----------
    peaks
        As :func:`imscope.io.fragments.parse_peaks` gives them.
    """
    genes = gene_positions()
    start = np.where(genes["strand"] == "+", genes["start"], genes["end"])
    chromosomes = genes["chromosome"].to_numpy()
    hits = {0: 0.0}
    shifts = (-150_000, -100_000, -50_000, 50_000, 100_000, 150_000)
    for name, mine in peaks.groupby("chromosome"):
        middle = np.sort((mine["start"].to_numpy() + mine["end"].to_numpy()) // 2)
        places = start[chromosomes == name]
        for shift in (0, *shifts):
            low = np.searchsorted(middle, places + shift - 1_000)
            high = np.searchsorted(middle, places + shift + 1_000)
            hits[shift] = hits.get(shift, 0.0) + float((high - low).sum())
    away = float(np.mean([hits.get(s, 0.0) for s in shifts]))
    return hits[0] / away if away > 0 else float("inf")


def _wrong_build(found: str) -> DataError:
    return DataError(
        "the coordinates do not fit the human genome GRCh38",
        found=found,
        fix="map the data to GRCh38 (hg38); other builds are not lifted over",
        code=codes.PEAK_BUILD,
    )
