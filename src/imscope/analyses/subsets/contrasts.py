"""Groups and replicate units of cells laid out as profiles to compare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.subsets.programme_tests import Contrast
from imscope.core import codes
from imscope.core.cells import Groups
from imscope.core.errors import DataError

Floats = NDArray[np.float64]
LEAST_UNITS = 2
"""Replicate units a side of a comparison needs."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which cells are which row of the pseudobulk, and what is compared with what.

    Attributes
    ----------
    groups
        Names of the groups, sorted.
    n_units
        Replicate units of each group.
    cell_group, cell_row
        Group and row (one per unit and group) of every cell.
    n_rows
        Number of rows.
    extra
        Rows made of other rows: for a unit that is in several groups, its other groups together.
    contrasts
        One per group, in order.
    """

    groups: list[str]
    n_units: list[int]
    cell_group: NDArray[np.int64]
    cell_row: NDArray[np.int64]
    n_rows: int
    extra: list[list[int]]
    contrasts: list[Contrast]

    def profiles(self, sums: Floats) -> Floats:
        """Add the rows that are made of other rows."""
        made = [sums[rows].sum(axis=0) for rows in self.extra]
        return np.vstack([sums, *made]) if made else sums


def lay_out(
    group: Groups, unit: Groups, *, test: str | None = None, reference: str | None = None
) -> Layout:
    """Find the rows and contrasts of cells that have a group and a unit.

    Raises
    ------
    DataError
        A group to compare is not there.

    Examples
    --------
    >>> arm = Groups("arm", ("a", "b"), np.array([0, 0, 1, 1]))
    >>> lot = Groups("lot", tuple("1234"), np.arange(4))
    >>> layout = lay_out(arm, lot)
    >>> layout.contrasts[0].name, layout.contrasts[0].why_not
    ('a against b', '')
    """
    groups = list(group.names)
    _check(groups, test, reference)
    pairs = sorted(set(zip(group.labels, unit.labels, strict=True)))
    place = {pair: k for k, pair in enumerate(pairs)}
    cell_row = [place[p] for p in zip(group.labels, unit.labels, strict=True)]
    rows = {name: {u: r for r, (g, u) in enumerate(pairs) if g == name} for name in groups}
    extra: list[list[int]] = []
    contrasts = []
    for name in groups:
        others = _others(groups, name, test, reference)
        contrasts.append(_contrast(name, others, rows, len(pairs), extra))
    return Layout(
        groups,
        [len(rows[name]) for name in groups],
        group.codes,
        np.array(cell_row, dtype=np.int64),
        len(pairs),
        extra,
        contrasts,
    )


def _others(groups: list[str], name: str, test: str | None, reference: str | None) -> list[str]:
    if test is None and reference is None:
        return [g for g in groups if g != name]
    if reference is not None and name != reference and (test is None or name == test):
        return [reference]
    if reference is None and name == test:
        return [g for g in groups if g != name]
    return []


def _contrast(
    name: str,
    others: list[str],
    rows: dict[str, dict[str, int]],
    n_rows: int,
    extra: list[list[int]],
) -> Contrast:
    nobody = np.zeros(0, dtype=np.int64)
    if not others:
        only = "there is one group" if len(rows) == 1 else f"{name} is not compared with others"
        return Contrast("", nobody, nobody, False, only)
    words = f"{name} against {others[0] if len(others) == 1 else 'the rest'}"
    mine = rows[name]
    rest: dict[str, list[int]] = {}
    for other in others:
        for u, r in rows[other].items():
            rest.setdefault(u, []).append(r)
    shared = [u for u in mine if u in rest]
    names = list(rest)
    if shared:  # only differences within the units that are on both sides
        mine = {u: mine[u] for u in shared}
        names = shared
    second = []
    for u in names:
        if len(rest[u]) == 1:
            second.append(rest[u][0])
        else:
            second.append(n_rows + len(extra))
            extra.append(rest[u])
    first = np.array(list(mine.values()), dtype=np.int64)
    why = ""
    few, side = min((len(first), name), (len(second), "the other side"))
    if few < LEAST_UNITS:
        what = "unit on both sides" if shared else "unit"
        side = "the comparison" if shared else side
        why = f"{side} has {few} {what}, {LEAST_UNITS} are needed on each side"
    return Contrast(words, first, np.array(second, dtype=np.int64), bool(shared), why)


def _check(groups: list[str], test: str | None, reference: str | None) -> None:
    for asked in (test, reference):
        if asked is not None and asked not in groups:
            raise DataError(
                f"there is no group {asked!r}",
                found=f"groups: {', '.join(groups)}",
                fix="name one of the groups",
                code=codes.PROGRAMMES_DESIGN,
            )
