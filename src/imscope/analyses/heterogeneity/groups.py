"""Groups of strata: which units they hold and what may be said of them."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from imscope.analyses.heterogeneity.compute import (
    AMBIENT,
    AMBIENT_LIMITS,
    MEASURED,
    Heterogeneity,
)
from imscope.analyses.heterogeneity.coordinated import (
    Coordinated,
    compute_coordinated,
    compute_split,
)
from imscope.core import codes
from imscope.core.cells import require_columns
from imscope.core.errors import DataError
from imscope.core.names import TRUE_WORDS, is_missing, level_name, read_truth
from imscope.core.result import Notice
from imscope.core.rng import spawn
from imscope.core.views import select_rows
from imscope.engine.kernels.moments import fill_counts
from imscope.engine.passes import count_arrays

_WELLS = re.compile(
    r"smart.?seq|cel.?seq|sort.?seq|mars.?seq|scrb|plate|well|fluidigm|\bc1\b", re.I
)
"""Platforms of single cells in wells."""
OWN = ("n_cells", "median_umi", *MEASURED)
"""Columns of the strata that are no design columns."""


@dataclass(frozen=True, eq=False)
class Group:
    """Some strata under one name.

    Attributes
    ----------
    name
        Level of the grouping column.
    strata
        Rows of ``Heterogeneity.strata``.
    units
        Units of these strata that hold cells.
    """

    name: str
    strata: NDArray[np.int64]
    units: NDArray[np.int64]


def groups_by(h: Heterogeneity, by: str) -> list[Group]:
    """Split the strata by a column.

    Raises
    ------
    DataError
        There is no such column; the message suggests the nearest names.
    """
    if by == "all" and "all" not in h.strata.columns:
        return [make_group(h, "all", np.arange(len(h.strata)))]
    require_columns(h.strata.drop(columns=[c for c in OWN if c in h.strata.columns]), by)
    values = h.strata[by]
    levels = sorted((v for v in values.unique() if not is_missing(v)), key=_natural)
    return [
        make_group(h, level_name(level), np.flatnonzero((values == level).to_numpy()))
        for level in levels
    ]


def select_strata(h: Heterogeneity, wanted: str, *, by: str = "sample") -> NDArray[np.bool_]:
    """Find the strata of ``COLUMN=VALUE``, or of a value of ``by``; letter case does not matter.

    Raises
    ------
    DataError
        There is no such column, or no sample has the value.
    """
    column, equals, value = wanted.partition("=")
    if not equals:
        column, value = by, wanted
    groups_by(h, column)  # names a column that does not exist
    names = h.strata[column].astype("object").map(str).str.casefold()
    found = np.asarray(names == value.casefold(), dtype=bool)
    if not found.any() and value.casefold() in TRUE_WORDS:  # any word for yes
        found = read_truth(h.strata[column], column)
    if not found.any():
        known = sorted({str(v) for v in h.strata[column].dropna()})
        raise DataError(
            f"no sample has {column} = {value!r}",
            found=f"values: {', '.join(known[:12])}",
            fix="name one of these values",
            code=codes.HETEROGENEITY_COLUMN,
        )
    return found


def _natural(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (1, 0.0, str(value))


def make_group(h: Heterogeneity, name: str, strata: NDArray[np.int64]) -> Group:
    """Put strata under one name."""
    mine = np.isin(h.stratum, strata) & (h.moments.n_cells > 0)
    return Group(name, strata, np.flatnonzero(mine))


def why_not(h: Heterogeneity, group: Group, *, least: int | None = None) -> str:
    """Reason why a group has no index, or an empty text."""
    n = int(h.moments.n_cells[group.units].sum())
    needed = h.settings.min_cells if least is None else least
    if n < needed:
        return f"not estimable: {n} cells, {needed} are needed"
    depth = h.moments.median_depth(group.units)
    if depth < h.settings.min_median_umi:
        return (
            f"not estimable: median depth {depth:,.0f} UMI is below {h.settings.min_median_umi:,}"
        )
    keys = sorted({h.keys[s] for s in group.strata})
    if len(keys) > 1:
        names = ", ".join(k.split("|")[0] for k in keys)
        return f"not comparable: the group mixes platforms or pipelines ({names})"
    return ""


def ambient_bounds(h: Heterogeneity, strata: NDArray[np.int64]) -> tuple[float, float]:
    """What the ambient share of some strata is at least and at most; NaN where not known.

    A known share is both. Limits are limits: a library of which only an upper one is known has
    0 at least. Wells into which single cells were sorted hold no soup unless a share is stated.
    """
    table = h.strata.iloc[strata]
    low, high = AMBIENT_LIMITS
    if AMBIENT in table.columns and table[AMBIENT].notna().any():
        share = float(table[AMBIENT].max())
        return share, share
    if "platform" in table.columns and all(_WELLS.search(str(v)) for v in table["platform"]):
        return 0.0, 0.0
    if high not in table.columns or not table[high].notna().any():
        return 0.0, float("nan")
    least = float(table[low].max()) if low in table.columns else 0.0
    return (least if np.isfinite(least) else 0.0), float(table[high].max())


def too_much_ambient(h: Heterogeneity, group: Group) -> str:
    """Reason why a group may never be called more uniform, or an empty text."""
    share, most = ambient_bounds(h, group.strata)
    if share > h.settings.ambient_warn:
        at_least = "" if share == most else "at least "
        return f"{at_least}{100 * share:.1f} % ambient RNA, which makes cells look alike"
    return ""


def warnings_of(h: Heterogeneity, group: Group) -> list[Notice]:
    """List what a reader must know about the numbers of a group."""
    out: list[tuple[str, str]] = []
    share, most = ambient_bounds(h, group.strata)
    if most > h.settings.ambient_warn:
        at_most = "" if share == most else "at most "
        out.append(
            (
                codes.W_AMBIENT,
                f"ambient share {at_most}{100 * most:.1f} %, which makes cells look more alike, so "
                "a low index is not evidence of uniformity",
            )
        )
    shallow = h.strata["median_umi"].iloc[group.strata] < h.settings.min_median_umi
    if shallow.any() and len(group.strata) > 1:
        names = h.strata["sample"].iloc[group.strata][shallow].astype(str)
        out.append(
            (
                codes.W_DEPTH,
                f"{len(set(names))} samples are below {h.settings.min_median_umi:,} UMI, the "
                f"first is {names.iloc[0]}",
            )
        )
    if "platform" not in h.strata.columns:
        words = "platform not stated, compare within one platform only"
        out.append((codes.W_PLATFORM, words))
    note = h.universe_of(group.strata).note
    if note:
        out.append((codes.W_BIOTYPE, note))
    return [Notice(code, words, group.name) for code, words in out]


def coordinated_of(h: Heterogeneity, group: Group) -> tuple[Coordinated, int]:
    """Coordinated heterogeneity of a group and the number of its cells.

    Above the cap, each stratum gives its share of cells in a fixed random order.
    """
    member = np.zeros(h.moments.n_units + 1, dtype=bool)
    member[group.units] = True
    cells = np.flatnonzero(member[h.moments.unit])
    rows = cells
    if len(cells) > h.settings.coordinated_cells:
        # a cell's priority is its rank in its stratum, so every stratum gives the same share
        first = np.argsort(h.priority[cells], kind="stable")[: h.settings.coordinated_cells]
        rows = np.sort(cells[first])
    universe = h.universe_of(group.strata)
    counts = dense_counts(h, rows, universe.genes)
    depth = h.moments.depth[rows]
    weights = 1.0 / universe.reference[universe.genes]
    with threadpool_limits(1, "blas"):
        if h.settings.coordinated_method == "split":
            rng = spawn(h.settings.seed, "split", *group.strata.tolist())
            result = compute_split(counts, depth, weights, rng=rng, replicates=20)
        else:
            blocks = h.block[h.moments.unit[rows]]
            result = compute_coordinated(counts, depth, weights, blocks=blocks)
    return result, len(cells)


def dense_counts(
    h: Heterogeneity, rows: NDArray[np.int64], genes: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Counts of some cells and kept genes, ``(n_rows, n_genes)``. Unit: UMI."""
    n_genes = int(genes.sum())
    column = np.full(h.source.n_features, -1, dtype=np.int32)
    column[np.flatnonzero(h.kept)[genes]] = np.arange(n_genes)
    out = np.zeros((len(rows), n_genes), dtype=np.int32)
    chosen = select_rows(h.source, rows)
    for low in range(0, len(rows), 500):
        block = chosen.read(low, min(low + 500, len(rows)))
        fill_counts(*count_arrays(block), column, out[low : low + block.n_rows])
    return out
