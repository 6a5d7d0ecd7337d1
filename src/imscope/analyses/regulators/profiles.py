"""Profiles of units: a group less the rest of each unit, units of two kinds, or an axis."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.cells import Cells, require_columns, unit_names
from imscope.core.errors import DataError
from imscope.core.names import did_you_mean
from imscope.engine.pseudobulk import sum_units
from imscope.stats.random_sets import log_profiles

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
MIN_CELLS = 20
"""Cells a unit needs on a side."""
MIN_UNITS = 3
"""Units below which an effect is described and not tested; also those a gene must be seen in."""


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """What is compared, one row per unit.

    Attributes
    ----------
    axis, contrast
        What the comparison is about.
    gene_ids, symbols
        Of the genes kept, sorted by id, shape ``(n_genes,)``.
    changes
        Paired: group less the rest of the same unit. Else: profile less the mean of all. Shape
        ``(n_units, n_genes)``. Unit: log2 counts per million.
    design
        Shape ``(n_units, n_coefficients)``; the last coefficient is tested.
    units
        Names, shape ``(n_units,)``.
    paired
        Whether both sides stand in each unit.
    level
        Mean log2 counts per million of each gene.
    own_cpm
        Counts per million of each gene in the group of interest.
    dropped
        What was left out and why, in words.
    """

    axis: str
    contrast: str
    gene_ids: NDArray[np.object_]
    symbols: NDArray[np.object_]
    changes: Floats
    design: Floats
    units: tuple[str, ...]
    paired: bool
    level: Floats
    own_cpm: Floats
    dropped: tuple[str, ...] = ()

    @property
    def testable(self) -> bool:
        """Whether there are units enough, and a degree of freedom, for a test."""
        least = MIN_UNITS if self.paired else MIN_UNITS + 1
        return len(self.units) >= least and np.linalg.matrix_rank(self.design) == len(
            self.design[0]
        )


def contrast_profiles(
    cells: Cells,
    groups: str,
    *,
    subset: str | None = None,
    reference: str | None = None,
    unit: str | None = None,
    threads: int | None = None,
) -> list[Profiles]:
    """Compare each group, or one, with the rest of the same unit.

    Parameters
    ----------
    cells
        Counts; single cells, or rows of pooled cells and bulk libraries.
    groups
        Column of the groups.
    subset
        Compare only this group; by default each (of two groups the second).
    reference
        Compare with this group only; by default with all other cells.
    unit
        Column of the independent units; see :func:`imscope.core.cells.unit_column`.
    threads
        Changes no digit.

    Raises
    ------
    DataError
        The column has one group, or a named group is not in it.
    MethodError
        The values are no counts.
    """
    cells.need_counts("the activity of regulators")
    if not cells.single and "sample" not in cells.obs:
        cells = cells.with_obs(sample=cells.obs.index.astype(str))
    used = cells.known(groups)
    by, units = used.groups(groups), used.units(unit)
    names = list(by.names)
    _check_groups(groups, names, subset, reference)
    n = len(names)
    row = units.codes * n + by.codes
    sums = sum_units(used.source, row, len(units.names) * n, threads=threads)
    sizes = np.bincount(row, minlength=len(units.names) * n).reshape(-1, n)
    sums = sums.reshape(len(units.names), n, -1)
    least = MIN_CELLS if used.single else 1
    others = [g for g in names if g != reference]
    tested = [subset] if subset else others[1:] if len(names) == 2 and not reference else others
    made = []
    for name in tested:
        test = [names.index(name)]
        rest = [names.index(reference)] if reference else [k for k in range(n) if k not in test]
        words = f"{name} v {reference or 'rest' if n > 2 or reference else names[rest[0]]}"
        sides = sums[:, test].sum(axis=1), sums[:, rest].sum(axis=1)
        counts = sizes[:, test].sum(axis=1), sizes[:, rest].sum(axis=1)
        made.append(_profiles(used, words, units.names, sides, counts, least))
    return made


def _check_groups(column: str, names: list[str], subset: str | None, reference: str | None) -> None:
    if len(names) < 2:
        raise DataError(
            f"column {column!r} holds one group, so there is nothing to compare",
            found=f"all cells are {names[0]!r}",
            fix="name a column with two groups",
            code=codes.REGULATORS_GROUPS,
        )
    for asked in (subset, reference):
        if asked is not None and asked not in names:
            raise DataError(
                f"column {column!r} has no group {asked!r}",
                found=f"groups: {', '.join(names[:20])}",
                fix=did_you_mean(asked, names, "name one of these groups"),
                code=codes.REGULATORS_GROUPS,
            )
    if subset is not None and subset == reference:
        raise DataError(
            "a group cannot be compared with itself",
            found=subset,
            fix="name two groups",
            code=codes.REGULATORS_GROUPS,
        )


def _profiles(
    cells: Cells,
    words: str,
    names: tuple[str, ...],
    sides: tuple[Floats, Floats],
    counts: tuple[NDArray[np.int64], NDArray[np.int64]],
    least: int,
) -> Profiles:
    """Paired where any unit holds both sides, else units of two kinds."""
    has = [(c >= least) & (s.sum(axis=1) > 0) for c, s in zip(counts, sides, strict=True)]
    both, either = has[0] & has[1], has[0] | has[1]
    paired = bool(both.any())
    kept = both if paired else either
    if not paired and not (has[0].any() and has[1].any()):
        raise DataError(
            f"{words}: no unit has {least} cells on each side",
            found=f"at most {counts[0].max()} and {counts[1].max()} cells in a unit",
            fix="join small groups, or name another unit",
            code=codes.REGULATORS_GROUPS,
        )
    dropped = tuple(
        f"{words}: unit {n} has {counts[0][k]} and {counts[1][k]} cells, {least} are needed"
        + (" on each side" if paired else "")
        for k, n in enumerate(names)
        if not kept[k] and (counts[0][k] or counts[1][k])
    )
    rows = np.flatnonzero(kept)
    if paired:
        logs = log_profiles(np.concatenate([sides[0][rows], sides[1][rows]]))
        values = logs[: len(rows)] - logs[len(rows) :]
        seen = (sides[0][rows] + sides[1][rows]) > 0
        design = np.ones((len(rows), 1))
        own = sides[0][rows].sum(axis=0)
    else:
        first = has[0][rows]
        sums = np.where(first[:, None], sides[0][rows], sides[1][rows])
        logs = log_profiles(sums)
        values = logs - (logs[first].mean(axis=0) + logs[~first].mean(axis=0)) / 2
        seen = sums > 0
        design = np.column_stack([np.ones(len(rows)), first.astype(np.float64)])
        own = sums[first].sum(axis=0)
    units = tuple(names[k] for k in rows)
    return _kept("subset", words, cells, values, logs, seen, own, design, units, paired, dropped)


def _kept(
    axis: str, words: str, cells: Cells, values: Floats, logs: Floats, seen: NDArray[np.bool_],
    own: Floats, design: Floats, units: tuple[str, ...], paired: bool, dropped: tuple[str, ...],
) -> Profiles:  # fmt: skip
    """Keep genes seen in enough units, in the order of their ids."""
    ids = cells.features["feature_id"].to_numpy(dtype=object)
    genes = np.flatnonzero(seen.sum(axis=0) >= min(MIN_UNITS, len(units)))
    genes = genes[np.argsort(ids[genes].astype(str), kind="stable")]
    symbols = cells.features["symbol"].to_numpy(dtype=object)
    return Profiles(
        axis, words, ids[genes], symbols[genes], np.ascontiguousarray(values[:, genes]), design,
        units, paired, logs.mean(axis=0)[genes], (own / max(own.sum(), 1.0) * 1e6)[genes], dropped,
    )  # fmt: skip


def axis_profiles(
    cells: Cells,
    axis: str,
    values: "pd.DataFrame | None" = None,
    *,
    unit: str | None = None,
    threads: int | None = None,
) -> Profiles:
    """Profiles of whole units along a number: passage, the log of an index, a programme's variance.

    Parameters
    ----------
    cells
        Counts.
    axis
        Column of ``values``, or of the cells (the mean of each unit is taken).
    values
        ``unit`` and the column; by default the cells' own column.
    unit
        Column of the independent units.
    threads
        Changes no digit.

    Raises
    ------
    DataError
        The values are missing, no numbers, or the same in all units.
    """
    import pandas as pd

    cells.need_counts("the activity of regulators")
    if not cells.single and "sample" not in cells.obs:
        cells = cells.with_obs(sample=cells.obs.index.astype(str))
    table = values
    if table is None:
        require_columns(cells.obs, axis)
        table = pd.DataFrame({"unit": unit_names(cells.obs, unit), axis: list(cells.obs[axis])})
    require_columns(table, "unit", axis)
    numbers = pd.to_numeric(table[axis], errors="coerce")
    means = numbers.groupby(table["unit"].astype(str)).mean()
    units = cells.units(unit)
    x = means.reindex(list(units.names)).to_numpy(dtype=np.float64)
    sums = sum_units(cells.source, units.codes, len(units.names), threads=threads)
    kept = np.isfinite(x) & (sums.sum(axis=1) > 0)
    spread = x[kept].std() if kept.any() else 0.0
    if kept.sum() < MIN_UNITS or spread == 0:
        raise DataError(
            f"axis {axis!r} needs different numbers for at least {MIN_UNITS} units",
            found=f"{int(kept.sum())} of {len(kept)} units have a number"
            + ("" if spread else ", all the same"),
            fix="fill the column, or name another axis",
            code=codes.REGULATORS_AXIS,
        )
    dropped = tuple(
        f"{axis}: unit {n} has no number" for n, k in zip(units.names, kept, strict=True) if not k
    )
    logs = log_profiles(sums[kept])
    design = np.column_stack([np.ones(int(kept.sum())), (x[kept] - x[kept].mean()) / spread])
    names = tuple(n for n, k in zip(units.names, kept, strict=True) if k)
    return _kept(
        axis, f"per SD of {axis}", cells, logs - logs.mean(axis=0), logs, sums[kept] > 0,
        sums[kept].sum(axis=0), design, names, False, dropped,
    )  # fmt: skip
