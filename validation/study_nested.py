"""Nested components against the truth: error and coverage of the intervals."""

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity import decompose
from validation import peers, textbook
from validation.common import (
    Counts,
    Floats,
    Row,
    Study,
    cohort,
    depths,
    draw,
    met,
    number,
    percent,
    profile,
    rng_of,
)

DONORS, BATCHES, CELLS = 6, 3, 80
SPREAD = (0.25, 0.15, 0.35)  # of log profiles: donor, batch, cell
LEVELS = ("donor", "batch", "cell")


def world(g: int) -> tuple[Floats, Floats]:
    """Resting profile and the programmes that carry half of the differences of donors."""
    rng = rng_of("nested world")
    w = rng.normal(0, 1, (20, g)) / np.sqrt(20)
    return profile(rng, g), w


def profiles(rng: np.random.Generator, p: Floats, w: Floats, shape: tuple[int, int, int]) -> Floats:
    """True profiles, donors x batches x cells in order."""
    d, b, c = shape
    g = len(p)

    def effect(n: int, sd: float) -> Floats:
        shared = rng.normal(0, 1, (n, len(w))) @ w
        return np.asarray(sd * np.sqrt(0.5) * (shared + rng.normal(0, 1, (n, g))))

    log = np.repeat(effect(d, SPREAD[0]), b * c, axis=0) + np.repeat(
        effect(d * b, SPREAD[1]), c, axis=0
    )
    q = p * np.exp(log + effect(d * b * c, SPREAD[2]))
    return np.asarray(q / q.sum(axis=1, keepdims=True))


def by_gene(q: Floats, shape: tuple[int, int, int]) -> Floats:
    """Components of every gene of known profiles of a balanced design, not yet weighted."""
    d, b, c = shape
    y = q.reshape(d, b, c, -1)
    cell = y.var(axis=2, ddof=1).mean(axis=(0, 1))
    batch_means = y.mean(axis=2)
    batch = batch_means.var(axis=1, ddof=1).mean(axis=0) - cell / c
    donor = batch_means.mean(axis=1).var(axis=0, ddof=1) - batch / b - cell / (b * c)
    return np.stack([donor, batch, cell])


def known(q: Floats, shape: tuple[int, int, int], reference: Floats) -> Floats:
    """The same, weighted by a reference and summed."""
    return np.asarray(by_gene(q, shape) @ (1 / reference))


def labels(shape: tuple[int, int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    d, b, c = shape
    return np.repeat(np.arange(d), b * c), np.repeat(np.arange(d * b), c)


def one(counts: Counts, shape: tuple[int, int, int]):
    donor, batch = labels(shape)
    h = cohort(
        counts,
        {
            "sample": [f"s{k:02d}" for k in batch],
            "donor": [f"d{k}" for k in donor],
            "batch": [f"b{k:02d}" for k in batch],
        },
    )
    return h, decompose(h, ["donor", "batch"], programmes=False).table


def run(quick: bool) -> list[Row]:
    g = 120 if quick else 200
    simulations = 40 if quick else 500
    shape = (DONORS, BATCHES, CELLS if not quick else 30)
    p, w = world(g)
    large = (60, 3, 10)
    worlds = [profiles(rng_of("nested truth", k), p, w, large) for k in range(20)]
    many = np.mean([by_gene(q, large) for q in worlds], axis=0)
    everyone = np.mean([q.mean(axis=0) for q in worlds], axis=0)
    del worlds
    rows: list[Row] = []
    for depth in (1_100, 9_000):
        got, true, covered, fixed = [], [], [], []
        for k in range(simulations):
            rng = rng_of("nested", (depth, k))
            q = profiles(rng, p, w, shape)
            counts = draw(rng, q, depths(rng, depth, len(q)))
            h, table = one(counts, shape)
            reference = h.universes[0].reference
            got.append(table["hi2"].to_numpy())
            true.append(known(q, shape, reference))
            target = many @ (1 / everyone)
            given = decompose(h, ["donor", "batch"], programmes=False, reference=everyone).table
            for found, t in ((covered, table), (fixed, given)):
                found.append(((t["low"] <= target) & (target <= t["high"])).to_numpy())
        rows += _rows(
            f"about {depth:,} UMI",
            np.array(got),
            np.array(true),
            np.array(covered),
            np.array(fixed),
            quick,
        )
        donor, batch = labels(shape)
        shares = np.array(true[-1]) / np.sum(true[-1])
        for name, share, r2 in zip(
            LEVELS, shares, peers.permanova_r2(counts, [donor, batch]), strict=False
        ):
            rows.append(
                Row(
                    f"about {depth:,} UMI",
                    f"PERMANOVA R2, {name}",
                    f"true share {share:.3f}",
                    number(r2, 3),
                    "",
                    "holds sampling noise, so it moves with depth",
                )
            )
        if depth == 1_100:
            h, half = one(counts[::2], (DONORS, BATCHES, shape[2] // 2))
            dense = textbook.nested(counts[::2], [donor[::2], batch[::2]], h.universes[0].reference)
            gap = float(np.abs(half["hi2"].to_numpy() - dense).max())
            rows.append(
                Row(
                    "about 1,100 UMI",
                    "difference from the dense textbook",
                    "below 1e-9",
                    f"{gap:.1e}",
                    met(gap < 1e-9),
                )
            )
    for donors in (4, 10):
        rows += _other(donors, p, w, many @ (1 / everyone), quick=quick)
    return rows


def _other(donors: int, p: Floats, w: Floats, target: Floats, *, quick: bool) -> list[Row]:
    """Coverage with fewer and more donors than the goal is set for."""
    simulations, shape = (20, (donors, 3, 20)) if quick else (300, (donors, 3, 40))
    covered = []
    for k in range(simulations):
        rng = rng_of("nested donors", (donors, k))
        q = profiles(rng, p, w, shape)
        _, table = one(draw(rng, q, depths(rng, 2_000, len(q))), shape)
        covered.append(((table["low"] <= target) & (target <= table["high"])).to_numpy())
    share = np.mean(covered, axis=0)
    return [
        Row(
            f"{donors} donors, about 2,000 UMI",
            f"coverage of the interval: {level}",
            "95 %",
            percent(float(share[k])),
            "",
            f"{simulations} simulations, standard error {percent(np.sqrt(0.05 * 0.95 / simulations))}",
        )
        for k, level in enumerate(LEVELS)
    ]


def _rows(
    name: str,
    got: Floats,
    true: Floats,
    covered: NDArray[np.bool_],
    fixed: NDArray[np.bool_],
    quick: bool,
) -> list[Row]:
    rows = []
    for k, level in enumerate(LEVELS):
        error = float((got[:, k] / true[:, k] - 1).mean())
        typical = float(np.median(np.abs(got[:, k] / true[:, k] - 1)))
        coverage = float(covered[:, k].mean())
        slack = 0.12 if quick else 0.0
        rows += [
            Row(
                name,
                f"error of the component: {level}",
                "below 10 %",
                percent(error),
                met(abs(error) < 0.1),
                f"mean over simulations; half of the single ones are within {percent(typical)} of the truth of their own cells",
            ),
            Row(
                name,
                f"coverage of the interval: {level}",
                "92 to 97 %",
                percent(coverage),
                met(0.92 - slack <= coverage <= 0.97 + slack),
                f"{len(got)} simulations, standard error {percent(np.sqrt(0.05 * 0.95 / len(got)))}; the reference comes from the same 6 donors and is made anew for every set of donors left out",
            ),
            Row(
                name,
                f"coverage with a reference given from outside: {level}",
                "92 to 97 %",
                percent(float(fixed[:, k].mean())),
                "" if quick else met(0.92 <= fixed[:, k].mean() <= 0.97),
                "the same counts weighted by the mean profile of 1,200 donors",
            ),
        ]
    return rows


STUDY = Study(
    "nested",
    "Nested decomposition",
    "6 donors x 3 batches x 80 cells (30 in the quick version); half of every difference is carried by 20 shared programmes, half by each gene alone. Coverage is that of the true components of 1,200 donors, weighted by their mean profile: once for the analysis as it runs, which takes its reference from the 6 donors at hand, and once with that mean profile given as the reference.",
    run,
)
