"""A gate: markers, signs and thresholds; how it is written, applied and counted."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING
from typing import Literal as OneOf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

Sign = OneOf["+", "-"]
MAX_LITERALS = 4
"""Markers in one gate: what a sorter takes beside viability and doublet gates."""

_MINUS = str.maketrans({"−": "-", "–": "-", "⁻": "-", "⁺": "+"})
_TOKEN = re.compile(r'"((?:[^"]|"")*)"\s*([+-])(?=\s|,|&|$)|([^\s,&]+)')
_JOINERS = {"and", "AND", "And"}


@dataclass(frozen=True, slots=True)
class Literal:
    """One condition on one marker: above its threshold (``+``) or not above it (``-``).

    Attributes
    ----------
    marker
        Name of the marker as in the data.
    sign
        ``+``: value > cut. ``-``: value <= cut.
    cut
        Threshold in aligned units (0 the negative, 1 the positive peak); for RNA in counts.
        ``None`` in a gate that came as text: the default cut of the scale is then used.
    percentile
        Share of the negative peak that lies at or under the threshold, in percent; ``None`` when
        unknown.
    raw_cuts
        The same threshold on the raw scale, by batch.
    """

    marker: str
    sign: Sign
    cut: float | None = None
    percentile: float | None = None
    raw_cuts: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        name = self.marker
        if re.search(r'[\s,&"]', name) or name in _JOINERS or not name:
            name = '"' + name.replace('"', '""') + '"'
        return name + self.sign


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Where the negative and positive peak of a marker lie in one batch.

    Attributes
    ----------
    negative, positive
        Peaks on the transformed scale; they become 0 and 1.
    method
        ``two peaks``, ``shrunk``, ``background`` or ``none``.
    """

    negative: float
    positive: float
    method: str = "two peaks"


@dataclass(frozen=True, slots=True)
class Scale:
    """How raw values become the units of the thresholds.

    Attributes
    ----------
    modality
        ``protein`` (aligned units), ``rna`` (counts as they are).
    transform
        ``log1p``, ``asinh`` (of value / cofactor) or ``none``.
    cofactor
        Divisor before ``asinh``. Raw units.
    default_cut
        Threshold of a literal without one.
    landmarks
        Per marker and batch.
    """

    modality: OneOf["protein", "rna"] = "protein"
    transform: OneOf["log1p", "asinh", "none"] = "log1p"
    cofactor: float = 5.0
    default_cut: float = 0.5
    landmarks: Mapping[str, Mapping[str, Landmarks]] = field(default_factory=dict)

    def forward(self, values: ArrayLike) -> NDArray[np.float64]:
        """Transform raw values; any shape."""
        x = np.asarray(values, dtype=np.float64)
        if self.transform == "log1p":
            return np.log1p(np.maximum(x, 0.0))
        return np.arcsinh(x / self.cofactor) if self.transform == "asinh" else x

    def backward(self, values: ArrayLike) -> NDArray[np.float64]:
        """Raw values of transformed ones; any shape."""
        x = np.asarray(values, dtype=np.float64)
        if self.transform == "log1p":
            return np.expm1(x)
        return np.sinh(x) * self.cofactor if self.transform == "asinh" else x


@dataclass(frozen=True, slots=True)
class Gate:
    """An AND of literals on different markers.

    Attributes
    ----------
    literals
        One to four.
    scale
        What the thresholds are measured in.

    Examples
    --------
    >>> str(parse_gate("CD3D+ CD14-"))
    'CD3D+ CD14-'
    """

    literals: tuple[Literal, ...]
    scale: Scale = field(default_factory=Scale)

    def __post_init__(self) -> None:
        names = [x.marker for x in self.literals]
        if not names or len(names) > MAX_LITERALS or len(set(names)) < len(names):
            raise UsageError(
                f"a gate has 1 to {MAX_LITERALS} different markers",
                found=f"{len(names)}: {', '.join(names) or 'none'}",
                fix="remove markers, or name each once",
                code=codes.GATE_TEXT,
            )

    @property
    def markers(self) -> tuple[str, ...]:
        """Names of the markers, in order."""
        return tuple(x.marker for x in self.literals)

    def __str__(self) -> str:
        return format_gate(self.literals)


def parse_literals(text: str) -> tuple[Literal, ...]:
    """Read ``CD3D+ CD14-`` as literals without thresholds.

    The last ``+`` or ``-`` of a word is its sign, so names may hold both. Words without a sign
    belong to the next one (``HLA DR+``). Names with spaces are best put in double quotes. Commas,
    ``&`` and ``AND`` between literals are read over; typographic signs are understood.

    Raises
    ------
    UsageError
        Text without a literal, or a word without a sign at the end.

    Examples
    --------
    >>> [(x.marker, x.sign) for x in parse_literals('NK1.1- HLA-DR/DP+ "CD45RA+ iso"-')]
    [('NK1.1', '-'), ('HLA-DR/DP', '+'), ('CD45RA+ iso', '-')]
    """
    out: list[Literal] = []
    waiting: list[str] = []
    for quoted, quoted_sign, word in _TOKEN.findall(text.translate(_MINUS)):
        if quoted_sign:
            _nothing_waits(waiting, text)
            out.append(_literal(quoted.replace('""', '"'), quoted_sign, text))
        elif word in _JOINERS and not waiting:
            continue
        elif word[-1] in "+-":
            out.append(_literal(" ".join([*waiting, word[:-1]]).strip(), word[-1], text))
            waiting = []
        else:
            waiting.append(word)
    _nothing_waits(waiting, text)
    return tuple(out)


def parse_gate(text: str, *, scale: Scale | None = None) -> Gate:
    """Read the text form of a gate; thresholds are the default cut of the scale.

    Parameters
    ----------
    text
        Markers with their signs, such as ``CD24- CD105+``; names with spaces in quotes.
    scale
        Scale of the thresholds; aligned protein by default.

    Raises
    ------
    UsageError
        The text holds no literal, a word without a sign, a marker twice or more than four.

    Examples
    --------
    >>> parse_gate("CD24- CD105+").markers
    ('CD24', 'CD105')
    """
    return Gate(parse_literals(text), scale if scale is not None else Scale())


def format_gate(literals: Iterable[Literal]) -> str:
    """Write literals as ``CD3D+ CD14-``; :func:`parse_literals` reads it back.

    Parameters
    ----------
    literals
        Markers with their signs, in the order to write.

    Examples
    --------
    >>> format_gate([Literal("CD3D", "+"), Literal("HLA DR", "-")])
    'CD3D+ "HLA DR"-'
    """
    return " ".join(str(x) for x in literals)


def apply_gate(
    values: "pd.DataFrame", gate: Gate, batches: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Tell which cells are inside a gate.

    Parameters
    ----------
    values
        One row per cell, one column per marker. Aligned units (RNA: counts) when ``batches`` is
        ``None``, else raw values.
    gate
        Literals without a cut use the default cut of the scale.
    batches
        Shape ``(n_cells,)``: picks the raw threshold of each cell's batch. Not used for RNA, whose
        thresholds are counts everywhere.

    Returns
    -------
    inside
        Shape ``(n_cells,)``. A cell without a value of a marker (NaN) is never inside.

    Raises
    ------
    DataError
        A marker was not measured, or a batch has neither raw threshold nor landmarks.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"CD3D": [0.9, 0.1, 0.8], "CD14": [0.0, 0.0, 1.2]})
    >>> apply_gate(cells, parse_gate("CD3D+ CD14-")).tolist()
    [True, False, False]
    """
    inside = np.ones(len(values), dtype=bool)
    names = None if batches is None else np.asarray(batches).astype(str)
    for x in gate.literals:
        if x.marker not in values.columns:
            raise _missing(x.marker, [str(c) for c in values.columns])
        v = values[x.marker].to_numpy(dtype=np.float64)
        cut: float | NDArray[np.float64] = _cut(x, gate.scale)
        if names is not None and gate.scale.modality == "protein":
            cut = _raw_cuts(x, gate.scale, names)
        with np.errstate(invalid="ignore"):
            inside &= v > cut if x.sign == "+" else v <= cut
    return inside


def count_gate(
    inside: ArrayLike,
    target: ArrayLike,
    donors: ArrayLike,
    *,
    labs: ArrayLike | None = None,
    prevalence: float | None = None,
) -> "pd.DataFrame":
    r"""Count what a gate does in each donor.

    .. math:: \mathrm{purity} = \frac{\pi r}{\pi r + (1-\pi) q}

    with recall :math:`r` (targets inside), false rate :math:`q` (other cells inside) and prevalence
    :math:`\pi` of the target in the tube to be sorted.

    Parameters
    ----------
    inside, target
        Shape ``(n_cells,)``, boolean.
    donors, labs
        Shape ``(n_cells,)``.
    prevalence
        :math:`\pi`; ``None`` takes each donor's own share of targets.

    Returns
    -------
    table
        ``gate_counts``, one row per donor in sorted order. What a donor without targets or without
        other cells cannot show is NaN.

    Examples
    --------
    >>> t = count_gate([1, 1, 0, 0], [1, 0, 1, 0], ["a", "a", "a", "a"], prevalence=0.1)
    >>> round(float(t.loc[0, "purity"]), 3)
    0.1
    """
    import pandas as pd

    from imscope.core.schema import TABLES

    where, y = np.asarray(inside).astype(bool), np.asarray(target).astype(bool)
    names, code = np.unique(np.asarray(donors).astype(str), return_inverse=True)
    lab = np.full(len(y), "") if labs is None else np.asarray(labs).astype(str)
    counts = [np.bincount(code, w, len(names)) for w in (where & y, where & ~y, y)]
    tp, fp, n_target = (c.astype(np.int64) for c in counts)
    n = np.bincount(code, minlength=len(names))
    columns = rates(tp, fp, n_target, n - n_target, prevalence=prevalence)
    frame = pd.DataFrame(
        {
            "donor": pd.array(names, dtype="str"),
            "lab": pd.array(
                ["; ".join(np.unique(lab[code == k])) for k in range(len(names))], dtype="str"
            ),
            "n_cells": n,
            "n_target": n_target,
            "tp": tp,
            "fp": fp,
            **columns,
        }
    )
    return TABLES["gate_counts"].check(frame)


def rates(
    tp: ArrayLike,
    fp: ArrayLike,
    n_target: ArrayLike,
    n_other: ArrayLike,
    *,
    prevalence: float | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Purity, recall and what follows from counts; any one shape.

    A gate that is empty has no purity (NaN) and an F1 of 0.

    Examples
    --------
    >>> r = rates(90, 10, 100, 900)
    >>> float(r["purity"]), float(r["recall"]), float(r["f1"])
    (0.9, 0.9, 0.9)
    """
    a, b, p, q = (np.asarray(v, dtype=np.float64) for v in (tp, fp, n_target, n_other))
    with np.errstate(invalid="ignore", divide="ignore"):
        pi = p / (p + q) if prevalence is None else np.full(a.shape, float(prevalence))
        recall, false_rate = a / p, b / q
        kept, wrong = pi * recall, (1 - pi) * np.where(q > 0, false_rate, 0.0)
        purity = kept / (kept + wrong)
        f1 = np.where(p > 0, 2 * kept / (kept + wrong + pi), np.nan)
        return {
            "prevalence": pi,
            "recall": recall,
            "false_rate": false_rate,
            "purity": purity,
            "enrichment": purity / pi,
            "f1": f1,
        }


def _cut(x: Literal, scale: Scale) -> float:
    return scale.default_cut if x.cut is None else x.cut


def _raw_cuts(x: Literal, scale: Scale, batches: NDArray[np.str_]) -> NDArray[np.float64]:
    names, code = np.unique(batches, return_inverse=True)
    cuts = np.empty(len(names))
    marks = scale.landmarks.get(x.marker, {})
    for k, name in enumerate(names.tolist()):
        if name in x.raw_cuts:
            cuts[k] = x.raw_cuts[name]
        elif name in marks:
            low, high = marks[name].negative, marks[name].positive
            cuts[k] = scale.backward(low + _cut(x, scale) * (high - low))
        else:
            raise DataError(
                f"the gate has no raw threshold of {x.marker} for batch {name!r}",
                found=f"thresholds for: {', '.join([*x.raw_cuts] or ['no batch'])}",
                fix="align the new data first and apply the gate in aligned units",
                code=codes.GATE_BATCH,
            )
    return cuts[code]


def _literal(name: str, sign: str, text: str) -> Literal:
    if not name:
        raise _unreadable(text, f"a sign {sign!r} without a name")
    return Literal(name, "+" if sign == "+" else "-")


def _nothing_waits(waiting: list[str], text: str) -> None:
    if waiting:
        raise _unreadable(text, f"{' '.join(waiting)!r} has no sign")


def _unreadable(text: str, found: str) -> UsageError:
    return UsageError(
        f"gate {text!r} cannot be read",
        found=found,
        fix='write markers with signs, as in "CD73+ CD45-"',
        code=codes.GATE_TEXT,
    )


def _missing(marker: str, columns: list[str]) -> DataError:
    near = get_close_matches(marker, columns, n=3, cutoff=0.5)
    return DataError(
        f"marker {marker!r} of the gate was not measured",
        found=f"{len(columns)} markers: {', '.join(columns[:12])}",
        fix=f"did you mean {', '.join(near)}?" if near else "use a gate on these markers",
        code=codes.GATE_MARKER,
    )
