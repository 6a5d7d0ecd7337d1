"""A cohort of simulated single-cell libraries whose true heterogeneity is known exactly."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.core.rng import spawn
from imscope.simulate.genes import STATES, GeneModel, gene_model
from imscope.simulate.latent import Latent, latent_cells, programme_loadings
from imscope.simulate.settings import CohortSettings, SampleDesign, cohort_design
from imscope.simulate.truth import true_components, true_index

MIN_SHARE = 0.5e-4
"""Genes below this mean share are outside the universe of the index."""


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
    """

    counts: sp.csr_array
    cells: pd.DataFrame


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

    Examples
    --------
    >>> small = CohortSettings(imsc_lots=1, primary_donors=1, cells=40, genes=1000)
    >>> simulate_cohort(small).truth["samples"]["sample"].tolist()
    ['iMSC_L1', 'MSC_D1']
    """
    settings = CohortSettings() if settings is None else settings
    genes = gene_model(settings.genes, settings.seed)
    designs = cohort_design(settings)
    samples, profiles = {}, []
    for design in designs:
        latent = latent_cells(design, genes, settings)
        samples[design.sample] = _sequence(design, latent, genes, settings)
        profiles.append(_kept_fractions(latent.fractions, genes).mean(axis=0))
    reference = np.mean(profiles, axis=0)
    universe = reference >= MIN_SHARE
    truth = {
        **_sample_truth(designs, samples, genes, settings, reference),
        "genes": genes.features.assign(
            reference=_over_all_genes(reference, genes.kept),
            kept=genes.kept,
            universe=_over_all_genes(universe, genes.kept),
        ),
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
    soup = latent.fractions.mean(axis=0, dtype=np.float64)
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
    counts = _draw(rng, fractions, soup, total, ambient=design.ambient)

    cells = pd.concat([latent.cells, extra.cells.iloc[n_doublets:]], ignore_index=True)
    cells.insert(0, "state", np.repeat(["good", "doublet", "damaged"], [n, n_doublets, n_damaged]))
    cells.loc[cells["state"] == "doublet", "subset"] = "doublet"
    order = rng.permutation(len(cells))
    cells = cells.iloc[order].reset_index(drop=True)
    cells.insert(0, "cell", _barcodes(rng, len(cells)))
    return SimulatedSample(counts[order], cells)


def _draw(
    rng: np.random.Generator,
    fractions: NDArray[np.floating],
    soup: NDArray[np.float64],
    total: NDArray[np.float64],
    *,
    ambient: float,
) -> sp.csr_array:
    parts = []
    umi = np.maximum(np.rint(total), 1).astype(np.int64)
    for low in range(0, len(fractions), 256):
        share = fractions[low : low + 256].astype(np.float64)
        share /= share.sum(axis=1, keepdims=True)
        share = (1 - ambient) * share + ambient * soup
        share /= share.sum(axis=1, keepdims=True)
        parts.append(sp.csr_array(rng.multinomial(umi[low : low + 256], share).astype(np.int32)))
    return sp.csr_array(sp.vstack(parts, format="csr"))


def _barcodes(rng: np.random.Generator, n: int) -> list[str]:
    numbers = np.sort(rng.choice(4**12, size=n, replace=False))
    letters = np.array(list("ACGT"))
    digits = (numbers[:, None] >> (2 * np.arange(11, -1, -1))) & 3
    return ["".join(row) + "-1" for row in letters[digits]]


def _kept_fractions(fractions: NDArray[np.floating], genes: GeneModel) -> NDArray[np.float64]:
    kept: NDArray[np.float64] = fractions[:, genes.kept].astype(np.float64)
    kept /= kept.sum(axis=1, keepdims=True)
    return kept


def _sample_truth(
    designs: list[SampleDesign],
    samples: dict[str, SimulatedSample],
    genes: GeneModel,
    settings: CohortSettings,
    reference: NDArray[np.float64],
) -> dict[str, pd.DataFrame]:
    universe = reference >= MIN_SHARE
    root = np.sqrt(reference[universe])
    rows, sums, squares = [], [], []
    for design in designs:
        latent = latent_cells(design, genes, settings)
        y = _kept_fractions(latent.fractions, genes)[:, universe]
        soup = latent.fractions.mean(axis=0, dtype=np.float64)
        seen = (1 - design.ambient) * latent.fractions + design.ambient * soup
        in_library = _kept_fractions(seen, genes)[:, universe]
        index = true_index(y, reference[universe])
        cells, counts = samples[design.sample].cells, samples[design.sample].counts
        share = latent.cells["subset"].value_counts(normalize=True)
        rows.append(
            {
                "sample": design.sample,
                "source_class": design.source_class,
                "n_cells": len(cells),
                "n_good": len(latent.cells),
                "hi2": index.hi2,
                "bcv_percent": 100 * np.sqrt(index.hi2),
                "hi_c": index.hi_c,
                "programmes": index.programmes,
                "hi2_library": true_index(in_library, reference[universe]).hi2,
                "ambient_frac": design.ambient,
                "doublet_frac": float((cells["state"] == "doublet").mean()),
                "damaged_frac": float((cells["state"] == "damaged").mean()),
                "median_umi": float(np.median(counts.sum(axis=1)[cells["state"] == "good"])),
                "cycling_frac": float((latent.cells["phase"] != "G1").mean()),
                "senescent_frac": float(latent.cells["senescent"].mean()),
                **{f"subset_{name}": float(share.get(name, 0.0)) for name in STATES},
            }
        )
        sums.append((y / root).sum(axis=0))
        squares.append(float(((y / root) ** 2).sum()))
    table = pd.DataFrame(rows)
    parts = _component_table(designs, np.array(sums), np.array(squares), table["n_good"])
    return {"samples": table, "components": parts}


def _component_table(
    designs: list[SampleDesign],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    sizes: pd.Series,
) -> pd.DataFrame:
    rows = []
    for source_class in dict.fromkeys(d.source_class for d in designs):
        at = [i for i, d in enumerate(designs) if d.source_class == source_class]
        unit = [designs[i].lot for i in at]
        if len(set(unit)) < 2:
            continue
        run = [designs[i].sample for i in at]
        nesting = {"unit": unit, "run": run} if len(run) > len(set(unit)) else {"unit": unit}
        values = true_components(
            sums[at], squares[at], sizes.iloc[at].tolist(), nesting=[*nesting.values()]
        )
        for level, value in zip([*nesting, "cell"], values, strict=True):
            rows.append({"source_class": source_class, "level": level, "variance": value})
    return pd.DataFrame(rows, columns=["source_class", "level", "variance"])


def _loading_table(genes: GeneModel, settings: CohortSettings) -> pd.DataFrame:
    parts = []
    for name, loading in programme_loadings(genes, settings).items():
        at = np.flatnonzero(loading)
        part = genes.features.iloc[at].assign(programme=name, loading=loading[at])
        parts.append(part[["programme", "feature_id", "symbol", "loading"]])
    return pd.concat(parts, ignore_index=True)


def _over_all_genes[T: np.generic](values: NDArray[T], kept: NDArray[np.bool_]) -> NDArray[T]:
    """Put values of the kept genes among all genes; zero (or False) elsewhere."""
    out = np.zeros(len(kept), dtype=values.dtype)
    out[kept] = values
    return out


def _sheet(designs: list[SampleDesign]) -> pd.DataFrame:
    table = pd.DataFrame([asdict(d) for d in designs]).drop(columns=["ambient", "doublets"])
    table["population_doublings"] = 3 * table["passage"]
    table["platform"] = "simulated_10x_3p"
    table["library"] = table["sample"]
    table["simulated"] = "yes"
    return table
