"""What to know about a gate: scales, slack, substitutes, stability, purity curve, contaminants."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.gates.fit import Cuts
from imscope.analyses.gates.gate import Gate, Literal, Scale, rates
from imscope.analyses.gates.intervals import donor_intervals, purity_interval
from imscope.analyses.gates.left_out import LeftOut
from imscope.analyses.gates.nested import (
    Choice,
    Problem,
    SearchSpace,
    Unseen,
    counts,
    fit_choice,
)
from imscope.analyses.gates.sort_plan import cells_to_load
from imscope.core.result import Status
from imscope.core.rng import spawn
from imscope.core.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

SORTED_CELLS = 100_000
SLACK = 0.02
"""Loss of F1 that a threshold may cost."""
PREVALENCES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


def as_gate(cuts: Cuts, markers: Sequence[str], scale: Scale, problem: Problem) -> Gate:
    """A gate with its thresholds in three scales: aligned, percentile, raw per batch."""
    out = []
    for m, above, t in zip(cuts.marker, cuts.above, cuts.cut, strict=True):
        name = markers[m]
        raw = {
            b: float(scale.backward(k.negative + t * (k.positive - k.negative)))
            for b, k in scale.landmarks.get(name, {}).items()
        }
        out.append(Literal(name, "+" if above else "-", t, _percentile(problem.x[:, m], t), raw))
    order = sorted(range(len(out)), key=lambda i: (out[i].sign == "-", i))
    return Gate(tuple(out[i] for i in order), scale)


def donor_table(
    inside: NDArray[np.bool_],
    problem: Problem,
    names: tuple[Sequence[str], Sequence[str]],
    prevalence: float | None,
) -> "pd.DataFrame":
    """Counts and rates of every donor with the interval of its own cells."""
    donors = np.unique(problem.donor)
    tp, fp, p = counts(inside, problem, donors)
    n = np.bincount(problem.donor)[donors]
    return donor_rows(donors, problem, names, (tp, fp, p, n), prevalence)


def donor_rows(
    donors: NDArray[np.int64],
    problem: Problem,
    names: tuple[Sequence[str], Sequence[str]],
    numbers: tuple[NDArray[np.int64], ...],
    prevalence: float | None,
) -> "pd.DataFrame":
    """The columns of ``gate_counts`` with an interval, from counts per donor."""
    import pandas as pd

    tp, fp, p, n = numbers
    low, high = donor_intervals(tp, tp + fp)
    if prevalence is not None:
        weight = (1 - prevalence) / prevalence * p / np.maximum(n - p, 1)
        low, high = (v / np.maximum(v + weight * (1 - v), 1e-300) for v in (low, high))
    labs = [names[1][problem.lab[np.argmax(problem.donor == d)]] for d in donors.tolist()]
    return pd.DataFrame(
        {
            "donor": pd.array([names[0][d] for d in donors.tolist()], dtype="str"),
            "lab": pd.array(labs, dtype="str"),
            "n_cells": n,
            "n_target": p,
            "tp": tp,
            "fp": fp,
            **rates(tp, fp, p, n - p, prevalence=prevalence),
            "purity_low": low,
            "purity_high": high,
        }
    )


def literal_rows(
    gate: Gate, cuts: Cuts, problem: Problem, markers: Sequence[str]
) -> list[dict[str, object]]:
    """Rows of ``gate_literals``: scales, slack and slopes of each threshold."""
    text, rows = str(gate), []
    step = 0.05 if problem.modality == "protein" else 1.0
    for x in gate.literals:
        m = list(markers).index(x.marker)
        k = cuts.marker.index(m)
        low, high = slack_interval(cuts, k, problem)
        slope = _slopes(cuts, k, problem, step)
        shared = {
            "gate": text,
            "marker": x.marker,
            "sign": x.sign,
            "cut": float(cuts.cut[k]),
            "percentile": float("nan") if x.percentile is None else x.percentile,
        }
        ends = {
            "slack_low": low,
            "slack_high": high,
            "purity_slope": slope[0],
            "recall_slope": slope[1],
        }
        for batch, raw in (x.raw_cuts or {"": float(cuts.cut[k])}).items():
            rows.append({**shared, "batch": batch, "raw_cut": raw, **ends})
    return rows


def slack_interval(cuts: Cuts, k: int, problem: Problem) -> tuple[float, float]:
    """Thresholds of one literal, the others fixed, that keep the pooled F1 within 0.02."""
    others = np.ones(len(problem.target), dtype=bool)
    for j, (m, above, t) in enumerate(zip(cuts.marker, cuts.above, cuts.cut, strict=True)):
        if j != k:
            others &= problem.x[:, m] > t if above else problem.x[:, m] <= t
    v = problem.x[:, cuts.marker[k]]
    others &= np.isfinite(v)
    v, y = v[others], problem.target[others]
    if not len(v):
        return float(cuts.cut[k]), float(cuts.cut[k])
    values, code = np.unique(v, return_inverse=True)
    below = np.cumsum(np.bincount(code, y, len(values)))
    others_below = np.cumsum(np.bincount(code, ~y, len(values)))
    tp, fp = below, others_below
    if cuts.above[k]:
        tp, fp = below[-1] - below, others_below[-1] - others_below
    f = 2 * tp / np.maximum(tp + fp + problem.target.sum(), 1)
    at = max(0, int(np.searchsorted(values, cuts.cut[k], side="right")) - 1)
    good = f >= f[at] - SLACK
    low = at
    while low > 0 and good[low - 1]:
        low -= 1
    high = at
    while high < len(values) - 1 and good[high + 1]:
        high += 1
    top = (
        values[high + 1]
        if high + 1 < len(values) and problem.modality == "protein"
        else values[high]
    )
    return float(min(values[low], cuts.cut[k])), float(max(top, cuts.cut[k]))


def pareto_rows(table: "pd.DataFrame") -> "pd.DataFrame":
    """Gates that no other gate beats in size, purity, recall and worst donor together."""
    columns = ["size", "purity", "recall", "worst_purity"]
    z = table[columns].fillna(0.0).to_numpy(dtype=np.float64)
    z[:, 0] *= -1
    z = np.round(z, 6)
    keep = []
    for i in range(len(z)):
        better = (z >= z[i]).all(axis=1) & (z > z[i]).any(axis=1)
        same = (z == z[i]).all(axis=1)
        keep.append(not better.any() and not same[:i].any())
    out = table.loc[keep, ["gate", *columns]].sort_values(["size", "purity"], kind="stable")
    return TABLES["gate_pareto"].check(out.reset_index(drop=True))


def substitute_rows(
    best: Gate, others: list[tuple[Gate, float]], value: float, error: float
) -> "pd.DataFrame":
    """Gates within one standard error that differ from the best in one marker."""
    import pandas as pd

    columns = [c.name for c in TABLES["gate_substitutes"].columns]
    mine = {(x.marker, x.sign): x for x in best.literals}
    rows, seen = [], set()
    for gate, v in others:
        theirs = {(x.marker, x.sign): x for x in gate.literals}
        out, new = set(mine) - set(theirs), set(theirs) - set(mine)
        if len(out) != 1 or len(new) != 1 or v < value - error:
            continue
        was, now = next(iter(out)), next(iter(new))
        if was[0] == now[0] or (was, now) in seen:
            continue
        seen.add((was, now))
        rows.append((str(gate), str(mine[was]), str(theirs[now]), v, value - v))
    frame = pd.DataFrame(rows, columns=columns)
    return TABLES["gate_substitutes"].check(frame)


def stability_rows(
    problem: Problem, space: SearchSpace, choice: Choice, markers: Sequence[str], n: int
) -> "pd.DataFrame":
    """Share of searches on resampled donors in which each literal is in the best gate."""
    import pandas as pd

    columns = [c.name for c in TABLES["gate_stability"].columns]
    donors = np.unique(problem.donor)
    if len(donors) < 2:
        return TABLES["gate_stability"].check(pd.DataFrame(columns=columns))
    rng = spawn(space.seed, "stability")
    known: dict[tuple[int, ...], tuple[tuple[int, bool], ...]] = {}
    tally: dict[tuple[int, bool], int] = {}
    cells = rng.permutation(len(problem.target))[: space.max_cells]
    small = problem.take(np.sort(cells))
    done = 0
    for _ in range(n):
        drawn = tuple(sorted(set(rng.choice(donors, len(donors)).tolist())))
        if drawn not in known:
            part = small.take(np.flatnonzero(np.isin(small.donor, drawn)))
            known[drawn] = _best_literals(part, space, choice)
        if known[drawn]:
            done += 1
        for literal in known[drawn]:
            tally[literal] = tally.get(literal, 0) + 1
    ranked = sorted(tally, key=lambda z: (-tally[z], z))
    rows = [
        (markers[m], "+" if above else "-", tally[m, above] / done, done) for m, above in ranked
    ]
    return TABLES["gate_stability"].check(pd.DataFrame(rows, columns=columns))


def prevalence_rows(left: LeftOut, seed: int) -> "pd.DataFrame":
    """Purity over the prevalence in the tube, with interval for a new donor and cells to load."""
    tp, fp, p, q = left.tp, left.fp, left.n_target, left.n_other
    rows = []
    for pi in PREVALENCES:
        r = rates(tp.sum(), fp.sum(), p.sum(), q.sum(), prevalence=pi)
        i = purity_interval(tp, fp, p, q, prevalence=pi, seed=seed)
        rows.append(
            {
                "prevalence": pi,
                "purity": float(r["purity"]),
                "purity_low": i.low,
                "purity_high": i.high,
                "cells_to_load": load_for(pi, float(r["recall"])),
            }
        )
    return TABLES["gate_prevalence"].frame(rows)


def unseen_rows(
    u: Unseen,
    problem: Problem,
    names: tuple[Sequence[str], Sequence[str]],
    markers: Sequence[str],
    prevalence: float | None,
) -> "pd.DataFrame":
    """Rows of ``gate_unseen``: donors and the gate fitted on the others."""
    size = int(problem.donor.max()) + 1
    p = np.bincount(problem.donor[problem.target], minlength=size)
    n = np.bincount(problem.donor, minlength=size)
    ok = n[u.donor] > 0
    donor = u.donor[ok]
    numbers = (u.tp[ok], u.fp[ok], p[donor], n[donor])
    out = donor_rows(donor, problem, names, numbers, prevalence)
    out.insert(0, "by", u.by)
    texts = [str(as_gate(g, markers, Scale(), problem)) for g in u.gates]
    out.insert(1, "gate", "; ".join(sorted(set(texts))) if len(texts) != len(out) else texts)
    return out


def conflict_rows(
    best: Gate,
    cuts: Cuts,
    problem: Problem,
    *,
    markers: Sequence[str],
    info: "Mapping[str, pd.Series]",
    prevalence: float | None,
) -> "pd.DataFrame":
    """The best gate with each contested marker as designed, flipped, and without it."""
    rows = []
    y = problem.target
    for k, m in enumerate(cuts.marker):
        name = markers[m]
        if name not in info or info[name]["status"] != "flagged":
            continue
        flipped = tuple(not a if j == k else a for j, a in enumerate(cuts.above))
        rest = [j for j in range(len(cuts.marker)) if j != k]
        without = [tuple(v[j] for j in rest) for v in (cuts.marker, cuts.above, cuts.cut)]
        variants = {
            "as designed": cuts,
            "flipped": Cuts(cuts.marker, flipped, cuts.cut, 0.0),
            "without": Cuts(without[0], without[1], without[2], 0.0),  # type: ignore[arg-type]
        }
        for variant, c in variants.items():
            inside = c.inside(problem.x)
            tp, n = int((inside & y).sum()), int(inside.sum())
            r = rates(tp, n - tp, int(y.sum()), int((~y).sum()), prevalence=prevalence)
            rows.append(
                {
                    "gate": str(best),
                    "marker": name,
                    "variant": variant,
                    **{f: float(r[f]) for f in ("purity", "recall", "f1")},
                    "note": str(info[name]["reason"]),
                }
            )
    return TABLES["gate_conflicts"].frame(rows)


def status_rows(reasons: Sequence[Status], notes: Sequence[str]) -> "pd.DataFrame":
    """Rows of ``gate_status``: what stands against the gates, then notes."""
    told = reasons or (Status("ok"),)
    rows = [{"kind": "status", "code": s.code, "words": s.words} for s in told]
    rows += [{"kind": "note", "code": "", "words": n} for n in notes]
    return TABLES["gate_status"].frame(rows)


def load_for(prevalence: float, recall: float) -> float:
    """Cells to load for 100,000 sorted target cells; NaN when the gate catches none."""
    if not (0 < prevalence <= 1 and 0 < recall <= 1):
        return float("nan")
    return float(cells_to_load(SORTED_CELLS, prevalence, recall))


def contaminant_rows(
    inside: NDArray[np.bool_], target: NDArray[np.bool_], labels: NDArray[np.str_]
) -> "pd.DataFrame":
    """Which other cells pass the gate."""
    import pandas as pd

    wrong = inside & ~target
    rows = []
    for name in np.unique(labels[wrong]).tolist():
        of = labels == name
        n = int((wrong & of).sum())
        others = int((of & ~target).sum())
        rows.append((name, others, n, n / others, n / int(wrong.sum())))
    rows.sort(key=lambda r: (-r[2], r[0]))
    names = [c.name for c in TABLES["gate_contaminants"].columns]
    return TABLES["gate_contaminants"].check(pd.DataFrame(rows, columns=names))


def _best_literals(
    part: Problem, space: SearchSpace, choice: Choice
) -> tuple[tuple[int, bool], ...]:
    from dataclasses import replace

    if not part.target.any() or part.target.all():
        return ()
    by_size, _, _ = fit_choice(part, replace(space, top=1, polish=0), choice)
    found = [s for s in by_size if s]
    if not found:
        return ()
    return tuple(zip(found[-1][0].marker, found[-1][0].above, strict=True))


def _percentile(v: NDArray[np.float64], t: float) -> float | None:
    """Share of the negative peak at or under a threshold; its lower half mirrored, percent."""
    half = -v[np.isfinite(v) & (v <= 0)]
    if len(half) < 20:
        return None
    share = float((half <= abs(t)).mean())
    return 50 + 50 * share if t >= 0 else 50 - 50 * share


def _slopes(cuts: Cuts, k: int, problem: Problem, step: float) -> tuple[float, float]:
    ends = []
    for sign in (-1, 1):
        cut = list(cuts.cut)
        cut[k] += sign * step / 2 if problem.modality == "protein" else sign * step
        inside = Cuts(cuts.marker, cuts.above, tuple(cut), 0.0).inside(problem.x)
        tp, n = int((inside & problem.target).sum()), int(inside.sum())
        ends.append((tp / n if n else float("nan"), tp / int(problem.target.sum())))
    width = step if problem.modality == "protein" else 2 * step
    return (ends[1][0] - ends[0][0]) / width, (ends[1][1] - ends[0][1]) / width
