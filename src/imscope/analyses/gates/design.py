"""Design a sort gate: align, choose in nested folds, fit, and tell how far to trust the gates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.gates import describe
from imscope.analyses.gates.align import align_batches
from imscope.analyses.gates.design_cells import DesignCells, check_cells, usable_markers
from imscope.analyses.gates.fit import Cuts
from imscope.analyses.gates.gate import Gate, Scale, rates
from imscope.analyses.gates.intervals import ONE_DONOR, purity_interval
from imscope.analyses.gates.nested import (
    Choice,
    Problem,
    SearchSpace,
    Unseen,
    choose,
    fit_choice,
    judge_unseen,
    judge_within,
)
from imscope.core.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

FEWEST_TARGETS = 20
"""Target cells below which no gate is designed."""
FEWEST_IN_DONOR = 5
"""Target cells a donor needs to count in the objective."""
FEWEST_LABS = 3
"""Labs from which on whole labs are left out."""
CIRCULAR = 0.985
"""F1 of one protein cut from which on the label itself looks like that cut."""
PURITY_FLOOR = 0.5
"""Default purity a gate must be shown to reach in its worst donor."""
LISTED = 10
OTHERS_LISTED = 5


@dataclass(frozen=True)
class GateDesign:
    """Designed gates and everything that says how far to trust them.

    Attributes
    ----------
    gates
        Best first; empty when there is none.
    table, donors, unseen, literals, pareto, substitutes, stability, prevalence, contaminants,
    conflicts, landmarks
        The declared tables ``gate_designs``, ``gate_donors``, ``gate_unseen``, ``gate_literals``,
        ``gate_pareto``, ``gate_substitutes``, ``gate_stability``, ``gate_prevalence``,
        ``gate_contaminants``, ``gate_conflicts`` and ``gate_landmarks``.
    aligned
        Values of the markers in aligned units (RNA: counts), one row per cell.
    gap
        Certified distance of the search to the best gate of its grid; 0 when it ended.
    status
        ``ok``, or what stands against the gates, in words.
    choice
        What the folds chose.
    notes
        What was left out or is to be known, in words.
    """

    gates: tuple[Gate, ...]
    table: "pd.DataFrame"
    donors: "pd.DataFrame"
    unseen: "pd.DataFrame"
    literals: "pd.DataFrame"
    pareto: "pd.DataFrame"
    substitutes: "pd.DataFrame"
    stability: "pd.DataFrame"
    prevalence: "pd.DataFrame"
    contaminants: "pd.DataFrame"
    conflicts: "pd.DataFrame"
    landmarks: "pd.DataFrame"
    aligned: "pd.DataFrame"
    gap: float
    status: str
    choice: Choice | None
    notes: tuple[str, ...] = field(default=())

    def tables(self) -> "dict[str, pd.DataFrame]":
        """Every declared table by its name."""
        return {
            "gate_designs": self.table,
            "gate_donors": self.donors,
            "gate_unseen": self.unseen,
            "gate_literals": self.literals,
            "gate_pareto": self.pareto,
            "gate_substitutes": self.substitutes,
            "gate_stability": self.stability,
            "gate_prevalence": self.prevalence,
            "gate_contaminants": self.contaminants,
            "gate_conflicts": self.conflicts,
            "gate_landmarks": self.landmarks,
            "gate_status": self._words(),
        }

    def _words(self) -> "pd.DataFrame":
        rows: list[dict[str, object]] = [{"kind": "status", "words": self.status}]
        rows += [{"kind": "note", "words": n} for n in self.notes]
        return _frame("gate_status", rows)


@dataclass(frozen=True, slots=True)
class DesignSettings:
    """Settings of a gate design.

    Attributes
    ----------
    space
        What is searched and chosen among; see :class:`~imscope.analyses.gates.nested.SearchSpace`.
    purity_floor
        Purity that the worst donor must be shown to reach.
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
    A target that cannot be tested (too few cells, no common marker) gives no gate and a status that
    says so. Purity holds for the prevalence used: in the tube to be sorted it is another, see
    ``prevalence``.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> y = rng.random(600) < 0.3
    >>> raw = pd.DataFrame({"CD73": rng.poisson(np.where(y, 120, 5)), "CD9": rng.poisson(8, 600)})
    >>> donors = np.repeat(["a", "b", "c"], 200)
    >>> design = design_gates(DesignCells(raw, y, donors), settings=DesignSettings(stability=2))
    >>> str(design.gates[0])
    'CD73+'
    """
    how = settings if settings is not None else DesignSettings()
    y, donor, lab, batch = check_cells(cells)
    if y.sum() < FEWEST_TARGETS:
        return _nothing(
            f"not testable: the target has {int(y.sum())} cells, {FEWEST_TARGETS} are needed"
        )
    if y.all():
        return _nothing("not testable: every cell is a target, there is nothing to sort from")
    values, notes = usable_markers(cells, y, donor, candidates, classes or {})
    if not values.shape[1]:
        return _nothing(
            "not testable: no candidate marker was measured in every donor with targets", notes
        )
    if cells.modality == "protein":
        aligned = align_batches(values, batch, studies=lab, background=cells.background)
        scale, marks = aligned.scale, aligned.table
        x = aligned.values  # noqa: PD011  a field of ours
    else:
        x = values.astype(np.float64)
        scale, marks = Scale("rna", "none", default_cut=0.0), _empty("gate_landmarks")
    names, d = np.unique(donor, return_inverse=True)
    labs, at = np.unique(lab, return_inverse=True)
    plus_only = np.array(
        [
            cells.modality == "rna"
            and not how.rna_minus
            and (classes or {}).get(m, "C") not in ("A", "B")
            for m in x.columns
        ]
    )
    problem = Problem(x.to_numpy(dtype=np.float64), y, d, at, cells.modality, plus_only)
    counted = np.bincount(d[y], minlength=len(names)) >= FEWEST_IN_DONOR
    few = [str(n) for n, ok in zip(names, counted, strict=True) if not ok]
    if few:
        notes.append(
            f"donors with fewer than {FEWEST_IN_DONOR} target cells are reported but not fitted: "
            + ", ".join(few[:8])
        )
    if not counted.any():
        return _nothing("not testable: no donor has enough target cells", notes)
    fitted = problem.take(np.flatnonzero(counted[d]))
    work = _Work(cells, problem, fitted, how, (names.tolist(), labs.tolist()), x, scale, marks)
    return work.run(candidates, classes or {}, notes)


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
        self,
        candidates: "pd.DataFrame | None",
        classes: Mapping[str, str],
        notes: list[str],
    ) -> GateDesign:
        choice = choose(self.fitted, self.space)
        by_size, gap, found_notes = fit_choice(
            self.fitted, self.space, choice, sizes=self.space.max_size
        )
        notes += found_notes
        info = _marker_info(candidates)
        kept = [[c for c in gates if self._allowed(c, info)] for gates in by_size]
        if not any(kept):
            return _nothing("no gate: no allowed marker separates the target", notes)
        listed = self._listed(kept, choice)
        gates = [describe.as_gate(c, self.markers, self.scale, self.problem) for c in listed]
        table, donors = self._tables(listed, gates, info, classes, choice)
        order = table["order"].tolist()
        table = table.drop(columns="order")
        listed, gates = [listed[i] for i in order], [gates[i] for i in order]
        unseen = self._unseen(choice)
        best, cuts = gates[0], listed[0]
        own = donors[(donors["gate"] == str(best)) & (donors["n_target"] > 0)]
        literals = [
            r
            for g, c in zip(gates[:5], listed[:5], strict=True)
            for r in describe.literal_rows(g, c, self.problem, self.markers)
        ]
        status = self._status(kept, unseen, gap)
        pool = [
            (describe.as_gate(c, self.markers, self.scale, self.problem), c.value)
            for c in kept[len(cuts.marker) - 1][: self.space.top]
        ]
        return GateDesign(
            gates=tuple(gates),
            table=TABLES["gate_designs"].check(table),
            donors=TABLES["gate_donors"].check(donors),
            unseen=unseen,
            literals=_frame("gate_literals", literals),
            pareto=describe.pareto_rows(table),
            substitutes=describe.substitute_rows(best, pool, cuts.value, self._error(own)),
            stability=describe.stability_rows(
                self.fitted, self.space, choice, self.markers, self.how.stability
            ),
            prevalence=describe.prevalence_rows(own, self.space.seed),
            contaminants=self._contaminants(cuts),
            conflicts=self._conflicts(best, cuts, info),
            landmarks=self.marks,
            aligned=self.x,
            gap=gap,
            status=status,
            choice=choice,
            notes=tuple(notes),
        )

    def _allowed(self, c: Cuts, info: Mapping[str, "pd.Series"]) -> bool:
        """A contested marker is never the only positive one."""
        plus = [self.markers[m] for m, above in zip(c.marker, c.above, strict=True) if above]
        return not (len(plus) == 1 and plus[0] in info and bool(info[plus[0]]["never_alone"]))

    def _listed(self, kept: list[list[Cuts]], choice: Choice) -> list[Cuts]:
        out: list[Cuts] = []
        for k, gates in enumerate(kept, start=1):
            seen: set[object] = set()
            most = LISTED if k == choice.size else OTHERS_LISTED
            for c in gates:
                text = tuple(sorted(zip(c.marker, c.above, strict=True)))
                if text not in seen and len(seen) < most:
                    seen.add(text)
                    out.append(c)
        return out

    def _tables(
        self,
        listed: list[Cuts],
        gates: list[Gate],
        info: Mapping[str, "pd.Series"],
        classes: Mapping[str, str],
        choice: Choice,
    ) -> tuple["pd.DataFrame", "pd.DataFrame"]:
        import pandas as pd

        rows, donors = [], []
        for i, (c, g) in enumerate(zip(listed, gates, strict=True)):
            of = describe.donor_table(
                c.inside(self.problem.x), self.problem, self.names, self.space.prevalence
            )
            of.insert(0, "gate", str(g))
            donors.append(of)
            rows.append({"order": i, **self._row(c, g, of, info, classes)})
        table = pd.DataFrame(rows)
        table["n_flags"] = table["flags"].str.len() > 0
        table["later"] = table["size"] != choice.size
        table["rounded"] = -table["value"].round(9)
        table["wide"] = -table["slack"]
        table = table.sort_values(
            ["later", "rounded", "size", "n_flags", "wide", "gate"], kind="stable"
        ).reset_index(drop=True)
        table.insert(0, "rank", np.arange(1, len(table) + 1))
        table = table.drop(columns=["n_flags", "later", "rounded", "wide"])
        frames = {str(f["gate"].iloc[0]): f for f in donors}
        ordered = [frames[g] for g in table["gate"]]
        return table, pd.concat(ordered, ignore_index=True)

    def _row(
        self,
        c: Cuts,
        g: Gate,
        of: "pd.DataFrame",
        info: Mapping[str, "pd.Series"],
        classes: Mapping[str, str],
    ) -> dict[str, object]:
        sorted_from = of[of["n_target"] > 0]  # a donor without targets is not sorted
        tp, fp = sorted_from["tp"].to_numpy(), sorted_from["fp"].to_numpy()
        p = sorted_from["n_target"].to_numpy()
        q = sorted_from["n_cells"].to_numpy() - p
        pi = self.space.prevalence
        r = {
            k: float(v)
            for k, v in rates(tp.sum(), fp.sum(), p.sum(), q.sum(), prevalence=pi).items()
        }
        i = purity_interval(tp, fp, p, q, prevalence=pi, seed=self.space.seed)
        fitted = of[of["n_target"] >= FEWEST_IN_DONOR]
        purity = fitted["purity"].fillna(0.0)
        worst = int(np.argmin(purity.to_numpy()))
        ends = [describe.slack_interval(c, k, self.problem) for k in range(len(c.marker))]
        letters = [
            "A" if self.problem.modality == "protein" else classes.get(m, "C") for m in g.markers
        ]
        flags = [
            f"{m} ({info[m]['flag']}): {info[m]['reason']}"
            for m in g.markers
            if m in info and info[m]["status"] == "flagged"
        ]
        return {
            "gate": str(g),
            "size": len(g.literals),
            "markers": ", ".join(g.markers),
            "purity": r["purity"],
            "recall": r["recall"],
            "f1": r["f1"],
            "purity_low": i.low,
            "purity_high": i.high,
            "interval": i.kind,
            "worst_purity": float(purity.iloc[worst]),
            "worst_donor": str(fitted["donor"].iloc[worst]),
            "enrichment": r["enrichment"],
            "cells_to_load": describe.cells_to_load(r["prevalence"], r["recall"]),
            "value": c.value,
            "slack": min(b - a for a, b in ends),
            "class": max(letters),
            "flags": "; ".join(flags),
        }

    def _unseen(self, choice: Choice) -> "pd.DataFrame":
        import pandas as pd

        n_donors = len(np.unique(self.fitted.donor))
        if n_donors == 1:
            parts = [judge_within(self.fitted, self.space, choice)]
        else:
            parts = [judge_unseen(self.fitted, self.space)]
            if len(np.unique(self.fitted.lab)) >= FEWEST_LABS:
                parts.append(judge_unseen(self.fitted, self.space, by="lab"))
        frames = [self._unseen_rows(u) for u in parts if len(u.donor)]
        if not frames:
            return _empty("gate_unseen")
        return TABLES["gate_unseen"].check(pd.concat(frames, ignore_index=True))

    def _unseen_rows(self, u: Unseen) -> "pd.DataFrame":
        size = int(self.fitted.donor.max()) + 1
        p = np.bincount(self.fitted.donor[self.fitted.target], minlength=size)
        n = np.bincount(self.fitted.donor, minlength=size)
        ok = n[u.donor] > 0
        donor = u.donor[ok]
        out = describe.donor_rows(
            donor,
            self.fitted,
            self.names,
            (u.tp[ok], u.fp[ok], p[donor], n[donor]),
            self.space.prevalence,
        )
        out.insert(0, "by", u.by)
        texts = [str(describe.as_gate(g, self.markers, Scale(), self.fitted)) for g in u.gates]
        out.insert(1, "gate", "; ".join(sorted(set(texts))) if len(texts) != len(out) else texts)
        return out

    def _status(self, kept: list[list[Cuts]], unseen: "pd.DataFrame", gap: float) -> str:
        said = []
        if self.problem.modality == "protein" and kept[0]:
            inside = kept[0][0].inside(self.problem.x)
            y = self.problem.target
            f1 = 2 * (inside & y).sum() / max(int(inside.sum() + y.sum()), 1)
            if f1 >= CIRCULAR:
                name = self.markers[kept[0][0].marker[0]]
                said.append(
                    f"circular label: one cut on {name} gives it back with F1 {f1:.3f}, so it "
                    "looks made by that protein and proves no gate"
                )
        main = unseen[unseen["by"] != "lab"]
        if len(main):
            worst = main.sort_values("purity_low", kind="stable").iloc[0]
            if not worst["purity_low"] >= self.how.purity_floor:
                said.append(
                    f"no adequate gate: in the worst donor left out ({worst['donor']}) purity is "
                    f"shown to be {worst['purity_low']:.2f} at least, under the floor of "
                    f"{self.how.purity_floor:g}"
                )
        if len(np.unique(self.fitted.donor)) == 1:
            said.append(ONE_DONOR)
        if self.problem.modality == "rna":
            said.append(
                "RNA only: the sorter sees protein, and how far RNA stands for it is not measured"
            )
        if gap > 0:
            said.append(f"time ran out: a gate could be better by {gap:.3f} at most")
        return "; ".join(said) if said else "ok"

    def _error(self, own: "pd.DataFrame") -> float:
        """Standard error of the objective between donors, or between cells with one donor."""
        f = own["f1"].dropna().to_numpy(dtype=np.float64)
        if len(f) > 1:
            return float(f.std(ddof=1) / np.sqrt(len(f)))
        n = float(own["n_target"].sum())
        value = float(f[0]) if len(f) else 0.0
        return float(np.sqrt(max(value * (1 - value), 1e-6) / max(n, 1)))

    def _contaminants(self, cuts: Cuts) -> "pd.DataFrame":
        if self.cells.label is None:
            return _empty("gate_contaminants")
        labels = np.asarray(self.cells.label).astype(str)
        return describe.contaminant_rows(cuts.inside(self.problem.x), self.problem.target, labels)

    def _conflicts(self, best: Gate, cuts: Cuts, info: Mapping[str, "pd.Series"]) -> "pd.DataFrame":
        rows = []
        y = self.problem.target
        for k, m in enumerate(cuts.marker):
            name = self.markers[m]
            if name not in info or info[name]["status"] != "flagged":
                continue
            flipped = tuple(not a if j == k else a for j, a in enumerate(cuts.above))
            rest = [j for j in range(len(cuts.marker)) if j != k]
            variants = {
                "as designed": cuts,
                "flipped": Cuts(cuts.marker, flipped, cuts.cut, 0.0),
                "without": Cuts(
                    tuple(cuts.marker[j] for j in rest),
                    tuple(cuts.above[j] for j in rest),
                    tuple(cuts.cut[j] for j in rest),
                    0.0,
                ),
            }
            for variant, c in variants.items():
                inside = c.inside(self.problem.x)
                tp, n = int((inside & y).sum()), int(inside.sum())
                r = rates(
                    tp, n - tp, int(y.sum()), int((~y).sum()), prevalence=self.space.prevalence
                )
                rows.append(
                    {
                        "gate": str(best),
                        "marker": name,
                        "variant": variant,
                        **{c: float(r[c]) for c in ("purity", "recall", "f1")},
                        "note": str(info[name]["reason"]),
                    }
                )
        return _frame("gate_conflicts", rows)


def _marker_info(candidates: "pd.DataFrame | None") -> dict[str, "pd.Series"]:
    if candidates is None:
        return {}
    return {str(row["feature"]): row for _, row in candidates.iterrows()}


def _empty(name: str) -> "pd.DataFrame":
    return _frame(name, [])


def _frame(name: str, rows: list[dict[str, object]]) -> "pd.DataFrame":
    import pandas as pd

    declared = TABLES[name]
    return declared.check(pd.DataFrame(rows, columns=[c.name for c in declared.columns]))


def _nothing(status: str, notes: list[str] | None = None) -> GateDesign:
    """A design without gates, and why."""
    import pandas as pd

    return GateDesign(
        gates=(),
        table=_empty("gate_designs"),
        donors=_empty("gate_donors"),
        unseen=_empty("gate_unseen"),
        literals=_empty("gate_literals"),
        pareto=_empty("gate_pareto"),
        substitutes=_empty("gate_substitutes"),
        stability=_empty("gate_stability"),
        prevalence=_empty("gate_prevalence"),
        contaminants=_empty("gate_contaminants"),
        conflicts=_empty("gate_conflicts"),
        landmarks=_empty("gate_landmarks"),
        aligned=pd.DataFrame(),
        gap=0.0,
        status=status,
        choice=None,
        notes=tuple(notes or ()),
    )
