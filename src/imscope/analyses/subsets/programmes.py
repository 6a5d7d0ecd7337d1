"""Which gene programmes can be scored in a matrix, and why others cannot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.evidence.gene_sets import GeneSet, load

if TYPE_CHECKING:
    import pandas as pd

LEAST_COVERAGE = 0.5
"""Below this share of detected genes a programme gets no score."""


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """One gene set in one matrix.

    Attributes
    ----------
    name, family, direction
        Of the gene set; ``direction`` is ``up`` or ``down``.
    n_genes
        Genes of the set.
    columns
        Columns of its genes that the data detect, shape ``(n_detected,)``.
    why_not
        Why it gets no score; empty when it does.
    """

    name: str
    family: str
    direction: str
    n_genes: int
    columns: NDArray[np.int64]
    why_not: str

    @property
    def coverage(self) -> float:
        """Share of the genes of the set that the data detect."""
        return len(self.columns) / self.n_genes if self.n_genes else 0.0


def find_programmes(
    features: "pd.DataFrame",
    detected: NDArray[np.bool_],
    *,
    sets: Mapping[str, GeneSet] | None = None,
) -> list[Programme]:
    """Look up the genes of every set among the features.

    Parameters
    ----------
    features
        As :func:`imscope.io.genes.map_genes` gives them.
    detected
        Whether any cell has a count of the feature, shape ``(n_features,)``.
    sets
        Gene sets by name; the bundled ones by default.

    Returns
    -------
    programmes
        One per set, in order, also those that get no score.

    Examples
    --------
    >>> from imscope.io.genes import map_genes
    >>> features, _ = map_genes(["NT5E", "THY1", "ENG"])
    >>> found = find_programmes(features, np.array([True, True, False]))
    >>> [(p.name, round(p.coverage, 2)) for p in found if not p.why_not]
    [('isct_positive', 0.67)]
    """
    columns = symbol_columns(features)
    out = []
    for one in (load() if sets is None else sets).values():
        genes = list(dict.fromkeys(one.genes))
        there = [columns[g] for g in genes if g in columns]
        seen = np.array([c for c in there if detected[c]], dtype=np.int64)
        out.append(
            Programme(
                one.name,
                one.family,
                one.direction,
                len(genes),
                seen,
                _why_not(len(genes), len(there), len(seen)),
            )
        )
    return out


def symbol_columns(features: "pd.DataFrame") -> dict[str, int]:
    """Column of each gene symbol; of several the first that the gene table knows."""
    mapped = features["mapped"].to_numpy(dtype=bool) if "mapped" in features else None
    order: Iterable[int] = range(len(features))
    if mapped is not None:
        order = np.argsort(~mapped, kind="stable").tolist()
    symbols = [str(s) for s in features["symbol"]]
    out: dict[str, int] = {}
    for k in order:
        out.setdefault(symbols[k], k)
    return out


def scored(programmes: Sequence[Programme]) -> list[int]:
    """Positions of the programmes that get a score."""
    return [k for k, p in enumerate(programmes) if not p.why_not]


def _why_not(n_genes: int, n_there: int, n_seen: int) -> str:
    if not n_genes:
        return "placeholder, the published list is not bundled"
    if n_seen >= LEAST_COVERAGE * n_genes:
        return ""
    return (
        f"{n_seen} of {n_genes} genes are detected ({n_there} are in the matrix), "
        f"{LEAST_COVERAGE:.0%} are needed"
    )
