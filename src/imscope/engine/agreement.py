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
from imscope.engine.execute import map_blocks
from imscope.engine.protein import ProteinResult

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.blocks import CsrBlock

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
    import pandas as pd

    lot = np.asarray(lots).astype(str)
    if lot.shape != (source.n_cells,) or len(protein.values) != source.n_cells:
        raise DataError(
            "RNA, protein and lots need the same cells",
            found=f"{source.n_cells:,}, {len(protein.values):,} and {lot.size:,}",
            code=codes.PROTEIN_INPUT,
        )
    where = {str(s): k for k, s in reversed(list(enumerate(features["symbol"])))}
    wanted = [a for a in protein.antigens if a in genes]
    at = {a: where.get(genes[a], -1) for a in wanted}
    rna, total = _columns(source, [k for k in at.values() if k >= 0], threads)
    column = {k: j for j, k in enumerate(dict.fromkeys(v for v in at.values() if v >= 0))}
    rows: list[dict[str, object]] = []
    for antigen in wanted:
        k = protein.antigens.index(antigen)
        head = {"antigen": antigen, "gene": genes[antigen]}
        if at[antigen] < 0:
            rows.append({"group": ALL, **head, **_nothing(0, "the gene is not among the features")})
            continue
        counts = rna[:, column[at[antigen]]]
        mine = []
        for name in sorted(set(lot.tolist())):
            here = (lot == name) & (total > 0)
            values = protein.values[here, k].astype(np.float64)  # noqa: PD011
            row = _lot(counts[here], total[here], values, protein.positive[here, k])
            mine.append(row)
            rows.append({"group": name, **head, **row})
        rows.append({"group": ALL, **head, **_over_lots(mine)})
    if not rows:
        return PROTEIN_AGREEMENT.check(pd.DataFrame(columns=PROTEIN_AGREEMENT.names))
    return PROTEIN_AGREEMENT.check(pd.DataFrame(rows))


def _columns(source: BlockSource, genes: list[int], threads: int | None) -> tuple[Floats, Floats]:
    """Counts of some genes and the total of every cell."""
    import scipy.sparse as sp

    chosen = list(dict.fromkeys(genes))
    out, total = np.zeros((source.n_cells, len(chosen))), np.zeros(source.n_cells)

    def partial(block: "CsrBlock") -> tuple[int, Floats, Floats]:
        shape = (block.n_rows, block.n_features)
        counts = sp.csr_array((block.data, block.indices, block.indptr), shape=shape)
        return block.start, counts[:, chosen].toarray(), np.asarray(counts.sum(axis=1))

    for start, part, sums in map_blocks(source, partial, threads=threads):
        out[start : start + len(sums)] = part
        total[start : start + len(sums)] = sums
    return out, total


def _nothing(n: int, why: str) -> dict[str, object]:
    numbers = [c.name for c in PROTEIN_AGREEMENT.columns if c.kind == "number"]
    empty = dict.fromkeys(numbers, float("nan"))
    return {**empty, "n_cells": n, "n_units": 0, "interval_over": "", "status": why}


def _lot(
    counts: Floats, total: Floats, values: Floats, positive: NDArray[np.int8]
) -> dict[str, object]:
    """One marker in one lot; intervals over cells."""
    n = len(counts)
    if n < MIN_CELLS:
        return _nothing(n, f"not estimable: {n} cells, needed {MIN_CELLS}")
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
        ends = stats.binomtest(seen, n_positive).proportion_ci(method="wilson")
        row |= {
            "detected_frac": seen / n_positive,
            "detected_low": float(ends.low),
            "detected_high": float(ends.high),
        }
    elif (positive == -1).all():
        problems.append("positive cells cannot be told")
    else:
        problems.append(f"{n_positive} positive cells, needed {MIN_POSITIVE}")
    row["status"] = "ok" if not problems else "not estimable in part: " + ", ".join(problems)
    return row


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
    row["status"] = "ok" if not problems else "not estimable in part: " + ", ".join(problems)
    return row
