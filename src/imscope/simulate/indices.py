"""True heterogeneity of every simulated sample, for any universe, reference and denominator."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.errors import DataError
from imscope.simulate.genes import gene_model
from imscope.simulate.latent import ambient_profile, latent_cells
from imscope.simulate.settings import CohortSettings, SampleDesign, cohort_design
from imscope.simulate.truth import true_components, true_index

MIN_SHARE = 0.5e-4
"""Genes below this mean share are outside the universe of the index."""


def true_indices(
    settings: CohortSettings,
    *,
    kept: NDArray[np.bool_] | None = None,
    reference: NDArray[np.float64] | None = None,
    universe: NDArray[np.bool_] | None = None,
) -> dict[str, pd.DataFrame]:
    """Compute exact indices from the hidden expression of the good cells.

    Give the masks and the profile a run has used, to compare its numbers with the truth on the
    same terms. All arrays follow the gene order of the cohort and have shape ``(n_genes,)``.

    Parameters
    ----------
    settings
        The cohort; the same settings give the same cells.
    kept
        Genes that make the denominator. Default: all but mitochondrial, ribosomal protein,
        haemoglobin and sex-linked genes, MALAT1 and NEAT1.
    reference
        Profile that weighs the genes. Default: the mean share over all samples at equal weight.
    universe
        Genes of the index. Default: kept genes of mean share 0.5 in 10,000 or more.

    Returns
    -------
    tables
        ``samples``: ``hi2``, ``bcv_percent``, ``hi_c``, ``programmes`` and ``hi2_library`` per
        sample. ``components``: variance per source class and level. ``genes``: the arrays used.

    Raises
    ------
    DataError
        An array does not fit the genes, or a gene of the universe is not kept or has no weight.

    Examples
    --------
    >>> small = CohortSettings(imsc_lots=1, primary_donors=1, cells=40, genes=1000)
    >>> all_genes = true_indices(small, kept=np.ones(1000, dtype=bool))
    >>> all_genes["genes"]["kept"].all().item()
    True
    """
    genes = gene_model(settings.genes, settings.seed)
    designs = cohort_design(settings)
    kept = genes.kept if kept is None else np.asarray(kept, dtype=bool)
    if len(kept) != len(genes.features):
        raise _misfit(f"{len(kept)} entries for {len(genes.features)} genes")
    if reference is None:
        profiles = [
            _shares(latent_cells(d, genes, settings).fractions, kept).mean(axis=0) for d in designs
        ]
        reference = np.mean(profiles, axis=0)
    if universe is None:
        universe = kept & (reference >= MIN_SHARE)
    if len(reference) != len(kept) or len(universe) != len(kept):
        raise _misfit(f"{len(reference)} and {len(universe)} entries for {len(kept)} genes")
    if (universe & ~kept).any() or not (reference[universe] > 0).all():
        raise _misfit("a gene of the universe is not kept or has no weight")

    rows, sums, squares = [], [], []
    for design in designs:
        latent = latent_cells(design, genes, settings)
        fractions, soup = latent.fractions, ambient_profile(latent, genes, settings)
        y = _shares(fractions, kept)[:, universe]
        seen = _shares((1 - design.ambient) * fractions + design.ambient * soup, kept)[:, universe]
        index = true_index(y, reference[universe])
        rows.append(
            {
                "sample": design.sample,
                "hi2": index.hi2,
                "bcv_percent": 100 * np.sqrt(index.hi2),
                "hi_c": index.hi_c,
                "programmes": index.programmes,
                "hi2_library": true_index(seen, reference[universe]).hi2,
            }
        )
        scaled = y / np.sqrt(reference[universe])
        sums.append(scaled.sum(axis=0))
        squares.append(float((scaled**2).sum()))
    return {
        "samples": pd.DataFrame(rows),
        "components": _components(designs, np.array(sums), np.array(squares), settings.cells),
        "genes": genes.features.assign(reference=reference, kept=kept, universe=universe),
    }


def _shares(fractions: NDArray[np.floating], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Expression fractions of the kept genes; zero elsewhere."""
    out: NDArray[np.float64] = np.where(kept, fractions, 0.0).astype(np.float64)
    out /= out.sum(axis=1, keepdims=True)
    return out


def _components(
    designs: list[SampleDesign],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    cells: int,
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
            sums[at], squares[at], [cells] * len(at), nesting=list(nesting.values())
        )
        for level, value in zip([*nesting, "cell"], values, strict=True):
            rows.append({"source_class": source_class, "level": level, "variance": value})
    return pd.DataFrame(rows, columns=["source_class", "level", "variance"])


def _misfit(found: str) -> DataError:
    return DataError("the genes given do not fit the simulated cohort", found=found)
