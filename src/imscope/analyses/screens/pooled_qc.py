"""Quality of a pooled screen: samples, known genes, chromosome arms."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.core import codes
from imscope.core.schema import (
    SCREEN_ARMS,
    SCREEN_LORENZ,
    SCREEN_QC,
    SCREEN_RECALL,
    SCREEN_REPLICATES,
    SCREEN_SETS,
)
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
USUAL_GAINS = {"20q": "20q11.21 gain", "12p": "12p gain", "1q": "1q gain", "17q": "17q gain"}
MIN_ARM = 10


def gini(values: Floats) -> float:
    """Gini index of non-negative values.

    Examples
    --------
    >>> gini(np.array([1.0, 1.0])), gini(np.array([0.0, 0.0, 0.0, 4.0]))
    (0.0, 0.75)
    """
    x = np.sort(values)
    total = x.sum()
    if total <= 0:
        return float("nan")
    n = len(x)
    return float((2 * np.arange(1, n + 1) - n - 1) @ x / (n * total))


def sample_quality(
    counts: Floats, sheet: "pd.DataFrame", factors: Floats
) -> tuple["pd.DataFrame", "pd.DataFrame", list[str]]:
    """Quality table, Lorenz curves and notes of samples.

    Parameters
    ----------
    counts
        Shape ``(n_guides, n_samples)``.
    sheet
        One row per sample, in the order of the columns.
    factors
        Size factors.
    """
    import pandas as pd

    rows, curves, notes = [], [], []
    share = np.linspace(0, 1, 41)
    cells = sheet["cells_sorted"].tolist() if "cells_sorted" in sheet else [np.nan] * len(sheet)
    for j, (sample, condition) in enumerate(zip(sheet["sample"], sheet["condition"], strict=True)):
        x = counts[:, j]
        known = x[~np.isnan(x)]
        ordered = np.sort(known)
        cumulative = np.concatenate([[0.0], np.cumsum(ordered)]) / max(ordered.sum(), 1.0)
        at = np.linspace(0, 1, len(cumulative))
        rows.append(
            {
                "sample": str(sample),
                "condition": str(condition),
                "reads": float(known.sum()),
                "reads_per_guide": float(known.mean()),
                "cells_per_guide": float(cells[j]) / len(known),
                "zero_frac": float((known == 0).mean()),
                "gini": gini(np.log(known + 1)),
                "lorenz_auc": float(np.trapezoid(cumulative, at)),
                "size_factor": float(factors[j]),
                "mapped_na": int(np.isnan(x).sum()),
            }
        )
        curves.append(
            pd.DataFrame(
                {
                    "sample": str(sample),
                    "guides_frac": share,
                    "reads_frac": np.interp(share, at, cumulative),
                }
            )
        )
        if not 0.2 <= factors[j] <= 5:
            notes.append(f"{codes.W_SCREEN_FACTOR}: {sample} has a size factor of {factors[j]:.2f}")
    table = SCREEN_QC.check(pd.DataFrame(rows))
    return table, SCREEN_LORENZ.check(pd.concat(curves, ignore_index=True)), notes


def replicate_agreement(counts: Floats, sheet: "pd.DataFrame") -> "pd.DataFrame":
    """Pearson correlation of log2(reads + 1) of every two samples."""
    import pandas as pd

    log = np.log2(counts + 1)
    holes = np.isnan(log)
    rows = []
    for a in range(log.shape[1]):
        for b in range(a):
            both = ~(holes[:, a] | holes[:, b])
            r = float(np.corrcoef(log[both, a], log[both, b])[0, 1]) if both.sum() > 2 else np.nan
            same = sheet["condition"].iloc[a] == sheet["condition"].iloc[b]
            rows.append((str(sheet["sample"].iloc[b]), str(sheet["sample"].iloc[a]), bool(same), r))
    names = [c.name for c in SCREEN_REPLICATES.columns]
    return SCREEN_REPLICATES.check(pd.DataFrame(rows, columns=names))


def known_sets(
    effect: Floats, score: Floats, essential: Bools, nonessential: Bools
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """How well essential and non-essential genes are told apart.

    Parameters
    ----------
    effect
        log2 fold change of each gene.
    score
        Larger is more depleted.
    essential, nonessential
        Shape ``(n_genes,)``.

    Returns
    -------
    sets, recall
        As ``screen_sets`` and ``screen_recall``; empty without both sets. NNMD is the difference of
        the mean effects over the standard deviation of the non-essential ones.

    Examples
    --------
    >>> e = np.array([-3.0, -2.5, 0.1, -0.1, 0.0])
    >>> sets, _ = known_sets(e, -e, e < -1, e > -1)
    >>> sets["value"].round(1).tolist()[:2]
    [1.0, 1.0]
    """
    import pandas as pd

    use = (essential ^ nonessential) & np.isfinite(score)
    columns = [c.name for c in SCREEN_SETS.columns]
    if not (use & essential).any() or (use & nonessential).sum() < 2:
        empty = {c.name: pd.Series(dtype=_dtype(c.kind)) for c in SCREEN_RECALL.columns}
        return pd.DataFrame(columns=columns), pd.DataFrame(empty)
    truth, s = essential[use], score[use]
    order = np.argsort(-s, kind="stable")
    hits = truth[order]
    n_ess, n_non = int(hits.sum()), int((~hits).sum())
    ranks = stats.rankdata(s)
    auroc = (ranks[truth].sum() - n_ess * (n_ess + 1) / 2) / (n_ess * n_non)
    found = np.cumsum(hits)
    precision = found / np.arange(1, len(hits) + 1)
    ap = float((precision * hits).sum() / n_ess)
    clean = np.flatnonzero(precision >= 0.95)
    recall5 = float(found[clean[-1]] / n_ess) if len(clean) else 0.0
    ess, non = effect[use & essential], effect[use & nonessential]
    nnmd = float((np.nanmean(ess) - np.nanmean(non)) / np.nanstd(non, ddof=1))
    n = n_ess + n_non
    rows = [
        ("AUROC of essential against non-essential genes", auroc, n, "0.5 is chance"),
        ("average precision", ap, n, f"chance is {n_ess / n:.2f}"),
        ("recall at 5 % false discoveries", recall5, n_ess, ""),
        ("NNMD", nnmd, n, "below -2 is usual for a good screen"),
    ]
    genes = np.flatnonzero(use)[order]
    curve = pd.DataFrame(
        {"gene": genes, "essential": hits, "recall": found / n_ess, "precision": precision}
    )
    return pd.DataFrame(rows, columns=columns), curve


def _dtype(kind: str) -> str:
    return {"text": "str", "integer": "int64", "number": "float64", "boolean": "bool"}[kind]


def chromosome_arms(genes: list[str], effect: Floats) -> tuple["pd.DataFrame", list[str]]:
    """Effect of all genes of a chromosome arm against the others, and notes on those that move.

    Parameters
    ----------
    genes
        Symbols.
    effect
        log2 fold change of each.
    """
    import pandas as pd

    from imscope.evidence.gene_positions import arms_of

    arms = np.array([a or "" for a in arms_of(genes)], dtype=object)
    names = [c.name for c in SCREEN_ARMS.columns]
    known = (arms != "") & np.isfinite(effect)
    rows = []
    if known.sum() >= 10 * MIN_ARM:
        spread = 1.4826 * float(np.median(np.abs(effect[known] - np.median(effect[known]))))
        for arm in sorted(set(arms[known])):
            mine = known & (arms == arm)
            if mine.sum() < MIN_ARM:
                continue
            rest = known & ~mine
            shift = float(np.median(effect[mine]) - np.median(effect[rest]))
            z = shift / (1.2533 * spread / np.sqrt(mine.sum())) if spread > 0 else np.nan
            rows.append((str(arm), int(mine.sum()), shift, z, USUAL_GAINS.get(str(arm), "")))
    table = pd.DataFrame(rows, columns=["arm", "n_genes", "log2_fc", "z", "note"])
    table["q_value"] = benjamini_hochberg(
        2 * stats.norm.sf(np.abs(table["z"].to_numpy(np.float64)))
    )
    moved = table[(table["q_value"] < 0.01) & (table["log2_fc"].abs() > 0.1)]
    notes = [
        f"{codes.W_SCREEN_ARM}: {arm!s} by {shift:+.2f}" + (f" ({note!s})" if note else "")
        for arm, shift, note in zip(moved["arm"], moved["log2_fc"], moved["note"], strict=True)
    ]
    return SCREEN_ARMS.check(table[names]) if len(table) else table[names], notes
