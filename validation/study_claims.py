"""The rule behind the verdicts: random studies, power as printed, crossed designs, shares."""

import numpy as np
import pandas as pd

from imscope.analyses.heterogeneity import (
    HeterogeneitySettings,
    compute_power,
    decompose,
    smallest_p,
)
from imscope.analyses.heterogeneity.between import component_of
from imscope.analyses.heterogeneity.findings import Finding
from imscope.analyses.heterogeneity.verdicts import decide, multipliers
from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.contrast import compare_arms
from imscope.stats.unlike_arms import compare_unlike_arms
from validation.common import Row, Study, cohort, draw, met, percent, profile, rng_of
from validation.study_nulls import Claim

HOLM = HeterogeneitySettings(adjustment="holm")
ORDER = HeterogeneitySettings()


def _study(rng: np.random.Generator, settings: HeterogeneitySettings, sizes: tuple[int, int],
           sd: float, shift: float) -> list[Claim]:  # fmt: skip
    """A study of log indices for claim A and of log drifts for claim C, through the verdicts."""
    values = {
        c: [rng.normal(move, sd, n) for n, move in zip(sizes, (shift if c == "A" else 0.0, 0.0),
                                                      strict=True)]
        for c in "AC"
    }  # fmt: skip

    def found(claim: str, alpha: float) -> Finding:
        finding = Finding(claim, sizes)
        if claim == "B":
            finding.refused = "not drawn"
            return finding
        c = compare_arms(*values[claim], alpha=alpha)
        finding.ratio, finding.low, finding.high = (
            float(v) for v in np.exp([c.difference, c.low, c.high])
        )
        finding.p_lower, finding.p_higher = c.p_lower, c.p_higher
        finding.p_equivalence = c.p_equivalence
        finding.least = smallest_p(*sizes)
        return finding

    findings = [found(c, settings.alpha) for c in "ABC"]
    times = multipliers(findings, settings)
    findings = [
        found(f.claim, settings.alpha / t) if t > 1 and not f.refused else f
        for f, t in zip(findings, times, strict=True)
    ]
    return [
        Claim(f.claim, f.ratio, f.low, f.high, f.p_side, s.verdict)
        for f, s in zip(findings, decide(findings, settings, ""), strict=True)
        if not f.refused
    ]


def _rule(quick: bool) -> list[Row]:
    n = 200 if quick else 10_000
    rng, rows = rng_of("rule"), []
    for settings in (ORDER, HOLM):
        bad = 0
        for _ in range(n // 2):
            sizes = int(rng.integers(3, 6)), int(rng.integers(3, 7))
            seen = _study(rng, settings, sizes, rng.uniform(0.05, 0.4), rng.normal(0, 0.5))
            bad += sum(c.contradicts for c in seen)
        rows.append(
            Row(f"{n // 2:,} random studies, {settings.adjustment}",
                "verdicts that contradict their interval", "0", str(bad), met(bad == 0))
        )  # fmt: skip
    for sizes in ((3, 3), (3, 4), (3, 5), (4, 4)):
        least = smallest_p(*sizes, settings=HOLM)
        rows.append(
            Row(f"{sizes[0]} v {sizes[1]} units", "smallest probability, Holm over two claims",
                "", f"{least:.3f}", "", "in a fixed sequence the first claim pays half of it")
        )  # fmt: skip
    return rows


def _power(quick: bool) -> list[Row]:
    n = 200 if quick else 1_500
    rows = []
    for settings in (ORDER, HOLM):
        for units in (3, 4, 5, 6, 8):
            if quick and units > 4:
                continue
            rng, sd, ratio = rng_of("power", units), 0.2, 0.7
            said = compute_power(units, sd=sd, ratio=ratio, settings=settings, simulations=4_000)
            seen = [
                _study(rng, settings, (units, units), sd, float(np.log(ratio)))[0] for _ in range(n)
            ]
            true = float(np.mean([c.verdict == "SUPERIOR" for c in seen]))
            gap = abs(true - said.power_superiority)
            rows.append(
                Row(f"{units} v {units} units, ratio {ratio}, {settings.adjustment}",
                    "chance of SUPERIOR, said by the planner and found",
                    "within 3 points", f"{said.power_superiority:.3f} and {true:.3f}",
                    met(gap <= 0.03 + (0.07 if quick else 0.0)))
            )  # fmt: skip
    return rows


def _design(rng: np.random.Generator, *, donors: int, batches: int, crossed: bool) -> pd.DataFrame:
    """Components of one drawn design of donors and batches."""
    genes, cells = 150, 25
    p = profile(rng, genes)
    donor = rng.normal(0, 0.2, (donors, genes))
    shape = (1 if crossed else donors, batches, genes)
    batch = np.broadcast_to(rng.normal(0, 0.15, shape), (donors, batches, genes))
    counts, rows = [], []
    for d in range(donors):
        for b in range(batches):
            q = p * np.exp(donor[d] + batch[d, b] + rng.normal(0, 0.3, (cells, genes)))
            q /= q.sum(axis=1, keepdims=True)
            counts.append(draw(rng, q, rng.integers(1_500, 3_000, cells)))
            name = f"b{b}" if crossed else f"d{d}b{b}"
            rows += [(f"d{d}", name, f"d{d} {b}")] * cells
    frame = pd.DataFrame(rows, columns=["donor", "batch", "sample"])
    h = cohort(np.vstack(counts), {c: frame[c].to_numpy() for c in frame})
    levels = ["donor", "batch", "sample"] if crossed else ["donor", "batch"]
    return decompose(h, levels, programmes=False).table.set_index("level")


def _crossed(quick: bool) -> list[Row]:
    n = 10 if quick else 200
    rows = []
    for crossed, donors, batches in ((True, 6, 4), (True, 4, 3), (False, 6, 3)):
        made = [
            _design(rng_of(f"crossed {crossed} {donors}", k), donors=donors, batches=batches,
                    crossed=crossed)
            for k in range(n)
        ]  # fmt: skip
        kind = "crossed" if crossed else "nested"
        # more draws say what the components are in truth
        for level in ("donor", "batch" if crossed else "batch=sample"):
            if level not in made[0].index:
                level = next(x for x in made[0].index if x.startswith("batch"))
            value, low, high = (
                np.array([t.loc[level, c] for t in made]) for c in ("hi2", "low", "high")
            )
            truth = value.mean()
            cover = float(np.mean((low <= truth) & (truth <= high)))
            rows.append(
                Row(f"{donors} donors, {batches} batches, {kind}",
                    f"coverage of the 95 % interval of {level}", "93 to 97 %", percent(cover),
                    met(0.93 <= cover <= 0.97) if not quick else "",
                    f"{n} designs; standard error {percent(np.sqrt(0.05 * 0.95 / n))}")
            )  # fmt: skip
    return rows


UNLIKE = (
    ("4 v 4 units, 300 cells, SD 0.3", (4, 4), (300, 300), (0.3, 0.3)),
    ("4 v 4 units, 1,200 v 300 cells", (4, 4), (1_200, 300), (0.3, 0.3)),
    ("4 v 4 units, SD 0.15 v 0.45", (4, 4), (300, 300), (0.15, 0.45)),
    ("4 v 8 units, SD 0.45 v 0.15", (4, 8), (300, 300), (0.45, 0.15)),
    ("4 v 8 units, SD 0.45 v 0.15, 300 v 1,200 cells", (4, 8), (300, 1_200), (0.45, 0.15)),
    ("3 v 3 units, SD 0.15 v 0.45, 1,200 v 300 cells", (3, 3), (1_200, 300), (0.15, 0.45)),
)


def _abundance(quick: bool) -> list[Row]:
    n, rows = 100 if quick else 2_000, []
    for name, units, cells, sds in UNLIKE:
        rng, hits = rng_of("abundance", name), 0
        for _ in range(n):
            share = np.maximum(rng.dirichlet(np.ones(8)), 0.003)
            q = share * np.exp(rng.normal(0, 1, (sum(units), 8)) * np.repeat(sds, units)[:, None])
            y = rng.multinomial(np.repeat(cells, units), q / q.sum(axis=1, keepdims=True))
            y = y[:, y.sum(axis=0) > 0].astype(np.float64)
            test = np.repeat([True, False], units)
            hits += bool((benjamini_hochberg(compare_unlike_arms(y, test).p_value) < 0.05).any())
        rows.append(
            Row(name, "null studies with any q below 0.05", "8 % or less", percent(hits / n),
                met(hits / n <= 0.08), f"{n:,} studies of 8 subsets")
        )  # fmt: skip
    return rows


def component_size(quick: bool) -> float:
    """Share of two like arms whose between-unit components are called different, one side."""
    from scipy.stats import f as fisher

    rng, n, hits = rng_of("component"), 200 if quick else 2_000, 0
    for _ in range(n):
        made = []
        for k in (4, 8):
            z = rng.normal(size=(k, 3))
            made.append(component_of(z @ z.T / 3 + np.eye(k) * 0.5, np.full(k, 0.5)))
        a, b = made
        if a.freedom and b.freedom:
            hits += fisher.cdf(a.value / b.value, a.freedom, b.freedom) <= 0.05
    return hits / n


RULE = Study(
    "rule",
    "Verdict and interval from one rule",
    "Random studies of 3 to 6 units a group with random spread and difference, through the tests, the adjustment and the verdicts of the package.",
    _rule,
)
POWER = Study(
    "power",
    "Power as the planner says it",
    "What the planner promises and how often the comparison then gives the verdict, a second claim that is true to its null beside it.",
    _power,
)
CROSSED = Study(
    "crossed",
    "Donors that share batches",
    "Components of donors and batches where every donor was run in every batch, and where each donor had batches of its own.",
    _crossed,
)
ABUNDANCE = Study(
    "abundance",
    "Shares of subsets under unlike arms",
    "Arms of one truth that differ in units, in spread between units and in cells counted.",
    _abundance,
)
