"""Which genes are compared, and the fixed profile that weighs them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core.errors import MethodError

if TYPE_CHECKING:
    import pandas as pd

LEFT_OUT = ("mito", "ribo", "haemoglobin", "malat_neat", "sex_linked")
"""Gene classes that never carry the index."""
MIN_SET_GENES = 5
"""A gene set with fewer genes in the universe is not given its own index."""


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """Genes of the index and their weights.

    Attributes
    ----------
    reference
        Mean share of each gene, equal weight per sample, ``(n_features,)``.
    genes
        Genes of the index, ``(n_features,)``.
    without
        The same without cell-cycle and dissociation genes, ``(n_features,)``.
    note
        What the user must know about the choice, or an empty text.
    """

    reference: NDArray[np.float64]
    genes: NDArray[np.bool_]
    without: NDArray[np.bool_]
    note: str


def choose_universe(
    reference: NDArray[np.float64],
    symbols: "pd.Series",
    classes: Mapping[str, NDArray[np.bool_]],
    *,
    min_per_10k: float,
    without: frozenset[str],
    unknown: NDArray[np.bool_] | None = None,
) -> Universe:
    """Select protein-coding and lncRNA genes of enough expression, minus the nuisance classes.

    Parameters
    ----------
    reference
        Mean share of each gene.
    symbols
        Symbol of each feature.
    classes
        Masks per gene class: those of :data:`LEFT_OUT`, ``protein_coding`` and ``lncrna``.
    min_per_10k
        Smallest mean share times 10,000.
    without
        Symbols left out of the second version.
    unknown
        Features of unknown biotype; they stay.

    Raises
    ------
    MethodError
        Fewer than 50 genes remain.

    Examples
    --------
    >>> import pandas as pd
    >>> p = np.full(60, 1 / 60)
    >>> names = pd.Series([f"GENE{k}" for k in range(60)])
    >>> u = choose_universe(p, names, {}, min_per_10k=0.5, without=frozenset({"GENE3"}))
    >>> int(u.genes.sum()), int(u.without.sum())
    (60, 59)
    """
    enough = (reference * 1e4 >= min_per_10k) & (reference > 0)
    nothing = np.zeros(len(reference), dtype=bool)
    coding = classes.get("protein_coding", nothing) | classes.get("lncrna", nothing)
    if unknown is not None:
        coding = coding | unknown
    note = ""
    if not (coding & enough).any():
        coding = ~nothing
        note = (
            "gene biotypes are unknown: every expressed gene outside the nuisance classes is used"
        )
    genes = enough & coding
    for name in LEFT_OUT:
        genes &= ~classes.get(name, nothing)
    if genes.sum() < 50:
        raise MethodError(
            "too few genes are left for the heterogeneity index",
            found=f"{int(genes.sum())} genes with a mean of {min_per_10k} per 10,000 counts",
            fix="use a whole-transcriptome matrix with gene symbols or Ensembl ids",
        )
    out = symbols.astype(str).isin(sorted(without)).to_numpy()
    return Universe(reference, genes, genes & ~out, note)
