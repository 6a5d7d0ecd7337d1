"""Nested decomposition: how much heterogeneity each level of the design adds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from imscope.analyses.heterogeneity.components import GeneSums, components, lay_out, sum_genes
from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.crossed import (
    CrossedCohort,
    Parts,
    cross_levels,
    find_crossings,
)
from imscope.analyses.heterogeneity.groups import groups_by, make_group, why_not
from imscope.analyses.heterogeneity.levels import Nesting, nest_levels
from imscope.core.errors import MethodError
from imscope.core.rng import spawn
from imscope.core.schema import HETEROGENEITY_LEVELS
from imscope.evidence.gene_sets import load

if TYPE_CHECKING:
    import pandas as pd

MIN_JACKKNIFE = 3
CHOSEN_LEVELS = ("source_class", "source_tissue", "condition", "passage", "platform", "operator")
"""Levels that are not drawn from a population, so their groups are no replicates."""
PAIRS_UP_TO = 44
"""Up to so many groups every pair is left out; above, a bootstrap costs less."""


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Heterogeneity by level of the design.

    Attributes
    ----------
    table
        As ``heterogeneity_levels`` in :mod:`imscope.core.schema`: levels coarse to fine, the last
        one ``cell``; first for all genes, then per programme.
    total_hi2
        Sum of the levels over all genes.
    merged
        Levels that cannot be told apart, in words.
    untestable
        What can therefore not be claimed, one sentence each.
    interval
        How the intervals were made.
    """

    table: "pd.DataFrame"
    total_hi2: float
    merged: tuple[str, ...]
    untestable: tuple[str, ...]
    interval: str


def split_levels(
    h: Heterogeneity,
    levels: Sequence[str],
    *,
    programmes: bool = True,
    strata: NDArray[np.int64] | None = None,
    reference: NDArray[np.float64] | None = None,
) -> Decomposition:
    """Split heterogeneity into what each nested level adds.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`; its cells carry the columns of ``levels``.
    levels
        Columns, coarse to fine, such as ``["source_class", "donor", "batch"]``. The cell is always
        the last level.
    programmes
        Also decompose every gene set with enough genes.
    strata
        Only these rows of ``h.strata``; all by default.
    reference
        Share of each kept gene that weighs it, ``(n_genes,)``, known from outside these samples.
        By default their own mean profile.

    Returns
    -------
    decomposition
        Components add up to the total; one that is below zero is kept and called
        ``not above zero``.

    Raises
    ------
    DataError
        A column does not exist.
    MethodError
        The cells cannot be compared (platforms mixed, too shallow, too few), or a cell has no
        value for a level.

    Notes
    -----
    Moments of unbalanced nested designs (Henderson's first method) on noise-corrected sums. The
    interval is over the coarsest level of replicates (donors, not kinds of product) with 3 or more
    groups, leaving out one group at a time; the mean profile that weighs the genes is made anew
    from the groups that remain, so its error is in the interval. That profile follows the very
    groups it weighs, which makes finer components about 1 % too small with 6 groups: their interval
    is around the value corrected for it, which the same replicates give. Above 44 groups finer
    components use a bootstrap of whole groups inside the levels above. Cells are never resampled.
    Coarser levels have too few groups for an interval, and so has a level that fewer than 3 of the
    groups inform. A technical level whose names occur in several groups of a coarser one is fitted
    beside it, not inside it, and that is said.

    References
    ----------
    .. [1] Henderson CR (1953). Biometrics 9:226-252. doi:10.2307/3001853

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.analyses.heterogeneity import compute_heterogeneity
    >>> from imscope.core.blocks import MemoryBlocks
    >>> rng = np.random.default_rng(0)
    >>> donors = rng.dirichlet(np.full(100, 30.0), size=6)
    >>> counts = np.vstack([rng.multinomial(3000, p, size=30) for p in donors])
    >>> genes = pd.DataFrame({"feature_id": [f"G{k}" for k in range(100)]})
    >>> cells = pd.DataFrame({"sample": np.repeat([f"d{k}" for k in range(6)], 30)})
    >>> h = compute_heterogeneity(MemoryBlocks.from_csr(sp.csr_array(counts)),
    ...     genes.assign(symbol=genes["feature_id"]), cells, classes={})
    >>> table = split_levels(h, ["sample"]).table
    >>> table["level"].tolist(), bool(table["share"].iloc[0] > 0.9)
    (['sample', 'cell'], True)
    """
    import pandas as pd

    chosen = np.arange(len(h.strata)) if strata is None else strata
    chosen = chosen[h.strata["n_cells"].to_numpy()[chosen] > 0]
    group = make_group(h, "decomposition", chosen)
    for level in levels:
        groups_by(h, level)  # names a column that does not exist
    reason = why_not(h, group)
    if reason:
        raise MethodError(f"heterogeneity cannot be decomposed: {reason}", fix="split the samples")
    strata_of = h.strata.iloc[chosen]
    nesting = nest_levels(strata_of, list(levels), unit=h.replicate_column)
    crossings = find_crossings(strata_of, list(levels))
    rows: list[dict[str, object]] = []
    method = ""
    cohort: _Cohort | CrossedCohort
    if crossings:
        nesting = cross_levels(strata_of, list(levels), crossings)
        cohort = CrossedCohort(h, chosen, nesting, reference)
    else:
        cohort = _Cohort(h, chosen, nesting, reference)
    for name, mask in _gene_sets(h, chosen, programmes=programmes).items():
        parts = cohort.split(mask)
        rows += _rows(name, parts, nesting)
        method = parts.method
    table = HETEROGENEITY_LEVELS.check(pd.DataFrame(rows))
    total = float(table.loc[table["programme"] == "all", "hi2"].sum())
    return Decomposition(table, total, nesting.merged, nesting.untestable, method)


def _gene_sets(
    h: Heterogeneity, strata: NDArray[np.int64], *, programmes: bool
) -> dict[str, NDArray[np.bool_]]:
    """Genes of the universe in each set, all of them first."""
    symbols = h.features["symbol"].astype(str)[h.universe_of(strata).genes]
    sets = {"all": np.ones(len(symbols), dtype=bool)}
    if programmes:
        known = load()
        sets |= {name: symbols.isin(known[name].genes).to_numpy() for name in h.programmes}
    return sets


def resampled_level(nesting: Nesting) -> int:
    """Level whose groups are left out: the coarsest replicate with 3 groups; -1 if none.

    Kinds of product and conditions were chosen, not drawn: they serve only where nothing else does.
    """
    for chosen in (False, True):
        for k, (name, size) in enumerate(zip(nesting.names, nesting.sizes, strict=True)):
            if all(part in CHOSEN_LEVELS for part in name.split("=")) is not chosen:
                continue
            if size >= MIN_JACKKNIFE and _free(nesting, k) >= MIN_JACKKNIFE - 1:
                return k
    return -1


def _free(nesting: Nesting, level: int) -> int:
    """Groups of a level less the groups above it."""
    return nesting.sizes[level] - (nesting.sizes[level - 1] if level else 1)


class _Cohort:
    """Sums of one design, from which the components of any gene set follow."""

    def __init__(
        self,
        h: Heterogeneity,
        strata: NDArray[np.int64],
        nesting: Nesting,
        reference: NDArray[np.float64] | None,
    ) -> None:
        codes, unit_level = list(nesting.codes), resampled_level(nesting)
        whole = np.zeros(len(strata), dtype=np.int64)
        unit = codes[unit_level] if unit_level >= 0 else codes[-1] if codes else whole
        universe = h.universe_of(strata)
        n_cells = h.strata["n_cells"].to_numpy(np.float64)[strata]
        self.h, self.codes, self.unit_level = h, codes, unit_level
        self.name = nesting.names[unit_level] if unit_level >= 0 else ""
        self.layout = lay_out(n_cells, codes, unit)
        self.genes = sum_genes(h, strata, codes, unit)
        self.outside = None if reference is None else reference[universe.genes]
        self.weights = universe.reference[universe.genes] if reference is None else self.outside

    def split(self, mask: NDArray[np.bool_]) -> Parts:
        """Components of some genes of the universe, with intervals."""
        genes, k = self.genes.take(mask), len(self.layout.n)
        own = None if self.weights is None else self.weights[mask]
        value = components(self.layout, genes, np.ones((1, k)), reference=own)[0]
        low, high = np.full(len(value), np.nan), np.full(len(value), np.nan)
        if self.unit_level < 0:
            none = np.zeros(len(value), dtype=np.int64)
            return Parts(value, low, high, none, 0, "", "none: fewer than 3 groups")
        informing = _informing(self.codes, self.unit_level)
        plain, finer, word = self._replicates(genes, value, mask)
        degrees = k - 1 - int(self.layout.parent.max())
        quantile = float(student.ppf(0.5 + self.h.settings.confidence / 2, degrees))
        for level in range(self.unit_level, len(value)):
            if informing[level] >= MIN_JACKKNIFE:
                spread = plain if level == self.unit_level else finer
                low[level], high[level] = _limits(spread, level, quantile)
        return Parts(value, low, high, informing, k, self.name, f"{k} groups ({self.name}), {word}")

    def _replicates(
        self, genes: GeneSums, value: NDArray[np.float64], mask: NDArray[np.bool_]
    ) -> tuple["_Spread", "_Spread", str]:
        """Spread of the resampled level's own component, and of the finer ones."""
        k = len(self.layout.n)
        fixed = None if self.outside is None else self.outside[mask]

        def of(times: NDArray[np.float64]) -> NDArray[np.float64]:
            return components(self.layout, genes, times, reference=fixed)

        left_out, factor = of(1.0 - np.eye(k)), float((k - 1) / np.sqrt(k))
        plain = _Spread(value, left_out, factor)
        if k > PAIRS_UP_TO:
            rng = spawn(self.h.settings.seed, "decompose", k)
            times = resample_within(self.layout.parent, self.h.settings.bootstrap, rng)
            m = k / (int(self.layout.parent.max()) + 1)
            word = f"bootstrap of {self.h.settings.bootstrap}"
            # resampling m units makes the variance (m - 1) / m small
            return plain, _Spread(value, of(times), float(np.sqrt(m / (m - 1)))), word
        centre = value - (k - 1) * (_mean(left_out) - value)
        return plain, _Spread(centre, _without_one(of, left_out), factor), "jackknife"


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    centre: NDArray[np.float64]  # (n_levels,)
    replicates: NDArray[np.float64]  # (n_replicates, n_levels)
    factor: float  # from their standard deviation to the standard error


def _without_one(
    of: Callable[[NDArray[np.float64]], NDArray[np.float64]], left_out: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Leave one group out of the estimate that is itself corrected by leaving groups out.

    A level that cannot be told without some two groups keeps its uncorrected replicates.
    """
    k = len(left_out)
    pairs = np.array(list(combinations(range(k), 2)))
    times = np.ones((len(pairs), k))
    np.put_along_axis(times, pairs, 0.0, axis=1)
    both = of(times)
    total = np.zeros_like(left_out)
    np.add.at(total, pairs[:, 0], both)
    np.add.at(total, pairs[:, 1], both)
    corrected = (k - 1) * left_out - (k - 2) * total / (k - 1)
    return np.asarray(np.where(np.isfinite(both).all(axis=0), corrected, left_out))


def _mean(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the sets in which a level can be told."""
    known = np.isfinite(replicates)
    n = known.sum(axis=0)
    total = np.where(known, replicates, 0.0).sum(axis=0)
    return np.asarray(np.where(n > 0, total / np.maximum(n, 1), np.nan))


def _informing(codes: list[NDArray[np.int64]], unit_level: int) -> NDArray[np.int64]:
    """Resampled groups with two or more sub-groups at a level: only they tell of its component."""
    unit = codes[unit_level]
    k = int(unit.max()) + 1
    out = np.zeros(len(codes) + 1, dtype=np.int64)
    out[unit_level] = out[-1] = k
    groups = np.ones(k, dtype=np.int64)
    for level in range(unit_level + 1, len(codes)):
        pairs = np.unique(np.stack([unit, codes[level]], axis=1), axis=0)
        finer = np.bincount(pairs[:, 0], minlength=k)
        out[level] = int((finer > groups).sum())
        groups = finer
    return out


def _limits(spread: _Spread, level: int, quantile: float) -> tuple[float, float]:
    centre, values = float(spread.centre[level]), spread.replicates[:, level]
    good = values[np.isfinite(values)]
    if len(good) < 3 or not np.isfinite(centre):
        return float("nan"), float("nan")
    plain = spread.factor * float(np.std(good, ddof=0))
    if centre > 0 and (good > 0).mean() > 0.99 and plain < centre:
        step = quantile * spread.factor * float(np.std(np.log(good[good > 0]), ddof=0))
        return float(centre * np.exp(-step)), float(centre * np.exp(step))
    step = quantile * plain
    return centre - step, centre + step


def resample_within(
    parent: NDArray[np.int64], replicates: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How often each unit is drawn when units are resampled inside their parents."""
    times = np.zeros((replicates, len(parent)))
    for p in range(int(parent.max()) + 1):
        mine = np.flatnonzero(parent == p)
        times[:, mine] = rng.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), replicates)
    return times


def _rows(name: str, parts: Parts, nesting: Nesting) -> list[dict[str, object]]:
    total = float(parts.value.sum())
    names = [*nesting.names, "cell"]
    groups = [*nesting.sizes, nesting.n_cells]
    rows = []
    for k, level in enumerate(names):
        value = float(parts.value[k])
        status = "ok" if value > 0 else "not above zero"
        if np.isnan(parts.low[k]):
            few = 0 < parts.informing[k] < MIN_JACKKNIFE
            status += (
                f"; no interval: only {parts.informing[k]} of {parts.n_resampled} groups "
                f"({parts.unit}) inform it"
                if few
                else f"; no interval: {groups[k]} groups"
                if level != "cell"
                else "; no interval: no level has 3 groups"
            )
        rows.append(
            {
                "programme": name,
                "level": level,
                "hi2": value,
                "low": float(parts.low[k]),
                "high": float(parts.high[k]),
                "share": value / total if total > 0 else float("nan"),
                "n_groups": groups[k],
                "status": status,
            }
        )
    return rows
