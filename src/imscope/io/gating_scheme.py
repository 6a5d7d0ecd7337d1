"""Gating-ML 2.0 read in full: every kind of gate, scale, ratio and compensation of the standard."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from imscope.core.errors import DataError
from imscope.io.gating_ml import MAX_DEPTH, D, G, T, bad_file, finite_number, local_name, safe_tree

_NEEDS = {"fasinh": "TMA", "logicle": "TWMA", "hyperlog": "TWMA", "flin": "TA", "flog": "TM"}
MAX_VERTICES = 100_000


@dataclass(frozen=True, slots=True)
class ScaleRule:
    """A scale: ``flin``, ``flog``, ``fasinh``, ``logicle`` or ``hyperlog`` with its numbers.

    Attributes
    ----------
    kind
        Name in the standard.
    top, linear, decades, negative
        ``T``, ``W``, ``M``, ``A``; unused ones are 0.
    low, high
        Values beyond these on the scale are set to them.
    """

    kind: str
    top: float
    linear: float = 0.0
    decades: float = 0.0
    negative: float = 0.0
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True, slots=True)
class RatioRule:
    """A new dimension: ``a (x - b) / (y - c)`` of two channels."""

    channels: tuple[str, str]
    a: float
    b: float
    c: float
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True, eq=False)
class Matrix:
    """A compensation: each fluorochrome (row) as the detectors (columns) see it.

    Attributes
    ----------
    fluorochromes, detectors
        Names; detectors are channels of the file.
    spectra
        Shape ``(n_fluorochromes, n_detectors)``.
    inverted
        The matrix is already the one to multiply with.
    """

    fluorochromes: tuple[str, ...]
    detectors: tuple[str, ...]
    spectra: NDArray[np.float64]
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of a gate: a channel or a ratio, its compensation and its scale."""

    name: str
    compensation: str
    ratio: RatioRule | None = None
    scale: ScaleRule | None = None


@dataclass(frozen=True, eq=False)
class GateRule:
    """One gate.

    Attributes
    ----------
    name, parent
        Ids; the parent is empty at the top.
    kind
        ``rectangle``, ``polygon``, ``ellipsoid``, ``quadrant``, ``and``, ``or`` or ``not``.
    axes
        Its dimensions.
    borders
        Low and high border of every axis, shape ``(n_axes, 2)``; of rectangles and quadrants.
    vertices
        Shape ``(n, 2)``, of polygons.
    centre, covariance, distance
        Of ellipsoids: points with a squared Mahalanobis distance up to ``distance`` are inside.
    parts
        Of boolean gates: ids, and whether the complement is meant.
    """

    name: str
    parent: str
    kind: str
    axes: tuple[Axis, ...] = ()
    borders: NDArray[np.float64] | None = None
    vertices: NDArray[np.float64] | None = None
    centre: NDArray[np.float64] | None = None
    covariance: NDArray[np.float64] | None = None
    distance: float = 0.0
    parts: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True)
class Scheme:
    """All gates of a file, in its order, the matrices they name, and what must be told."""

    path: Path
    gates: dict[str, GateRule]
    matrices: dict[str, Matrix] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_gating_scheme(path: str | Path) -> Scheme:
    """Read every gate of a Gating-ML 2.0 file.

    Parameters
    ----------
    path
        The XML file. Document types and entities are refused unread.

    Returns
    -------
    scheme
        Gates by id; a quadrant gate gives one gate for each of its quadrants.

    Raises
    ------
    DataError
        No Gating-ML 2.0, unsafe, or a gate, scale, matrix or reference that is not well formed.

    References
    ----------
    .. [1] Spidlen J, Moore W, ISAC DSTF, Brinkman RR (2015). Cytometry A 87:683-687.
       doi:10.1002/cyto.a.22690

    Examples
    --------
    >>> import tempfile
    >>> from imscope.io.gating_ml import Dimension, RectangleGate, write_gating_ml
    >>> path = Path(tempfile.mkdtemp()) / "gate.xml"
    >>> write_gating_ml(path, [RectangleGate("CD3", (Dimension("FITC-A", low=500.0),))])
    >>> list(read_gating_scheme(path).gates)
    ['CD3']
    """
    return _Reader(Path(path)).read()


class _Reader:
    """Reads one file; every fault names it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scales: dict[str, ScaleRule] = {}
        self.ratios: dict[str, RatioRule] = {}
        self.matrices: dict[str, Matrix] = {}
        self.gates: dict[str, GateRule] = {}
        self.notes: list[str] = []

    def bad(self, found: str) -> DataError:
        return bad_file(self.path, found)

    def number(self, text: str | None, what: str) -> float:
        value = finite_number(text, self.path)
        if value is None:
            raise self.bad(f"{what} lacks a number")
        return value

    def read(self) -> Scheme:
        root = safe_tree(self.path)
        if root.tag != f"{{{G}}}Gating-ML":
            raise self.bad(f"the root is {root.tag[:80]!r}, not Gating-ML 2.0")
        for node in root.iter(f"{{{T}}}transformation"):
            self.add_scale(node)
        for node in root.iter(f"{{{T}}}spectrumMatrix"):
            self.add_matrix(node)
        kinds: dict[str, Callable[[ET.Element[str]], list[GateRule]]] = {
            "RectangleGate": self.rectangle,
            "PolygonGate": self.polygon,
            "EllipsoidGate": self.ellipsoid,
            "QuadrantGate": self.quadrants,
            "BooleanGate": self.boolean,
        }
        for node in self.gate_nodes(root):
            kind = local_name(node)
            if kind not in kinds:
                raise self.bad(f"{kind[:80]!r} is no gate of Gating-ML 2.0")
            for gate in kinds[kind](node):
                if not gate.name or gate.name in self.gates:
                    raise self.bad(f"a gate has no id of its own: {gate.name[:80]!r}")
                self.gates[gate.name] = gate
        if not self.gates:
            raise self.bad("there is no gate in it")
        self.check_references()
        return Scheme(self.path, self.gates, self.matrices, tuple(self.notes))

    def gate_nodes(self, above: "ET.Element[str]") -> list["ET.Element[str]"]:
        """Gates in order, also inside elements of other standards that hold them together."""
        found = []
        for node in above:
            if local_name(node) in ("transformation", "spectrumMatrix", "custom_info"):
                continue
            ours = str(node.tag).startswith(f"{{{G}}}")
            found += [node] if ours else self.gate_nodes(node)
        return found

    # ---- scales and matrices
    def add_scale(self, node: "ET.Element[str]") -> None:
        name = node.get(f"{{{T}}}id", "")
        rules = [n for n in node if local_name(n) in (*_NEEDS, "fratio")]
        if not name or name in self.scales or name in self.ratios or len(rules) != 1:
            raise self.bad(f"scale {name[:80]!r} is of no kind of the standard, or has no own id")
        rule = rules[0]
        kind = local_name(rule)
        low = finite_number(node.get(f"{{{T}}}boundMin"), self.path)
        high = finite_number(node.get(f"{{{T}}}boundMax"), self.path)
        bounds = {
            "low": -math.inf if low is None else low,
            "high": math.inf if high is None else high,
        }
        if kind == "fratio":
            a, b, c = (self.number(rule.get(f"{{{T}}}{k}"), f"ratio {name!r}") for k in "ABC")
            names = [self.channel(n) for n in rule]
            if len(names) != 2:
                raise self.bad(f"ratio {name!r} is of {len(names)} channels, not two")
            self.ratios[name] = RatioRule((names[0], names[1]), a, b, c, **bounds)
            return
        told = {k: self.number(rule.get(f"{{{T}}}{k}"), f"scale {name!r}") for k in _NEEDS[kind]}
        t, w, m, a = (told.get(k, 0.0) for k in "TWMA")
        wrong = t <= 0 or (kind != "flin" and m <= 0) or (kind == "flin" and not 0 <= a <= t)
        if kind in ("logicle", "hyperlog"):
            wrong = wrong or not (0 <= w <= m / 2 and -w <= a <= m - 2 * w)
            wrong = wrong or (kind == "hyperlog" and w <= 0)
        if kind == "fasinh":
            wrong = wrong or not 0 <= a <= m
        if wrong:
            raise self.bad(f"scale {name!r} has T {t:g}, W {w:g}, M {m:g}, A {a:g}")
        self.scales[name] = ScaleRule(kind, t, w, m, a, **bounds)

    def add_matrix(self, node: "ET.Element[str]") -> None:
        name = node.get(f"{{{T}}}id", "")
        if not name or name in self.matrices or name in ("FCS", "uncompensated"):
            raise self.bad(f"a matrix has no id of its own: {name[:80]!r}")
        parts: dict[str, list[str]] = {"fluorochromes": [], "detectors": []}
        rows = []
        for part in node:
            kind = local_name(part)
            if kind in parts:
                parts[kind] = [self.channel(n) for n in part]
            elif kind == "spectrum":
                rows.append([self.number(n.get(f"{{{T}}}value"), f"matrix {name!r}") for n in part])
        dyes, detectors = parts["fluorochromes"], parts["detectors"]
        fits = len(rows) == len(dyes) and all(len(r) == len(detectors) for r in rows)
        if not dyes or not fits or len(dyes) > len(detectors):
            raise self.bad(
                f"matrix {name!r} has {len(rows)} rows for {len(dyes)} fluorochromes and "
                f"{len(detectors)} detectors"
            )
        if len(set(dyes)) < len(dyes) or len(set(detectors)) < len(detectors):
            raise self.bad(f"matrix {name!r} names a channel twice")
        spectra = np.array(rows, dtype=np.float64)
        told = node.get(f"{{{T}}}matrix-inverted-already", "false").lower()
        inverted = told in ("true", "1")
        if not inverted and not np.linalg.cond(spectra) < 1e6:
            raise self.bad(f"matrix {name!r} cannot be inverted")
        self.matrices[name] = Matrix(tuple(dyes), tuple(detectors), spectra, inverted)

    def channel(self, node: "ET.Element[str]") -> str:
        name = node.get(f"{{{D}}}name", "")
        if local_name(node) != "fcs-dimension" or not name:
            raise self.bad("a channel has no name")
        return name

    # ---- gates
    def head(self, node: "ET.Element[str]") -> tuple[str, str]:
        return node.get(f"{{{G}}}id", ""), node.get(f"{{{G}}}parent_id", "")

    def axis(self, node: "ET.Element[str]") -> Axis:
        reference = node.get(f"{{{G}}}compensation-ref", "uncompensated")
        if reference not in ("FCS", "uncompensated") and reference not in self.matrices:
            raise self.bad(f"compensation {reference[:80]!r} is not defined")
        name = node.get(f"{{{G}}}transformation-ref")
        if name is not None and name not in self.scales:
            raise self.bad(f"scale {name[:80]!r} is not defined")
        scale = None if name is None else self.scales[name]
        found = [n for n in node if local_name(n) in ("fcs-dimension", "new-dimension")]
        if len(found) != 1:
            raise self.bad("a dimension names no channel")
        if local_name(found[0]) == "fcs-dimension":
            return Axis(self.channel(found[0]), reference, None, scale)
        ratio = found[0].get(f"{{{D}}}transformation-ref", "")
        if ratio not in self.ratios:
            raise self.bad(f"ratio {ratio[:80]!r} is not defined")
        return Axis(ratio, reference, self.ratios[ratio], scale)

    def axes(self, node: "ET.Element[str]") -> list["ET.Element[str]"]:
        found = [n for n in node if local_name(n) == "dimension"]
        if not 1 <= len(found) <= 200:
            raise self.bad(f"gate {self.head(node)[0]!r} has {len(found)} dimensions")
        return found

    def rectangle(self, node: "ET.Element[str]") -> list[GateRule]:
        name, parent = self.head(node)
        sides, borders = self.axes(node), []
        for side in sides:
            low, high = (finite_number(side.get(f"{{{G}}}{k}"), self.path) for k in ("min", "max"))
            if low is None and high is None:
                raise self.bad(f"gate {name!r} has a dimension without a border")
            if low is not None and high is not None and low >= high:
                raise self.bad(f"gate {name!r} begins at {low:g} and ends at {high:g}")
            borders.append((-math.inf if low is None else low, math.inf if high is None else high))
        axes = tuple(self.axis(s) for s in sides)
        return [GateRule(name, parent, "rectangle", axes, np.array(borders))]

    def polygon(self, node: "ET.Element[str]") -> list[GateRule]:
        name, parent = self.head(node)
        axes = tuple(self.axis(s) for s in self.axes(node))
        corners = [n for n in node if local_name(n) == "vertex"]
        points = [
            [self.number(c.get(f"{{{D}}}value"), f"gate {name!r}") for c in corner]
            for corner in corners
        ]
        if (
            len(axes) != 2
            or not 3 <= len(points) <= MAX_VERTICES
            or any(len(p) != 2 for p in points)
        ):
            raise self.bad(f"polygon {name!r} needs two dimensions and at least three corners")
        return [GateRule(name, parent, "polygon", axes, vertices=np.array(points))]

    def ellipsoid(self, node: "ET.Element[str]") -> list[GateRule]:
        name, parent = self.head(node)
        axes = tuple(self.axis(s) for s in self.axes(node))
        parts = {local_name(n): n for n in node}
        if not {"mean", "covarianceMatrix", "distanceSquare"} <= set(parts):
            raise self.bad(f"ellipsoid {name!r} lacks its mean, covariance or distance")
        what = f"ellipsoid {name!r}"
        centre = np.array([self.number(c.get(f"{{{D}}}value"), what) for c in parts["mean"]])
        rows = [
            [self.number(e.get(f"{{{D}}}value"), what) for e in row]
            for row in parts["covarianceMatrix"]
        ]
        n = len(axes)
        if len(centre) != n or len(rows) != n or any(len(r) != n for r in rows):
            raise self.bad(f"{what} has {n} dimensions and a matrix of {len(rows)} rows")
        covariance = np.array(rows)
        distance = self.number(parts["distanceSquare"].get(f"{{{D}}}value"), what)
        if not np.linalg.cond(covariance) < 1e12 or distance <= 0:
            raise self.bad(f"the covariance of {what} cannot be inverted, or it has no extent")
        even = np.allclose(covariance, covariance.T)
        if not even or np.linalg.eigvalsh(covariance).min() <= 0:
            self.notes.append(
                f"the covariance of {what} is not symmetric and positive: the gate is open, no "
                "ellipsoid; it is evaluated as written"
            )
        return [GateRule(name, parent, "ellipsoid", axes, None, None, centre, covariance, distance)]

    def quadrants(self, node: "ET.Element[str]") -> list[GateRule]:
        _, parent = self.head(node)
        dividers: dict[str, tuple[Axis, list[float]]] = {}
        out = []
        for part in node:
            if local_name(part) == "divider":
                name = part.get(f"{{{G}}}id", "")
                values = [
                    self.number(v.text, f"divider {name!r}")
                    for v in part
                    if local_name(v) == "value"
                ]
                if not name or name in dividers or not values or sorted(set(values)) != values:
                    raise self.bad(f"divider {name[:80]!r} has no own id or no rising values")
                dividers[name] = (self.axis(part), values)
        for part in node:
            if local_name(part) != "Quadrant":
                continue
            axes, borders = [], []
            for place in part:
                reference = place.get(f"{{{G}}}divider_ref", "")
                if reference not in dividers:
                    raise self.bad(f"divider {reference[:80]!r} is not defined")
                axis, values = dividers[reference]
                where = self.number(place.get(f"{{{G}}}location"), "a quadrant")
                edges = [-math.inf, *values, math.inf]
                k = max(i for i, e in enumerate(edges) if e <= where)
                axes.append(axis)
                borders.append((edges[k], edges[k + 1]))
            if not axes:
                raise self.bad("a quadrant has no position")
            name = part.get(f"{{{G}}}id", "")
            out.append(GateRule(name, parent, "quadrant", tuple(axes), np.array(borders)))
        if not out:
            raise self.bad("a quadrant gate has no quadrants")
        return out

    def boolean(self, node: "ET.Element[str]") -> list[GateRule]:
        name, parent = self.head(node)
        inner = [n for n in node if local_name(n) in ("and", "or", "not")]
        if len(inner) != 1:
            raise self.bad(f"gate {name!r} needs one of and, or, not")
        kind = local_name(inner[0])
        parts = []
        for part in inner[0]:
            if local_name(part) == "gateReference":
                other = part.get(f"{{{G}}}use-as-complement", "false").lower() in ("true", "1")
                parts.append((part.get(f"{{{G}}}ref", ""), other))
        if (kind == "not" and len(parts) != 1) or (kind != "not" and len(parts) < 2):
            raise self.bad(f"gate {name!r}: {kind} of {len(parts)} gates")
        return [GateRule(name, parent, kind, parts=tuple(parts))]

    def check_references(self) -> None:
        """Every gate named is there, and none contains itself."""
        done: set[str] = set()

        def visit(name: str, above: tuple[str, ...]) -> None:
            if name in above or len(above) > MAX_DEPTH:
                raise self.bad(f"gates refer to each other in a circle: {name!r}")
            if name in done:
                return
            if name not in self.gates:
                raise self.bad(f"a gate refers to {name[:80]!r}, which is not there")
            gate = self.gates[name]
            for other in (*([gate.parent] if gate.parent else []), *(p for p, _ in gate.parts)):
                visit(other, (*above, name))
            done.add(name)

        for name in self.gates:
            visit(name, ())
