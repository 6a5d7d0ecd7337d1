"""Quality control in three calls: compute metrics, suggest limits, apply them.

Limits are set per sample (or one set for all) as the median plus or minus a number of median
absolute deviations, with floors so that a uniformly bad sample does not pass and a uniformly good
one is not cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from imscope.core.blocks import BlockSource, CsrBlock
from imscope.core.errors import DataError
from imscope.core.schema import QC_LEDGER, QC_LIMITS
from imscope.engine.execute import map_blocks
from imscope.engine.kernels.counts import add_quality
from imscope.engine.normalise import values_of

CLASSES = ("mito", "ribo", "haemoglobin")
MAD_TO_SD = 1.4826
"""A median absolute deviation times this estimates the SD of a normal distribution."""


@dataclass(frozen=True, slots=True)
class QcSettings:
    """How limits are suggested.

    Attributes
    ----------
    n_mads
        Deviations from the median (doi:10.1016/j.jesp.2013.03.013 discusses 2 to 3).
    min_umi, min_genes
        No lower limit falls below these.
    floor_mito_frac
        No mitochondrial limit is stricter than this.
    max_mito_frac
        No mitochondrial limit is laxer than this: above it a cell is lysed whatever its sample
        looks like (tissues differ widely, doi:10.1093/bioinformatics/btaa751).
    max_haemoglobin_frac
        Limit on the haemoglobin share.
    shared
        One set of limits for all samples, from all cells.
    """

    n_mads: float = 3.0
    min_umi: float = 500
    min_genes: float = 200
    floor_mito_frac: float = 0.05
    max_mito_frac: float = 0.5
    max_haemoglobin_frac: float = 0.2
    shared: bool = False


@dataclass(frozen=True, slots=True)
class QcResult:
    """What quality control keeps.

    Attributes
    ----------
    keep
        Whether each cell is kept, shape ``(n,)``.
    ledger
        Table ``qc_ledger``.
    """

    keep: NDArray[np.bool_]
    ledger: pd.DataFrame


def compute_qc(
    source: BlockSource, classes: Mapping[str, NDArray[np.bool_]], *, threads: int | None = None
) -> pd.DataFrame:
    """Compute quality metrics of every cell in one pass.

    Parameters
    ----------
    source
        Counts of ``n`` cells.
    classes
        Masks of the genes of the classes ``mito``, ``ribo`` and ``haemoglobin``, each of shape
        ``(n_features,)``.
    threads
        Threads; changes no digit.

    Returns
    -------
    metrics
        One row per cell: ``n_umi`` (UMI), ``n_genes`` (genes), ``mito_frac``, ``ribo_frac``,
        ``haemoglobin_frac`` (shares, missing where the matrix lists no such gene or the cell is
        empty).

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[3, 0, 1], [0, 2, 2]]))
    >>> compute_qc(source, {"mito": np.array([False, False, True])}).mito_frac.tolist()
    [0.25, 0.5]
    """
    bits = np.zeros(source.n_features, dtype=np.uint8)
    for k, name in enumerate(CLASSES):
        if name in classes:
            bits |= np.asarray(classes[name], dtype=np.uint8) << np.uint8(k)

    def measure(block: CsrBlock) -> NDArray[np.float64]:
        cells = np.zeros((block.n_rows, 5))
        genes = np.zeros((block.n_features, 2))
        add_quality(block.indptr, block.indices, values_of(block), bits, cells, genes)
        return cells

    parts = list(map_blocks(source, measure, threads=threads))
    cells = np.concatenate(parts) if parts else np.zeros((0, 5))
    totals = np.where(cells[:, 0] > 0, cells[:, 0], np.nan)
    metrics = {"n_umi": cells[:, 0], "n_genes": cells[:, 1].astype(np.int64)}
    for k, name in enumerate(CLASSES):
        listed = name in classes and bool(np.any(classes[name]))
        share = cells[:, 2 + k] / totals
        metrics[f"{name}_frac"] = share if listed else np.full(len(cells), np.nan)
    return pd.DataFrame(metrics)


def suggest_qc(
    metrics: pd.DataFrame, samples: ArrayLike, *, settings: QcSettings | None = None
) -> pd.DataFrame:
    """Suggest limits for every sample and metric; nothing is applied.

    Parameters
    ----------
    metrics
        From :func:`compute_qc`.
    samples
        Sample of each cell, shape ``(n,)``.
    settings
        Defaults if not given.

    Returns
    -------
    limits
        Table ``qc_limits``.

    Examples
    --------
    >>> metrics = pd.DataFrame({"n_umi": [900.0, 1000, 1100, 20], "n_genes": [450, 500, 550, 15]})
    >>> limits = suggest_qc(metrics, ["a"] * 4)
    >>> limits.loc[limits.metric == "n_umi", ["low", "reason"]].values.tolist()
    [[607.0, 'MAD']]
    """
    rules = settings or QcSettings()
    names = np.asarray(samples).astype(str)
    if len(names) != len(metrics):
        raise DataError(
            "quality metrics and samples need one row per cell",
            found=f"{len(metrics)} rows, {len(names)} samples",
        )
    rows = []
    for sample in dict.fromkeys(names):
        here = metrics if rules.shared else metrics[names == sample]
        here = here[here["n_umi"] > 0]
        rows += [
            {"sample": sample, "metric": metric, **_limit(metric, here[metric], rules)}
            for metric in metrics.columns
            if metric in _RULES and metrics[metric].notna().any()
        ]
    frame = pd.DataFrame(rows, columns=QC_LIMITS.names)
    numbers = dict.fromkeys(["low", "high", "median", "mad"], "float64")
    return QC_LIMITS.check(frame.astype(numbers))


def _limit(metric: str, column: pd.Series, rules: QcSettings) -> dict[str, object]:
    values = column.to_numpy(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return {"low": np.nan, "high": np.nan, "median": np.nan, "mad": np.nan, "reason": "no cell"}
    return _RULES[metric](values, rules)


def _depth_limit(values: NDArray[np.float64], floor: float, n_mads: float) -> dict[str, object]:
    """Lower limit on a log scale, where depth is close to symmetric; whole numbers."""
    logs = np.log(values)
    median, mad = float(np.median(logs)), MAD_TO_SD * _mad(logs)
    low = float(np.floor(np.exp(median - n_mads * mad)))
    if mad == 0.0:
        low = 0.0
    return {
        "low": max(low, floor),
        "high": np.nan,
        "median": float(np.median(values)),
        "mad": MAD_TO_SD * _mad(values),
        "reason": "MAD" if low >= floor else "floor",
    }


def _mito_limit(values: NDArray[np.float64], rules: QcSettings) -> dict[str, object]:
    median, mad = float(np.median(values)), MAD_TO_SD * _mad(values)
    high = median + rules.n_mads * mad
    reason = "MAD"
    if high < rules.floor_mito_frac:
        high, reason = rules.floor_mito_frac, "floor"
    if high > rules.max_mito_frac:
        high, reason = rules.max_mito_frac, "ceiling"
    return {"low": np.nan, "high": high, "median": median, "mad": mad, "reason": reason}


def _haemoglobin_limit(values: NDArray[np.float64], rules: QcSettings) -> dict[str, object]:
    return {
        "low": np.nan,
        "high": rules.max_haemoglobin_frac,
        "median": float(np.median(values)),
        "mad": MAD_TO_SD * _mad(values),
        "reason": "ceiling",
    }


_RULES = {
    "n_umi": lambda v, r: _depth_limit(v, r.min_umi, r.n_mads),
    "n_genes": lambda v, r: _depth_limit(v, r.min_genes, r.n_mads),
    "mito_frac": _mito_limit,
    "haemoglobin_frac": _haemoglobin_limit,
}


def _mad(values: NDArray[np.float64]) -> float:
    return float(np.median(np.abs(values - np.median(values))))


def apply_qc(
    metrics: pd.DataFrame,
    samples: ArrayLike,
    limits: pd.DataFrame,
    *,
    doublets: ArrayLike | None = None,
) -> QcResult:
    """Apply limits and count what each rule removes.

    Parameters
    ----------
    metrics
        From :func:`compute_qc`.
    samples
        Sample of each cell.
    limits
        Table ``qc_limits``, as suggested or changed by hand.
    doublets
        Cells to remove as doublets, shape ``(n,)``.

    Returns
    -------
    result
        Cells kept and the ledger: rules in order, each cell counted under the first rule it fails.

    Examples
    --------
    >>> metrics = pd.DataFrame({"n_umi": [0.0, 90, 5000], "n_genes": [0, 60, 900]})
    >>> result = apply_qc(metrics, ["a"] * 3, suggest_qc(metrics, ["a"] * 3))
    >>> result.keep.tolist(), result.ledger.n_lost.tolist()
    ([False, False, True], [1, 1, 0])
    """
    names = np.asarray(samples).astype(str)
    fails: dict[str, NDArray[np.bool_]] = {"empty cell": metrics["n_umi"].to_numpy() == 0}
    for metric in dict.fromkeys(limits["metric"]):
        low, high = _bounds(limits, metric, names)
        values = metrics[metric].to_numpy(np.float64)
        with np.errstate(invalid="ignore"):
            below, above = values < low, values > high
        if np.isfinite(low).any():
            fails[f"{metric} below limit"] = below
        if np.isfinite(high).any():
            fails[f"{metric} above limit"] = above
    if doublets is not None:
        fails["doublet"] = np.asarray(doublets, dtype=bool)
    keep = np.ones(len(metrics), dtype=bool)
    rows = []
    for rule, failed in fails.items():
        for sample in dict.fromkeys(names):
            here = names == sample
            before = int((keep & here).sum())
            lost = int((keep & here & failed).sum())
            rows.append(
                {
                    "sample": sample,
                    "unit": "cells",
                    "rule": rule,
                    "n_before": before,
                    "n_lost": lost,
                    "n_flagged": int((here & failed).sum()),
                    "n_after": before - lost,
                }
            )
        keep &= ~failed
    ledger = pd.DataFrame(rows, columns=QC_LEDGER.names)
    return QcResult(keep, QC_LEDGER.check(ledger))


def _bounds(
    limits: pd.DataFrame, metric: str, names: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows = limits[limits["metric"] == metric].set_index("sample")
    unique, place = np.unique(names, return_inverse=True)
    missing = [str(s) for s in unique if s not in rows.index]
    if missing:
        raise DataError(
            f"no limit on {metric} is given for {len(missing)} samples", found=missing[0]
        )
    low = rows["low"].reindex(unique).to_numpy(np.float64)[place]
    high = rows["high"].reindex(unique).to_numpy(np.float64)[place]
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
