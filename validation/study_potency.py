"""Potency: size, power, coverage and refusals on assays and lots with known truth."""

import time
from functools import partial

import numpy as np

from imscope.analyses.potency import (
    LinkSettings,
    analyse_assay,
    chance,
    combine_runs,
    link_outcomes,
)
from imscope.simulate import LotSettings, simulate_assay, simulate_lots
from validation.common import Row, Study, met, percent

DECLARED = LinkSettings(("share_A",))
NULLS = {
    **{f"{n} lots": LotSettings(lots=n) for n in (6, 8, 12, 20)},
    "12 lots of 3 donors, ICC 0.5": LotSettings(lots=12, donors=3, donor_share=0.5),
    "12 lots, assay CV as large as the lots": LotSettings(lots=12, assay_cv=1.0),
}


def _declared(settings: LotSettings, n: int) -> dict[str, np.ndarray]:
    """The declared attribute in many studies."""
    out: dict[str, list[object]] = {k: [] for k in ("p", "low", "high", "lot", "q")}
    for k in range(n):
        made = simulate_lots(settings, seed=10_000 + k)
        table = link_outcomes(made.attributes, made.outcomes, settings=DECLARED).table
        row = table[table["primary"]].iloc[0]
        out["p"].append(row["p_value"])
        out["low"].append(row["low"])
        out["high"].append(row["high"])
        out["lot"].append(row["influential_lot"])
        out["q"].append(bool((table["q_value"] <= 0.10).any()))
    return {k: np.array(v) for k, v in out.items()}


def _link(quick: bool) -> list[Row]:
    n = 25 if quick else 500
    row = partial(_row, quick=quick, n=n)
    rows = []
    for name, settings in NULLS.items():
        rate = float((_declared(settings, n)["p"] <= 0.05).mean())
        rows.append(
            row(name, "declared attribute without effect called", "4 to 6 %", rate, 0.04, 0.06)
        )
    gap = float((_declared(LotSettings(lots=12, class_gap=3.0), n)["p"] <= 0.05).mean())
    rows.append(
        row("iMSC and primary 3 SD apart, no link within", "called", "6 % or less", gap, 0, 0.06)
    )
    forty = float(_declared(LotSettings(lots=12, attributes=41), n)["q"].mean())
    rows.append(row("40 attributes not declared, none with effect",
                    "studies with any at q 0.1", "10 % or less", forty, 0, 0.10))  # fmt: skip
    for lots in (8, 12, 20):
        exact = LotSettings(lots=lots, correlation=0.7, assay_cv=0.0)
        found = float((_declared(exact, n)["p"] <= 0.05).mean())
        gap = abs(found - chance(0.7, lots - 1))
        rows.append(Row(f"{lots} lots, correlation 0.7", "power, said by the planner and found",
                        "within 3 points", f"{chance(0.7, lots - 1):.3f} and {found:.3f}",
                        "" if quick else met(gap <= 0.03), f"{n} studies"))  # fmt: skip
    for error in (0.0, 0.5, 0.7):
        for lots in (8, 12, 20):
            got = _declared(LotSettings(lots=lots, correlation=0.6, attribute_error=error), n)
            inside = float(((got["low"] <= 0.6) & (got["high"] >= 0.6)).mean())
            rows.append(row(f"{lots} lots, error {error} SD in the attribute, 0.3 in the assay",
                            "coverage of the slope", "93 to 97 %", inside, 0.93, 0.97))  # fmt: skip
    far = _declared(LotSettings(lots=12, correlation=0.6, influential=True), n)
    rows.append(row("one lot against 11", "named as influential", "90 % or more",
                    float((far["lot"] == "L01").mean()), 0.90, 1.0))  # fmt: skip
    return rows


def _row(setting: str, measure: str, goal: str, rate: float, low: float, high: float, *,
         quick: bool, n: int) -> Row:  # fmt: skip
    error = percent(np.sqrt(max(rate * (1 - rate), 0.01) / n))
    return Row(setting, measure, goal, percent(rate),
               "" if quick else met(low <= rate <= high), f"{n} studies, standard error {error}")  # fmt: skip


def _assay(quick: bool) -> list[Row]:
    n = 20 if quick else 500
    row = partial(_row, quick=quick, n=n)
    logs, inside, parallel, refused = [], [], [], []
    for k in range(n):
        found = analyse_assay(simulate_assay({"L": 0.5}, seed=20_000 + k), standard="standard")
        lot = found.potency.iloc[0]
        parallel += found.runs["parallel"].tolist()
        if lot["status"] == "ok":
            logs.append(np.log(lot["relative_potency"] / 0.5))
            inside.append(lot["low"] <= 0.5 <= lot["high"])
        other = simulate_assay({"L": 0.5}, runs=1, slope_ratio=1.5, seed=30_000 + k)
        refused += (~analyse_assay(other, standard="standard").runs["parallel"]).tolist()
    bias = float(np.expm1(np.mean(logs)))
    where = "3 runs of 3 replicates, 15 % between runs"
    m, e = np.array([0.10, 0.30, 0.26]), np.sqrt([0.01, 0.02, 0.015])
    w = 1 / (e**2 + max(m.var(ddof=1) - (e**2).mean(), 0))
    gap = abs(combine_runs(m, e).value - (w @ m) / w.sum())
    return [
        Row(where, "bias of the relative potency", "1 % or less", percent(bias),
            "" if quick else met(abs(bias) <= 0.01), f"{len(logs)} assays"),
        row(where, "coverage of its interval", "93 to 97 %", float(np.mean(inside)), 0.93, 0.97),
        row(where, "parallel curves accepted, by run", "95 % or more", float(np.mean(parallel)), 0.95, 1),
        row("steepness 1.5 times the standard's", "refused, by run", "90 % or more",
            float(np.mean(refused)), 0.90, 1),
        Row("three runs by hand", "difference from the textbook", "1e-9 or less", f"{gap:.1e}",
            met(gap <= 1e-9)),
        _speed(),
    ]  # fmt: skip


def _speed() -> Row:
    made = [simulate_lots(LotSettings(lots=12, attributes=60), seed=k) for k in range(10)]
    outcomes = [m.outcomes.assign(outcome=f"outcome {k}") for k, m in enumerate(made)]
    import pandas as pd

    together = pd.concat(outcomes, ignore_index=True)
    link_outcomes(made[0].attributes, outcomes[0])
    start = time.process_time()
    link_outcomes(made[0].attributes, together, settings=LinkSettings(permutations=2_000))
    took = time.process_time() - start
    return Row("12 lots, 60 attributes, 10 outcomes, 2,000 permutations", "CPU s", "5 or less",
               f"{took:.1f}", met(took <= 5))  # fmt: skip


LINK = Study(
    "potency-link",
    "Attributes of lots against outcomes",
    "Lots with known attributes and outcomes, from one donor each or several lots a donor, with error in both. The permutation of lots within blocks is the test; the planner says beforehand what so many lots can show.",
    _link,
)
ASSAY = Study(
    "potency-assay",
    "Relative potency",
    "Dilution series of nine doses with known potency, scatter of wells of 3 % of the span, and runs that differ. Curves count as parallel when the 90 % intervals of their shape lie within the margins (steepness 0.70 to 1.43, span 0.80 to 1.25, floor 10 %).",
    _assay,
)
