"""A cohort of simulated single-cell libraries whose true heterogeneity is known exactly."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.core.rng import spawn
from imscope.simulate.genes import STATES, GeneModel, gene_model
from imscope.simulate.indices import true_indices
from imscope.simulate.latent import Latent, ambient_profile, latent_cells, programme_loadings
from imscope.simulate.sequence import add_empty_droplets, barcodes, draw_counts
from imscope.simulate.settings import CohortSettings, SampleDesign, cohort_design


@dataclass(frozen=True)
class SimulatedSample:
    """Counts of one library and what every cell truly is.

    Attributes
    ----------
    counts
        Whole UMI counts, shape ``(n_cells, n_genes)``.
    cells
        One row per cell: ``cell``, ``state`` (good, damaged, doublet), ``subset``, ``phase``,
        ``senescent``.
    droplets
        Barcodes of the unfiltered matrix, sorted: those of the cells and of empty droplets.
    droplet_counts
        Whole UMI counts of all droplets, shape ``(n_droplets, n_genes)``.
    """

    counts: sp.csr_array
    cells: pd.DataFrame
    droplets: list[str]
    droplet_counts: sp.csr_array


@dataclass(frozen=True)
class Cohort:
    """A simulated cohort.

    Attributes
    ----------
    settings
        The knobs, with the seed.
    samples
        Libraries by sample name.
    features
        One row per gene: ``feature_id``, ``symbol``.
    sheet
        Sample sheet without ``path``.
    truth
        Tables by name. ``samples``: true hi2, bcv_percent, hi_c, programmes, subset shares, ambient
        share, doublet share and depth per sample. ``components``: nested variance components per
        source class. ``genes``: reference profile and universe. ``programmes``: loadings.
    """

    settings: CohortSettings
    samples: dict[str, SimulatedSample]
    features: pd.DataFrame
    sheet: pd.DataFrame
    truth: dict[str, pd.DataFrame]


def simulate_cohort(settings: CohortSettings | None = None) -> Cohort:
    """Simulate iMSC lots of one clone and primary MSC donors with known heterogeneity.

    Parameters
    ----------
    settings
        The knobs; by default the cohort of ``imscope demo``.

    Returns
    -------
    cohort
        Counts, sample sheet and truth tables.

    Raises
    ------
    UsageError
        A setting is out of range.

    Notes
    -----
    True values are computed from the expression fractions of the good cells, with the definition
    the estimators use: the universe is every gene of mean share 0.5 in 10,000 or more without
    mitochondrial, ribosomal protein, haemoglobin and sex-linked genes; fractions are of the counts
    of the genes that are not excluded; the reference weighs every sample equally. ``hi2_library``
    holds the value after ambient RNA, which pulls cells together by about ``(1 - ambient)**2``.
    :func:`true_indices` gives the same for another universe, reference or denominator.

    Examples
    --------
    >>> small = CohortSettings(imsc_lots=1, primary_donors=1, cells=40, genes=1000)
    >>> simulate_cohort(small).truth["samples"]["sample"].tolist()
    ['iMSC_L1', 'MSC_D1']
    """
    settings = CohortSettings() if settings is None else settings
    genes = gene_model(settings.genes, settings.seed)
    designs = cohort_design(settings)
    samples = {
        design.sample: _sequence(design, latent_cells(design, genes, settings), genes, settings)
        for design in designs
    }
    exact = true_indices(settings)
    facts = pd.DataFrame([_sample_facts(d, samples[d.sample]) for d in designs])
    truth = {
        "samples": facts.merge(exact["samples"], on="sample", validate="one_to_one"),
        "components": exact["components"],
        "genes": exact["genes"],
        "programmes": _loading_table(genes, settings),
    }
    return Cohort(settings, samples, genes.features, _sheet(designs), truth)


def _sequence(
    design: SampleDesign, latent: Latent, genes: GeneModel, settings: CohortSettings
) -> SimulatedSample:
    """Draw the counts: good cells, then damaged cells and doublets, all in random order."""
    rng = spawn(settings.seed, "counts", design.sample)
    n = settings.cells
    n_doublets, n_damaged = round(design.doublets * n), round(settings.damaged * n)
    more = 2 * n_doublets + n_damaged
    extra = latent_cells(design, genes, settings, n_cells=more, part="extra")
    soup = ambient_profile(latent, genes, settings)
    middle = settings.depth * float(np.exp(rng.normal(0.0, settings.depth_between)))

    def depths(size: int) -> NDArray[np.float64]:
        spread: NDArray[np.float64] = rng.normal(0.0, settings.depth_spread, size)
        return np.exp(spread) * middle

    first, second = extra.fractions[:n_doublets], extra.fractions[n_doublets : 2 * n_doublets]
    a, b = depths(n_doublets)[:, None], depths(n_doublets)[:, None]
    damaged = extra.fractions[2 * n_doublets :].astype(np.float64)
    damaged[:, genes.mitochondrial] *= rng.uniform(6.0, 12.0, (n_damaged, 1))
    damaged /= damaged.sum(axis=1, keepdims=True)
    total = np.concatenate([depths(n), (a + b).ravel(), 0.25 * depths(n_damaged)])
    fractions = np.vstack([latent.fractions, (a * first + b * second) / (a + b), damaged])
    counts = draw_counts(rng, fractions, soup, total, ambient=design.ambient)

    cells = pd.concat([latent.cells, extra.cells.iloc[n_doublets:]], ignore_index=True)
    cells.insert(0, "state", np.repeat(["good", "doublet", "damaged"], [n, n_doublets, n_damaged]))
    cells.loc[cells["state"] == "doublet", "subset"] = "doublet"
    order = rng.permutation(len(cells))
    cells = cells.iloc[order].reset_index(drop=True)
    cells.insert(0, "cell", barcodes(rng, len(cells)))
    droplets, droplet_counts = add_empty_droplets(
        counts[order],
        cells["cell"],
        soup,
        n_empty=settings.empty_droplets,
        rng=spawn(settings.seed, "empty", design.sample),
    )
    return SimulatedSample(counts[order], cells, droplets, droplet_counts)


def _sample_facts(design: SampleDesign, made: SimulatedSample) -> dict[str, object]:
    """Shares, depth and states of one library, as they are in the simulated cells."""
    cells = made.cells
    good = cells[cells["state"] == "good"]
    share = good["subset"].value_counts(normalize=True)
    depth = made.counts.sum(axis=1)[(cells["state"] == "good").to_numpy()]
    return {
        "sample": design.sample,
        "source_class": design.source_class,
        "n_cells": len(cells),
        "n_good": len(good),
        "ambient_frac": design.ambient,
        "doublet_frac": float((cells["state"] == "doublet").mean()),
        "damaged_frac": float((cells["state"] == "damaged").mean()),
        "median_umi": float(np.median(depth)),
        "cycling_frac": float((good["phase"] != "G1").mean()),
        "senescent_frac": float(good["senescent"].mean()),
        **{f"subset_{name}": float(share.get(name, 0.0)) for name in STATES},
    }


def _loading_table(genes: GeneModel, settings: CohortSettings) -> pd.DataFrame:
    parts = []
    for name, loading in programme_loadings(genes, settings).items():
        at = np.flatnonzero(loading)
        part = genes.features.iloc[at].assign(programme=name, loading=loading[at])
        parts.append(part[["programme", "feature_id", "symbol", "loading"]])
    return pd.concat(parts, ignore_index=True)


def _sheet(designs: list[SampleDesign]) -> pd.DataFrame:
    table = pd.DataFrame([asdict(d) for d in designs]).drop(columns=["ambient", "doublets"])
    table["population_doublings"] = 3 * table["passage"]
    table["platform"] = "simulated_10x_3p"
    table["library"] = table["sample"]
    table["simulated"] = "yes"
    return table
