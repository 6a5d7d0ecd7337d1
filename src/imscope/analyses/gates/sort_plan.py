"""From a gate to the bench: order of gates, controls, cells to load."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imscope.analyses.gates.candidates import handling_warning
from imscope.analyses.gates.gate import Gate, Literal
from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.schema import TABLES
from imscope.evidence.surface import antibody_target, marker_notes

if TYPE_CHECKING:
    import pandas as pd


EFFICIENCY = 0.7
"""Share of sorted cells that arrive alive, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class SortAim:
    """What the sort is for.

    Attributes
    ----------
    n_sorted
        Cells wanted.
    prevalence
        Share of targets in the tube to be sorted, and its range.
    recall
        Share of targets the gate keeps, and its range.
    efficiency
        Share of sorted cells that arrive alive: coincidence aborts and losses.
    """

    n_sorted: int = 100_000
    prevalence: tuple[float, float, float] | None = None
    recall: tuple[float, float, float] | None = None
    efficiency: float = EFFICIENCY


@dataclass(frozen=True)
class SortPlan:
    """A plan for the sorter.

    Attributes
    ----------
    steps
        ``sort_plan``.
    load
        Cells to load: estimate, low and high; None when prevalence or recall are unknown.
    warnings
        What can go wrong with these markers.
    """

    steps: "pd.DataFrame"
    load: tuple[int, int, int] | None
    warnings: tuple[str, ...] = field(default=())


def cells_to_load(
    n_sorted: int, prevalence: float, recall: float, *, efficiency: float = EFFICIENCY
) -> int:
    r"""Cells that must go into the sorter.

    .. math:: n_\mathrm{load} = \frac{n_\mathrm{sorted}}{\pi\, r\, e}

    Parameters
    ----------
    n_sorted
        Target cells wanted.
    prevalence
        Share of targets in the tube.
    recall
        Share of targets the gate keeps.
    efficiency
        Share of sorted cells that arrive.

    Raises
    ------
    UsageError
        A share is not between 0 and 1, or nothing is wanted.

    Examples
    --------
    >>> cells_to_load(100_000, 0.1, 0.8, efficiency=0.5)
    2500000
    """
    shares = (prevalence, recall, efficiency)
    if n_sorted < 1 or not all(math.isfinite(s) and 0 < s <= 1 for s in shares):
        raise UsageError(
            "cells to load need a wanted number and shares above 0 up to 1",
            found=f"{n_sorted} cells; prevalence, recall, efficiency {shares}",
            code=codes.GATE_SORT,
        )
    return math.ceil(n_sorted / (prevalence * recall * efficiency) - 1e-9)


def plan_sort(
    gate: Gate,
    *,
    aim: SortAim | None = None,
    fractions: Mapping[str, float] | None = None,
    channels: Mapping[str, str] | None = None,
    clones: Mapping[str, str] | None = None,
) -> SortPlan:
    """Plan a sort: controls, order of gates, cells to load, warnings.

    Parameters
    ----------
    gate
        What is sorted.
    aim
        Cells wanted and what is known about the tube.
    fractions
        Share of all cells that each literal lets through alone, by marker: the strictest comes
        first, which shows contamination early. Without it, negative literals come first.
    channels
        Detector by marker.
    clones
        Clone by marker, where one is known to work; none is suggested otherwise.

    Examples
    --------
    >>> from imscope.analyses.gates.gate import parse_gate
    >>> plan = plan_sort(parse_gate("CD73+ CD45-"), aim=SortAim(1000, (0.2,) * 3, (0.9,) * 3))
    >>> plan.steps.loc[plan.steps["kind"] == "gate", "marker"].tolist()[-2:], plan.load[0]
    (['CD45', 'CD73'], 7937)
    """
    import pandas as pd

    aim = aim if aim is not None else SortAim()
    channels, clones = dict(channels or {}), dict(clones or {})
    order = sorted(
        gate.literals,
        key=lambda x: ((fractions or {}).get(x.marker, 1.0), x.sign == "+", x.marker),
    )
    rows = [*_controls(gate), *_common_gates()]
    rows += [_gate_row(x, gate, channels, clones) for x in order]
    load = _load(aim)
    rows += _sort_rows(aim, load)
    columns = TABLES["sort_plan"].names
    frame = pd.DataFrame([(k, *r) for k, r in enumerate(rows, start=1)], columns=columns)
    return SortPlan(TABLES["sort_plan"].check(frame), load, tuple(_warnings(gate)))


Row = tuple[str, str, str, str, str, str, str]


def _controls(gate: Gate) -> list[Row]:
    rows: list[Row] = [
        ("control", "unstained cells", "", "", "", "", "autofluorescence of this culture"),
        ("control", "viability dye alone", "", "", "", "", "dead cells bind antibodies"),
    ]
    rows += [
        ("control", f"single stain {x.marker}", x.marker, "", "", "", "compensation matrix")
        for x in gate.literals
    ]
    rows += [
        (
            "control",
            f"FMO {x.marker}: all stains but this one",
            x.marker,
            "",
            "",
            "",
            "sets the threshold; an isotype control does not replace it",
        )
        for x in gate.literals
    ]
    return rows


def _common_gates() -> list[Row]:
    return [
        ("gate", "cells by FSC-A and SSC-A", "", "", "", "", "leaves debris out"),
        ("gate", "single cells by FSC-A and FSC-H", "", "", "", "", "doublets carry two types"),
        ("gate", "living cells", "", "", "-", "", "dead cells bind antibodies"),
    ]


def _gate_row(
    x: Literal, gate: Gate, channels: Mapping[str, str], clones: Mapping[str, str]
) -> Row:
    cut = gate.scale.default_cut if x.cut is None else x.cut
    unit = "counts" if gate.scale.modality == "rna" else "of the way between the peaks"
    text = f"{cut:.3g} {unit}"
    if x.percentile is not None:
        text += f"; {x.percentile:.3g} % of the negative peak"
    if x.raw_cuts:
        text += "; raw " + ", ".join(f"{b}: {v:.4g}" for b, v in sorted(x.raw_cuts.items()))
    why = "set on its FMO control; the figure is a start"
    if gate.scale.modality == "rna":
        why = "designed on RNA: the threshold of the protein is not known"
    clone = f", clone {clones[x.marker]}" if x.marker in clones else ""
    sort = "keep" if x.sign == "+" else "leave out"
    what = f"{sort} {x.marker} positive cells{clone}"
    return ("gate", what, x.marker, channels.get(x.marker, ""), x.sign, text, why)


def _load(aim: SortAim) -> tuple[int, int, int] | None:
    if aim.prevalence is None or aim.recall is None:
        return None
    at = [
        cells_to_load(aim.n_sorted, p, r, efficiency=aim.efficiency)
        for p, r in zip(aim.prevalence, aim.recall, strict=True)
    ]
    return at[0], min(at), max(at)


def _sort_rows(aim: SortAim, load: tuple[int, int, int] | None) -> list[Row]:
    text = (
        f"{load[0]:,} cells ({load[1]:,} to {load[2]:,})"
        if load
        else "not known: give prevalence in the tube and recall"
    )
    return [
        ("sort", f"load {text}", "", "", "", "", f"for {aim.n_sorted:,} sorted target cells"),
        ("check", "measure a part of the sorted cells again", "", "", "", "",
         "purity after the sort, with the same gate"),
    ]  # fmt: skip


def _warnings(gate: Gate) -> list[str]:
    out = []
    positive = [x.marker for x in gate.literals if x.sign == "+"]
    for x in gate.literals:
        target = antibody_target(x.marker)
        warning = handling_warning(target.gene)
        if warning:
            out.append(f"{x.marker} is {warning}")
        note = marker_notes().get(target.gene)
        if note is not None and target.kind == "protein" and note.flag != "exclusion":
            out.append(f"{x.marker} ({note.flag}): {note.note}")
            if note.flag == "conflict" and positive == [x.marker]:
                out.append(f"{x.marker} is contested and may not be the only positive marker")
    return out
