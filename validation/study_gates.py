"""Sort gates: transfer between studies, cost, coverage of intervals, labels without meaning."""

import os
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.analyses.gates.align import align_batches
from imscope.analyses.gates.design import DesignSettings, design_gates
from imscope.analyses.gates.design_cells import DesignCells
from imscope.analyses.gates.fit import FitSettings, fit_gates
from imscope.analyses.gates.grid import hull_grid, pack_grid
from imscope.analyses.gates.intervals import predict_donor
from imscope.analyses.gates.nested import SearchSpace
from imscope.analyses.gates.search import Objective, search_gates
from validation.common import Row, Study, met, number, percent, rng_of

ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
NINE = ROOT / "cite" / "adt9_multistudy" / "adt9_dev.h5ad"
GOALS = {
    "naive CD4": (0.78, 0.76),
    "memory CD4": (0.72, 0.72),
    "Treg": (0.53, 0.48),
    "CD16+ NK": (0.68, 0.75),
    "naive B": (0.75, 0.75),
    "intermediate monocyte": (0.09, 0.06),
}
"""F1 in unseen studies of a prototype on aligned scales, pooled and minimum over studies; for naive B,
where a peak is missing in some batches, 0.75 was set in place of its 0.66 and 0.65."""


def transfer(quick: bool) -> list[Row]:
    """Leave one study out, four markers at most, 1,000 cells per sample."""
    import anndata

    if not NINE.exists():
        return []
    data = anndata.read_h5ad(NINE)
    rng = rng_of("gates transfer")
    groups = data.obs.groupby("sample", observed=True).indices
    cap = 150 if quick else 1000
    rows = np.sort(np.concatenate([rng.permutation(groups[g])[:cap] for g in sorted(groups)]))
    data = data[rows].copy()
    raw = data.to_df().astype(float)
    study = data.obs["study_name"].astype(str).to_numpy()
    aligned = align_batches(raw, data.obs["sample"].astype(str), studies=study)
    x = aligned.values.to_numpy()
    label = data.obs["cell_type_l2"].astype(str).to_numpy()
    scales = {
        "raw, pooled": (np.log1p(raw.to_numpy()), "pooled"),
        "aligned, pooled": (x, "pooled"),
        "aligned, minimum over studies": (x, "min"),
        "aligned, blend of mean and minimum": (x, "blend"),
    }
    out = []
    for target, goals in GOALS.items():
        for name, (values, kind) in scales.items():
            f = _unseen(values, label == target, label != "undefined", study, kind)
            goal = {"aligned, pooled": goals[0], "aligned, minimum over studies": goals[1]}.get(
                name
            )
            worst = min(f, key=lambda s: f[s])
            out.append(
                Row(
                    f"{target}: {name}",
                    "mean F1 in the study left out",
                    "none stated" if goal is None else f"at least {goal}",
                    number(float(np.mean(list(f.values()))), 3),
                    "" if goal is None else met(np.mean(list(f.values())) >= goal),
                    f"{len(f)} studies, worst {worst} {f[worst]:.2f}",
                )
            )
    return out


def _unseen(
    x: NDArray[np.float64],
    y: NDArray[np.bool_],
    known: NDArray[np.bool_],
    study: NDArray[np.str_],
    kind: str,
) -> dict[str, float]:
    enough = [s for s in np.unique(study) if (y & (study == s)).sum() >= 20]
    out = {}
    for s in enough:
        train = known & np.isin(study, [o for o in enough if o != s])
        test = known & (study == s)
        donor = np.unique(study[train], return_inverse=True)[1]
        objective = Objective(kind, beta=1.0)  # type: ignore[arg-type]
        fit = fit_gates(x[train], y[train], donor, settings=FitSettings(objective, top=5, polish=1))
        inside = fit.by_size[3][0].inside(x[test])
        out[str(s)] = float(2 * (inside & y[test]).sum() / (inside.sum() + y[test].sum()))
    return out


def cost(quick: bool) -> list[Row]:
    """One search of all sizes on 300 markers, 100,000 cells and 4 donors."""
    n = 10_000 if quick else 100_000
    rng = rng_of("gates cost")
    donor = np.sort(rng.integers(0, 4, n))
    kinds = rng.choice(6, n, p=[0.38, 0.25, 0.2, 0.12, 0.044, 0.006])
    rate = rng.gamma(0.4, 1.5, (6, 300)) * np.exp(rng.normal(0, 0.2, (6, 300)))
    x = np.empty((n, 300))
    for m in range(300):
        x[:, m] = rng.poisson(rate[kinds, m] * rng.lognormal(0, 0.4, n) * np.exp(0.2 * donor))
    out = []
    for per_sign, limit in ((1, 10), (3, 60)):
        for name, k in (("38 % of cells", 0), ("0.6 % of cells", 5)):
            for kind in ("pooled", "min"):
                y = kinds == k
                grid = hull_grid(x, y, per_sign=per_sign, modality="rna", beta=1.0)
                bits = pack_grid(x, grid, y, donor)
                start = time.process_time()
                done = search_gates(bits, Objective(kind, beta=1.0), top=1, seconds=300)
                spent = time.process_time() - start
                out.append(
                    Row(
                        f"{len(grid.marker)} literals, target {name}, {kind}",
                        "CPU seconds for sizes 1 to 4",
                        f"at most {limit}",
                        number(spent, 1),
                        met(spent <= limit and done.gap == 0),
                        f"quads counted {done.by_size[-1].counted[1]:,}",
                    )
                )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    out.append(
        Row("whole process", "memory, GiB", "at most 1.5", number(memory, 2), met(memory <= 1.5))
    )
    return out


def coverage(quick: bool) -> list[Row]:
    """Intervals for a new donor, when the truth is known."""
    runs = 60 if quick else 1500
    out = []
    every = []
    for n_donors in (2, 3, 4):
        rng = rng_of("gates coverage", n_donors)
        hit = 0
        for _ in range(runs):
            sd = rng.uniform(0.2, 1.4)
            logit = rng.normal(rng.normal(1.5, 1.0), sd, n_donors + 1)
            truth = 1 / (1 + np.exp(-logit))
            n = rng.integers(80, 500, n_donors)
            k = rng.binomial(n, truth[:-1])
            low, high = np.quantile(predict_donor(k, n, 1000, rng), [0.025, 0.975])
            hit += bool(low <= truth[-1] <= high)
        every.append(hit / runs)
        out.append(
            Row(
                f"{n_donors} donors",
                "95 % interval holds the purity of a new donor",
                "90 to 98 %",
                percent(hit / runs),
                met(0.90 <= hit / runs <= 0.98),
                "logit SD between donors 0.2 to 1.4, 80 to 500 cells in the gate",
            )
        )
    return out


def null(quick: bool) -> list[Row]:
    """Labels permuted within donors: no gate may look adequate."""
    runs = 4 if quick else 100
    held = 0
    space = SearchSpace(per_sign=(4,), kinds=("blend",), top=10, polish=5)
    settings = DesignSettings(space=space, stability=1)
    for k in range(runs):
        rng = rng_of("gates null", k)
        donor = np.repeat([0, 1, 2, 3], 300)
        kind = rng.random(1200) < 0.4
        raw = pd.DataFrame(
            {
                f"marker {m}": rng.poisson(
                    np.where(kind & (m < 2), 90, 6) * rng.lognormal(0, 0.4, 1200)
                )
                for m in range(5)
            }
        )
        y = np.zeros(1200, dtype=bool)
        for d in range(4):
            y[rng.permutation(np.flatnonzero(donor == d))[: rng.integers(60, 130)]] = True
        result = design_gates(DesignCells(raw, y, donor), settings=settings)
        held += "no adequate gate" in result.status or not result.gates
    return [
        Row(
            f"{runs} runs, 4 donors",
            "no gate above the floor of purity 0.5",
            "at least 95 %",
            percent(held / runs),
            met(held / runs >= 0.95),
        )
    ]


TRANSFER = Study(
    "gates-transfer",
    "Sort gates in a study they never saw",
    "Nine surface proteins of blood in nine public studies, 1,000 cells per sample; gates of up to "
    "four markers are found in all studies but one and judged on that one. Cells without a "
    "label are left out; a study counts when it has 20 target cells. The goals are figures of a "
    "prototype on four further studies, with aligned scales.",
    transfer,
)
COST = Study(
    "gates-cost",
    "Cost of the exact search",
    "300 markers, 100,000 simulated cells of four donors, the best gate of each size from 1 to 4.",
    cost,
)
COVERAGE = Study(
    "gates-coverage",
    "Interval of a gate in a new donor",
    "Donors whose purities are normal on the logit scale with a known spread.",
    coverage,
)
NULL = Study(
    "gates-null",
    "Sort gates for labels without meaning",
    "Cells with two real populations, labels permuted within donors.",
    null,
)
