"""From a gate in any form and cells in any form to what the gate does."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from typing import Literal as OneOf

import numpy as np

from imscope.analyses.gates.cells import GateCells, open_gate_cells, target_mask
from imscope.analyses.gates.evaluate import (
    Evaluation,
    LabelledCells,
    apply_to_donors,
    evaluate_gate,
    gather_values,
    locate_markers,
)
from imscope.analyses.gates.gate import Gate, parse_gate
from imscope.analyses.gates.gate_file import read_gates

if TYPE_CHECKING:
    from numpy.typing import NDArray

Modality = OneOf["protein", "rna"]


@dataclass(frozen=True)
class Evaluated:
    """A gate on labelled cells of a file.

    Attributes
    ----------
    evaluation
        Figures, status and notes.
    measured_on
        Where each marker was found.
    """

    evaluation: Evaluation
    measured_on: str


def read_any_gate(text: str) -> list[Gate]:
    """Read a gate from a file of ours, from Gating-ML, or from the text itself.

    Parameters
    ----------
    text
        ``CD73+ CD45-``, or the path of a gate file (``.json``) or of Gating-ML (``.xml``).

    Examples
    --------
    >>> [str(g) for g in read_any_gate("CD73+ CD45-")]
    ['CD73+ CD45-']
    """
    path = Path(text)
    if is_gating_ml(text):
        from imscope.analyses.gates.flow import gates_of_gating_ml
        from imscope.io.gating_ml import read_gating_ml

        return gates_of_gating_ml(read_gating_ml(path))
    if text.strip().lower().endswith(".json") or (len(text) < 4_000 and path.is_file()):
        return read_gates(path)
    return [parse_gate(text)]


def is_gating_ml(text: str) -> bool:
    """Whether the text names a Gating-ML file."""
    return text.strip().lower().endswith((".xml", ".gatingml"))


def evaluate_file(
    data: object,
    gate: str,
    target: str,
    *,
    donor: str | None = None,
    lab: str | None = None,
    modality: Modality | None = None,
    prevalence: float | None = None,
) -> list[Evaluated]:
    """Apply gates to labelled cells; see :func:`evaluate_gate`.

    Parameters
    ----------
    data
        Anything :func:`imscope.io.open_cells` takes.
    gate
        Anything :func:`read_any_gate` reads.
    target
        ``COLUMN=LABEL`` of the cells to be sorted.
    donor, lab
        Columns; the usual names are looked for.
    modality
        Read the gate from ``protein`` or ``rna`` only.
    prevalence
        Share of targets in the tube to be sorted.

    Returns
    -------
    evaluated
        One entry per gate of a file, in its order.
    """
    with open_gate_cells(data, donor=donor, lab=lab) as cells:
        column, label = target_mask(cells.obs, target)
        return [
            _evaluate(
                cells, g, (column, label), modality, prevalence, aligned=not is_gating_ml(gate)
            )
            for g in read_any_gate(gate)
        ]


def _evaluate(
    cells: GateCells,
    gate: Gate,
    target: tuple[str, str],
    modality: Modality | None,
    prevalence: float | None,
    *,
    aligned: bool,
) -> Evaluated:
    has_cuts = any(x.cut is not None or x.raw_cuts for x in gate.literals)
    found = locate_markers(
        gate.markers,
        [str(c) for c in cells.proteins.columns],
        cells.genes,
        modality=modality or (gate.scale.modality if has_cuts else None),
    )
    tried = LabelledCells(
        gather_values(found, cells.proteins, cells.genes, cells.source),
        cells.obs[target[0]].to_numpy(),
        cells.obs[cells.donor].to_numpy() if cells.donor else None,
        cells.obs[cells.lab].to_numpy() if cells.lab else None,
        found.modality,
    )
    done = evaluate_gate(gate, tried, target[1], prevalence=prevalence, aligned=aligned)
    return Evaluated(done, found.words())


def shares_inside(
    data: object, gate: Gate, modality: Modality | None = None
) -> "tuple[NDArray[Any], NDArray[Any]]":
    """Cells inside the gate and cells in all, per donor of labelled cells."""
    with open_gate_cells(data) as cells:
        found = locate_markers(
            gate.markers, [str(c) for c in cells.proteins.columns], cells.genes, modality=modality
        )
        values = gather_values(found, cells.proteins, cells.genes, cells.source)
        donors = (
            cells.obs[cells.donor].astype(str).to_numpy(dtype=object)
            if cells.donor
            else np.full(len(values), "all", dtype=object)
        )
        done = apply_to_donors(gate, values, donors, modality=found.modality)
    _, code = np.unique(donors[done.known].astype(str), return_inverse=True)
    return np.bincount(code, done.inside[done.known]).astype(int), np.bincount(code)
