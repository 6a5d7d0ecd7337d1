"""Gating-ML 2.0: rectangle gates out and in, with their scales and compensation."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET
from xml.parsers import expat

from imscope.core import codes
from imscope.core.errors import DataError

G = "http://www.isac-net.org/std/Gating-ML/v2.0/gating"
T = "http://www.isac-net.org/std/Gating-ML/v2.0/transformations"
D = "http://www.isac-net.org/std/Gating-ML/v2.0/datatypes"
MAX_BYTES = 16 * 2**20
MAX_DEPTH = 40
_KINDS = {"fasinh": "asinh", "logicle": "logicle", "flin": "linear", "flog": "log"}
_NEEDS = {"asinh": "TMA", "logicle": "TWMA", "linear": "TA", "log": "TM"}


@dataclass(frozen=True, slots=True)
class Transform:
    """Scale of a dimension.

    Attributes
    ----------
    kind
        ``asinh``, ``logicle``, ``linear`` or ``log`` (the four of the standard that suit
        thresholds).
    top, linear, decades, negative
        ``T``, ``W``, ``M`` and ``A`` of the standard; unused ones are 0.
    """

    kind: Literal["asinh", "logicle", "linear", "log"]
    top: float
    linear: float = 0.0
    decades: float = 0.0
    negative: float = 0.0


@dataclass(frozen=True, slots=True)
class Dimension:
    """One side of a rectangle: ``low <= value < high`` on its scale.

    Attributes
    ----------
    name
        Channel, `$PnN`.
    low, high
        Borders on the scale; ``None`` is open.
    transform
        ``None``: the values as they are.
    compensation
        ``FCS`` (the matrix of the file) or ``uncompensated``, or an id.
    """

    name: str
    low: float | None = None
    high: float | None = None
    transform: Transform | None = None
    compensation: str = "FCS"


@dataclass(frozen=True, slots=True)
class RectangleGate:
    """A gate: all its dimensions must hold.

    Attributes
    ----------
    name
        Its id.
    dimensions
        Including those of its parents.
    """

    name: str
    dimensions: tuple[Dimension, ...]


def write_gating_ml(path: str | Path, gates: Sequence[RectangleGate]) -> None:
    """Write rectangle gates as Gating-ML 2.0.

    Parameters
    ----------
    path
        The XML file; it appears whole or not at all.
    gates
        At least one, with names that differ. Ids in the file hold letters and digits only:
        ``CD3+ CD4-`` becomes ``CD3pos_CD4neg``.

    Raises
    ------
    DataError
        No gate, an id that stands twice, or a border that is no finite number.

    References
    ----------
    .. [1] Spidlen J, Moore W, ISAC DSTF, Brinkman RR (2015). Cytometry A 87:683-687.
       doi:10.1002/cyto.a.22690

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "gate.xml"
    >>> gate = RectangleGate("CD3", (Dimension("FITC-A", low=0.5, transform=Transform("logicle",
    ...     262144, 0.5, 4.5)),))
    >>> write_gating_ml(path, [gate])
    >>> read_gating_ml(path) == [gate]
    True
    """
    from imscope.io.atomic import write_text

    names = [g.name for g in gates]
    borders = [v for g in gates for d in g.dimensions for v in (d.low, d.high) if v is not None]
    if not gates or len(set(names)) < len(names) or not all(map(math.isfinite, borders)):
        raise bad_file(Path(path), "need gates with ids of their own and finite borders")
    for prefix, space in (("gating", G), ("transforms", T), ("data-type", D)):
        ET.register_namespace(prefix, space)
    root = ET.Element(f"{{{G}}}Gating-ML")
    kinds: dict[Transform, str] = {}
    for gate in gates:
        for d in gate.dimensions:
            if d.transform is not None and d.transform not in kinds:
                kinds[d.transform] = f"{d.transform.kind}_{len(kinds) + 1}"
                _write_transform(root, kinds[d.transform], d.transform)
    for gate, name in zip(gates, _ids(names), strict=True):
        box = ET.SubElement(root, f"{{{G}}}RectangleGate", {f"{{{G}}}id": name})
        for d in gate.dimensions:
            words = {f"{{{G}}}compensation-ref": d.compensation}
            if d.transform is not None:
                words[f"{{{G}}}transformation-ref"] = kinds[d.transform]
            if d.low is not None:
                words[f"{{{G}}}min"] = repr(float(d.low))
            if d.high is not None:
                words[f"{{{G}}}max"] = repr(float(d.high))
            side = ET.SubElement(box, f"{{{G}}}dimension", words)
            ET.SubElement(side, f"{{{D}}}fcs-dimension", {f"{{{D}}}name": d.name})
    ET.indent(root)
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")
    write_text(Path(path), text + "\n")


def read_gating_ml(path: str | Path) -> list[RectangleGate]:
    """Read the rectangle gates of a Gating-ML 2.0 file, and AND gates made of them.

    Parameters
    ----------
    path
        The XML file. Document types and entities are refused unread.

    Returns
    -------
    gates
        In order of the file; a gate carries the dimensions of its parents.

    Raises
    ------
    DataError
        No Gating-ML 2.0, unsafe, or a gate of another kind (polygon, ellipsoid, quadrant, OR, NOT,
        ratios): none of it can be written as markers with signs.
    """
    path = Path(path)
    root = safe_tree(path)
    if root.tag != f"{{{G}}}Gating-ML":
        raise bad_file(path, f"the root is {root.tag[:80]!r}, not Gating-ML 2.0")
    transforms = _transforms(root, path)
    boxes: dict[str, tuple[str, list[Dimension]]] = {}
    ands: dict[str, tuple[str, list[str]]] = {}
    order: list[str] = []
    for node in root:
        kind = local_name(node)
        if kind in ("transformation", "spectrumMatrix", "custom_info"):
            continue
        name = node.get(f"{{{G}}}id", "")
        if not name or name in boxes or name in ands:
            raise bad_file(path, f"a gate has no id of its own: {name!r}")
        parent = node.get(f"{{{G}}}parent_id", "")
        if kind == "RectangleGate":
            boxes[name] = (parent, [_dimension(d, transforms, path) for d in _sides(node)])
        elif kind == "BooleanGate":
            ands[name] = (parent, _and_parts(node, path))
        else:
            raise bad_file(path, f"{kind} {name!r} cannot be written as markers with signs")
        order.append(name)
    if not order:
        raise bad_file(path, "there is no gate in it")
    return [RectangleGate(n, tuple(_all_sides(n, boxes, ands, path))) for n in order]


def _all_sides(
    name: str,
    boxes: dict[str, tuple[str, list[Dimension]]],
    ands: dict[str, tuple[str, list[str]]],
    path: Path,
    above: tuple[str, ...] = (),
) -> list[Dimension]:
    """Dimensions of a gate, its parts and its parents; a circle is an error."""
    if name in above or len(above) > MAX_DEPTH:
        raise bad_file(path, f"gates refer to each other in a circle: {name!r}")
    if name in boxes:
        parent, out = boxes[name]
        out = list(out)
    elif name in ands:
        parent, parts = ands[name]
        out = [d for p in parts for d in _all_sides(p, boxes, ands, path, (*above, name))]
    else:
        raise bad_file(path, f"a gate refers to {name!r}, which is not there")
    if parent:
        out = _all_sides(parent, boxes, ands, path, (*above, name)) + out
    if len(out) > 200:
        raise bad_file(path, "a gate has more than 200 sides")
    return list(dict.fromkeys(out))


def _sides(node: "ET.Element[str]") -> list["ET.Element[str]"]:
    return [n for n in node if local_name(n) == "dimension"]


def _and_parts(node: "ET.Element[str]", path: Path) -> list[str]:
    inner = [n for n in node if local_name(n) in ("and", "or", "not")]
    if len(inner) != 1 or local_name(inner[0]) != "and":
        raise bad_file(path, "only AND of gates can be written as markers with signs")
    parts = [n for n in inner[0] if local_name(n) == "gateReference"]
    if any(n.get(f"{{{G}}}use-as-complement", "false").lower() in ("true", "1") for n in parts):
        raise bad_file(path, "an AND uses the complement of a gate")
    return [n.get(f"{{{G}}}ref", "") for n in parts]


def _dimension(node: "ET.Element[str]", transforms: dict[str, Transform], path: Path) -> Dimension:
    channel = node.find(f"{{{D}}}fcs-dimension")
    name = channel.get(f"{{{D}}}name", "") if channel is not None else ""
    if not name:
        raise bad_file(path, "a dimension names no channel (ratios are not read)")
    ref = node.get(f"{{{G}}}transformation-ref")
    if ref is not None and ref not in transforms:
        raise bad_file(path, f"scale {ref!r} is not defined")
    low, high = (finite_number(node.get(f"{{{G}}}{k}"), path) for k in ("min", "max"))
    if low is None and high is None:
        raise bad_file(path, f"the dimension {name!r} has no border")
    if low is not None and high is not None and low >= high:
        raise bad_file(path, f"the dimension {name!r} begins at {low} and ends at {high}")
    return Dimension(
        name,
        low,
        high,
        transforms[ref] if ref is not None else None,
        node.get(f"{{{G}}}compensation-ref", "uncompensated"),
    )


def _transforms(root: "ET.Element[str]", path: Path) -> dict[str, Transform]:
    out: dict[str, Transform] = {}
    for node in root.iter(f"{{{T}}}transformation"):
        name = node.get(f"{{{T}}}id", "")
        kinds = [n for n in node if local_name(n) in _KINDS]
        if not name or name in out or len(kinds) != 1:
            raise bad_file(path, f"scale {name!r} is of a kind that is not read, or has no own id")
        kind = _KINDS[local_name(kinds[0])]
        values = {k: finite_number(kinds[0].get(f"{{{T}}}{k}"), path) for k in "TWMA"}
        if any(values[k] is None for k in _NEEDS[kind]):
            raise bad_file(path, f"scale {name!r} lacks one of {', '.join(_NEEDS[kind])}")
        t, w, m, a = (values[k] or 0.0 for k in "TWMA")
        if t <= 0 or (kind != "linear" and m <= 0):
            raise bad_file(path, f"scale {name!r} has T {t} and M {m}")
        out[name] = Transform(kind, t, w, m, a)  # type: ignore[arg-type]
    return out


def _write_transform(root: "ET.Element[str]", name: str, t: Transform) -> None:
    node = ET.SubElement(root, f"{{{T}}}transformation", {f"{{{T}}}id": name})
    values = {"T": t.top, "W": t.linear, "M": t.decades, "A": t.negative}
    tag = next(k for k, v in _KINDS.items() if v == t.kind)
    words = {f"{{{T}}}{k}": repr(float(values[k])) for k in _NEEDS[t.kind]}
    ET.SubElement(node, f"{{{T}}}{tag}", words)


def safe_tree(path: Path) -> "ET.Element[str]":
    """Parse after a first pass has refused document types, depth and damage."""
    if not path.is_file():
        raise DataError(f"there is no file {path}", code=codes.FILE_MISSING)
    if path.stat().st_size > MAX_BYTES:
        raise bad_file(path, f"{path.stat().st_size:,} bytes are too many")
    content = path.read_bytes()
    depth = 0

    def refuse(*_: object) -> None:
        raise bad_file(path, "it declares a document type or entities, which gates never need")

    def enter(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise bad_file(path, f"elements are nested deeper than {MAX_DEPTH}")

    def leave(*_: object) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = enter, leave
    try:
        parser.Parse(content, True)
        return ET.fromstring(content)  # noqa: S314  no document type reaches this line
    except (expat.ExpatError, ET.ParseError, LookupError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise bad_file(path, f"it is not well-formed: {error}") from error


def local_name(node: "ET.Element[str]") -> str:
    """Name of an element without its namespace."""
    return str(node.tag).rpartition("}")[2]


def finite_number(text: str | None, path: Path) -> float | None:
    """A finite number, None where there is no text; anything else is an error."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise bad_file(path, f"{text[:40]!r} is not a number")
    return value


def _ids(names: Sequence[str]) -> list[str]:
    """Ids as XML wants them: letters, digits, `.`, `_`; signs become words."""
    out: list[str] = []
    for name in names:
        word = re.sub(r"\+(?=\s|$)", "pos", re.sub(r"-(?=\s|$)", "neg", name))
        word = re.sub(r"[^A-Za-z0-9._-]+", "_", word).strip("_") or "gate"
        word = word if word[0].isalpha() else f"g_{word}"
        out.append(word if word not in out else f"{word}_{len(out) + 1}")
    return out


def bad_file(path: Path, found: str) -> DataError:
    """The error of every fault of a Gating-ML file."""
    return DataError(
        f"{path} cannot be read or written as Gating-ML 2.0",
        found=found,
        fix="mend the place named, or export the gates again as Gating-ML 2.0",
        code=codes.GATING_ML,
    )
