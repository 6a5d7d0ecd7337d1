"""Targets of p53: is a lot low against its sibling lots, as it would be without p53."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.safety.lots import Lots, read_lots
from imscope.analyses.safety.shares import sum_lots
from imscope.core.schema import P53_SCREEN
from imscope.evidence.gene_sets import genes_of
from imscope.io.open import open_cells

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.open import Openable

MIN_SIBLINGS = 3
MIN_GENES = 5
MIN_COUNTS = 10.0
"""Mean UMI of a target per sibling lot below which it says nothing."""
ALPHA = 0.01


def p53(
    cells: "Openable", *, unit: str | None = None, threads: int | None = None
) -> "pd.DataFrame":
    r"""Test whether the targets of p53 are low in a lot, with its siblings as replicates.

    The score of a lot is the mean over targets of the log2 share of counts. A lot is held against
    the other lots by :math:`t = (m - \bar m_s) / (s \sqrt{1 + 1/n})` with ``n - 1`` degrees of
    freedom, one-sided. It is called low if p is below 0.01 and three quarters of the targets lie
    below the mean of the siblings.

    Parameters
    ----------
    cells
        Cells, or an ``AnnData`` or ``MuData`` in memory, with counts.
    unit
        Column of the lots, see :func:`imscope.core.cells.unit_column`.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    table
        ``p53_screen``, one row per lot; ``attrs["imscope"]`` holds the targets in the matrix.

    Raises
    ------
    DataError
        There is no column ``unit``.
    MethodError
        The values are no counts.

    Notes
    -----
    Sibling lots are of the same line, protocol and passage. Stress raises the targets in all of
    them alike or in one alone; a low lot may simply be the least stressed. Sequencing of ``TP53``
    decides.

    References
    ----------
    .. [1] Merkle FT et al. (2017). Nature 545:229-233. doi:10.1038/nature22312

    Examples
    --------
    >>> import anndata, pandas as pd, scipy.sparse as sp
    >>> adata = anndata.AnnData(
    ...     sp.csr_matrix([[5, 9], [4, 7]], dtype="int32"),
    ...     pd.DataFrame({"lot": ["a", "b"]}, index=["c1", "c2"]),
    ...     pd.DataFrame(index=["CDKN1A", "THY1"]),
    ... )
    >>> p53(adata)["verdict"].tolist()
    ['NOT TESTABLE', 'NOT TESTABLE']
    """
    used = open_cells(cells)
    used.need_counts("the screen of p53 targets")
    lots = read_lots(used, unit, ())
    counted = np.ones(used.n_features, dtype=bool)
    sums = sum_lots(used.source, lots.code, len(lots.names), counted=counted, threads=threads)
    symbols = used.features["symbol"].astype(str).to_numpy()
    here = np.flatnonzero(np.isin(symbols, sorted(genes_of("p53_targets"))))
    table = P53_SCREEN.frame(_row(i, lots, sums.genes, here) for i in range(len(lots.names)))
    about = {"unit": used.unit_column(unit), "genes": symbols[here].tolist()}
    table.attrs["imscope"] = {"table": P53_SCREEN.name, "settings": about}
    return table


def _row(
    i: int, lots: Lots, sums: NDArray[np.float64], genes: NDArray[np.intp]
) -> dict[str, object]:
    total = np.maximum(sums.sum(axis=1, keepdims=True), 1)
    others = np.delete(np.arange(len(lots.names)), i)
    used = genes[sums[np.ix_(others, genes)].mean(axis=0) >= MIN_COUNTS] if others.size else genes
    row = P53_SCREEN.blank(
        group=lots.names[i],
        n_cells=int((lots.code == i).sum()),
        n_siblings=int(others.size),
        n_genes=int(used.size),
        verdict="NOT TESTABLE",
    )
    if others.size < MIN_SIBLINGS or used.size < MIN_GENES:
        return {
            **row,
            "reason": f"needs {MIN_SIBLINGS} sibling lots and {MIN_GENES} targets with "
            f"{MIN_COUNTS:.0f} UMI per lot; {others.size} and {used.size} are there",
        }
    level = np.log2((sums[:, used] + 0.5) / total)
    score = level.mean(axis=1)
    n = others.size
    error = float(np.sqrt(score[others].var(ddof=1) * (1 + 1 / n)))
    shift = float(score[i] - score[others].mean())
    p = float(stats.t.cdf(shift / error, n - 1)) if error > 0 else float("nan")
    half = float(stats.t.ppf(0.975, n - 1)) * error
    below_mean = int((level[i] < level[others].mean(axis=0)).sum())
    low = p < ALPHA and below_mean >= 0.75 * used.size
    words = f"{below_mean} of {used.size} targets below the mean of {n} sibling lots"
    return {
        **row,
        "log2_ratio": shift,
        "low": shift - half,
        "high": shift + half,
        "n_low": int((level[i] < level[others].min(axis=0)).sum()),
        "p_value": p,
        "verdict": "low" if low else "not low",
        "reason": words
        + ("; suspect loss of p53, sequence TP53" if low else "; this does not prove p53 intact"),
    }
