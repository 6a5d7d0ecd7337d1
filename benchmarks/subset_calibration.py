"""Measure type I error and power of the subset and abundance tests on simulations.

python benchmarks/subset_calibration.py --seeds 40
"""

import argparse
import time

import numpy as np
import pandas as pd

from imscope.analyses.subsets.abundance import AbundanceSettings, differential_abundance
from imscope.analyses.subsets.settings import SubsetSettings
from imscope.analyses.subsets.splitting import UnitCells, split_unit

CELLS, GENES, DEPTH = 200, 150, 3000


def unit(seed: int, kind: str, share: float) -> UnitCells:
    rng = np.random.default_rng([seed, 77])
    rate = np.tile(rng.lognormal(0, 1.2, GENES), (CELLS, 1))
    if kind == "log-normal continuum":
        rate *= np.exp(rng.normal(size=(CELLS, 2)) @ rng.normal(0, 0.3, (2, GENES)))
    if kind == "flat continuum":
        rate *= np.exp(rng.uniform(-1.5, 1.5, (CELLS, 1)) * rng.normal(0, 0.4, GENES))
    if kind == "two populations":
        fold = rng.normal(0, 1.2, GENES) * (rng.random(GENES) < 0.25)
        rate[: int(share * CELLS)] *= np.exp(fold)
    rate /= rate.sum(axis=1, keepdims=True)
    depth = rng.lognormal(np.log(DEPTH), 0.35, CELLS)
    counts = rng.poisson(rate * depth[:, None]).astype(float)
    return UnitCells("u", counts, counts.sum(axis=1), {})


def splitting(seeds: int) -> None:
    cases = (
        ("identical cells", 0.0),
        ("log-normal continuum", 0.0),
        ("flat continuum", 0.0),
        ("two populations", 0.5),
        ("two populations", 0.1),
    )
    for kind, share in cases:
        start = time.process_time()
        first, counted = 0, 0
        for seed in range(seeds):
            splits = split_unit(unit(seed, kind, share), SubsetSettings(seed=seed))
            first += splits[0].significant
            counted += any(s.counted for s in splits)
        took = (time.process_time() - start) / seeds
        print(f"{kind:22s} {share:4.0%}  first split {first}/{seeds}  counted {counted}/{seeds}"
              f"  {took:.2f} s CPU", flush=True)  # fmt: skip


def abundance(seeds: int) -> None:
    for how in ("logit", "arcsine", "log_ratio"):
        for n in (3, 4, 8):
            rng = np.random.default_rng(n)
            p, likely, found, false = [], [], [], []
            for _ in range(seeds):
                base = rng.dirichlet(np.full(6, 4.0))
                more = base * [2, 1, 1, 1, 1, 1]
                design = pd.DataFrame({"arm": np.repeat(["a", "b"], n)})
                for late, null in ((base, True), (more / more.sum(), False)):
                    rows = [rng.multinomial(2000, rng.dirichlet(60 * s))
                            for s in [base] * n + [late] * n]  # fmt: skip
                    counts = pd.DataFrame(rows).rename(columns=str)
                    table = differential_abundance(
                        counts, design, "arm", settings=AbundanceSettings(how)
                    )
                    if null:
                        p += table["p_value"].tolist()
                        likely += table["p_likelihood"].tolist()
                    else:
                        found.append(table["p_value"].iloc[0])
                        false += table["p_value"].iloc[1:].tolist()
            r = [f"{np.mean(np.array(x) < 0.05):.3f}" for x in (p, likely, found, false)]
            print(f"{how:10s} n={n}  type I {r[0]}  likelihood {r[1]}  power {r[2]}"
                  f"  unchanged called {r[3]}", flush=True)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    seeds = parser.parse_args().seeds
    splitting(seeds)
    abundance(seeds)
