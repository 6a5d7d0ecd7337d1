"""What every study shares: its rows, simulated cells, and the way into the package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.analyses.heterogeneity import Heterogeneity, compute_heterogeneity
from imscope.analyses.heterogeneity.statistics import Reduced, reduce_moments
from imscope.core.blocks import MemoryBlocks
from imscope.core.rng import spawn
from imscope.engine.moments import compute_unit_moments

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """One figure of a study.

    Attributes
    ----------
    setting, measure
        What was varied, what was measured.
    expected
        Figure of the literature or of theory, in words.
    ours
        The figure measured here.
    met
        ``yes``, ``no``, or empty where there is no goal.
    remark
        Why it differs.
    """

    setting: str
    measure: str
    expected: str
    ours: str
    met: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Study:
    """A study: ``run(quick)`` gives its rows."""

    name: str
    title: str
    text: str
    run: Callable[[bool], list[Row]]


def met(good: object) -> str:
    return "yes" if bool(good) else "no"


def number(value: float, digits: int = 4) -> str:
    return "not estimable" if not np.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def rng_of(study: str, item: object = 0) -> np.random.Generator:
    return spawn(20210907, f"validation {study}", str(item))


def profile(rng: np.random.Generator, n_genes: int) -> Floats:
    """Shares of genes, none so rare that it falls out of the universe."""
    p = rng.gamma(0.7, 1.0, n_genes) + 0.08
    return p / p.sum()


def loadings(rng: np.random.Generator, n_programmes: int, n_genes: int) -> Floats:
    """Programmes that each move a fifth of the genes."""
    return rng.normal(0, 1, (n_programmes, n_genes)) * (rng.random((n_programmes, n_genes)) < 0.2)


def vary(
    rng: np.random.Generator,
    p: Floats,
    n: int,
    *,
    private: float,
    programmes: Floats,
    shared: float,
) -> Floats:
    """Profiles of cells: programmes many genes share, and each gene's own noise."""
    log = rng.normal(0, private, (n, p.shape[-1]))
    log += rng.normal(0, shared, (n, len(programmes))) @ programmes
    q = p * np.exp(log)
    return q / q.sum(axis=1, keepdims=True)


def draw(rng: np.random.Generator, profiles: Floats, depth: NDArray[np.integer]) -> Counts:
    """Multinomial counts, one row per cell."""
    return np.asarray(rng.multinomial(depth, profiles), dtype=np.int64)


def depths(rng: np.random.Generator, median: float, n: int) -> Counts:
    return np.maximum(rng.lognormal(np.log(median), 0.25, n), 50).astype(np.int64)


def thin(rng: np.random.Generator, counts: Counts, depth: int) -> Counts:
    """Take ``depth`` counts of every cell without replacement."""
    return np.array(
        [rng.multivariate_hypergeometric(row, depth, method="marginals") for row in counts]
    )


def cohort(counts: Counts, cells: Mapping[str, object], **arguments: object) -> Heterogeneity:
    """Run the package on a dense matrix whose genes are all used."""
    names = [f"GENE{k}" for k in range(counts.shape[1])]
    features = pd.DataFrame({"feature_id": names, "symbol": names})
    table = pd.DataFrame(dict(cells))
    if "platform" not in table.columns:
        table["platform"] = "simulated"
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    return compute_heterogeneity(source, features, table, classes={}, threads=1, **arguments)  # type: ignore[arg-type]


def each_cell(counts: Counts, reference: Floats, genes: NDArray[np.bool_]) -> Reduced:
    """Statistics with every cell as a unit: the index of any set of cells is then one product."""
    n = len(counts)
    moments = compute_unit_moments(
        MemoryBlocks.from_csr(sp.csr_array(counts)),
        np.arange(n, dtype=np.int32),
        n,
        kept=np.ones(counts.shape[1], dtype=bool),
        threads=1,
    )
    return reduce_moments(moments, reference, genes)
