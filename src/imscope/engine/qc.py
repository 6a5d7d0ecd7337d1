"""Quality control of cells in three calls: compute the metrics, suggest limits, apply them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.core.schema import QC_LEDGER, QC_LIMITS
from imscope.core.schema.quality import MITO_CEILING
from imscope.engine.execute import map_blocks
from imscope.engine.kernels.counts import sum_counts
from imscope.engine.passes import count_arrays

if TYPE_CHECKING:
    import pandas as pd

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

MAX_CLASSES = 8
SHARES = ("mito_frac", "ribo_frac", "haemoglobin_frac")
TO_NORMAL = 1.4826022185056018
"""The median absolute deviation of a normal distribution times this is its standard deviation."""


@dataclass(frozen=True, slots=True)
class QcSettings:
    """Rules that set the limits. Floors and ceilings are absolute, the rest follows the sample.

    Attributes
    ----------
    n_mads
        Scaled MADs from the median at which a cell is an outlier. 3 is the usual choice where
        every sample gets its own limits [1]_ [2]_.
    min_umi
        No lower limit on UMI is below this. 500 UMI is the floor below which droplets are as a
        rule not called cells by common pipelines.
    min_genes
        No lower limit on genes is below this: 200 genes, as in published workflows [3]_.
    mito_ceiling
        No upper limit on the mitochondrial share is above this. Mesenchymal cells are rich in
        mitochondria, healthy human tissues reach 0.20 and beyond [4]_, and chemistries differ: the
        spread of the sample decides up to half of the counts.
    mito_floor
        No upper limit on the mitochondrial share is below this: in a very clean sample the MAD
        is tiny and would remove healthy cells. 0.05 is the common uniform limit [4]_.
    haemoglobin_ceiling
        Cells above hold erythrocyte RNA; 0.05 keeps stromal cells with some ambient haemoglobin.
    top50_ceiling
        Cells whose 50 commonest genes hold more of the counts than this are of very low
        complexity; only such extreme cells are removed by it.
    shared
        One set of limits for all samples: metrics are pooled with equal weight of samples, so
        that comparisons between samples are not shaped by their limits.

    References
    ----------
    .. [1] McCarthy DJ, et al. (2017). Bioinformatics 33:1179-1186.
       doi:10.1093/bioinformatics/btw777
    .. [2] Amezquita RA, et al. (2020). Nature Methods 17:137-145. doi:10.1038/s41592-019-0654-x
    .. [3] Luecken MD, Theis FJ (2019). Mol Syst Biol 15:e8746. doi:10.15252/msb.20188746
    .. [4] Osorio D, Cai JJ (2021). Bioinformatics 37:963-967.
       doi:10.1093/bioinformatics/btaa751
    """

    n_mads: float = 3.0
    min_umi: int = 500
    min_genes: int = 200
    mito_ceiling: float = MITO_CEILING
    mito_floor: float = 0.05
    haemoglobin_ceiling: float = 0.05
    top50_ceiling: float = 0.90
    shared: bool = False


@dataclass(frozen=True, slots=True)
class QcResult:
    """Which cells stay, and what each rule cost.

    Attributes
    ----------
    keep
        Shape ``(n_cells,)``.
    ledger
        Table ``qc_ledger`` of :mod:`imscope.core.schema`.
    """

    keep: Bools
    ledger: "pd.DataFrame"


@dataclass(frozen=True, slots=True)
class CountSums:
    """Result of :func:`compute_count_sums`.

    Attributes
    ----------
    cells
        As :func:`compute_qc` returns it.
    gene_umi, gene_cells
        int64, shape ``(n_features,)``: UMI, and cells in which the gene is seen.
    """

    cells: "pd.DataFrame"
    gene_umi: NDArray[np.int64]
    gene_cells: NDArray[np.int64]


def _sum_block(
    block: CsrBlock, bits: NDArray[np.uint8], width: int
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    cells = np.zeros((block.n_rows, width), dtype=np.int64)
    genes = np.zeros((block.n_features, 2), dtype=np.int64)
    sum_counts(*count_arrays(block), bits, cells, genes)
    return block.start, cells, genes


def compute_count_sums(
    source: BlockSource, classes: Mapping[str, Bools], *, threads: int | None = None
) -> CountSums:
    """Compute the quality metrics of every cell and the totals of every gene in one pass.

    Parameters
    ----------
    source
        Counts of all cells.
    classes
        Which features belong to a class, shape ``(n_features,)`` each. The share of class ``mito``
        becomes column ``mito_frac``; ``ribo`` and ``haemoglobin`` likewise.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Raises
    ------
    DataError
        A class has the wrong length, there are too many, or the values are not counts.
    """
    import pandas as pd

    bits = _class_bits(source.n_features, classes)
    sums = np.zeros((source.n_cells, 3 + len(classes)), dtype=np.int64)
    genes = np.zeros((source.n_features, 2), dtype=np.int64)
    work = partial(_sum_block, bits=bits, width=sums.shape[1])
    for start, part, gene_part in map_blocks(source, work, threads=threads):
        sums[start : start + len(part)] = part
        genes += gene_part
    total = sums[:, 0].astype(np.float64)
    frame = pd.DataFrame({"n_umi": sums[:, 0], "n_genes": sums[:, 1]})
    for name in dict.fromkeys([*(s.removesuffix("_frac") for s in SHARES), *classes]):
        known = name in classes and bool(np.any(classes[name]))
        counts = sums[:, 3 + list(classes).index(name)] if known else np.nan
        frame[f"{name}_frac"] = _share(counts, total)
    frame["top50_frac"] = _share(sums[:, 2], total)
    return CountSums(frame, genes[:, 0].copy(), genes[:, 1].copy())


def compute_qc(
    source: BlockSource, classes: Mapping[str, Bools], *, threads: int | None = None
) -> "pd.DataFrame":
    """Compute the quality metrics of every cell.

    Parameters
    ----------
    source, classes, threads
        See :func:`compute_count_sums`.

    Returns
    -------
    metrics
        One row per cell: ``n_umi``, ``n_genes``, ``mito_frac``, ``ribo_frac``,
        ``haemoglobin_frac``, any further class, and ``top50_frac``, the share of the 50 commonest
        genes. A share is NaN where the file holds no gene of the class, or the cell no count.

    Raises
    ------
    DataError
        A class has the wrong length, there are too many, or the values are not counts.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[6, 2, 0], [0, 0, 5]]))
    >>> metrics = compute_qc(source, {"mito": np.array([False, True, False])})
    >>> metrics[["n_umi", "n_genes", "mito_frac"]].to_numpy().tolist()
    [[8.0, 2.0, 0.25], [5.0, 1.0, 0.0]]
    """
    return compute_count_sums(source, classes, threads=threads).cells


def suggest_qc(
    metrics: "pd.DataFrame", samples: ArrayLike, *, settings: QcSettings | None = None
) -> "pd.DataFrame":
    """Suggest limits per sample from median and MAD of its cells, within floors and ceilings.

    UMI and genes are judged on the log scale and from below; the mitochondrial share from above.
    Cells without counts take no part.

    Parameters
    ----------
    metrics
        As :func:`compute_qc` returns them.
    samples
        Sample of each cell, shape ``(n_cells,)``.
    settings
        Rules; see :class:`QcSettings`.

    Returns
    -------
    limits
        Table ``qc_limits`` of :mod:`imscope.core.schema`. For UMI and genes the median and MAD are
        of the natural logarithm.

    Raises
    ------
    DataError
        There is not one sample name per cell.

    Notes
    -----
    The MAD rule assumes that most cells of a sample are intact. Where more than half are not, its
    limit follows the damaged cells: then only floors and ceilings protect.
    """
    import pandas as pd

    rules = settings or QcSettings()
    names, member = _samples(metrics, samples)
    rows = []
    for metric in ("n_umi", "n_genes", *SHARES, "top50_frac"):
        logs = metric in ("n_umi", "n_genes")
        values = metrics[metric].to_numpy(dtype=np.float64)
        usable = np.isfinite(values) & (metrics["n_umi"].to_numpy() > 0)
        scale = np.log(np.maximum(values, 1)) if logs else values
        middles = [_middle(scale[usable & (member == k)]) for k in range(len(names))]
        if rules.shared:
            middles = [_pooled(middles)] * len(names)
        for name, (median, mad) in zip(names, middles, strict=True):
            low, high, reason = _limits(metric, median, mad, rules)
            rows.append((str(name), metric, low, high, median, mad, reason))
    frame = pd.DataFrame(rows, columns=QC_LIMITS.names)
    frame = frame.astype({"low": float, "high": float, "median": float, "mad": float})
    order = np.argsort(frame["sample"].map({str(n): k for k, n in enumerate(names)}), kind="stable")
    return QC_LIMITS.check(frame.iloc[order].reset_index(drop=True))


def apply_qc(
    metrics: "pd.DataFrame",
    samples: ArrayLike,
    limits: "pd.DataFrame",
    *,
    doublets: Bools | None = None,
) -> QcResult:
    """Keep the cells within all limits and count what each rule removed.

    Parameters
    ----------
    metrics, samples
        As for :func:`suggest_qc`.
    limits
        Table ``qc_limits``, as suggested or as edited by the user.
    doublets
        Cells called doublets, shape ``(n_cells,)``; removed after all other rules.

    Returns
    -------
    result
        Cells to keep and the ledger. Rules, in order: no counts, then each metric, then doublets.

    Raises
    ------
    DataError
        Lengths differ, or a sample has no limits.
    """
    import pandas as pd

    names, member = _samples(metrics, samples)
    table = QC_LIMITS.check(limits)
    absent = [str(n) for n in names if str(n) not in set(table["sample"])]
    if absent:
        raise DataError(
            "every sample needs limits",
            found=f"{len(absent)} without, first is {absent[0]}",
            fix="suggest limits for all samples first",
            code=codes.ENGINE_SHAPE,
        )
    if doublets is not None and len(doublets) != len(metrics):
        raise DataError(
            "doublet calls and metrics differ in length",
            found=f"{len(doublets)} and {len(metrics)}",
            code=codes.ENGINE_SHAPE,
        )
    keep = np.zeros(len(metrics), dtype=np.bool_)
    rows: list[tuple[object, ...]] = []
    for k, name in enumerate(names):
        mine = np.flatnonzero(member == k)
        cells = metrics.iloc[mine]
        rules = _broken(cells, table[table["sample"] == str(name)])
        if doublets is not None:
            rules.append(("doublet", np.asarray(doublets, dtype=np.bool_)[mine]))
        alive = np.ones(len(mine), dtype=np.bool_)
        for rule, broken in rules:
            before = int(alive.sum())
            alive &= ~broken
            after = int(alive.sum())
            rows.append(
                (str(name), "cells", rule, before, before - after, int(broken.sum()), after)
            )
        keep[mine] = alive
    frame = pd.DataFrame(rows, columns=QC_LEDGER.names)
    return QcResult(keep, QC_LEDGER.check(frame))


def record_genes(gene_cells: ArrayLike, kept_cells: ArrayLike) -> "pd.DataFrame":
    """Record which genes are lost: seen in no cell at all, and seen in no cell that was kept.

    Parameters
    ----------
    gene_cells
        Cells in which each gene is seen, before quality control; shape ``(n_features,)``.
    kept_cells
        The same over the kept cells.

    Returns
    -------
    ledger
        Rows of table ``qc_ledger`` with sample ``all`` and unit ``genes``.

    Examples
    --------
    >>> record_genes([0, 3, 5], [0, 0, 4])[["rule", "n_lost", "n_after"]].values.tolist()
    [['seen in no cell', 1, 2], ['seen in no kept cell', 1, 1]]
    """
    import pandas as pd

    all_cells, kept = np.asarray(gene_cells), np.asarray(kept_cells)
    n, seen, left = all_cells.size, int((all_cells > 0).sum()), int((kept > 0).sum())
    rows = [
        ("all", "genes", "seen in no cell", n, n - seen, n - seen, seen),
        ("all", "genes", "seen in no kept cell", seen, seen - left, n - left, left),
    ]
    return QC_LEDGER.check(pd.DataFrame(rows, columns=QC_LEDGER.names))


def _class_bits(n_features: int, classes: Mapping[str, Bools]) -> NDArray[np.uint8]:
    if len(classes) > MAX_CLASSES:
        raise DataError(
            f"at most {MAX_CLASSES} classes of genes fit in one pass",
            found=f"{len(classes)}: {', '.join(classes)}",
            code=codes.ENGINE_SHAPE,
        )
    bits = np.zeros(n_features, dtype=np.uint8)
    for k, (name, members) in enumerate(classes.items()):
        if np.shape(members) != (n_features,):
            raise DataError(
                "a class of genes needs one value per feature",
                found=f"class {name!r} has shape {np.shape(members)}, features: {n_features}",
                code=codes.ENGINE_SHAPE,
            )
        bits |= np.asarray(members, dtype=np.bool_).astype(np.uint8) << np.uint8(k)
    return bits


def _share(counts: ArrayLike, total: Floats) -> Floats:
    safe = np.where(total > 0, total, np.nan)
    return np.asarray(np.asarray(counts, dtype=np.float64) / safe)


def _samples(
    metrics: "pd.DataFrame", samples: ArrayLike
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Sample names in order of appearance, and the number of each cell's sample."""
    import pandas as pd

    if np.shape(samples) != (len(metrics),):
        raise DataError(
            "every cell needs one sample name",
            found=f"{len(metrics)} cells, sample names of shape {np.shape(samples)}",
            code=codes.ENGINE_SHAPE,
        )
    member, names = pd.factorize(np.asarray(samples, dtype=object))
    return np.asarray(names, dtype=object), member.astype(np.int64)


def _middle(values: Floats) -> tuple[float, float]:
    if not values.size:
        return float("nan"), float("nan")
    median = float(np.median(values))
    return median, TO_NORMAL * float(np.median(np.abs(values - median)))


def _pooled(middles: list[tuple[float, float]]) -> tuple[float, float]:
    """Median of the samples' medians and of their MADs: every sample weighs the same."""
    known = np.array([m for m in middles if np.isfinite(m[0])])
    return (float("nan"),) * 2 if not len(known) else tuple(np.median(known, axis=0).tolist())


def _limits(metric: str, median: float, mad: float, rules: QcSettings) -> tuple[float, float, str]:
    nan = float("nan")
    if not np.isfinite(median):
        return nan, nan, "not measured: no such gene, or no cell with counts"
    whose = "shared by all samples: " if rules.shared else ""
    if metric in ("n_umi", "n_genes"):
        floor = rules.min_umi if metric == "n_umi" else rules.min_genes
        low = float(np.exp(median - rules.n_mads * mad))
        if low < floor:
            return float(floor), nan, f"{whose}floor"
        return low, nan, f"{whose}MAD: log median - {rules.n_mads:g} MAD"
    if metric == "mito_frac":
        high = median + rules.n_mads * mad
        if high > rules.mito_ceiling:
            return nan, rules.mito_ceiling, f"{whose}ceiling"
        if high < rules.mito_floor:
            return nan, rules.mito_floor, f"{whose}floor of the upper limit"
        return nan, high, f"{whose}MAD: median + {rules.n_mads:g} MAD"
    if metric == "haemoglobin_frac":
        return nan, rules.haemoglobin_ceiling, f"{whose}ceiling"
    if metric == "top50_frac":
        return nan, rules.top50_ceiling, f"{whose}ceiling"
    return nan, nan, "shown, not limited: the share differs between healthy cell types"


def _broken(cells: "pd.DataFrame", limits: "pd.DataFrame") -> list[tuple[str, Bools]]:
    """Cells that break each rule; a metric that was not measured breaks none."""
    empty = cells["n_umi"].to_numpy() == 0
    rules: list[tuple[str, Bools]] = [("no counts", empty)]
    for metric, low, high in zip(limits["metric"], limits["low"], limits["high"], strict=True):
        values = cells[metric].to_numpy(dtype=np.float64)
        if np.isfinite(low):
            rules.append((f"{metric} too low", (values < low) & ~empty))
        if np.isfinite(high):
            rules.append((f"{metric} too high", (values > high) & ~empty))
    return rules
