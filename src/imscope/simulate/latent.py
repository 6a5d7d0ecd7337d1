"""The hidden truth of a simulated cohort: what each cell expresses before it is sequenced."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.rng import spawn
from imscope.simulate.genes import HAEMOGLOBIN, PROGRAMMES, STATES, GeneModel
from imscope.simulate.settings import CohortSettings, SampleDesign

SHARED_PROGRAMMES = ("shared_1", "shared_2", "shared_3")
_SPREADING = ("hypoxia", "stress", *SHARED_PROGRAMMES)


@dataclass(frozen=True)
class Latent:
    """Expression of the cells of one sample, before ambient RNA, doublets and sequencing.

    Attributes
    ----------
    fractions
        Share of each gene, shape ``(n_cells, n_genes)``, float32; rows sum to 1.
    cells
        One row per cell: ``subset``, ``phase`` (G1, S, G2M) and ``senescent``.
    """

    fractions: NDArray[np.float32]
    cells: pd.DataFrame


def programme_loadings(
    genes: GeneModel, settings: CohortSettings
) -> dict[str, NDArray[np.float64]]:
    """Log change of every gene per unit of each programme, each of shape ``(n_genes,)``."""
    rng = spawn(settings.seed, "loadings")
    out = {}
    for name, members in PROGRAMMES.items():
        loading = np.zeros(len(genes.features))
        at = genes.index(members)
        loading[at] = rng.uniform(0.6, 1.2, len(at))
        out[name] = loading
    free = np.flatnonzero(genes.kept)
    for name in SHARED_PROGRAMMES:
        loading = np.zeros(len(genes.features))
        at = rng.choice(free, size=len(free) // 20, replace=False)
        loading[at] = rng.normal(0.0, 0.5, len(at))
        out[name] = loading
    return out


def subset_fractions(design: SampleDesign, settings: CohortSettings) -> NDArray[np.float64]:
    """Share of each subset in one sample, drawn around the cohort's mean, shape ``(4,)``."""
    rng = spawn(settings.seed, "subsets", design.sample)
    mean = np.asarray(settings.subset_frac)
    looseness = settings.spread(design.source_class)[1]
    return rng.dirichlet(mean / mean.sum() * settings.subset_concentration / looseness**2)


def resting_profile(
    design: SampleDesign, genes: GeneModel, settings: CohortSettings
) -> NDArray[np.float64]:
    """Log expression that all cells of one sample have in common, shape ``(n_genes,)``."""
    seed, n = settings.seed, len(genes.features)
    among = settings.spread(design.source_class)[1]
    out = np.log(genes.for_sex(design.sex))
    for size, key in (
        (settings.class_effect, ("class", design.source_class)),
        (settings.unit_effect * among, ("unit", design.lot)),
        (settings.run_effect * among, ("run", design.sample)),
        (settings.batch_effect, ("batch", design.batch)),
    ):
        out = out + spawn(seed, *key).normal(0.0, size, n)
    return out


def latent_cells(
    design: SampleDesign,
    genes: GeneModel,
    settings: CohortSettings,
    *,
    n_cells: int | None = None,
    part: str = "good",
) -> Latent:
    """Make the cells of one sample; the same call gives the same cells again.

    Parameters
    ----------
    design
        Which sample.
    genes
        Genes and their resting expression.
    settings
        The cohort.
    n_cells
        Number of cells; by default that of the settings.
    part
        Which cells of the sample; other names give other cells of the same kind.
    """
    n = settings.cells if n_cells is None else n_cells
    rng = spawn(settings.seed, "cells", design.sample, part)
    loadings = programme_loadings(genes, settings)
    within = settings.spread(design.source_class)[0]
    within *= float(np.exp(spawn(settings.seed, "amplitude", design.lot).normal(0.0, 0.05)))

    subset = _exact_labels(rng, subset_fractions(design, settings), n)
    old = rng.random(n) < senescent_share(design.passage, settings)
    dividing = ~old & (rng.random(n) < settings.cycling)
    phase = np.where(dividing, np.where(rng.random(n) < 0.55, "S", "G2M"), "G1")

    scores: dict[str, NDArray[np.floating]] = {
        name: within * rng.normal(0.0, 0.7, n) for name in _SPREADING
    }
    for number, name in enumerate(STATES):
        scores[name] = within * 1.1 * (subset == number)
    scores["senescence"] = within * 1.5 * old
    scores["cycle_s"] = 1.5 * (phase == "S")
    scores["cycle_g2m"] = 1.7 * (phase == "G2M")

    log_share = (
        within * settings.private * rng.standard_normal((n, len(genes.features)), dtype=np.float32)
    )
    log_share += resting_profile(design, genes, settings).astype(np.float32)
    for name, score in scores.items():
        at = np.flatnonzero(loadings[name])
        log_share[:, at] += np.outer(score, loadings[name][at]).astype(np.float32)
    fractions: NDArray[np.float32] = np.exp(log_share, out=log_share)
    fractions /= fractions.sum(axis=1, keepdims=True)
    names = np.asarray(STATES)[subset]
    return Latent(fractions, pd.DataFrame({"subset": names, "phase": phase, "senescent": old}))


def ambient_profile(
    latent: Latent, genes: GeneModel, settings: CohortSettings
) -> NDArray[np.float64]:
    """Share of each gene in the ambient RNA of one sample, shape ``(n_genes,)``, sums to 1.

    It is the mean of the sample's good cells and some RNA of red blood cells. Those broke before
    the droplets were made, so haemoglobin is the one trace in a cell that can only be ambient.
    """
    soup = latent.fractions.mean(axis=0, dtype=np.float64)
    soup /= soup.sum()
    blood = genes.index(HAEMOGLOBIN)
    if blood.size:
        soup *= 1 - settings.ambient_blood
        soup[blood] += settings.ambient_blood / blood.size
    return soup


def senescent_share(passage: int, settings: CohortSettings) -> float:
    """Give the expected share of senescent cells: logistic in the passage."""
    return float(1 / (1 + np.exp(-(passage - settings.senescence_passage) / 1.5)))


def _exact_labels(
    rng: np.random.Generator, shares: NDArray[np.float64], n: int
) -> NDArray[np.intp]:
    """Labels in random order whose counts are the shares of ``n``, rounded by largest remainder."""
    counts = np.floor(shares * n).astype(int)
    short = n - counts.sum()
    counts[np.argsort(counts - shares * n, kind="stable")[:short]] += 1
    return rng.permutation(np.repeat(np.arange(len(shares)), counts))
