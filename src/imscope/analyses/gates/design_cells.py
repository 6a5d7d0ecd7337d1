"""Cells to design a gate on: what is given, whether it fits together, which markers can be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.analyses.gates.grid import Modality
from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DesignCells:
    """Cells to design a gate on.

    Attributes
    ----------
    frame
        Raw values, one row per cell, one column per marker. NaN: not measured.
    target, donor
        Shape ``(n_cells,)``: what to sort, and from whom.
    lab, batch, label
        Shape ``(n_cells,)`` or ``None``: laboratory or study; run to align on its own (default:
        donor); label of each cell, to name contaminants.
    modality
        ``protein`` or ``rna``.
    background
        Raw negative level per batch (rows) and marker, from isotype controls or empty droplets.
    """

    frame: "pd.DataFrame"
    target: ArrayLike
    donor: ArrayLike
    lab: ArrayLike | None = None
    batch: ArrayLike | None = None
    label: ArrayLike | None = None
    modality: Modality = "protein"
    background: "pd.DataFrame | None" = None


def check_cells(
    cells: DesignCells,
) -> tuple[NDArray[np.bool_], NDArray[np.str_], NDArray[np.str_], NDArray[np.str_]]:
    """Target, donor, lab and batch as arrays that fit together, or say what does not."""
    y = np.asarray(cells.target).astype(bool)
    donor = np.asarray(cells.donor).astype(str)
    lab = np.full(len(y), "") if cells.lab is None else np.asarray(cells.lab).astype(str)
    batch = donor if cells.batch is None else np.asarray(cells.batch).astype(str)
    sizes = {len(cells.frame), len(y), len(donor), len(lab), len(batch)}
    if cells.label is not None:
        sizes.add(len(np.asarray(cells.label)))
    if len(sizes) > 1:
        raise DataError(
            "values, target and donors do not fit together",
            found=f"lengths {sorted(sizes)}",
            code=codes.GATE_INPUT,
        )
    twice = cells.frame.columns[cells.frame.columns.duplicated()].tolist()
    if twice:
        raise DataError(
            "markers stand more than once", found=", ".join(map(str, twice)), code=codes.GATE_INPUT
        )
    v = cells.frame.to_numpy(dtype=np.float64)
    if np.isinf(v).any():
        raise DataError("marker values are infinite", code=codes.GATE_INPUT)
    if not y.any():
        raise DataError("the target has no cell", code=codes.GATE_TARGET)
    return y, donor, lab, batch


def usable_markers(
    cells: DesignCells,
    y: NDArray[np.bool_],
    donor: NDArray[np.str_],
    candidates: "pd.DataFrame | None",
    classes: Mapping[str, str],
) -> tuple["pd.DataFrame", list[str]]:
    """Candidate markers that every donor with targets was stained for."""
    values, notes = cells.frame.rename(columns=str), []
    if candidates is not None:
        out = candidates[candidates["status"] == "excluded"]
        unlisted = [m for m in values.columns if m not in set(candidates["feature"])]
        banned = {*out["feature"], *unlisted}
        lost = [m for m in values.columns if m in banned]
        if lost and len(lost) < 40:
            why = dict(zip(out["feature"], out["reason"], strict=True))
            notes += [f"{m} is not used: {why.get(m, 'not in the surface tables')}" for m in lost]
        elif lost:
            notes.append(f"{len(lost)} of {values.shape[1]} features are no candidate markers")
        values = values.drop(columns=lost)
    bad = [m for m in values.columns if classes.get(m) == "D" and cells.modality == "rna"]
    if bad:
        notes.append(f"RNA does not stand for protein (class D), not used: {', '.join(bad)}")
        values = values.drop(columns=bad)
    v = values.to_numpy(dtype=np.float64)
    there = np.ones(values.shape[1], dtype=bool)
    partly = np.zeros(values.shape[1], dtype=bool)
    for d in np.unique(donor[y]).tolist():
        seen = np.isfinite(v[donor == d])
        partly |= seen.any(axis=0) & ~seen.all(axis=0)
        there &= seen.any(axis=0)
    if not there.all():
        lost = [m for m, ok in zip(values.columns, there, strict=True) if not ok]
        notes.append("panels differ; not measured in every donor, not used: " + ", ".join(lost))
    if partly.any():
        some = [m for m, ok in zip(values.columns, partly, strict=True) if ok]
        notes.append("cells without a value are in no gate on: " + ", ".join(some))
    return values.loc[:, there], notes
