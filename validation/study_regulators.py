"""Studies of regulators: simulated worlds, nulls, known directions, perturbed genes."""

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from imscope.analyses.regulators import ActivitySettings, activity
from imscope.analyses.regulators.posterior import posterior, rank_probability
from imscope.simulate.regulators import RegulatorSettings, simulate_regulators
from validation.regulator_worlds import evidence

SEED = 900_000
"""First seed of fresh worlds; the fit used none of these."""
REGIMES = {
    "prior 60 % kept, 15 % signs wrong, 6 lots": {"kept": 0.6, "wrong": 0.15, "lots": 6},
    "prior 40 % kept, 30 % signs wrong, 6 lots": {"kept": 0.4, "wrong": 0.30, "lots": 6},
    "prior 60 % kept, 15 % signs wrong, 3 lots": {"kept": 0.6, "wrong": 0.15, "lots": 3},
    "prior 60 % kept, hidden common cause": {"kept": 0.6, "wrong": 0.15, "lots": 6, "common": 1.0},
}


def _scores(channels):
    sign = np.sign(channels.activity)
    from dataclasses import replace

    nothing = np.full(len(sign), np.nan)
    agree = np.clip(sign * channels.reach, 0, None)
    blind = replace(channels, screen=nothing, power=nothing)
    degree = np.ones(len(sign), dtype=int)
    return {
        "own expression": np.nan_to_num(np.abs(channels.expression)),
        "activity": np.abs(channels.activity),
        "activity x signed reach": np.abs(channels.activity) * agree,
        "screen alone": np.nan_to_num(np.abs(channels.screen)),
        "rank aggregation": -rank_probability(channels, degree, draws=200),
        "posterior without a screen": posterior(blind),
        "posterior, all evidence": posterior(channels),
    }


def ranking_study(worlds: int = 60) -> pd.DataFrame:
    """Area under precision and recall, and recall of keys among the first ten, by regime."""
    rows, bins = [], []
    for regime, words in REGIMES.items():
        per: dict[str, list[tuple[float, float]]] = {}
        for w in range(worlds):
            world = simulate_regulators(RegulatorSettings(**words, seed=SEED + w))
            _, channels, key = evidence(world)
            n_key = int(world.truth["key"].sum())
            for name, score in _scores(channels).items():
                top = np.argsort(-score, kind="stable")[:10]
                area = average_precision_score(key, score) * key.sum() / n_key if key.any() else 0.0
                per.setdefault(name, []).append((area, key[top].sum() / n_key))
            p = posterior(channels)
            bins.append(pd.DataFrame({"regime": regime, "p": p, "key": key}))
        for name, values in per.items():
            area, recall = np.mean(values, axis=0)
            se = np.std([v[0] for v in values], ddof=1) / np.sqrt(worlds)
            rows.append({"study": "ranking", "regime": regime, "what": name, "worlds": worlds,
                         "value": area, "se": se, "second": recall})  # fmt: skip
    return pd.concat([pd.DataFrame(rows), calibration(pd.concat(bins))], ignore_index=True)


def calibration(table: pd.DataFrame) -> pd.DataFrame:
    """Said and true shares of key regulators, by regime and bin."""
    table = table.assign(bin=pd.cut(table["p"], [0, 0.1, 0.3, 0.6, 0.9, 1.0], include_lowest=True))
    found = table.groupby(["regime", "bin"], observed=True, sort=False)
    return pd.DataFrame(
        {"study": "calibration", "regime": regime, "what": f"said {b.left:.1f} to {b.right:.1f}",
         "worlds": len(part), "value": part["p"].mean(), "se": np.nan,
         "second": part["key"].mean()}
        for (regime, b), part in found
    )  # fmt: skip


def null_study(worlds: int = 40) -> pd.DataFrame:
    """No difference between the groups, correlated genes: shares of small p, and of any call."""
    from dataclasses import replace

    from validation.regulator_worlds import as_input

    rows = []
    for lots in (3, 4, 6, 10):
        p, calls = [], 0
        for w in range(worlds):
            world = simulate_regulators(RegulatorSettings(lots=2 * lots, seed=SEED + 5000 + w))
            profiles, network = as_input(world)
            v = profiles.changes
            values = v[:lots] - v[lots:]  # lots against lots: no true difference is left
            part = replace(profiles, changes=values, design=np.ones((lots, 1)),
                           units=profiles.units[:lots])  # fmt: skip
            table = activity(part, network, settings=ActivitySettings(draws=400)).table
            table = table.dropna(subset=["p_value"])
            p.append(table[["p_unit", "p_value"]].to_numpy())
            calls += bool((table["q_value"] <= 0.1).any())
        p = np.concatenate(p)
        for name, k in (("p over units", 0), ("p, larger of both", 1)):
            rows.append({"study": "null", "regime": f"{lots} lots", "what": name,
                         "worlds": worlds, "value": (p[:, k] < 0.05).mean(),
                         "se": np.nan, "second": (p[:, k] < 0.001).mean()})  # fmt: skip
        rows.append({"study": "null", "regime": f"{lots} lots", "what": "worlds with any call",
                     "worlds": worlds, "value": calls / worlds, "se": np.nan, "second": np.nan})  # fmt: skip
    return pd.DataFrame(rows)
