"""Simulated worlds as the regulators' room sees them, and the fit of the frozen posterior.

python -m validation.regulator_worlds            # fits and writes the data file
"""

import json
import sys
from pathlib import Path

import numpy as np

from imscope.analyses.regulators import ActivitySettings, Network, Profiles, activity
from imscope.analyses.regulators.posterior import (
    FEATURES,
    digest,
    features_of,
    fit_posterior,
    safe_slope,
)
from imscope.analyses.regulators.ranking import channels_of
from imscope.analyses.regulators.screen_table import read_screen
from imscope.simulate.regulators import RegulatorSettings, RegulatorWorld, simulate_regulators

REGIMES = [
    {"kept": 0.6, "wrong": 0.15, "lots": 6, "tested": 0.5},
    {"kept": 0.6, "wrong": 0.15, "lots": 3, "tested": 0.0},
    {"kept": 0.4, "wrong": 0.30, "lots": 6, "tested": 0.5},
    {"kept": 0.4, "wrong": 0.30, "lots": 12, "tested": 1.0},
    {"kept": 0.8, "wrong": 0.05, "lots": 4, "tested": 0.2},
    {"kept": 0.5, "wrong": 0.20, "lots": 8, "tested": 0.0},
]
HOME = Path(__file__).parents[1] / "src/imscope/analyses/regulators/data/posterior.json"


def as_input(world: RegulatorWorld) -> tuple[Profiles, Network]:
    """Profiles and network of a world."""
    genes = np.array(world.genes, dtype=object)
    n = len(world.differences)
    order = np.argsort(genes.astype(str), kind="stable")
    level = np.random.default_rng(0).normal(5, 1, len(genes))
    profiles = Profiles(
        "subset", "top v rest", genes[order], genes[order], world.differences[:, order],
        np.ones((n, 1)), tuple(f"lot{k + 1}" for k in range(n)), True, level,
        np.full(len(genes), 50.0),
    )  # fmt: skip
    pairs = world.network.set_axis(["regulator", "target", "weight"], axis=1)
    return profiles, Network(pairs, "simulated prior", "none")


def evidence(world: RegulatorWorld, *, rewirings: int = 200):
    """Names of the scored regulators, their channels, and who is key."""
    profiles, network = as_input(world)
    found = activity(profiles, network, settings=ActivitySettings(draws=200))
    screen = read_screen(world.screen) if len(world.screen) else None
    channels = channels_of(found, network, world.programme, screen, rewirings=rewirings)
    truth = world.truth.set_index("regulator")["key"]
    return found, channels, truth.reindex(list(found.regulators)).to_numpy(dtype=bool)


def _gather(first: int, worlds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Features and truth of worlds of every regime, from a first seed on."""
    out = []
    for k, regime in enumerate(REGIMES):
        x, y = [], []
        for w in range(worlds):
            seed = 10_000 * (k + 1) + first + w
            _, channels, key = evidence(simulate_regulators(RegulatorSettings(**regime, seed=seed)))
            x.append(features_of(channels))
            y.append(key)
        out.append((np.concatenate(x), np.concatenate(y)))
    return out


def main(worlds: int = 40) -> None:
    """Fit on worlds of every regime, find the safe slope on others, freeze both."""
    parts = _gather(0, worlds)
    fit = fit_posterior(
        np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    )
    values = tuple(float(f"{b:.6g}") for b in fit)
    slope = safe_slope(_gather(5_000, worlds), np.array(values))
    content = {
        "version": "1",
        "fitted_on": f"{worlds} worlds of each of {len(REGIMES)} regimes; slope on as many others",
        "regimes": REGIMES,
        "coefficients": dict(zip((*FEATURES, "intercept"), values, strict=True)),
        "upper_slope": slope,
        "sha256": digest((*values, slope)),
    }
    HOME.write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(content["coefficients"], indent=1), slope)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
