"""Subsets that all lots share: errors on single populations and continua, power over the design."""

from dataclasses import dataclass, replace

import numpy as np

from imscope.analyses.subsets.joint import centred, split_lots
from validation.common import Row, Study, met, percent, rng_of

GENES, CHOSEN, COMPONENTS, MODULES = 2_000, 250, 10, 3
ALPHA = 0.05


@dataclass(frozen=True)
class Case:
    """Lots of one kind of cells: what the cells are, and a subset that all lots hold."""

    kind: str = "one population"
    lots: int = 4
    cells: int = 400
    depth: float = 4_000.0
    share: float = 0.0
    fold: float = 1.0  # log2
    n_genes: int = 40

    @property
    def name(self) -> str:
        where = f"{self.lots} lots of {self.cells} cells, {self.depth:,.0f} UMI"
        if not self.share:
            return f"{self.kind}, {where}"
        return f"{percent(self.share, 0)}, {self.n_genes} genes, log2 fold {self.fold:g}, {where}"


NULLS = tuple(
    Case(kind)
    for kind in (
        *("identical profiles", "one population", "one skewed population"),
        *("flat continuum", "continuum with ends", "bent continuum"),
    )
)
REFERENCE = Case("mixture", share=0.2)
POWER = (
    REFERENCE,
    *(replace(REFERENCE, share=s) for s in (0.4, 0.1, 0.05)),
    *(replace(REFERENCE, fold=f) for f in (0.5, 0.7, 1.5)),
    *(replace(REFERENCE, cells=n) for n in (200, 800)),
    *(replace(REFERENCE, depth=d) for d in (2_000.0, 8_000.0)),
    *(replace(REFERENCE, lots=n) for n in (2, 6)),
)


def simulate(rng: np.random.Generator, case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """Counts and depth of each lot: profiles of lots differ, modules and genes vary in cells."""
    base = rng.lognormal(0, 1.2, GENES)
    mine = rng.choice(np.flatnonzero(base > np.median(base)), case.n_genes, replace=False)
    weight = rng.normal(0, 0.35, (MODULES, GENES)) * (rng.random((MODULES, GENES)) < 0.1)
    out = []
    for _ in range(case.lots):
        n = case.cells
        log = np.tile(np.log(base) + rng.normal(0, 0.15, GENES), (n, 1))
        if case.kind != "identical profiles":
            log += rng.normal(0, 1, (n, MODULES)) @ weight + rng.normal(0, 0.22, (n, GENES))
        log[:, mine] += np.log(2) * _along(rng, case, n)
        rate = np.exp(log)
        rate /= rate.sum(axis=1, keepdims=True)
        counts = rng.poisson(rate * rng.gamma(9.0, case.depth / 9, (n, 1))).astype(float)
        out.append((counts, counts.sum(axis=1)))
    return out


def _along(rng: np.random.Generator, case: Case, n: int) -> np.ndarray:
    """Log2 fold of the genes in every cell, shape ``(n, n_genes)``."""
    half = case.n_genes // 2
    none = np.zeros((n, case.n_genes))
    if case.share:
        return none + case.fold * (rng.random((n, 1)) < case.share)
    if case.kind == "one skewed population":
        return none + 0.6 * rng.gamma(1.0, 1.0, (n, 1))
    place = rng.random((n, 1))
    if case.kind == "flat continuum":
        return none + 2 * place
    if case.kind == "continuum with ends":
        none[:, :half] += 2 * place
        none[:, half:] += 2 * (1 - place)
    if case.kind == "bent continuum":
        none[:, :half] += 2 * np.cos(place * np.pi / 2)
        none[:, half:] += 2 * np.sin(place * np.pi / 2)
    return none


def ask(case: Case, item: int) -> tuple[float, float]:
    """P value of the joint test, and the separation it saw."""
    lots = simulate(rng_of(f"joint subsets, {case.name}", item), case)
    score = np.zeros(GENES)
    for y, d in lots:
        share = y.sum(axis=0) / d.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            chi2 = (y**2 / d[:, None]).sum(axis=0) / share - share * d.sum()
            score += np.where(y.mean(axis=0) > 0.05, (chi2 - len(d)) / np.sqrt(2 * len(d)), -1e9)
    chosen = np.sort(np.argsort(-score, kind="stable")[:CHOSEN])
    split = split_lots([centred(y[:, chosen], d) for y, d in lots], COMPONENTS)
    return split.p_value, split.axis.separation if split.axis else float("nan")


def run(quick: bool) -> list[Row]:
    """Errors and power."""
    rows = []
    each = 3 if quick else 60
    wrong = []
    for case in NULLS:
        p = np.array([ask(case, k)[0] for k in range(each)])
        wrong.append(float((p <= ALPHA).mean()))
        rows.append(Row(case.name, "split in error", "5 % or fewer", percent(wrong[-1]),
                        met(wrong[-1] <= 0.05), f"{each} data sets"))  # fmt: skip
    total = float(np.mean(wrong))
    rows.append(Row("all single populations and continua", "split in error", "5 % or fewer",
                    percent(total), met(total <= 0.05), f"{each * len(NULLS)} data sets"))  # fmt: skip
    each = 2 if quick else 20
    for case in POWER[:2] if quick else POWER:
        n = 2 * each if case == REFERENCE else each
        found = [ask(case, k) for k in range(n)]
        power = float(np.mean([p <= ALPHA for p, _ in found]))
        goal = "70 % or more" if case == REFERENCE else ""
        verdict = met(power >= 0.7) if goal else ""
        apart = float(np.nanmedian([s for _, s in found]))
        rows.append(Row(case.name, "split found", goal, percent(power), verdict,
                        f"{n} data sets; sides {apart:.1f} SD apart"))  # fmt: skip
    return rows


STUDY = Study(
    "joint-subsets",
    "Subsets that all lots share",
    "Lots of cells from gamma-Poisson profiles with modules that vary between cells; a subset, "
    "where there is one, raises its genes in the same share of every lot. Four lots of one kind "
    "are asked at once, as `imscope subsets test` does.",
    run,
)
