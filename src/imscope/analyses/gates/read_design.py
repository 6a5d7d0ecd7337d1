"""From a file to a design: read labelled cells, pick the markers, design the gates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Literal as OneOf

import numpy as np

from imscope.analyses.gates.align import align_batches
from imscope.analyses.gates.candidates import candidate_markers
from imscope.analyses.gates.cells import GateCells, open_gate_cells, target_mask
from imscope.analyses.gates.design import DesignSettings, GateDesign, design_gates
from imscope.analyses.gates.design_cells import DesignCells
from imscope.analyses.gates.discordance import classify_markers, detection_table
from imscope.analyses.gates.draw_cells import cells_to_draw
from imscope.analyses.gates.evaluate import UNLABELLED, Measured, gather_values
from imscope.analyses.gates.nested import HALF_WAY
from imscope.analyses.gates.sorting import Measure, sort_in_silico
from imscope.core import codes
from imscope.core.blocks import block_bounds
from imscope.core.errors import DataError
from imscope.evidence.surface import antibody_target

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.blocks import BlockSource

SUBSET_COLUMNS = ("subset", "imscope_subset", "cluster")
"""Columns of a run folder that name subsets."""
PASSAGE = "passage"


@dataclass(frozen=True)
class DesignedFile:
    """A design on one file.

    Attributes
    ----------
    design
        Gates, tables and status.
    cells
        Boolean, shape ``(n_cells,)``: rows of the file that were used (cells with a label).
    inside
        Boolean, shape ``(n_cells,)``: cells inside the best gate.
    target
        Column and label.
    modality
        ``protein`` or ``rna``.
    sorted_cells
        ``gate_sorted`` when heterogeneity could be measured, else ``None``.
    drawn
        ``gate_cells`` of the best gate; ``None`` without a gate.
    """

    design: GateDesign
    cells: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    inside: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    target: tuple[str, str]
    modality: str
    sorted_cells: "pd.DataFrame | None" = None
    drawn: "pd.DataFrame | None" = None

    def tables(self) -> "dict[str, pd.DataFrame]":
        """Every declared table of the design by its name."""
        more = {"gate_sorted": self.sorted_cells, "gate_cells": self.drawn}
        return dict(self.design.tables) | {k: v for k, v in more.items() if v is not None}


def design_file(
    path: object,
    target: str,
    *,
    donor: str | None = None,
    lab: str | None = None,
    modality: OneOf["protein", "rna"] | None = None,
    settings: DesignSettings | None = None,
    measure: "Measure | None" = None,
) -> DesignedFile:
    """Design gates on a file of labelled cells; see :func:`design_gates`.

    Parameters
    ----------
    path
        ``.h5ad`` (RNA in ``X``, ``obsm["protein"]``), ``.h5mu``, any readable matrix, a run
        folder, or an ``AnnData`` or ``MuData`` in memory.
    target
        ``COLUMN=LABEL``, or ``subset=NAME`` for a subset of a run.
    donor, lab
        Columns of ``obs``; the usual names are looked for.
    modality
        ``protein`` where measured, unless told otherwise: the sorter sees protein.
    settings
        Of the design.
    measure
        Heterogeneity per group, for the in-silico sort; rows of the file are cells.

    Raises
    ------
    DataError
        A file that cannot be read, a column or label that does not exist.
    """
    with open_gate_cells(path, donor=donor, lab=lab) as cells:
        return design_cells(cells, target, modality=modality, settings=settings, measure=measure)


def design_cells(
    cells: GateCells,
    target: str,
    *,
    modality: OneOf["protein", "rna"] | None = None,
    settings: DesignSettings | None = None,
    classes: Mapping[str, str] | None = None,
    measure: "Measure | None" = None,
) -> DesignedFile:
    """Like :func:`design_file`, on cells that are open already."""
    column, label = target_mask(cells.obs, _target(cells.obs, target))
    labels = cells.obs[column].astype(str).to_numpy()
    used = ~np.isin(np.char.lower(np.char.strip(labels.astype(str))), sorted(UNLABELLED))
    used |= labels == label
    kind = modality or ("protein" if cells.proteins.shape[1] else "rna")
    if kind == "protein" and not cells.proteins.shape[1]:
        raise DataError(
            "no protein was measured in these cells", fix="--modality rna", code=codes.GATE_MARKER
        )
    table = candidate_markers(
        () if kind == "protein" else cells.genes,
        [str(c) for c in cells.proteins.columns] if kind == "protein" else (),
    )
    values = _values(cells, kind, table)
    if kind == "rna" and classes is None:
        classes = rna_classes(cells, values)
    design = design_gates(
        DesignCells(
            values[used],
            (labels == label)[used],
            _column(cells.obs, cells.donor)[used],
            lab=_column(cells.obs, cells.lab)[used] if cells.lab else None,
            label=labels[used],
            modality=kind,
        ),
        candidates=table,
        classes=classes,
        settings=settings,
    )
    inside = np.zeros(len(used), dtype=bool)
    if design.gates:
        from imscope.analyses.gates.gate import apply_gate

        inside[used] = apply_gate(design.aligned, design.gates[0])
    drawn = None
    if design.gates:
        drawn = cells_to_draw(
            design.gates[0],
            design.aligned,
            (labels == label)[used],
            _column(cells.obs, cells.donor)[used],
        )
    done = None
    if measure is not None and design.gates:
        passages = cells.obs[PASSAGE] if PASSAGE in cells.obs.columns else None
        done = sort_in_silico(
            inside,
            labels == label,
            _column(cells.obs, cells.donor),
            measure=measure,
            passages=passages,
        )
    return DesignedFile(design, used, inside, (column, label), kind, done, drawn)


def rna_classes(cells: GateCells, values: "pd.DataFrame") -> dict[str, str]:
    """How far the RNA of each marker stands for its protein, where the cells hold both.

    Parameters
    ----------
    cells
        With proteins; without any, every marker is ``C`` unless its biology makes it ``D``.
    values
        RNA counts of the markers, one row per cell.
    """
    import pandas as pd

    detection = None
    if cells.proteins.shape[1]:
        known = {antibody_target(str(p)).gene: str(p) for p in reversed(cells.proteins.columns)}
        both = {g: known[g] for g in map(str, values.columns) if g in known}
        if both:
            donors = _column(cells.obs, cells.donor)
            own = cells.proteins[list(dict.fromkeys(both.values()))]
            x = align_batches(own, donors).values  # noqa: PD011  a field of ours
            state = pd.DataFrame({g: x[p].to_numpy() > HALF_WAY for g, p in both.items()})
            total = np.maximum(_depth(cells), 1.0)
            detection = detection_table(
                values[list(both)], state, donors, depth=total / np.median(total)
            )
    table = classify_markers([str(c) for c in values.columns], detection)
    return dict(zip(table["marker"], table["class"], strict=True))


def _depth(cells: GateCells) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """UMI of every cell."""
    source = cells.source
    if source is None:
        return np.ones(len(cells.obs))
    parts = [source.read(low, high) for low, high in block_bounds(source.n_cells)]
    rows = [np.repeat(np.arange(p.n_rows), np.diff(p.indptr)) for p in parts]
    sums = [np.bincount(r, p.data, p.n_rows) for r, p in zip(rows, parts, strict=True)]
    return np.concatenate(sums)


def _target(obs: "pd.DataFrame", target: str) -> str:
    """``subset=NAME`` finds the column that names subsets."""
    column, sign, label = target.partition("=")
    if sign and column.strip() == "subset" and "subset" not in obs.columns:
        found = next((c for c in SUBSET_COLUMNS if c in obs.columns), None)
        if found is not None:
            return f"{found}={label}"
    return target


def _column(obs: "pd.DataFrame", name: str) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
    if not name:
        return np.full(len(obs), "all cells")
    column = obs[name]
    if column.isna().any():
        raise DataError(
            f"column {name!r} has gaps",
            found=f"{int(column.isna().sum())} cells without a value",
            fix="fill them or leave these cells out",
            code=codes.GATE_INPUT,
        )
    return column.astype(str).to_numpy().astype(str)


def _values(cells: GateCells, kind: str, table: "pd.DataFrame") -> "pd.DataFrame":
    """Raw values of all candidates of one modality."""
    if kind == "protein":
        return cells.proteins.astype(np.float64)
    wanted = [f for f, s in zip(table["feature"], table["status"], strict=True) if s != "excluded"]
    wanted = list(dict.fromkeys(wanted))
    same = {f: f for f in wanted}
    source: BlockSource | None = cells.source
    return gather_values(
        Measured(dict.fromkeys(wanted, "rna"), same), cells.proteins, cells.genes, source
    )
