"""Two populations mixed, and doublets and ambient RNA added at a known dose."""

import numpy as np

from imscope.analyses.heterogeneity import compare, index_table
from imscope.core import codes
from validation.common import (
    Floats,
    Row,
    Study,
    cohort,
    depths,
    draw,
    loadings,
    met,
    number,
    percent,
    profile,
    rng_of,
    vary,
)

SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5)


def populations(study: str, n: int, g: int) -> tuple[Floats, Floats]:
    """Profiles of n cells of each of two populations."""
    rng = rng_of(study)
    p = profile(rng, g)
    other = p * np.exp(rng.normal(0, 0.6, g))
    programmes = loadings(rng, 5, g)
    one = vary(rng, p, n, private=0.25, programmes=programmes, shared=0.1)
    two = vary(rng, other / other.sum(), n, private=0.22, programmes=programmes, shared=0.1)
    return one, two


def run_mixture(quick: bool) -> list[Row]:
    n, g, repeats = (400, 200, 6) if quick else (400, 800, 12)
    errors: dict[float, list[float]] = {s: [] for s in SHARES}
    numbers: dict[float, list[tuple[float, float, float]]] = {s: [] for s in SHARES}
    for r in range(repeats):
        one, two = populations(f"mixture {r}", n, g)
        rng = rng_of("mixture", r)
        chosen = [np.vstack([one[: n - int(s * n)], two[: int(s * n)]]) for s in SHARES]
        true = np.vstack(chosen)
        counts = draw(rng, true, depths(rng, 4_000, len(true)))
        names = np.repeat([f"m{k}" for k in range(len(SHARES))], n)
        h = cohort(counts, {"sample": names})
        universe = h.universes[0]
        w = np.where(universe.genes, 1 / np.maximum(universe.reference, 1e-12), 0)
        h1, h2 = ((v.var(0, ddof=1) * w).sum() for v in (one, two))
        d2 = (((one.mean(0) - two.mean(0)) ** 2) * w).sum()
        table = index_table(h, "sample", threads=1).set_index("group")
        for k, s in enumerate(SHARES):
            theory = (1 - s) * h1 + s * h2 + s * (1 - s) * d2
            row = table.loc[f"m{k}"]
            errors[s].append(float(row["hi2"]) / theory - 1)
            numbers[s].append((float(row["hi2"]), float(row["hi_c"]), float(row["programmes"])))
    rows = []
    base = np.nanmean([v[1] for v in numbers[0.0]])
    for s in SHARES:
        e = float(np.mean(errors[s]))
        worst = float(np.abs(errors[s]).max())
        mean = np.nanmean(numbers[s], axis=0)
        name = f"{percent(s, 0)} second population"
        rows += [
            Row(
                name,
                "HI2 against (1-s) h1 + s h2 + s (1-s) D2",
                "within 4 %",
                percent(e, 2),
                met(abs(e) < 0.04),
                f"mean of {repeats} data sets; the worst single one {percent(worst)}",
            ),
            Row(name, "HI2", "none stated", number(float(mean[0]))),
            Row(
                name,
                "HI_c against none",
                "rises with the share",
                f"{100 * (mean[1] / base - 1):+.0f} %",
                met(s == 0 or mean[1] > base * 0.98),
            ),
            Row(name, "programmes", "falls with the share", number(float(mean[2]), 1)),
        ]
    return rows


def run_confounders(quick: bool) -> list[Row]:
    n, g = (300, 200) if quick else (500, 800)
    one, two = populations("confounders", n, g)
    rng = rng_of("confounders draw")
    soup = one.mean(axis=0)
    doses: list[tuple[str, Floats, float]] = [("clean", one, 0.0)]
    for share in (0.05, 0.1):
        k = int(share * n)
        for kind, partner in (("same", one[::-1]), ("other", two)):
            mixed = one.copy()
            mixed[:k] = (one[:k] + partner[:k]) / 2
            doses.append((f"{kind} {share}", mixed, 0.0))
    doses += [(f"ambient {a}", (1 - a) * one + a * soup, a) for a in (0.05, 0.1, 0.2)]
    counts = draw(rng, np.vstack([d[1] for d in doses]), depths(rng, 5_000, n * len(doses)))
    h = cohort(
        counts,
        {
            "sample": np.repeat([d[0] for d in doses], n),
            "ambient_frac": np.repeat([d[2] for d in doses], n),
        },
    )
    table = index_table(h, "sample", threads=1).set_index("group")
    w = 1 / h.universes[0].reference
    clean = float(table.loc["clean", "hi2"])
    true_clean = (one.var(0, ddof=1) * w).sum()
    rows = []
    for name, profiles, a in doses[1:]:
        change = float(table.loc[name, "hi2"]) / clean - 1
        theory = float((profiles.var(0, ddof=1) * w).sum() / true_clean - 1)
        if a:
            expected = f"(1-a)^2: {percent((1 - a) ** 2 - 1)}"
            rows.append(
                Row(
                    f"ambient {percent(a, 0)}",
                    "change of HI2",
                    expected,
                    percent(change),
                    met(abs(change - ((1 - a) ** 2 - 1)) < 0.05),
                )
            )
            warned = codes.W_AMBIENT in str(table.loc[name, "warnings"])
            wanted = a > h.settings.ambient_warn
            rows.append(
                Row(
                    f"ambient {percent(a, 0)}",
                    "the index warns",
                    "yes above 5 %",
                    "yes" if warned else "no",
                    met(warned == wanted),
                )
            )
        else:
            kind, share = name.split()
            label = f"{percent(float(share), 0)} doublets, {kind} type"
            rows.append(
                Row(
                    label,
                    "change of HI2",
                    f"from the true profiles {percent(theory)}",
                    percent(change),
                    met(abs(change - theory) < 0.05),
                )
            )
    return rows + _verdicts(quick)


def _verdicts(quick: bool) -> list[Row]:
    """Four clean lots against four with ambient RNA: never more uniform."""
    rows = []
    n, g = (60, 200) if quick else (120, 400)
    for a in (0.05, 0.1, 0.2):
        rng = rng_of("ambient verdict", a)
        parts, lots, classes, ambient = [], [], [], []
        p, programmes = profile(rng, g), loadings(rng, 5, g)
        for k in range(8):
            q = vary(rng, p, n, private=0.3, programmes=programmes, shared=0.1)
            share = a if k < 4 else 0.01
            parts.append((1 - share) * q + share * q.mean(axis=0))
            lots += [f"lot{k}"] * n
            classes += ["iMSC" if k < 4 else "primary"] * n
            ambient += [share] * n
        counts = draw(rng, np.vstack(parts), depths(rng, 4_000, 8 * n))
        h = cohort(
            counts, {"sample": lots, "lot": lots, "source_class": classes, "ambient_frac": ambient}
        )
        table = compare(h, "source_class", unit="lot").set_index("claim")
        verdict = str(table.loc["A", "verdict"])
        rows.append(
            Row(
                f"four lots with {percent(a, 0)} ambient RNA",
                "verdict of claim A",
                "never SUPERIOR",
                verdict,
                met(verdict != "SUPERIOR"),
                str(table.loc["A", "reason"]),
            )
        )
    return rows


MIXTURE = Study(
    "mixture",
    "Two populations mixed",
    "400 cells; the second population replaces 0 to 50 % of them.",
    run_mixture,
)
CONFOUNDERS = Study(
    "confounders",
    "Doublets and ambient RNA",
    "Both are added to the profiles of the same cells at a known dose before counts are drawn.",
    run_confounders,
)
