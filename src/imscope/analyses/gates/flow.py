"""Gates on flow cytometry files: same rule, what was seen beside what was predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.analyses.gates.align import align_batches
from imscope.analyses.gates.evaluate import locate_markers
from imscope.analyses.gates.gate import Gate, Literal, Scale, apply_gate
from imscope.analyses.gates.scales import Asinh, Logicle
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import TABLES
from imscope.io.fcs import FlowData, compensate, read_fcs
from imscope.io.gating_ml import Dimension, RectangleGate, Transform

if TYPE_CHECKING:
    import pandas as pd

COFACTOR = 150.0
"""Divisor before asinh for fluorescence of conventional cytometers."""
EDGE = 0.999
"""Scatter above this share of its range is cut off by the detector."""
DECADES = 4.5


@dataclass(frozen=True)
class FlowGating:
    """A gate on flow cytometry files.

    Attributes
    ----------
    gate
        Its text.
    table
        ``gate_flow``, one row per file.
    inside
        By file name, shape ``(n_events,)``.
    status
        ``ok``, or what limits the figures.
    notes
        What must be known: notices of the files, channels used.
    """

    gate: str
    table: "pd.DataFrame"
    inside: dict[str, NDArray[np.bool_]]
    status: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Predicted:
    """Share of cells expected inside a gate.

    Attributes
    ----------
    share
        Mean over donors. Fraction.
    low, high
        95 % interval for a new donor; NaN with one donor.
    n_donors
        Donors it rests on.
    """

    share: float
    low: float
    high: float
    n_donors: int


def gate_files(
    paths: Sequence[str | Path],
    gate: Gate,
    *,
    predicted: Predicted | None = None,
    aligned: bool = True,
    compensation: bool = True,
    data_set: int | None = None,
) -> FlowGating:
    """Gate flow cytometry files with the rule of a gate.

    Values are compensated with the matrix of the header, brought to an asinh scale and aligned
    file by file, so that a threshold in aligned units means the same as where it was designed.

    Parameters
    ----------
    paths
        FCS files.
    gate
        Markers are found by the stains' labels.
    predicted
        From :func:`predicted_share`.
    aligned
        Thresholds are in aligned units. False: compensated linear values, as in Gating-ML.
    compensation
        False leaves the matrix of the header unread.
    data_set
        Number of the data set in files that hold several.

    Raises
    ------
    DataError
        A file is damaged, or has no channel for a marker.

    Notes
    -----
    Events at the edge of a scatter detector are left out. Nothing here finds doublets or dead
    cells: add such gates first, or gate an export of live single cells.
    """
    import pandas as pd

    rows: list[tuple[object, ...]] = []
    inside: dict[str, NDArray[np.bool_]] = {}
    notes: list[str] = []
    for path in map(Path, paths):
        data = read_fcs(path, spillover=compensation, data_set=data_set)
        notes += [f"{path.name}: {n.message}" for n in data.notices]
        if not compensation:
            notes.append(f"{path.name}: read without compensation, as asked")
        values, channels = flow_values(data, gate.markers)
        used = _inside_detectors(data)
        hit = np.zeros(len(values), dtype=bool)
        hit[used] = _apply(gate, values.loc[used], aligned=aligned)
        if not rows:
            pairs = (f"{m}: {c}" for m, c in zip(gate.markers, channels, strict=True))
            notes.append("channels " + "; ".join(pairs))
        inside[path.name] = hit
        rows.append(flow_row(path.name, int(used.sum()), len(used), int(hit.sum()), predicted))
    table = pd.DataFrame(rows, columns=TABLES["gate_flow"].names)
    status = "no labels: share of events only"
    if predicted is not None:
        agree = int(table["status"].eq("agrees").sum())
        status += f"; {agree} of {len(rows)} files agree with the prediction"
    return FlowGating(str(gate), TABLES["gate_flow"].check(table), inside, status, tuple(notes))


def flow_values(data: FlowData, markers: Sequence[str]) -> tuple["pd.DataFrame", tuple[str, ...]]:
    """Compensated values of the channels that measure some markers.

    Parameters
    ----------
    data
        A file.
    markers
        Names as in a gate; channel names (`$PnN`) are understood too.

    Returns
    -------
    values
        One row per event, one column per marker. Unit: the detector's, linear.
    channels
        `$PnN` of each.

    Raises
    ------
    DataError
        No channel, or more than one, measures a marker.
    """
    import pandas as pd

    table = data.channels
    names = table["channel"].tolist()
    at = []
    fluorescent = table[~table["kind"].isin(["scatter", "time"])]
    stains = fluorescent["marker"].tolist()
    for m in markers:
        if m in names:
            at.append(names.index(m))
            continue
        found = locate_markers([m], stains, [], modality="protein").feature[m]
        same = fluorescent.index[fluorescent["marker"] == found].tolist()
        if len(same) > 1:
            raise DataError(
                f"{data.path} has {len(same)} channels for {m}",
                found=", ".join(names[k] for k in same),
                fix="name the channel in the gate instead of the marker",
                code=codes.GATE_MARKER,
            )
        at.append(int(same[0]))
    events = compensate(data)[:, at]
    return pd.DataFrame(events, columns=list(markers)), tuple(names[k] for k in at)


def predicted_share(n_inside: ArrayLike, n_cells: ArrayLike) -> Predicted:
    """Share of cells inside a gate that a new donor should show.

    Parameters
    ----------
    n_inside, n_cells
        Shape ``(n_donors,)``. Unit: cells.

    Returns
    -------
    predicted
        Mean and interval on the logit scale: Student's t with the spread between donors.

    Examples
    --------
    >>> p = predicted_share([10, 20, 30], [100, 100, 100])
    >>> round(p.share, 2), p.low < 0.1 < p.high, p.n_donors
    (0.19, True, 3)
    """
    from scipy.stats import t

    k, n = np.asarray(n_inside, dtype=np.float64), np.asarray(n_cells, dtype=np.float64)
    logit = np.log((k + 0.5) / (n - k + 0.5))
    centre = float(logit.mean())
    share = 1 / (1 + np.exp(-centre))
    if len(k) < 2:
        return Predicted(float(share), np.nan, np.nan, len(k))
    half = t.ppf(0.975, len(k) - 1) * logit.std(ddof=1) * np.sqrt(1 + 1 / len(k))
    low, high = 1 / (1 + np.exp(-(centre - half))), 1 / (1 + np.exp(-(centre + half)))
    return Predicted(float(share), float(low), float(high), len(k))


def gates_of_gating_ml(boxes: Sequence[RectangleGate]) -> list[Gate]:
    """Write rectangle gates as literals whose thresholds are raw values.

    Parameters
    ----------
    boxes
        From :func:`imscope.io.gating_ml.read_gating_ml`.

    Returns
    -------
    gates
        In the same order; gates of more than four markers are left out if another one fits.

    Raises
    ------
    DataError
        No gate has one border per channel and at most four channels.
    """
    found, why = [], []
    for box in boxes:
        try:
            literals = tuple(_literal(d) for d in box.dimensions)
            found.append(Gate(literals, Scale("protein", "none", default_cut=0.0)))
        except ValueError as error:  # ImscopeErrors are ValueErrors
            why.append(f"{box.name}: {str(error).splitlines()[0]}")
    if not found:
        raise DataError(
            "no gate can be written as markers with signs",
            found="; ".join(why[:3]),
            fix="give gates with one border per channel, four channels at most",
            code=codes.GATING_ML,
        )
    return found


def gating_ml_of(gate: Gate, data: FlowData, *, scale: str = "logicle") -> RectangleGate:
    """Write a gate for one flow cytometry file as a rectangle gate of Gating-ML.

    Parameters
    ----------
    gate
        Thresholds in aligned units (or none); they are turned into values of this file.
    data
        The file the gate is for.
    scale
        ``logicle`` or ``asinh``: in what the borders are expressed.

    Returns
    -------
    box
        ``x > t`` becomes ``x >= next number after t``, so the same events pass.

    Raises
    ------
    DataError
        The file has no channel for a marker.
    """
    values, channels = flow_values(data, gate.markers)
    used = _inside_detectors(data)
    done = align_batches(
        values.loc[used], np.full(int(used.sum()), "file"), transform="asinh", cofactor=COFACTOR
    )
    listed = data.spillover.channels if data.spillover is not None else ()
    ranges = dict(
        zip(data.channels["channel"].tolist(), data.channels["range"].tolist(), strict=True)
    )
    sides = []
    for x, channel in zip(gate.literals, channels, strict=True):
        cut = gate.scale.default_cut if x.cut is None else x.cut
        mark = done.scale.landmarks[x.marker]["file"]
        raw = Asinh(COFACTOR).backward(mark.negative + cut * (mark.positive - mark.negative))
        top = ranges[channel]
        border, shape = _on_scale(float(raw), top if top > 0 else 262_144.0, scale)
        side = "FCS" if channel in listed else "uncompensated"
        above = float(np.nextafter(border, np.inf))
        low, high = (above, None) if x.sign == "+" else (None, above)
        sides.append(Dimension(channel, low, high, shape, side))
    return RectangleGate(str(gate), tuple(sides))


def raw_border(value: float, shape: Transform | None) -> float:
    """Data value at a position on a scale of Gating-ML.

    Examples
    --------
    >>> round(raw_border(1.0, Transform("log", 1000.0, decades=4.0)), 6)
    1000.0
    """
    if shape is None:
        return value
    t, w, m, a = shape.top, shape.linear, shape.decades, shape.negative
    if shape.kind == "logicle":
        return float(Logicle(t, w, m, a).backward(value))
    if shape.kind == "asinh":
        ten = np.log(10)
        return float(np.sinh(value * (m + a) * ten - a * ten) * t / np.sinh(m * ten))
    return float(10 ** ((value - 1) * m) * t) if shape.kind == "log" else value * (t + a) - a


def _on_scale(raw: float, top: float, scale: str) -> tuple[float, Transform]:
    if scale == "logicle":
        curve = Logicle(top, 0.5, DECADES, 0.0)
        return float(curve.forward(raw)), Transform("logicle", top, 0.5, DECADES, 0.0)
    ten = float(np.log(10))
    ceiling = COFACTOR * float(np.sinh(DECADES * ten))
    return float(Asinh(COFACTOR).forward(raw)) / (DECADES * ten), Transform(
        "asinh", ceiling, 0.0, DECADES, 0.0
    )


def _literal(d: Dimension) -> Literal:
    """One border that counts; a border at or beyond the end of the scale is open."""
    top = d.transform.top if d.transform is not None else 262_144.0
    low = raw_border(d.low, d.transform) if d.low is not None else None
    high = raw_border(d.high, d.transform) if d.high is not None else None
    if low is not None and high is not None:
        if high >= top * 0.999:
            high = None
        elif low <= -top * 0.001:
            low = None
    if low is not None and high is not None:
        raise DataError(
            f"channel {d.name} is gated between two borders",
            found=f"{low:.6g} to {high:.6g}",
            code=codes.GATING_ML,
        )
    if low is not None:
        return Literal(d.name, "+", float(np.nextafter(low, -np.inf)))
    return Literal(d.name, "-", float(np.nextafter(high or 0.0, -np.inf)))


def _inside_detectors(data: FlowData) -> NDArray[np.bool_]:
    """Events whose scatter is not cut off at the top."""
    kinds, top = data.channels["kind"].to_numpy(), data.channels["range"].to_numpy(dtype=np.float64)
    use = (kinds == "scatter") & (top > 0)
    return np.asarray((data.events[:, use] < top[use] * EDGE).all(axis=1))


def _apply(gate: Gate, values: "pd.DataFrame", *, aligned: bool) -> NDArray[np.bool_]:
    cuts = tuple(Literal(x.marker, x.sign, x.cut) for x in gate.literals)
    if not aligned:
        return apply_gate(values, Gate(cuts, Scale("protein", "none", default_cut=0.0)))
    if gate.scale.modality == "rna":  # counts say nothing about light: use the default
        cuts = tuple(Literal(x.marker, x.sign) for x in gate.literals)
    done = align_batches(values, np.full(len(values), "file"), transform="asinh", cofactor=COFACTOR)
    default = gate.scale.default_cut if gate.scale.modality == "protein" else 0.5
    return apply_gate(done.values, Gate(cuts, Scale(default_cut=default)))


def flow_row(
    name: str, n_used: int, n_events: int, n_inside: int, predicted: Predicted | None
) -> tuple[object, ...]:
    """One row of ``gate_flow``."""
    seen = n_inside / n_used if n_used else np.nan
    if not n_used:
        status = "no event lies inside the detectors"
    elif predicted is None:
        status = "no prediction given"
    elif np.isnan(predicted.low):
        status = "predicted from one donor: no interval"
    else:
        status = "agrees" if predicted.low <= seen <= predicted.high else "differs"
    p = (np.nan,) * 3 if predicted is None else (predicted.share, predicted.low, predicted.high)
    return (name, n_events, n_used, n_inside, seen, *p, status)
