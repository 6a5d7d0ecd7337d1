"""Nested levels of a design: which can be told apart, and what cannot be claimed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes as error_codes
from imscope.core.errors import MethodError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Nesting:
    """Levels that are estimated.

    Attributes
    ----------
    names
        Levels coarse to fine; levels that cannot be told apart share one name, joined by ``=``.
    codes
        Group of every stratum at each level, numbered from 0.
    sizes
        Groups per level.
    n_cells
        Cells in all strata.
    merged, untestable
        In words.
    """

    names: tuple[str, ...]
    codes: tuple[NDArray[np.int64], ...]
    sizes: tuple[int, ...]
    n_cells: int
    merged: tuple[str, ...]
    untestable: tuple[str, ...]


def nest_levels(strata: "pd.DataFrame", levels: list[str], *, unit: str | None = None) -> Nesting:
    """Nest each level in those before it, and merge levels the design cannot separate.

    Parameters
    ----------
    strata
        One row per stratum, with ``n_cells`` and the columns of ``levels``.
    levels
        Columns, coarse to fine.
    unit
        Column of the replicate units, for what can be claimed of two arms.

    Raises
    ------
    MethodError
        A stratum has no value for a level.

    Examples
    --------
    >>> import pandas as pd
    >>> strata = pd.DataFrame({"source": ["iMSC", "iMSC", "BM"], "donor": ["a", "a", "b"],
    ...     "batch": [1, 2, 3], "n_cells": 10})
    >>> n = nest_levels(strata, ["source", "donor", "batch"])
    >>> n.names, n.merged
    (('source=donor', 'batch'), ('source = donor',))
    """
    for level in levels:
        missing = int(strata[level].isna().sum())
        if missing:
            raise MethodError(
                f"level {level!r} is not stated for every sample",
                found=f"{missing} of {len(strata)} have no value",
                fix="fill the column, or leave the samples out",
                code=error_codes.HETEROGENEITY_LEVELS,
            )
    names: list[str] = []
    codes: list[NDArray[np.int64]] = []
    merged: list[str] = []
    untestable: list[str] = []
    key = np.zeros(len(strata), dtype=np.int64)
    size = 1
    for level in levels:
        own = np.unique(strata[level].astype(str).to_numpy(), return_inverse=True)[1]
        both = np.unique(np.stack([key, own], axis=1), axis=0, return_inverse=True)[1].ravel()
        n = int(both.max()) + 1
        if n == size and not names:
            merged.append(f"{level}: only {strata[level].iloc[0]}")
            untestable.append(
                f"only one {level}: nothing can be said of differences between {level} levels"
            )
        elif n == size:
            above = names[-1].split("=")[-1]
            merged.append(f"{above} = {level}")
            names[-1] += f"={level}"
            untestable.append(
                f"each {above} has one {level}: differences between {above} levels and between "
                f"{level} levels cannot be told apart"
            )
        else:
            if n - size < 3:
                word = "degree" if n - size == 1 else "degrees"
                untestable.append(
                    f"{level} has {n - size} {word} of freedom: its share is a rough guess"
                )
            names.append(level)
            codes.append(both.astype(np.int64))
        key, size = both, n
    return Nesting(
        tuple(names),
        tuple(codes),
        tuple(int(c.max()) + 1 for c in codes),
        int(strata["n_cells"].sum()),
        tuple(merged),
        (*untestable, *_claims(strata, levels, unit)),
    )


def _claims(strata: "pd.DataFrame", levels: list[str], unit: str | None) -> list[str]:
    """Say which claims of two arms the replicates of this design cannot carry, and how far."""
    out: list[str] = []
    arm = next((c for c in ("source_class", "condition") if c in levels), None)
    if arm is None:
        return out
    sizes = strata.groupby(arm, observed=True)
    if strata[arm].nunique() < 2:
        out.append(f"claims A, B and C: only one {arm}")
    elif unit is not None and unit in strata.columns and unit != arm:
        for name, count in sizes[unit].nunique().items():
            if count < 3:
                word = unit if count == 1 else f"{unit}es" if unit.endswith("h") else f"{unit}s"
                out.append(f"claims A, B and C: {name} has {count} {word}, 3 are needed")
    for origin in ("donor", "line", "clone"):
        if origin in levels and origin != unit:
            for name, count in sizes[origin].nunique().items():
                if count == 1:
                    out.append(
                        f"all {name} come from one {origin}: what is found holds for that {origin}"
                    )
    return out
