"""Do RNA and protein of a marker agree, lot by lot."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError
from imscope.core.schema import PROTEIN_AGREEMENT
from imscope.engine.panel_counts import read_panel
from imscope.engine.protein import ProteinResult
from imscope.stats.intervals import wilson_interval

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MIN_CELLS = 50
MIN_POSITIVE = 20
MIN_LOTS = 3
ALL = "all lots"


def compare_rna_protein(
    source: BlockSource,
    features: "pd.DataFrame",
    protein: ProteinResult,
    *,
    genes: Mapping[str, str],
    lots: ArrayLike,
    threads: int | None = None,
) -> "pd.DataFrame":
    """Correlate RNA and protein of every marker in every lot, and count positives with RNA.

    Parameters
    ----------
    source
        RNA counts, rows as in ``protein``.
    features
        ``symbol`` of every RNA feature.
    protein
        Result of :func:`imscope.engine.protein.normalise_protein`.
    genes
        Antigen to gene symbol; antigens without a gene (glycans) are left out of the mapping.
    lots
        Lot of each cell.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    table
        As ``protein_agreement``: one row per lot and antigen with intervals over cells (Fisher's
        z [1]_, Wilson), then one row ``all lots`` per antigen with intervals over lots.

    Raises
    ------
    DataError
        Rows do not fit.

    Notes
    -----
    RNA is taken as counts per 10,000. A correlation is low when the marker is on all cells alike,
    and when RNA is too shallow to be seen: read it beside the share of cells with RNA.

    References
    ----------
    .. [1] Bonett DG, Wright TA (2000). Psychometrika 65:23-28. doi:10.1007/BF02294183
    """
    lot = np.asarray(lots).astype(str)
    if lot.shape != (source.n_cells,) or len(protein.values) != source.n_cells:
        raise DataError(
            "RNA, protein and lots need the same cells",
            found=f"{source.n_cells:,}, {len(protein.values):,} and {lot.size:,}",
            code=codes.PROTEIN_INPUT,
        )
    wanted = [a for a in protein.antigens if a in genes]
    rna = read_panel(source, features, [genes[a] for a in wanted], threads=threads)
    total = rna.depth
    rows: list[dict[str, object]] = []
    for antigen in wanted:
        k = protein.antigens.index(antigen)
        head = {"antigen": antigen, "gene": genes[antigen]}
        if not rna.found([genes[antigen]]):
            rows.append({"group": ALL, **head, **_nothing(0, "the gene is not among the features")})
            continue
        counts = rna.of([genes[antigen]]).ravel()
        mine = []
        for name in sorted(set(lot.tolist())):
            here = (lot == name) & (total > 0)
            values = protein.values[here, k].astype(np.float64)  # noqa: PD011
            row = _lot(counts[here], total[here], values, protein.positive[here, k])
            mine.append(row)
            rows.append({"group": name, **head, **row})
        rows.append({"group": ALL, **head, **_over_lots(mine)})
    return PROTEIN_AGREEMENT.frame(rows)


def _nothing(n: int, why: str) -> dict[str, object]:
    row = PROTEIN_AGREEMENT.blank(n_cells=n, status="not estimable", reason=why)
    return {k: v for k, v in row.items() if k not in ("group", "antigen", "gene")}


def _lot(
    counts: Floats, total: Floats, values: Floats, positive: NDArray[np.int8]
) -> dict[str, object]:
    """One marker in one lot; intervals over cells."""
    n = len(counts)
    if n < MIN_CELLS:
        return _nothing(n, f"{n} cells, needed {MIN_CELLS}")
    row: dict[str, object] = {**_nothing(n, ""), "n_units": 1, "interval_over": "cells"}
    row["rna_frac"] = float((counts > 0).mean())
    problems = []
    share = counts / total
    if share.std() > 0 and values.std() > 0:
        r = float(stats.spearmanr(share, values).statistic)
        half = 1.96 * np.sqrt((1 + r * r / 2) / (n - 3))
        z = np.arctanh(np.clip(r, -0.9999, 0.9999))
        row |= {
            "correlation": r,
            "correlation_low": float(np.tanh(z - half)),
            "correlation_high": float(np.tanh(z + half)),
        }
    else:
        problems.append("RNA or protein does not vary")
    n_positive = int((positive == 1).sum())
    if n_positive >= MIN_POSITIVE:
        seen = int((counts[positive == 1] > 0).sum())
        low, high = wilson_interval(seen, n_positive)
        row |= {
            "detected_frac": seen / n_positive,
            "detected_low": low,
            "detected_high": high,
        }
    elif (positive == -1).all():
        problems.append("positive cells cannot be told")
    else:
        problems.append(f"{n_positive} positive cells, needed {MIN_POSITIVE}")
    row |= _status(problems)
    return row


def _status(problems: list[str]) -> dict[str, object]:
    return {"status": "not estimable in part" if problems else "ok", "reason": ", ".join(problems)}


def _over_lots(rows: list[dict[str, object]]) -> dict[str, object]:
    """Mean over lots with a t interval, on the scales of Fisher's z and of the logit."""
    cells = sum(int(str(r["n_cells"])) for r in rows)
    r = np.array([r["correlation"] for r in rows], dtype=np.float64)
    d = np.array([r["detected_frac"] for r in rows], dtype=np.float64)
    seen = np.array([r["rna_frac"] for r in rows], dtype=np.float64)
    n = int(np.isfinite(r).sum())
    row = {**_nothing(cells, ""), "n_units": n, "interval_over": "lots"}
    if np.isfinite(seen).any():
        row["rna_frac"] = float(np.nanmean(seen))
    problems = []
    for name, low, high, values, there, back in (
        ("correlation", "correlation_low", "correlation_high", np.clip(r, -0.9999, 0.9999),
         np.arctanh, np.tanh),
        ("detected_frac", "detected_low", "detected_high", np.clip(d, 1e-3, 1 - 1e-3),
         lambda v: np.log(v / (1 - v)), lambda v: 1 / (1 + np.exp(-v))),
    ):  # fmt: skip
        z = there(values[np.isfinite(values)])
        if z.size < MIN_LOTS:
            problems.append(f"{name} in {z.size} lots, needed {MIN_LOTS}")
            continue
        half = float(stats.t.ppf(0.975, z.size - 1) * z.std(ddof=1) / np.sqrt(z.size))
        row |= {
            name: float(back(z.mean())),
            low: float(back(z.mean() - half)),
            high: float(back(z.mean() + half)),
        }
    row |= _status(problems)
    return row
