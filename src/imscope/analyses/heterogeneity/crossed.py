"""Levels that cross, such as donors that share batches: their components side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.levels import Nesting
from imscope.analyses.heterogeneity.plates import is_technical
from imscope.core.names import level_name

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MIN_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Crossing:
    """A technical level whose groups are shared by groups of a coarser one."""

    coarse: str
    fine: str
    shared: int

    @property
    def sentence(self) -> str:
        """What was seen, and what to do if it is a slip of names."""
        return (
            f"{self.fine} crosses {self.coarse}: {self.shared} {self.fine} names occur in several "
            f"{self.coarse} groups, so both are fitted side by side; give them names of their own "
            "if they are not the same"
        )


def find_crossings(strata: "pd.DataFrame", levels: list[str]) -> list[Crossing]:
    """Technical levels whose names occur in several groups of a coarser level, both ways.

    Examples
    --------
    >>> import pandas as pd
    >>> shared = pd.DataFrame({"donor": list("aabb"), "batch": ["1", "2", "1", "2"]})
    >>> [(c.coarse, c.fine, c.shared) for c in find_crossings(shared, ["donor", "batch"])]
    [('donor', 'batch', 2)]
    >>> own = pd.DataFrame({"donor": list("aabb"), "batch": ["1", "2", "3", "4"]})
    >>> find_crossings(own, ["donor", "batch"])
    []
    """
    out = []
    for k, fine in enumerate(levels):
        if not is_technical(fine):
            continue
        for coarse in reversed(levels[:k]):
            pairs = strata[[coarse, fine]].astype(str).drop_duplicates()
            of_fine, of_coarse = pairs[fine].value_counts(), pairs[coarse].value_counts()
            shared = int((of_fine > 1).sum())
            if shared and (of_coarse > 1).any():
                out.append(Crossing(coarse, fine, shared))
                break
    return out


def cross_levels(strata: "pd.DataFrame", levels: list[str], crossings: list[Crossing]) -> Nesting:
    """Groups of each level: crossed ones by their own names, the others inside those before.

    Levels with the groups of one before them are merged, as in a nested design.
    """
    crossed = {c.fine for c in crossings}
    names: list[str] = []
    codes: list[Ints] = []
    merged: list[str] = []
    key = np.zeros(len(strata), dtype=np.int64)
    for level in levels:
        own = np.unique([level_name(v) for v in strata[level]], return_inverse=True)[1]
        both = np.unique(np.stack([key, own], axis=1), axis=0, return_inverse=True)[1].ravel()
        code = (own if level in crossed else both).astype(np.int64)
        key = both.astype(np.int64)
        same = next((i for i, c in enumerate(codes) if _alike(c, code)), None)
        if int(code.max()) == 0:
            merged.append(f"{level}: only {strata[level].iloc[0]}")
        elif same is not None:
            merged.append(f"{names[same].split('=')[-1]} = {level}")
            names[same] += f"={level}"
        else:
            names.append(level)
            codes.append(code)
    sizes = tuple(int(c.max()) + 1 for c in codes)
    few = [
        f"{n} has {s} groups: its share is a rough guess"
        for n, s in zip(names, sizes, strict=True)
        if s <= MIN_GROUPS
    ]
    told = tuple(c.sentence for c in crossings)
    cells = int(strata["n_cells"].sum())
    return Nesting(tuple(names), tuple(codes), sizes, cells, tuple(merged), (*told, *few))


def _alike(a: Ints, b: Ints) -> bool:
    pairs = np.unique(np.stack([a, b], axis=1), axis=0)
    return len(pairs) == int(a.max()) + 1 == int(b.max()) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Components of one set of genes, the cell last, with intervals.

    Attributes
    ----------
    value, low, high
        Shape ``(n_levels,)``.
    informing
        Resampled groups that inform each component.
    n_resampled, unit
        Groups that are resampled, and the level they are of.
    method
        How the intervals were made.
    """

    value: Floats
    low: Floats
    high: Floats
    informing: Ints
    n_resampled: int
    unit: str
    method: str


class CrossedCohort:
    """Moment equations of a design whose levels may cross (Henderson's first method).

    References
    ----------
    .. [1] Searle SR, Casella G, McCulloch CE (1992). Variance Components, section 5.3.
       doi:10.1002/9780470316856
    """

    def __init__(
        self, h: Heterogeneity, strata: Ints, nesting: Nesting, reference: Floats | None
    ) -> None:
        universe = h.universe_of(strata)
        columns = np.flatnonzero(universe.genes)
        share = universe.reference if reference is None else reference
        self.weight = 1.0 / share[columns]
        self.confidence, self.names = h.settings.confidence, nesting.names
        self.codes = [np.zeros(len(strata), dtype=np.int64), *nesting.codes]
        self.n = h.strata["n_cells"].to_numpy(np.float64)[strata]
        self.sums = np.stack(
            [h.moments.sums[h.stratum == s][:, columns].sum(axis=0) for s in strata]
        )
        every = np.ones((1, len(strata)))
        self.whole = self._observed(every), self._expected(every)
        self.parts: dict[int, tuple[Floats, Floats]] = {}
        for level, code in enumerate(nesting.codes):
            if nesting.sizes[level] >= MIN_GROUPS:
                keep = (code != np.arange(nesting.sizes[level])[:, None]).astype(np.float64)
                self.parts[level] = self._observed(keep), self._expected(keep)

    def split(self, mask: NDArray[np.bool_]) -> Parts:
        """Components of some genes of the universe."""
        weight = np.where(mask, self.weight, 0.0)
        value = _solved(self.whole, weight)[0]
        low, high = np.full(len(value), np.nan), np.full(len(value), np.nan)
        informing = np.zeros(len(value), dtype=np.int64)
        finest = max(self.parts, default=-1)
        for level in range(len(value)):
            own = level if level in self.parts else finest if level == len(value) - 1 else -1
            if own < 0:
                continue
            left = _solved(self.parts[own], weight)[:, level]
            informing[level] = int(np.isfinite(left).sum())
            low[level], high[level] = _interval(float(value[level]), left, self.confidence)
        words = ", ".join(f"{self.names[k]}" for k in self.parts) or "none"
        return Parts(value, low, high, informing, 0, "", f"jackknife of the groups of {words}")

    def _observed(self, keep: Floats) -> Floats:
        """Sums of squares of every level, ``(n_sets, n_levels + 2, n_genes)``."""
        out = np.zeros((len(keep), len(self.codes) + 1, len(self.weight)))
        y, noise = self.sums[:, :, 0], self.sums[:, :, 2]
        for i, code in enumerate(self.codes):
            one = np.eye(int(code.max()) + 1)[code]
            for r, kept in enumerate(keep):
                member = (one * kept[:, None]).T
                n = member @ self.n
                some = n > 0
                total = (member @ y)[some] ** 2 - (member @ noise)[some]
                out[r, i] = (total / n[some, None]).sum(axis=0)
        out[:, -1] = np.einsum("rs,sg->rg", keep, self.sums[:, :, 1] - noise)
        return out

    def _expected(self, keep: Floats) -> Floats:
        """What each component adds to each sum, ``(n_sets, n_levels + 2, n_levels + 2)``."""
        k = len(self.codes)
        out = np.zeros((len(keep), k + 1, k + 1))
        for r, kept in enumerate(keep):
            n = self.n * kept
            out[r, :, 0] = n.sum()
            out[r, -1, :] = n.sum()
            for i, code in enumerate(self.codes):
                one = np.eye(int(code.max()) + 1)[code] * n[:, None]
                size = one.sum(axis=0)
                some = size > 0
                out[r, i, -1] = some.sum()
                for j in range(1, k):
                    other = np.eye(int(self.codes[j].max()) + 1)[self.codes[j]]
                    both = one.T @ other
                    out[r, i, j] = ((both[some] ** 2).sum(axis=1) / size[some]).sum()
        return out


def _solved(parts: tuple[Floats, Floats], weight: Floats) -> Floats:
    """Components of every set; NaN where the sets cannot tell one."""
    t, a = parts[0] @ weight, parts[1]
    out = np.full(t.shape, np.nan)
    for r in range(len(t)):
        scale = max(float(a[r, -1, -1]), 1.0)
        inverse = np.linalg.pinv(a[r] / scale, rcond=1e-10)
        known = np.abs(np.diag(inverse @ a[r]) / scale - 1.0) < 1e-8
        out[r, known] = (inverse @ (t[r] / scale))[known]
    return out[:, 1:]


def _interval(value: float, left: Floats, confidence: float) -> tuple[float, float]:
    good = left[np.isfinite(left)]
    k = len(good)
    if k < MIN_GROUPS or not np.isfinite(value):
        return float("nan"), float("nan")
    step = float(student.ppf(0.5 + confidence / 2, k - 1)) * float(np.sqrt((k - 1) / k))
    plain = step * float(np.sqrt(((good - good.mean()) ** 2).sum()))
    if value > 0 and (good > 0).all() and plain < value:
        logs = np.log(good)
        wide = step * float(np.sqrt(((logs - logs.mean()) ** 2).sum()))
        return value * float(np.exp(-wide)), value * float(np.exp(wide))
    return value - plain, value + plain
