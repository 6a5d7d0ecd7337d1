"""Apply any gate to any data set: what it gains and lets through, per donor and per lab."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from typing import Literal as OneOf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.analyses.gates.align import align_batches
from imscope.analyses.gates.candidates import handling_warning
from imscope.analyses.gates.circular import circular_markers
from imscope.analyses.gates.gate import Gate, Literal, Scale, apply_gate, count_gate, rates
from imscope.analyses.gates.verdict import judge_evaluation
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.result import Status
from imscope.core.schema import TABLES
from imscope.evidence.surface import antibody_target, marker_notes

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.blocks import BlockSource

UNLABELLED = frozenset({"", "unknown", "undefined", "unassigned", "nan", "na", "none"})
"""Labels that say nothing; such cells are left out."""
TWO_PEAKS = ("two peaks", "shrunk", "background")
"""Ways in which a batch's landmarks are known by more than where its one peak lies."""
Modality = OneOf["protein", "rna"]


@dataclass(frozen=True)
class Measured:
    """Where each marker of a gate was found in a data set.

    Attributes
    ----------
    modality
        ``protein`` or ``rna`` by marker of the gate.
    feature
        Name in the data by marker of the gate.
    """

    modality: Mapping[str, Modality]
    feature: Mapping[str, str]

    def words(self) -> str:
        """One line that names what every marker was read from.

        Examples
        --------
        >>> Measured({"CD105": "rna"}, {"CD105": "ENG"}).words()
        'CD105: rna ENG'
        """
        return "; ".join(f"{m}: {self.modality[m]} {f}" for m, f in self.feature.items())


@dataclass(frozen=True, eq=False)
class LabelledCells:
    """Cells a gate is tried on.

    Attributes
    ----------
    frame
        Raw values, one row per cell, one column per marker of the gate.
    labels
        Shape ``(n_cells,)``. Cells without a label (empty, ``unknown``, ``undefined``) are left
        out.
    donors, labs
        Shape ``(n_cells,)``. Scales are aligned donor by donor; labs are also studies or batches.
    modality
        ``protein`` or ``rna`` by marker; default: that of the gate's scale.
    """

    frame: "pd.DataFrame"
    labels: ArrayLike
    donors: ArrayLike | None = None
    labs: ArrayLike | None = None
    modality: Mapping[str, Modality] | None = None


@dataclass(frozen=True)
class Evaluation:
    """What a gate does to labelled cells.

    Attributes
    ----------
    gate
        Its text.
    overall
        Pooled over all cells: ``purity``, ``recall``, ``f1``, ``enrichment``, ``prevalence``,
        ``n_cells``, ``n_target``, ``n_inside``. NaN where it cannot be told.
    per_donor, per_lab
        ``gate_counts``.
    contaminants
        ``gate_contaminants``: which other labels pass.
    inside
        Shape ``(n_cells,)``: cells inside the gate.
    reasons
        What limits the figures, the gravest first; empty when nothing does.
    notes
        What must be known to read the figures.
    """

    gate: str
    overall: dict[str, float]
    per_donor: "pd.DataFrame"
    per_lab: "pd.DataFrame"
    contaminants: "pd.DataFrame"
    inside: NDArray[np.bool_]
    reasons: tuple[Status, ...]
    notes: tuple[str, ...]

    @property
    def status(self) -> Status:
        """``ok``, or the gravest of what limits the figures."""
        return self.reasons[0] if self.reasons else Status("ok")


@dataclass(frozen=True, eq=False)
class Applied:
    """A gate applied to cells.

    Attributes
    ----------
    inside
        Shape ``(n_cells,)``.
    known
        Cells whose thresholds could be placed; the others are no part of any figure.
    guessed
        Donor, marker and share that a guessed threshold would let through, where it was not used.
    """

    inside: NDArray[np.bool_]
    known: NDArray[np.bool_]
    guessed: tuple[tuple[str, str, float], ...]


def locate_markers(
    markers: Sequence[str],
    proteins: Sequence[str],
    genes: Sequence[str],
    *,
    modality: Modality | None = None,
) -> Measured:
    """Find the markers of a gate among the features of a data set.

    The whole gate is read from one modality if possible: proteins under their own name first, then
    genes under their own symbol, then by what the antibody binds (``CD105`` is ENG). Only when no
    modality has all markers are they mixed.

    Parameters
    ----------
    markers
        Names in the gate.
    proteins, genes
        Names of the antibodies and symbols of the genes in the data.
    modality
        Use this one only.

    Raises
    ------
    DataError
        A marker was not measured.

    Examples
    --------
    >>> locate_markers(["CD105", "CD45"], ["CD45"], ["ENG", "PTPRC"]).words()
    'CD105: rna ENG; CD45: rna PTPRC'
    """
    by_name = {
        "protein": ({p.upper(): p for p in reversed(proteins)}, _by_gene(proteins)),
        "rna": ({g.upper(): g for g in reversed(genes)}, {g.upper(): g for g in reversed(genes)}),
    }
    allowed: tuple[Modality, ...] = ("protein", "rna") if modality is None else (modality,)
    exact = {k: [by_name[k][0].get(m.upper()) for m in markers] for k in allowed}
    alias = {
        k: [e or _other_name(m, by_name[k][1], k) for m, e in zip(markers, exact[k], strict=True)]
        for k in allowed
    }
    for found in (exact, alias):
        for k in allowed:
            if all(f is not None for f in found[k]):
                return Measured(
                    dict.fromkeys(markers, k),
                    {m: str(f) for m, f in zip(markers, found[k], strict=True)},
                )
    kinds: dict[str, Modality] = {}
    names: dict[str, str] = {}
    for i, m in enumerate(markers):
        place = next(((k, f) for k in allowed if (f := alias[k][i]) is not None), None)
        if place is None:
            target = antibody_target(m)
            raise DataError(
                f"marker {m!r} of the gate was not measured",
                found=f"{len(proteins)} proteins ({', '.join(proteins[:8])}), {len(genes):,} genes",
                fix=f"it is a {target.kind.replace('_', ' ')}: only its protein can be gated"
                if target.kind in ("glycan", "splice_form")
                else "use a gate on measured markers",
                code=codes.GATE_MARKER,
            )
        kinds[m], names[m] = place
    return Measured(kinds, names)


def gather_values(
    measured: Measured,
    proteins: "pd.DataFrame",
    genes: Sequence[str],
    source: "BlockSource | None",
) -> "pd.DataFrame":
    """Collect the raw values of the markers of a gate.

    Parameters
    ----------
    measured
        From :func:`locate_markers`.
    proteins
        Raw protein counts, one row per cell.
    genes
        Symbols of the features of ``source``.
    source
        RNA counts.

    Returns
    -------
    values
        One row per cell, one column per marker under its name in the gate.
    """
    import pandas as pd

    out: dict[str, NDArray[np.float64]] = {}
    for marker, feature in measured.feature.items():
        if measured.modality[marker] == "protein":
            out[marker] = proteins[feature].to_numpy(dtype=np.float64)
    wanted = {f: m for m, f in measured.feature.items() if measured.modality[m] == "rna"}
    if wanted and source is not None:
        symbols = [str(g) for g in genes]
        column = {symbols.index(f): m for f, m in wanted.items()}
        out |= _rna_columns(source, column)
    return pd.DataFrame({m: out[m] for m in measured.feature}, index=proteins.index)


def evaluate_gate(
    gate: Gate,
    cells: LabelledCells,
    target: str,
    *,
    prevalence: float | None = None,
    aligned: bool = True,
) -> Evaluation:
    """Apply a gate to labelled cells and count what it does.

    Parameters
    ----------
    gate
        Literals without a threshold use the default: half way between the negative and positive
        peak for proteins, any count for RNA.
    cells
        What was measured, and the labels.
    target
        The label to be sorted.
    prevalence
        Share of targets in the tube to be sorted; default: as labelled.
    aligned
        Thresholds are in aligned units. False: they are raw values, as in Gating-ML.

    Returns
    -------
    evaluation
        Figures that cannot be told are NaN, and the status says why.

    Raises
    ------
    DataError
        No cell carries the target, or a marker was not measured.

    Examples
    --------
    >>> import pandas as pd
    >>> from imscope.analyses.gates.gate import parse_gate
    >>> rng = np.random.default_rng(0)
    >>> raw = pd.DataFrame({"CD3": [*rng.poisson(5, 300), *rng.poisson(300, 300)]})
    >>> cells = LabelledCells(raw, ["B"] * 300 + ["T"] * 300)
    >>> e = evaluate_gate(parse_gate("CD3+"), cells, "T")
    >>> e.overall["purity"], e.overall["recall"]
    (1.0, 1.0)
    """
    values = cells.frame
    text = np.array([str(v) for v in np.asarray(cells.labels, dtype=object)], dtype=object)
    known = np.array([t.strip().lower() not in UNLABELLED for t in text], dtype=bool)
    donor = _names(cells.donors, len(text), "all cells")
    lab = _names(cells.labs, len(text), "")
    kinds = dict(cells.modality or dict.fromkeys(gate.markers, gate.scale.modality))
    y = known & (text == target)
    if not y.any():
        raise DataError(
            f"no cell carries the label {target!r}",
            found=f"labels: {', '.join(sorted({str(t) for t in text[known]})[:12])}",
            fix="give one of them as `--target COLUMN=LABEL`",
            code=codes.GATE_TARGET,
        )
    done = apply_to_donors(gate, values, donor, labs=lab, modality=kinds, aligned=aligned)
    inside, use = done.inside, known & done.known
    per_donor = count_gate(inside[use], y[use], donor[use], labs=lab[use], prevalence=prevalence)
    per_lab = count_gate(inside[use], y[use], lab[use], labs=lab[use], prevalence=prevalence)
    overall = _overall(per_donor, prevalence)
    notes = (
        [f"{int((~known).sum()):,} cells without a label are left out"] if (~known).any() else []
    )
    notes += _known_trouble(gate)
    notes += [
        f"{who} is left out: {marker} shows one population there and in no donor of its study two, "
        f"so a threshold would be a guess (it would let {100 * share:.1f} % of its cells through)"
        for who, marker, share in done.guessed
    ]
    proteins = {
        m: values[m].to_numpy(dtype=np.float64)[use] for m, k in kinds.items() if k == "protein"
    }
    reasons = judge_evaluation(
        overall,
        per_donor,
        guessed=[] if use.any() else _no_cut(done),
        circular=circular_markers(proteins, y[use], donor[use].astype(str)),
    )
    return Evaluation(
        gate=str(gate),
        overall=overall,
        per_donor=per_donor,
        per_lab=per_lab,
        contaminants=_contaminants(inside[use], text[use], target),
        inside=inside,
        reasons=reasons,
        notes=tuple(notes),
    )


def apply_to_donors(
    gate: Gate,
    values: "pd.DataFrame",
    donors: NDArray[np.object_],
    *,
    labs: NDArray[np.object_] | None = None,
    modality: Mapping[str, Modality],
    aligned: bool = True,
) -> Applied:
    """Apply a gate to raw values after proteins were aligned donor by donor.

    Parameters
    ----------
    gate, values, modality, aligned
        As in :func:`evaluate_gate`.
    donors, labs
        Shape ``(n_cells,)``.

    Notes
    -----
    A donor that shows one population of a marker borrows the peaks of the donors of its study that
    show two. Where none does, a threshold would be cut from noise: its cells are left out.
    """
    inside, known = np.ones(len(values), dtype=bool), np.ones(len(values), dtype=bool)
    guessed: list[tuple[str, str, float]] = []
    by_kind: dict[Modality, list[Literal]] = {"protein": [], "rna": []}
    for x in gate.literals:
        by_kind[modality[x.marker]].append(x)
    if by_kind["protein"]:
        part = values[[x.marker for x in by_kind["protein"]]]
        shape = gate.scale if gate.scale.modality == "protein" else Scale()
        lit = tuple(_own_cut(x, gate.scale, "protein") for x in by_kind["protein"])
        if aligned:
            done = align_batches(
                part, donors, studies=labs, transform=shape.transform, cofactor=shape.cofactor
            )
            part = done.values  # noqa: PD011  a field of ours
            guessed, known = _guessed(done.table, part, lit, donors)
        inside &= apply_gate(part, Gate(lit, replace(shape, landmarks={})))
    if by_kind["rna"]:
        lit = tuple(_own_cut(x, gate.scale, "rna") for x in by_kind["rna"])
        scale = Scale("rna", transform="none", default_cut=0.0)
        inside &= apply_gate(values[[x.marker for x in lit]], Gate(lit, scale))
    return Applied(inside, known, tuple(guessed))


def _guessed(
    marks: "pd.DataFrame",
    aligned: "pd.DataFrame",
    literals: Sequence[Literal],
    donors: NDArray[np.object_],
) -> tuple[list[tuple[str, str, float]], NDArray[np.bool_]]:
    """Donors whose threshold of a marker would be a guess, and the cells that remain."""
    names = donors.astype(str)
    known = np.ones(len(names), dtype=bool)
    told = []
    for x in literals:
        own = marks[marks["marker"] == x.marker]
        sure = set(own.loc[own["method"].isin(TWO_PEAKS), "study"])
        for row in own[~own["study"].isin(sure)].itertuples():
            here = names == row.batch
            v = aligned[x.marker].to_numpy(dtype=np.float64)[here]
            cut = 0.5 if x.cut is None else x.cut
            passed = v > cut if x.sign == "+" else v <= cut
            told.append((str(row.batch), x.marker, float(passed.mean()) if here.any() else 0.0))
            known &= ~here
    return told, known


def _no_cut(done: Applied) -> list[str]:
    """Why no donor could be gated, one sentence a marker."""
    return [
        f"{m} shows one population in every donor, so no threshold can be placed; give a gate "
        "file, raw thresholds, or donors with both populations"
        for m in dict.fromkeys(marker for _, marker, _ in done.guessed)
    ]


def _own_cut(x: Literal, scale: Scale, kind: Modality) -> Literal:
    """Keep a threshold only where it was set on the same kind of values."""
    return Literal(x.marker, x.sign, x.cut if scale.modality == kind else None)


def _names(given: ArrayLike | None, n: int, default: str) -> NDArray[np.object_]:
    if given is None:
        return np.full(n, default, dtype=object)
    return np.array([str(v) for v in np.asarray(given, dtype=object)], dtype=object)


def _overall(per_donor: "pd.DataFrame", prevalence: float | None) -> dict[str, float]:
    tp, fp, p, n = (int(per_donor[c].sum()) for c in ("tp", "fp", "n_target", "n_cells"))
    found = rates(tp, fp, p, n - p, prevalence=prevalence)
    out = {k: float(v) for k, v in found.items()}
    return {**out, "n_cells": float(n), "n_target": float(p), "n_inside": float(tp + fp)}


def _contaminants(
    inside: NDArray[np.bool_], text: NDArray[np.object_], target: str
) -> "pd.DataFrame":
    import pandas as pd

    names, code = np.unique(text.astype(str), return_inverse=True)
    n, passed = np.bincount(code), np.bincount(code, inside, len(names)).astype(np.int64)
    frame = pd.DataFrame({"label": pd.array(names, dtype="str"), "n_cells": n, "n_inside": passed})
    frame = frame[frame["label"] != target].reset_index(drop=True)
    wrong = int(frame["n_inside"].sum())
    frame["pass_rate"] = frame["n_inside"] / frame["n_cells"]
    frame["share_of_false"] = frame["n_inside"] / wrong if wrong else 0.0
    frame = frame.sort_values(["n_inside", "label"], ascending=[False, True], ignore_index=True)
    return TABLES["gate_contaminants"].check(frame)


def _known_trouble(gate: Gate) -> list[str]:
    """Contested markers and antigens that detaching takes away."""
    out = []
    for marker in gate.markers:
        target = antibody_target(marker)
        note = marker_notes().get(target.gene)
        if note is not None and target.kind == "protein" and note.flag == "conflict":
            out.append(f"{marker} (conflict): {note.note}")
        if warning := handling_warning(target.gene):
            out.append(f"{marker} is {warning}")
    return out


def _by_gene(proteins: Sequence[str]) -> dict[str, str]:
    """Name of the antibody by the gene it binds; sugars and splice forms keep their own name."""
    out: dict[str, str] = {}
    for p in reversed(proteins):
        target = antibody_target(p)
        key = target.gene if target.kind == "protein" else _plain(p)
        out[key] = p
    return out


def _other_name(marker: str, known: Mapping[str, str], kind: str) -> str | None:
    target = antibody_target(marker)
    if target.kind == "protein":
        if target.gene in ("CD3D", "CD3E", "CD3G") and kind == "protein":
            return next((known[g] for g in ("CD3E", "CD3D", "CD3G") if g in known), None)
        return known.get(target.gene)
    return known.get(_plain(marker)) if kind == "protein" else None


def _plain(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum())


def _rna_columns(
    source: "BlockSource", column: Mapping[int, str]
) -> dict[str, NDArray[np.float64]]:
    """Counts of a few genes, in one pass over the blocks."""
    from imscope.core.blocks import block_bounds

    at = np.full(source.n_features, -1, dtype=np.int64)
    for k, c in enumerate(column):
        at[c] = k
    out = np.zeros((len(column), source.n_cells))
    for low, high in block_bounds(source.n_cells):
        block = source.read(low, high)
        which = at[block.indices]
        hit = which >= 0
        rows = np.repeat(np.arange(low, high), np.diff(block.indptr))
        np.add.at(out, (which[hit], rows[hit]), block.data[hit])
    return {m: out[k] for k, m in enumerate(column.values())}
