"""Identical cells of mixed depth: the index must be zero and say so."""

import numpy as np

from imscope.analyses.heterogeneity.groups import groups_by
from imscope.analyses.heterogeneity.indices import group_interval, unit_names
from imscope.analyses.heterogeneity.statistics import hi2
from validation.common import Row, Study, cohort, draw, met, number, percent, profile, rng_of


def run(quick: bool) -> list[Row]:
    seeds, n, g = (200 if quick else 1_000), 100, 200
    values, lows, highs = np.zeros((3, seeds))
    errors = np.zeros(seeds)
    for k in range(seeds):
        rng = rng_of("null", k)
        p = profile(rng, g)
        depth = np.exp(rng.uniform(np.log(700), np.log(9_000), n)).astype(np.int64)
        h = cohort(draw(rng, np.broadcast_to(p, (n, g)), depth), {"sample": ["one"] * n})
        group = groups_by(h, "sample")[0]
        values[k] = hi2(h.all_genes.subset(group.units))[0]
        interval = group_interval(h, group, unit_names(h, group))
        lows[k], highs[k] = interval.low, interval.high
        errors[k] = (interval.high - interval.low) / 2 / 2.093  # t of 20 blocks
    rejected = float(((lows > 0) | (highs < 0)).mean())
    z = float(values.mean() / (values.std(ddof=1) / np.sqrt(seeds)))
    inside = float((np.abs(values) < 3 * errors).mean())
    slack = 0.01 if not quick else 0.035
    monte_carlo = np.sqrt(0.05 * 0.95 / seeds)
    remark = f"standard error of this figure with {seeds} seeds: {percent(monte_carlo)}"
    return [
        Row(
            "all seeds",
            "mean HI2 in standard errors of the mean",
            "within 3",
            number(z, 2),
            met(abs(z) < 3),
        ),
        Row(
            "single seeds",
            "|HI2| below 3 of its own standard errors",
            "over 98 %",
            percent(inside),
            met(inside > 0.98),
            "t of 19 degrees of freedom gives 99.3 %",
        ),
        Row(
            "all seeds",
            "interval of 95 % leaves zero out",
            "4 to 6 %",
            percent(rejected),
            met(abs(rejected - 0.05) <= slack),
            remark,
        ),
        Row("all seeds", "spread of HI2", "none stated", number(values.std(ddof=1), 5)),
    ]


STUDY = Study(
    "null",
    "Identical cells",
    "100 cells with one and the same profile of 200 genes, depths from 700 to 9,000 UMI mixed.",
    run,
)
