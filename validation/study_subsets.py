"""More than one population: errors on one population and on continua, power on mixtures."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from imscope.analyses.subsets import SubsetSettings
from imscope.analyses.subsets.find import split
from imscope.analyses.subsets.gap import find_gap
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from validation.common import Counts, Floats, Row, Study, met, percent, rng_of

GENES, DEPTH, MODULES = 1_000, 4_000, 4


@dataclass(frozen=True)
class Case:
    """One kind of cells: ``kind``, cells, share and strength of the second population."""

    kind: str
    cells: int = 300
    share: float = 0.0
    fold: float = 0.0

    @property
    def name(self) -> str:
        if not self.share:
            return f"{self.kind}, {self.cells} cells"
        return f"{percent(self.share, 0)} of {self.cells} cells, SD of ln fold {self.fold:g}"


NULLS = (Case("identical profiles"), Case("one population"), Case("one skewed population"))
CONTINUA = (Case("flat continuum"), Case("flat continuum with ends"), Case("bent continuum"))
MIXED = (
    *(Case("mixture", 300, share, fold) for fold in (0.8, 1.5) for share in (0.5, 0.1, 0.05)),
    Case("mixture", 600, 0.05, 1.5),
)


def activity(rng: np.random.Generator, case: Case) -> Floats:
    """How strongly each module of genes runs in each cell, shape ``(cells, modules)``."""
    n = case.cells
    own = rng.gamma(6.0, 1 / 6, (n, MODULES))
    if case.kind == "identical profiles":
        return np.ones((n, MODULES))
    if case.kind == "one skewed population":
        return rng.gamma(1.5, 1 / 1.5, (n, MODULES))
    if case.kind == "flat continuum":
        own[:, 0] = rng.uniform(0.0, 2.5, n)
    if case.kind == "flat continuum with ends":
        place = rng.uniform(0, 1, n)
        own[:, 0], own[:, 1] = 2.5 * place, 2.5 * (1 - place)
    if case.kind == "bent continuum":
        turn = rng.uniform(0, np.pi / 2, n)
        own[:, 0], own[:, 1] = 2.5 * np.cos(turn), 2.5 * np.sin(turn)
    return own


def simulate(rng: np.random.Generator, case: Case) -> Counts:
    """Gamma-Poisson cells: a base, plus modules that add to it, gene noise and depth."""
    base = rng.gamma(0.6, 1.0, GENES) + 0.05
    weight = rng.gamma(0.5, 1.5, (MODULES, GENES)) * (rng.random((MODULES, GENES)) < 0.15)
    rate = base * (1 + activity(rng, case) @ weight)
    if case.share:
        fold = rng.normal(0, case.fold, GENES) * (rng.random(GENES) < 0.12)
        rate[: round(case.share * case.cells)] *= np.exp(fold)
    rate *= rng.gamma(6.0, 1 / 6, rate.shape)
    rate /= rate.sum(axis=1, keepdims=True)
    depth = rng.gamma(9.0, DEPTH / 9, (case.cells, 1))
    return np.asarray(rng.poisson(rate * depth), dtype=np.int64)


def ask(counts: Counts, seed: int) -> pd.Series:
    """Verdict of the package on one unit."""
    names = [f"GENE{k}" for k in range(counts.shape[1])]
    features = pd.DataFrame({"feature_id": names, "symbol": names})
    obs = pd.DataFrame(index=[f"c{k}" for k in range(len(counts))])
    settings = SubsetSettings(genes=200, most_nulls=30, max_cells=1_000, seed=seed)
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    result = split(Cells(source, features, obs), settings=settings).tables
    call = result["subset_calls"].iloc[0].copy()
    call["labels"] = result["subset_labels"]["subset"].to_numpy()
    return call


def run_case(case: Case, draws: int) -> pd.DataFrame:
    """Verdicts on ``draws`` simulations."""
    rows = []
    for k in range(draws):
        call = ask(simulate(rng_of("subsets", f"{case.name} {k}"), case), k)
        if case.share:
            truth = np.arange(case.cells) < round(case.share * case.cells)
            first = np.array([pd.Series(call["labels"])[truth].mode()[0]])
            inside = call["labels"] == first[0]
            call["agreement"] = (inside == truth).mean()
        rows.append(call.drop("labels"))
    return pd.DataFrame(rows)


def gap_p(counts: Counts, seed: int) -> float:
    """P value of the gap test alone, on the genes that vary most for their mean."""
    mean = counts.mean(axis=0)
    most = np.argsort(-counts.var(axis=0) / np.maximum(mean, 0.05), kind="stable")[:200]
    y, depth = counts[:, most].astype(np.float64), counts.sum(axis=1).astype(np.float64)
    return find_gap(y, depth, 10, rng=np.random.default_rng(seed)).p_value


def run_gaps(quick: bool) -> list[Row]:
    """Type I error of the gap test on one population."""
    rows, wrong, draws = [], 0, 0
    for kind in ("identical profiles", "one population", "one skewed population"):
        case, n = Case(kind, 200), 8 if quick else 170
        rng = [rng_of("subsets gap", f"{kind} {k}") for k in range(n)]
        p = np.array([gap_p(simulate(r, case), k) for k, r in enumerate(rng)])
        wrong, draws = wrong + int((p <= 0.05).sum()), draws + n
        rows.append(Row(case.name, "p <= 0.05", "<= 5 %", f"{int((p <= 0.05).sum())} of {n}"))
    share = wrong / draws
    remark = "`discrete` needs this at half the level, and a significant split besides"
    rows.append(
        Row("all three kinds", "p <= 0.05", "<= 5 %", f"{percent(share)} ({wrong} of {draws})",
            met(share <= 0.05), remark)
    )  # fmt: skip
    return rows


def run_errors(quick: bool) -> list[Row]:
    """The whole procedure on one population and on continua."""
    rows = []
    for case in NULLS:
        n = 1 if quick else 6
        calls = run_case(case, n)
        false = int((calls["shape"] == "discrete").sum())
        first = int((calls["p_split"] <= 0.05).sum())
        rows += [
            Row(case.name, "called discrete", "<= 5 %", f"{false} of {n}"),
            Row(case.name, "first split v fitted population, p <= 0.05", "5 %", f"{first} of {n}"),
        ]
    for case in CONTINUA:
        n = 1 if quick else 6
        calls = run_case(case, n)
        right = (calls["verdict"] == "continuous, coordinated").mean()
        rows.append(
            Row(case.name, "called continuous, coordinated", ">= 95 %",
                f"{round(right * n)} of {n}", met(right >= 0.95) if n >= 60 else "")
        )  # fmt: skip
    return rows


def run_power(quick: bool) -> list[Row]:
    """Two populations."""
    rows = []
    for case in MIXED:
        n = 1 if quick else 3
        calls = run_case(case, n)
        found = calls["shape"] == "discrete"
        agreed = percent(calls["agreement"][found].median()) if found.any() else "none found"
        rows += [
            Row(case.name, "called discrete", "", f"{int(found.sum())} of {n}"),
            Row(case.name, "cells on the right side, where found (median)", "", agreed),
        ]
    return rows


CHOSEN = (
    "The test was chosen on log-linear factor models (Gaussian, gamma, flat and bent factors, gamma "
    "noise per gene) and is judged on another model: modules of genes that add to a base, "
    "gamma-Poisson counts, gamma depth. 1,000 genes of which 200 are used, 4,000 UMI on average."
)
GAPS = Study("subsets-gap", "Gap test on one population", CHOSEN, run_gaps)
ERRORS = Study(
    "subsets-errors", "One population or a continuum called discrete", CHOSEN, run_errors
)
POWER = Study("subsets-power", "Two populations found", CHOSEN, run_power)
