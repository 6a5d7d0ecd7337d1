"""The fast estimators against the formulas written out."""

import numpy as np

from imscope.analyses.heterogeneity.coordinated import compute_coordinated, compute_split
from imscope.analyses.heterogeneity.statistics import hi2
from validation import textbook
from validation.common import Row, Study, cohort, depths, draw, loadings, met, profile, rng_of, vary


def run(quick: bool) -> list[Row]:
    g, n, splits = (120, 100, 60) if quick else (300, 200, 400)
    rng = rng_of("agreement")
    p = profile(rng, g)
    q = vary(rng, p, n, private=0.25, programmes=loadings(rng, 5, g), shared=0.25)
    counts = draw(rng, q, depths(rng, 3_000, n))
    h = cohort(counts, {"sample": ["one"] * n})
    reference = h.universes[0].reference
    gap = abs(float(hi2(h.all_genes)[0]) - textbook.hi2(counts, reference))
    closed = compute_coordinated(counts, counts.sum(1), 1 / reference).tr_s2
    split = compute_split(
        counts, counts.sum(1), 1 / reference, rng=rng_of("splits"), replicates=splits
    )
    z = (closed - split.tr_s2) / split.standard_error
    true = textbook.trace_of_square(q, reference)
    many = []
    repeats = 30 if quick else 200
    for k in range(repeats):
        x = draw(rng_of("agreement counts", k), q, np.full(n, 3_000))
        many.append(compute_coordinated(x, x.sum(1), 1 / reference).tr_s2)
    from imscope.simulate.truth import true_index

    target = true_index(q, reference).hi_c ** 2
    error = float(np.mean(many)) / target - 1
    return [
        Row(
            "HI2", "difference from the dense textbook", "below 1e-9", f"{gap:.1e}", met(gap < 1e-9)
        ),
        Row(
            "tr S^2",
            f"closed form less the mean of {splits} count splits, in standard errors",
            "within 3",
            f"{z:.2f}",
            met(abs(z) < 3),
        ),
        Row(
            "tr S^2",
            f"mean of {repeats} draws against the U-centred truth of these cells",
            "within 3 %",
            f"{100 * error:.2f} %",
            met(abs(error) < 0.03),
        ),
        Row(
            "tr S^2",
            "plug-in value of the true covariance over the U-centred one",
            "above 1 with few cells",
            f"{true / target:.3f}",
        ),
        Row(
            "tr S^2",
            "standard deviation of the closed form over that of one split",
            "below 1",
            f"{np.std(many) / np.hypot(np.std(many), split.standard_error * np.sqrt(splits)):.2f}",
            "",
            "one split adds noise of its own to the noise of the counts",
        ),
    ]


STUDY = Study(
    "agreement",
    "Agreement with the textbook",
    "The index, the closed form of HI_c, count splitting and dense formulas on the same cells.",
    run,
)
