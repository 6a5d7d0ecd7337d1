"""What stands against a gate: codes with words, the gravest first."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.gates.intervals import ONE_DONOR
from imscope.core.result import Status

if TYPE_CHECKING:
    import pandas as pd

    from imscope.analyses.gates.listing import Entry

GOOD, LEAST = 0.8, 0.5
"""F1 over all donors, and F1 of the worst donor, from which a gate is called ok on new cells."""
MIN_TARGETS = 20
"""Fewest target cells a figure is given for."""


def judge_design(
    best: "Entry",
    unseen: "pd.DataFrame",
    *,
    circular: Sequence[str],
    modality: str,
    floor: float,
    gap: float,
    one: bool,
) -> tuple[Status, ...]:
    """What stands against a design.

    Parameters
    ----------
    best
        The gate to use.
    unseen
        ``gate_unseen``: donors judged on gates they had no part in choosing.
    circular
        Proteins that alone give the label back.
    modality
        ``protein`` or ``rna``.
    floor
        Purity and F1 the worst donor must be shown to reach.
    gap
        Certified gap of the search.
    one
        Whether there is one donor only.
    """
    said = []
    weak = _weak(best, unseen[unseen["by"] != "lab"], floor)
    if weak:
        said.append(Status("no adequate gate", weak))
    if circular:
        said.append(
            Status(
                "circular label",
                f"one cut on {circular[0]} gives the label back in every donor, so it looks made "
                "by that protein and proves no gate",
            )
        )
    if one:
        said.append(Status("one donor", ONE_DONOR))
    if modality == "rna":
        words = "the sorter sees protein, and how far RNA stands for it is not measured here"
        said.append(Status("RNA only", words))
    if gap > 0:
        words = f"the search ended by its budget: a gate could be better by {gap:.3f} at most"
        said.append(Status("budget ran out", words))
    return tuple(said)


def _weak(best: "Entry", unseen: "pd.DataFrame", floor: float) -> str:
    """Why the worst donor left out speaks against the gate; empty when it does not."""
    parts = []
    if len(unseen):
        worst = unseen.sort_values("purity_low", kind="stable").iloc[0]
        if not worst["purity_low"] >= floor:
            parts.append(
                f"in the worst donor left out ({worst['donor']}) purity is shown to be "
                f"{worst['purity_low']:.2f} at least, under the floor of {floor:g}"
            )
        f1 = unseen["f1"].fillna(0.0)
        low = unseen.iloc[int(np.argmin(f1.to_numpy()))]
        if not parts and f1.min() < floor:
            parts.append(
                f"in the worst donor left out ({low['donor']}) F1 is {f1.min():.2f} (purity "
                f"{low['purity']:.2f}, recall {low['recall']:.2f}), under the floor of {floor:g}"
            )
    left = best.left_out
    f = 2 * left.tp / np.maximum(left.tp + left.fp + left.n_target, 1)
    if not parts and f.min() < floor:
        name = best.donor_names[int(np.argmin(f))]
        parts.append(
            f"with thresholds set without it, the gate reaches F1 {f.min():.2f} in {name}, under "
            f"the floor of {floor:g}"
        )
    return "; ".join(parts)


def judge_evaluation(
    overall: Mapping[str, float],
    per_donor: "pd.DataFrame",
    *,
    guessed: Sequence[str],
    circular: Sequence[str],
) -> tuple[Status, ...]:
    """What the figures of a gate on labelled cells say, the gravest first.

    Parameters
    ----------
    overall
        Figures over all donors.
    per_donor
        ``gate_counts``.
    guessed
        Markers, each with its reason, whose threshold could not be placed in any donor.
    circular
        Proteins that alone give the label back.
    """
    said = [Status("NOT TESTABLE", words) for words in guessed]
    n = overall["n_target"]
    if n < MIN_TARGETS and not guessed:
        said.append(Status("NOT TESTABLE", f"{n:.0f} target cells, {MIN_TARGETS} are needed"))
    if overall["n_inside"] == 0 and not guessed:
        said.append(Status("empty", "no cell is inside the gate"))
    if overall["n_cells"] == n and n > 0:
        said.append(Status("NOT TESTABLE", "all cells are targets: purity says nothing"))
    told = per_donor[per_donor["n_target"] >= MIN_TARGETS]
    weak = _weak_figures(overall, told)
    if weak and not said:
        said.append(Status("weak", weak))
    said += [
        Status("circular label", f"{m} alone gives the label back, which may be a gate on it")
        for m in circular
    ]
    if int((per_donor["n_target"] > 0).sum()) == 1:
        said.append(Status("one donor", ONE_DONOR))
    return tuple(said)


def _weak_figures(overall: Mapping[str, float], told: "pd.DataFrame") -> str:
    f1 = overall["f1"]
    if np.isfinite(f1) and f1 < GOOD:
        others = "" if not np.isfinite(overall["purity"]) else (
            f": of 100 sorted cells {100 * (1 - overall['purity']):.0f} are others, and "
            f"{100 * (1 - overall['recall']):.0f} of 100 targets are lost"
        )  # fmt: skip
        return f"F1 is {f1:.2f}{others}"
    if len(told) and told["f1"].fillna(0.0).min() < LEAST:
        worst = told.iloc[int(np.argmin(told["f1"].fillna(0.0).to_numpy()))]
        return f"in {worst['donor']} F1 is {np.nan_to_num(worst['f1']):.2f}"
    return ""
