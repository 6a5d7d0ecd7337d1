"""Gates of a design in their order: what each does on the data and on donors left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.gates import describe
from imscope.analyses.gates.fit import Cuts
from imscope.analyses.gates.gate import Gate, Scale, rates
from imscope.analyses.gates.intervals import Interval, purity_interval, recall_interval
from imscope.analyses.gates.left_out import Judge, LeftOut
from imscope.analyses.gates.nested import HALF_WAY, Problem, SearchSpace
from imscope.core.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

LISTED = 5
"""Gates of each size that are judged on left-out donors."""
TEXT_LOSS = 0.05
"""Loss of mean F1 up to which a gate is said to survive being written as text."""


@dataclass(frozen=True)
class Entry:
    """One gate of a design.

    Attributes
    ----------
    cuts, gate
        As numbers, and as a gate with its scale.
    donors
        ``gate_donors``: the gate in every donor.
    left_out
        Counts of its markers on donors that had no part in setting the thresholds.
    donor_names
        Names of the donors of ``left_out``.
    score
        Mean F over the donors left out.
    purity, recall
        95 % intervals for a new donor.
    text_f1, survives
        Mean F1 with every threshold half way between the peaks, and whether that will do.
    row
        Further columns of ``gate_designs``.
    """

    cuts: Cuts
    gate: Gate
    donors: "pd.DataFrame"
    left_out: LeftOut
    donor_names: tuple[str, ...]
    score: float
    purity: Interval
    recall: Interval
    text_f1: float
    survives: bool
    row: Mapping[str, object]

    @property
    def order(self) -> tuple[object, ...]:
        """Better first: score on donors left out, then size, text, flags, slack, name."""
        r = self.row
        return (-round(self.score, 3), len(self.cuts.marker), not self.survives,
                r["flags"] != "", -float(str(r["slack"])), str(self.gate))  # fmt: skip


class Listing:
    """Turns found gates into entries."""

    def __init__(
        self,
        problem: Problem,
        names: tuple[Sequence[str], Sequence[str]],
        markers: Sequence[str],
        scale: Scale,
        space: SearchSpace,
    ) -> None:
        self.problem, self.names, self.markers = problem, names, markers
        self.scale, self.space = scale, space

    def rank(
        self,
        kept: list[list[Cuts]],
        judge: Judge,
        info: "Mapping[str, pd.Series]",
        classes: Mapping[str, str],
    ) -> tuple[list[Entry], list[str]]:
        """Entries best first, and notes on gates that were dropped.

        A gate with a marker that does not earn its place on left-out donors is dropped: the gate
        without it is as good.
        """
        listed = [c for gates in kept for c in _different(gates)[:LISTED]]
        earned = [c for c in listed if judge.earned(c)]
        lost = [describe.as_gate(c, self.markers, self.scale, self.problem) for c in listed
                if c not in earned]  # fmt: skip
        entries = [self._entry(c, judge.judge(c), info, classes) for c in earned or listed[:1]]
        notes = []
        if lost:
            shown = ", ".join(str(g) for g in lost[:4])
            notes.append(
                f"{len(lost)} gates are not listed because a marker in them brings nothing on "
                f"donors left out: {shown}" + (" and others" if len(lost) > 4 else "")
            )
        return sorted(entries, key=lambda e: e.order), notes

    def _entry(
        self,
        c: Cuts,
        left: LeftOut,
        info: "Mapping[str, pd.Series]",
        classes: Mapping[str, str],
    ) -> Entry:
        gate = describe.as_gate(c, self.markers, self.scale, self.problem)
        donors = describe.donor_table(
            c.inside(self.problem.x), self.problem, self.names, self.space.prevalence
        )
        donors.insert(0, "gate", str(gate))
        numbers = (left.tp, left.fp, left.n_target, left.n_other)
        pi, seed = self.space.prevalence, self.space.seed
        text = describe.donor_table(
            self._as_text(c).inside(self.problem.x), self.problem, self.names, pi
        )
        text_f1 = float(text.loc[text["n_target"] > 0, "f1"].mean())
        fitted = float(donors.loc[donors["n_target"] > 0, "f1"].mean())
        return Entry(
            cuts=c,
            gate=gate,
            donors=donors,
            left_out=left,
            donor_names=tuple(self.names[0][d] for d in left.donor.tolist()),
            score=left.score(self.space),
            purity=purity_interval(*numbers, prevalence=pi, seed=seed),
            recall=recall_interval(left.tp, left.n_target, seed=seed),
            text_f1=text_f1,
            survives=text_f1 >= fitted - TEXT_LOSS,
            row=self._row(c, gate, donors, info, classes),
        )

    def _as_text(self, c: Cuts) -> Cuts:
        """The gate with the thresholds its text stands for."""
        cut = 0.0 if self.problem.modality == "rna" else HALF_WAY
        return Cuts(c.marker, c.above, (cut,) * len(c.marker), 0.0)

    def _row(
        self,
        c: Cuts,
        g: Gate,
        of: "pd.DataFrame",
        info: "Mapping[str, pd.Series]",
        classes: Mapping[str, str],
    ) -> dict[str, object]:
        sorted_from = of[of["n_target"] > 0]  # a donor without targets is not sorted
        tp, fp, p = (int(sorted_from[k].sum()) for k in ("tp", "fp", "n_target"))
        q = int(sorted_from["n_cells"].sum()) - p
        r = {k: float(v) for k, v in rates(tp, fp, p, q, prevalence=self.space.prevalence).items()}
        ends = [describe.slack_interval(c, k, self.problem) for k in range(len(c.marker))]
        protein = self.problem.modality == "protein"
        flags = [
            f"{m} ({info[m]['flag']}): {info[m]['reason']}"
            for m in g.markers
            if m in info and info[m]["status"] == "flagged"
        ]
        return {
            **{k: r[k] for k in ("purity", "recall", "f1", "enrichment")},
            "cells_to_load": describe.load_for(r["prevalence"], r["recall"]),
            "value": c.value,
            "slack": min(b - a for a, b in ends),
            "class": max("A" if protein else classes.get(m, "C") for m in g.markers),
            "flags": "; ".join(flags),
        }


def _different(gates: list[Cuts]) -> list[Cuts]:
    """The first gate of each set of literals."""
    seen: dict[object, Cuts] = {}
    for c in gates:
        seen.setdefault(frozenset(zip(c.marker, c.above, strict=True)), c)
    return list(seen.values())


def design_rows(entries: list[Entry]) -> "pd.DataFrame":
    """Build ``gate_designs``."""
    rows = []
    for rank, e in enumerate(entries, 1):
        left = e.left_out
        r = rates(left.tp, left.fp, left.n_target, left.n_other)
        f1 = np.nan_to_num(r["f1"])
        worst = int(np.argmin(f1))
        rows.append(
            {
                "rank": rank,
                "gate": str(e.gate),
                "size": len(e.cuts.marker),
                "markers": ", ".join(e.gate.markers),
                **{k: e.row[k] for k in ("purity", "recall", "f1")},
                "purity_low": e.purity.low,
                "purity_high": e.purity.high,
                "recall_low": e.recall.low,
                "recall_high": e.recall.high,
                "interval": e.purity.kind,
                "left_out_f1": float(f1.mean()),
                "worst_donor": e.donor_names[worst],
                "worst_purity": float(np.nan_to_num(r["purity"])[worst]),
                "worst_recall": float(r["recall"][worst]),
                "worst_f1": float(f1[worst]),
                "text_f1": e.text_f1,
                "as_text": "survives" if e.survives else "needs the gate file",
                **{k: v for k, v in e.row.items() if k not in ("purity", "recall", "f1")},
            }
        )
    return TABLES["gate_designs"].frame(rows)


def marker_info(candidates: "pd.DataFrame | None") -> "dict[str, pd.Series]":
    """Rows of ``gate_candidates`` by feature."""
    if candidates is None:
        return {}
    return {str(row["feature"]): row for _, row in candidates.iterrows()}
