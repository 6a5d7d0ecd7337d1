"""Design a sort gate: align, choose in nested folds, fit, and judge on donors left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.gates import describe
from imscope.analyses.gates.align import align_batches
from imscope.analyses.gates.circular import circular_markers
from imscope.analyses.gates.design_cells import DesignCells, check_cells, usable_markers
from imscope.analyses.gates.fit import Cuts
from imscope.analyses.gates.gate import Gate, Scale
from imscope.analyses.gates.left_out import Judge
from imscope.analyses.gates.listing import Entry, Listing, design_rows, marker_info
from imscope.analyses.gates.nested import (
    FIT_CELLS,
    Choice,
    Problem,
    SearchSpace,
    choose,
    draw_problem,
    fit_choice,
    judge_unseen,
    judge_within,
)
from imscope.analyses.gates.verdict import judge_design
from imscope.core.result import Status
from imscope.core.rng import spawn
from imscope.core.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

FEWEST_TARGETS = 20
"""Target cells below which no gate is designed."""
FEWEST_IN_DONOR = 5
"""Target cells a donor needs to count in the objective."""
FEWEST_LABS = 3
"""Labs from which on whole labs are left out."""
PURITY_FLOOR = 0.5
"""Default purity a gate must be shown to reach in its worst donor."""
NAMES = (
    *("gate_designs", "gate_donors", "gate_unseen", "gate_literals", "gate_pareto"),
    *("gate_substitutes", "gate_stability", "gate_prevalence", "gate_contaminants"),
    *("gate_conflicts", "gate_landmarks"),
)
"""Tables of a design."""


@dataclass(frozen=True)
class GateDesign:
    """Designed gates and everything that says how far to trust them.

    Attributes
    ----------
    gates
        Best first; empty when there is none.
    tables
        The declared tables ``gate_designs``, ``gate_donors``, ``gate_unseen``, ``gate_literals``,
        ``gate_pareto``, ``gate_substitutes``, ``gate_stability``, ``gate_prevalence``,
        ``gate_contaminants``, ``gate_conflicts``, ``gate_landmarks`` and ``gate_status``.
    aligned
        Values of the markers in aligned units (RNA: counts), one row per cell.
    gap
        Certified distance of the search to the best gate of its grid; 0 when it ended.
    reasons
        What stands against the gates, the gravest first; empty when nothing does.
    choice
        What the folds chose.
    notes
        What was left out or is to be known, in words.
    """

    gates: tuple[Gate, ...]
    tables: "Mapping[str, pd.DataFrame]"
    aligned: "pd.DataFrame"
    gap: float = 0.0
    reasons: tuple[Status, ...] = ()
    choice: Choice | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def status(self) -> Status:
        """``ok``, or the gravest of what stands against the gates."""
        return self.reasons[0] if self.reasons else Status("ok")


@dataclass(frozen=True, slots=True)
class DesignSettings:
    """Settings of a gate design.

    Attributes
    ----------
    space
        What is searched and chosen among; see :class:`~imscope.analyses.gates.nested.SearchSpace`.
    purity_floor
        Purity, and F1, that the worst donor left out must be shown to reach.
    stability
        Searches on resampled donors.
    rna_minus
        Allow ``-`` on RNA of markers whose RNA is not known to show the protein. Off: a cell
        without RNA often carries the protein all the same.
    """

    space: SearchSpace = field(default_factory=SearchSpace)
    purity_floor: float = PURITY_FLOOR
    stability: int = 50
    rna_minus: bool = False


def design_gates(
    cells: DesignCells,
    *,
    candidates: "pd.DataFrame | None" = None,
    classes: Mapping[str, str] | None = None,
    settings: DesignSettings | None = None,
) -> GateDesign:
    """Design gates of one to four markers for a target and judge them on unseen donors.

    Parameters
    ----------
    cells
        Values, target and donors.
    candidates
        ``gate_candidates``; excluded features are not used. All are used when not given.
    classes
        RNA markers by how far RNA stands for protein, ``A`` to ``D``; ``C`` when not named. ``D``
        is not used; ``C`` only as ``+``.
    settings
        Defaults when not given.

    Raises
    ------
    DataError
        Arrays that do not fit, infinite values, a target without a cell.

    Notes
    -----
    A marker stays in a gate only if it earns its place on donors left out; the interval of purity
    and of recall is what a new donor will show. A target that cannot be tested (too few cells, no
    common marker) gives no gate and a status that says so. Purity holds for the prevalence used:
    in the tube to be sorted it is another, see ``gate_prevalence``.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> y = rng.random(600) < 0.3
    >>> raw = pd.DataFrame({"CD73": rng.poisson(np.where(y, 120, 5)), "CD9": rng.poisson(8, 600)})
    >>> donors = np.repeat(["a", "b", "c"], 200)
    >>> design = design_gates(DesignCells(raw, y, donors), settings=DesignSettings(stability=2))
    >>> str(design.gates[0]), design.status.code
    ('CD73+', 'circular label')
    """
    how = settings if settings is not None else DesignSettings()
    y, donor, lab, batch = check_cells(cells)
    if y.sum() < FEWEST_TARGETS:
        return _nothing(f"the target has {int(y.sum())} cells, {FEWEST_TARGETS} are needed")
    if y.all():
        return _nothing("every cell is a target, there is nothing to sort from")
    values, notes = usable_markers(cells, y, donor, candidates, classes or {})
    if not values.shape[1]:
        return _nothing("no candidate marker was measured in every donor with targets", notes)
    if cells.modality == "protein":
        aligned = align_batches(values, batch, studies=lab, background=cells.background)
        scale, marks = aligned.scale, aligned.table
        x = aligned.values  # noqa: PD011  a field of ours
    else:
        x = values.astype(np.float64)
        scale, marks = Scale("rna", "none", default_cut=0.0), TABLES["gate_landmarks"].empty()
    names, d = np.unique(donor, return_inverse=True)
    labs, at = np.unique(lab, return_inverse=True)
    plus_only = _plus_only(x.columns, cells.modality == "rna" and not how.rna_minus, classes or {})
    problem = Problem(x.to_numpy(dtype=np.float64), y, d, at, cells.modality, plus_only)
    counted = np.bincount(d[y], minlength=len(names)) >= FEWEST_IN_DONOR
    few = [str(n) for n, ok in zip(names, counted, strict=True) if not ok]
    if few:
        notes.append(
            f"donors with fewer than {FEWEST_IN_DONOR} target cells are reported but not fitted: "
            + ", ".join(few[:8])
        )
    if not counted.any():
        return _nothing("no donor has enough target cells", notes)
    fitted = problem.take(np.flatnonzero(counted[d]))
    work = _Work(cells, problem, fitted, how, (names.tolist(), labs.tolist()), x, scale, marks)
    return work.run(candidates, classes or {}, notes)


def _plus_only(
    markers: "pd.Index[str]", strict: bool, classes: Mapping[str, str]
) -> NDArray[np.bool_]:
    return np.array([strict and classes.get(m, "C") not in ("A", "B") for m in markers], dtype=bool)


class _Work:
    """The steps that follow once cells are checked and aligned."""

    def __init__(
        self,
        cells: DesignCells,
        problem: Problem,
        fitted: Problem,
        settings: DesignSettings,
        names: tuple[list[str], list[str]],
        x: "pd.DataFrame",
        scale: Scale,
        marks: "pd.DataFrame",
    ) -> None:
        self.cells, self.problem, self.fitted, self.how = cells, problem, fitted, settings
        self.names, self.x, self.scale, self.marks = names, x, scale, marks
        self.markers = [str(c) for c in x.columns]
        self.space = settings.space

    def run(
        self, candidates: "pd.DataFrame | None", classes: Mapping[str, str], notes: list[str]
    ) -> GateDesign:
        space, info = self.space, marker_info(candidates)
        choice = choose(self.fitted, space.share(0.2))
        drawn = draw_problem(self.fitted, FIT_CELLS, spawn(space.seed, "final fit"))
        by_size, gap, found_notes = fit_choice(
            drawn, space.share(0.2), choice, sizes=space.max_size
        )
        notes += found_notes
        kept = [[c for c in gates if self._allowed(c, info)] for gates in by_size]
        if not any(kept):
            return _nothing("no allowed marker separates the target", notes, "no gate")
        judge = Judge(self.fitted, space.share(0.1), choice.kind)
        listing = Listing(self.problem, self.names, self.markers, self.scale, space)
        entries, dropped = listing.rank(kept, judge, info, classes)
        notes += dropped
        best = entries[0]
        unseen = self._unseen(choice)
        if not best.survives:
            notes.append(
                f"{best.gate} needs its gate file: written as text, with thresholds half way "
                f"between the peaks, it reaches a mean F1 of {best.text_f1:.3f}"
            )
        reasons = judge_design(
            best, unseen, circular=self._circular(), modality=self.problem.modality,
            floor=self.how.purity_floor, gap=gap, one=len(np.unique(self.fitted.donor)) == 1,
        )  # fmt: skip
        tables = self._tables(entries, kept, choice, info, unseen)
        tables["gate_status"] = describe.status_rows(reasons, notes)
        return GateDesign(
            tuple(e.gate for e in entries), tables, self.x, gap, reasons, choice, tuple(notes)
        )

    def _tables(
        self,
        entries: list[Entry],
        kept: list[list[Cuts]],
        choice: Choice,
        info: "Mapping[str, pd.Series]",
        unseen: "pd.DataFrame",
    ) -> "dict[str, pd.DataFrame]":
        import pandas as pd

        best = entries[0]
        own = best.donors[best.donors["n_target"] > 0]
        table = design_rows(entries)
        pool = [
            (describe.as_gate(c, self.markers, self.scale, self.problem), c.value)
            for c in kept[len(best.cuts.marker) - 1][: self.space.top]
        ]
        literals = [
            r
            for e in entries[:5]
            for r in describe.literal_rows(e.gate, e.cuts, self.problem, self.markers)
        ]
        quick = self.space.share(0.2, self.how.stability)
        return {
            "gate_designs": table,
            "gate_donors": TABLES["gate_donors"].check(
                pd.concat([e.donors for e in entries], ignore_index=True)
            ),
            "gate_unseen": unseen,
            "gate_literals": TABLES["gate_literals"].frame(literals),
            "gate_pareto": describe.pareto_rows(table),
            "gate_substitutes": describe.substitute_rows(
                best.gate, pool, best.cuts.value, _error(own)
            ),
            "gate_stability": describe.stability_rows(
                self.fitted, quick, choice, self.markers, self.how.stability
            ),
            "gate_prevalence": describe.prevalence_rows(best.left_out, self.space.seed),
            "gate_contaminants": self._contaminants(best.cuts),
            "gate_conflicts": describe.conflict_rows(
                best.gate,
                best.cuts,
                self.problem,
                markers=self.markers,
                info=info,
                prevalence=self.space.prevalence,
            ),
            "gate_landmarks": self.marks,
        }

    def _allowed(self, c: Cuts, info: "Mapping[str, pd.Series]") -> bool:
        """A contested marker is never the only positive one."""
        plus = [self.markers[m] for m, above in zip(c.marker, c.above, strict=True) if above]
        return not (len(plus) == 1 and plus[0] in info and bool(info[plus[0]]["never_alone"]))

    def _circular(self) -> list[str]:
        if self.problem.modality != "protein":
            return []
        values = {m: self.problem.x[:, k] for k, m in enumerate(self.markers)}
        donor = np.asarray(self.names[0])[self.problem.donor]
        return circular_markers(values, self.problem.target, donor)

    def _unseen(self, choice: Choice) -> "pd.DataFrame":
        import pandas as pd

        space = self.space.share(0.3)
        if len(np.unique(self.fitted.donor)) == 1:
            parts = [judge_within(self.fitted, space, choice)]
        else:
            parts = [judge_unseen(self.fitted, space)]
            if len(np.unique(self.fitted.lab)) >= FEWEST_LABS:
                parts.append(judge_unseen(self.fitted, space, by="lab"))
        frames = [
            describe.unseen_rows(u, self.fitted, self.names, self.markers, self.space.prevalence)
            for u in parts
            if len(u.donor)
        ]
        if not frames:
            return TABLES["gate_unseen"].empty()
        return TABLES["gate_unseen"].check(pd.concat(frames, ignore_index=True))

    def _contaminants(self, cuts: Cuts) -> "pd.DataFrame":
        if self.cells.label is None:
            return TABLES["gate_contaminants"].empty()
        labels = np.asarray(self.cells.label).astype(str)
        return describe.contaminant_rows(cuts.inside(self.problem.x), self.problem.target, labels)


def _error(own: "pd.DataFrame") -> float:
    """Standard error of the objective between donors, or between cells with one donor."""
    f = own["f1"].dropna().to_numpy(dtype=np.float64)
    if len(f) > 1:
        return float(f.std(ddof=1) / np.sqrt(len(f)))
    n = float(own["n_target"].sum())
    value = float(f[0]) if len(f) else 0.0
    return float(np.sqrt(max(value * (1 - value), 1e-6) / max(n, 1)))


def _nothing(words: str, notes: list[str] | None = None, code: str = "NOT TESTABLE") -> GateDesign:
    """A design without gates, and why."""
    import pandas as pd

    reasons = (Status(code, words),)
    tables = {name: TABLES[name].empty() for name in NAMES}
    tables["gate_status"] = describe.status_rows(reasons, notes or [])
    return GateDesign((), tables, pd.DataFrame(), reasons=reasons, notes=tuple(notes or ()))
