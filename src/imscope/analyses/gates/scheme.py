"""All gates of a Gating-ML 2.0 file on one flow cytometry file, event by event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.analyses.gates.flow import Predicted, flow_row
from imscope.analyses.gates.scales import Logicle
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import TABLES
from imscope.io.fcs import FlowData, compensate, read_fcs
from imscope.io.gating_scheme import Axis, GateRule, Matrix, RatioRule, ScaleRule, Scheme

if TYPE_CHECKING:
    import pandas as pd

_TEN = float(np.log(10))
_STEPS = 60
"""Halvings that find a value on a hyperlog scale to the last digit."""


@dataclass(frozen=True)
class SchemeGating:
    """Every gate of a file on flow cytometry files.

    Attributes
    ----------
    table
        ``scheme_flow``, one row per file and gate.
    inside
        By file name and gate id, shape ``(n_events,)``.
    notes
        What must be known: notices of the files, compensation that was asked for and is not there.
    """

    table: "pd.DataFrame"
    inside: dict[tuple[str, str], NDArray[np.bool_]]
    notes: tuple[str, ...]


def gate_scheme_files(
    paths: Sequence[str | Path],
    scheme: Scheme,
    *,
    compensation: bool = True,
    data_set: int | None = None,
) -> SchemeGating:
    """Evaluate every gate of a scheme on flow cytometry files.

    Parameters
    ----------
    paths
        FCS files.
    scheme
        From :func:`imscope.io.gating_scheme.read_gating_scheme`.
    compensation
        False takes `FCS` for uncompensated and leaves the matrix of the header unread.
    data_set
        Number of the data set in files that hold several.

    Raises
    ------
    DataError
        A file is damaged or lacks a channel.

    Notes
    -----
    All events count, also those at the edge of a detector: the standard leaves out none.
    """
    import pandas as pd

    rows, notes = [], list(scheme.notes)
    inside: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for path in map(Path, paths):
        data = read_fcs(path, spillover=compensation, data_set=data_set)
        notes += [f"{path.name}: {n.message}" for n in data.notices]
        if not compensation:
            notes.append(f"{path.name}: read without compensation, as asked")
        elif data.spillover is None and _wants_header(scheme):
            notes.append(
                f"{path.name}: gates ask for the compensation of the file, which has none; "
                "values are as measured"
            )
        found = apply_scheme(scheme, data, compensation=compensation)
        for name, gate in scheme.gates.items():
            hit = found[name]
            above = found[gate.parent].sum() if gate.parent else len(hit)
            rows.append(
                (path.name, name, gate.parent, gate.kind, len(hit), int(above), int(hit.sum()),
                 hit.mean() if len(hit) else np.nan, hit.sum() / above if above else np.nan)
            )  # fmt: skip
            inside[path.name, name] = hit
    table = pd.DataFrame(rows, columns=TABLES["scheme_flow"].names)
    return SchemeGating(TABLES["scheme_flow"].check(table), inside, tuple(notes))


def per_file(table: "pd.DataFrame", gate: str, predicted: Predicted | None) -> "pd.DataFrame":
    """One gate of a scheme as ``gate_flow``: what was seen in each file beside what was expected.

    Parameters
    ----------
    table
        ``scheme_flow``.
    gate
        Id of the gate.
    predicted
        From :func:`imscope.analyses.gates.flow.predicted_share`, or None.
    """
    import pandas as pd

    own = table[table["gate"] == gate]
    rows = [
        flow_row(str(f), int(n), int(n), int(k), predicted)
        for f, n, k in zip(own["file"], own["n_events"], own["n_inside"], strict=True)
    ]
    declared = TABLES["gate_flow"]
    return declared.check(pd.DataFrame(rows, columns=declared.names))


def _wants_header(scheme: Scheme) -> bool:
    return any(a.compensation == "FCS" for g in scheme.gates.values() for a in g.axes)


def apply_scheme(
    scheme: Scheme, data: FlowData, *, compensation: bool = True
) -> dict[str, NDArray[np.bool_]]:
    """Evaluate every gate of a scheme on one file.

    Parameters
    ----------
    scheme
        Gates, scales and matrices.
    data
        Linear events of a file.
    compensation
        False takes `FCS` for uncompensated.

    Returns
    -------
    inside
        By gate id, in order of the file; shape ``(n_events,)``. A gate lies inside its parent.

    Raises
    ------
    DataError
        The file lacks a channel.
    """
    values = _Values(data, scheme.matrices, compensation=compensation)
    done: dict[str, NDArray[np.bool_]] = {}

    def evaluate(name: str) -> NDArray[np.bool_]:
        if name not in done:
            gate = scheme.gates[name]
            hit = _own(gate, values) if not gate.parts else _combined(gate, evaluate)
            done[name] = hit & evaluate(gate.parent) if gate.parent else hit
        return done[name]

    return {name: evaluate(name) for name in scheme.gates}


def _combined(gate: GateRule, evaluate: Callable[[str], NDArray[np.bool_]]) -> NDArray[np.bool_]:
    parts = [~evaluate(n) if other else evaluate(n) for n, other in gate.parts]
    if gate.kind == "not":
        return ~parts[0]
    join = np.logical_and if gate.kind == "and" else np.logical_or
    return np.asarray(join.reduce(parts), dtype=bool)


def _own(gate: GateRule, values: "_Values") -> NDArray[np.bool_]:
    x = np.stack([values.on(axis) for axis in gate.axes], axis=1)
    if gate.borders is not None:
        low, high = gate.borders.T
        return np.asarray(((x >= low) & (x < high)).all(axis=1))
    if gate.vertices is not None:
        return inside_polygon(x, gate.vertices)
    if gate.centre is None or gate.covariance is None:
        return np.zeros(len(x), dtype=bool)
    off = x - gate.centre
    with np.errstate(invalid="ignore"):
        far = np.einsum("ij,ij->i", off, np.linalg.solve(gate.covariance, off.T).T)
    return np.asarray(far <= gate.distance)


class _Values:
    """Values of one file on any axis; each compensation is done once."""

    def __init__(self, data: FlowData, matrices: dict[str, Matrix], *, compensation: bool) -> None:
        self.data, self.matrices, self.compensation = data, matrices, compensation
        self.names = data.channels["channel"].tolist()
        self.known: dict[str, tuple[list[str], NDArray[np.float64]]] = {}

    def on(self, axis: Axis) -> NDArray[np.float64]:
        if axis.ratio is None:
            x = self.channel(axis.name, axis.compensation)
        else:
            rule: RatioRule = axis.ratio
            a, b = (self.channel(name, axis.compensation) for name in rule.channels)
            with np.errstate(divide="ignore", invalid="ignore"):
                x = np.clip(rule.a * (a - rule.b) / (b - rule.c), rule.low, rule.high)
        return x if axis.scale is None else on_scale(x, axis.scale)

    def channel(self, name: str, reference: str) -> NDArray[np.float64]:
        names, events = self.compensated(reference)
        if name not in names:
            raise DataError(
                f"{self.data.path} has no channel {name!r}",
                found=", ".join(names[:20]),
                fix="gate a file of the same panel, or correct the name in the gate",
                code=codes.GATE_MARKER,
            )
        return events[:, names.index(name)]

    def compensated(self, reference: str) -> tuple[list[str], NDArray[np.float64]]:
        if reference == "FCS" and (not self.compensation or self.data.spillover is None):
            reference = "uncompensated"
        if reference not in self.known:
            if reference == "uncompensated":
                self.known[reference] = (self.names, self.data.events)
            elif reference == "FCS":
                self.known[reference] = (self.names, compensate(self.data))
            else:
                self.known[reference] = self._with(self.matrices[reference])
        return self.known[reference]

    def _with(self, matrix: Matrix) -> tuple[list[str], NDArray[np.float64]]:
        """Fluorochromes by their names; channels that are none of them as measured."""
        lacking = [d for d in matrix.detectors if d not in self.names]
        if lacking:
            raise DataError(
                f"{self.data.path} lacks detectors of a compensation",
                found=", ".join(lacking[:20]),
                fix="gate a file of the same cytometer",
                code=codes.GATE_MARKER,
            )
        seen = self.data.events[:, [self.names.index(d) for d in matrix.detectors]]
        undo = matrix.spectra if matrix.inverted else np.linalg.pinv(matrix.spectra)
        rest = [n for n in self.names if n not in matrix.fluorochromes]
        other = self.data.events[:, [self.names.index(n) for n in rest]]
        return [*matrix.fluorochromes, *rest], np.concatenate([seen @ undo, other], axis=1)


def on_scale(values: ArrayLike, rule: ScaleRule) -> NDArray[np.float64]:
    """Bring values to a scale of Gating-ML 2.0.

    Parameters
    ----------
    values
        Linear values, any shape.
    rule
        Kind and numbers of the scale.

    Returns
    -------
    scaled
        Same shape; NaN where a logarithm has none.

    Examples
    --------
    >>> on_scale([1.0, 10.0, 100.0], ScaleRule("flog", top=100, decades=2)).tolist()
    [0.0, 0.5, 1.0]
    >>> on_scale([0.0, 1000.0], ScaleRule("hyperlog", 1000, 1, 4, 0)).round(6).tolist()
    [0.25, 1.0]
    """
    x = np.asarray(values, dtype=np.float64)
    t, w, m, a = rule.top, rule.linear, rule.decades, rule.negative
    if rule.kind == "flin":
        y = (x + a) / (t + a)
    elif rule.kind == "flog":
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log10(x / t) / m + 1
    elif rule.kind == "fasinh":
        y = (np.arcsinh(x * np.sinh(m * _TEN) / t) + a * _TEN) / ((m + a) * _TEN)
    elif rule.kind == "logicle":
        y = np.asarray(Logicle(t, w, m, a).forward(x), dtype=np.float64)
    else:
        y = _hyperlog(x, rule)
    return np.clip(y, rule.low, rule.high)


def _hyperlog(x: NDArray[np.float64], rule: ScaleRule) -> NDArray[np.float64]:
    """Root of ``a exp(b y) + c y - f = x``, found by halving; mirrored below zero."""
    t, w, m, a = rule.top, rule.linear, rule.decades, rule.negative
    b = (m + a) * _TEN
    width, x2 = w / (m + a), a / (m + a)
    x1, x0 = x2 + width, x2 + 2 * width
    ratio = np.exp(b * x0) / width
    shift = np.exp(b * x1) + ratio * x1
    scale = t / (np.exp(b) + ratio - shift)

    def value(y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(scale * (np.exp(b * y) + ratio * y - shift))

    finite = np.abs(np.where(np.isfinite(x), x, 0.0))
    low = np.full(np.shape(finite), x1)
    high = np.maximum(1.0, 1 + np.log(np.maximum(finite / t, 1.0)) / b) + 1.0
    for _ in range(_STEPS + 10):
        middle = (low + high) / 2
        below = value(middle) < finite
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    y = (low + high) / 2
    return np.where(np.isfinite(x), np.where(x < 0, 2 * x1 - y, y), x)


def inside_polygon(points: NDArray[np.float64], vertices: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which points lie inside a polygon, by the parity of crossings; its border is inside.

    Parameters
    ----------
    points
        Shape ``(n, 2)``.
    vertices
        Corners in order, shape ``(k, 2)``; the last is joined to the first.

    Returns
    -------
    inside
        Shape ``(n,)``. A polygon that crosses itself has holes where it winds twice.

    Examples
    --------
    >>> square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    >>> inside_polygon(np.array([[1.0, 1], [3, 1], [2, 1]]), square).tolist()
    [True, False, True]
    """
    x, y = points.T
    inside = np.zeros(len(points), dtype=bool)
    border = np.zeros(len(points), dtype=bool)
    after = np.roll(vertices, -1, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        for (x1, y1), (x2, y2) in zip(vertices, after, strict=True):
            cross = (x - x1) * (y2 - y1) - (y - y1) * (x2 - x1)
            between = (np.minimum(x1, x2) <= x) & (x <= np.maximum(x1, x2))
            between &= (np.minimum(y1, y2) <= y) & (y <= np.maximum(y1, y2))
            border |= (cross == 0) & between
            if y1 != y2:
                spans = (y1 > y) != (y2 > y)
                inside ^= spans & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside | border
