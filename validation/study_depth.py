"""The same cells at several depths, and in several numbers."""

import numpy as np

from imscope.analyses.heterogeneity.coordinated import compute_coordinated
from imscope.analyses.heterogeneity.statistics import hi2
from imscope.simulate.truth import true_index
from validation import peers
from validation.common import (
    Counts,
    Floats,
    Row,
    Study,
    draw,
    each_cell,
    loadings,
    met,
    number,
    percent,
    profile,
    rng_of,
    thin,
    vary,
)

DEPTHS = (500, 1_000, 2_000, 4_000, 7_000)


def cells(study: str, n: int, g: int) -> tuple[Counts, Floats, Floats]:
    """Counts of 7,500 UMI, true profiles, reference."""
    rng = rng_of(study)
    p = profile(rng, g)
    q = vary(rng, p, n, private=0.25, programmes=loadings(rng, 6, g), shared=0.12)
    return draw(rng, q, np.full(n, 7_500)), q, p


def run_depth(quick: bool) -> list[Row]:
    n, g, repeats = (150, 400, 4) if quick else (400, 1_000, 12)
    counts, true, p = cells("depth", n, g)
    truth = true_index(true, p)
    genes = np.ones(g, dtype=bool)
    label = (true @ np.linalg.svd(true - true.mean(0), full_matrices=False)[2][0] > 0).astype(
        np.int64
    )
    label = (label if label.min() != label.max() else np.arange(n) % 2).astype(np.int64)
    rows = []
    for depth in DEPTHS:
        values, traces, others = [], [], []
        for r in range(repeats):
            x = thin(rng_of("thin", (depth, r)), counts, depth)
            values.append(hi2(each_cell(x, p, genes))[0])
            if r < 4:
                traces.append(compute_coordinated(x, x.sum(1), 1 / p).tr_s2)
                if r < 2:
                    others.append(
                        [
                            peers.naive_inertia(x, p),
                            peers.mean_distance(x),
                            peers.participation_ratio(x),
                            peers.rogue(x),
                            peers.permanova_r2(x, [label])[0],
                            *peers.energy_distance(x[::2], counts[1::2]),
                        ]
                    )
        bcv = np.sqrt(np.maximum(values, 0))
        error = float(bcv.mean() / np.sqrt(truth.hi2) - 1)
        single = float((np.abs(bcv / np.sqrt(truth.hi2) - 1) < 0.03).mean())
        name = f"{depth:,} UMI"
        goal = "within 3 % of the truth" if depth >= 1_000 else "noisy, no goal"
        rows.append(
            Row(
                name,
                "error of bCV, mean of thinnings",
                goal,
                percent(error, 2),
                met(abs(error) < 0.03) if depth >= 1_000 else "",
                f"{percent(single, 0)} of single thinnings are within 3 %",
            )
        )
        rows.append(Row(name, "HI2", f"true {truth.hi2:.4f}", number(float(np.mean(values)))))
        trace = float(np.mean(traces))
        hi_c = np.sqrt(trace) if trace > 0 else float("nan")
        rows.append(Row(name, "HI_c", f"true {truth.hi_c:.4f}", number(hi_c)))
        count = np.mean(values) ** 2 / trace if trace > 0 else float("nan")
        rows.append(
            Row(name, "programmes", f"true {truth.programmes:.1f}", number(float(count), 1))
        )
        what = (
            "naive inertia",
            "mean distance in PCA",
            "participation ratio",
            "ROGUE",
            "PERMANOVA R2 of a true split",
            "energy distance to as many like cells of 7,500 UMI",
            "the same without pairs of a cell with itself",
        )
        rows += [
            Row(name, w, "moves with depth", number(float(v), 3))
            for w, v in zip(what, np.mean(others, axis=0), strict=True)
        ]
    return rows


def run_cells(quick: bool) -> list[Row]:
    n, g, repeats = (200, 300, 20) if quick else (400, 1_000, 40)
    counts, true, p = cells("cells", n, g)
    truth = true_index(true, p)
    reduced = each_cell(counts, p, np.ones(g, dtype=bool))
    rows = []
    for size in (25, 50, 100, 200, 400):
        if size > n:
            continue
        rng = rng_of("cells", size)
        sets = [rng.choice(n, size, replace=False) for _ in range(repeats)]
        times = np.zeros((repeats, n))
        for k, chosen in enumerate(sets):
            times[k, chosen] = 1
        values = hi2(reduced, times)
        traces = [compute_coordinated(counts[s], counts[s].sum(1), 1 / p).tr_s2 for s in sets[:6]]
        trace = float(np.mean(traces))
        name = f"{size} cells"
        error = float(values.mean() / truth.hi2 - 1)
        rows += [
            Row(
                name,
                "error of HI2, mean of draws",
                "within 5 %",
                percent(error),
                met(abs(error) < 0.05),
                f"standard deviation of single draws {values.std():.4f}",
            ),
            Row(
                name,
                "HI_c",
                f"true {truth.hi_c:.4f}",
                number(np.sqrt(trace) if trace > 0 else float("nan")),
            ),
            Row(
                name,
                "programmes",
                f"true {truth.programmes:.1f}",
                number(float(values.mean() ** 2 / trace) if trace > 0 else float("nan"), 1),
            ),
            Row(
                name,
                "participation ratio",
                "about the number of cells",
                number(peers.participation_ratio(counts[sets[0]]), 0),
            ),
            Row(
                name,
                "mean distance in PCA",
                "falls with cells",
                number(peers.mean_distance(counts[sets[0]]), 2),
            ),
            Row(name, "ROGUE", "none stated", number(peers.rogue(counts[sets[0]]), 3)),
        ]
    return rows


DEPTH = Study(
    "depth",
    "The same cells at several depths",
    "Cells with 6 programmes and noise of each gene alone, thinned without replacement.",
    run_depth,
)
CELLS = Study("cells", "Number of cells", "Sets of 25 to 400 of the same cells.", run_cells)
