"""From counts and a design to everything the heterogeneity tables need, in one pass."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
from imscope.analyses.heterogeneity.statistics import Reduced, reduce_moments
from imscope.analyses.heterogeneity.universe import MIN_SET_GENES, Universe, choose_universe
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError
from imscope.core.rng import spawn
from imscope.engine.moments import UnitMoments, compute_unit_moments
from imscope.evidence.gene_sets import genes_of, load

if TYPE_CHECKING:
    import pandas as pd

REPLICATE_COLUMNS = ("lot", "donor", "line", "clone", "batch", "sample")
"""Columns tried, in this order, as the replicate unit."""
KEY_COLUMNS = ("platform", "chemistry", "pipeline")
"""Columns that must agree before two indices may be compared."""
AMBIENT = "ambient_frac"
MAX_STRATA = 2_000


@dataclass(frozen=True, eq=False)
class Heterogeneity:
    """Sufficient statistics of a cohort, from which every table is made without the counts.

    Attributes
    ----------
    settings
        Choices made before the data were read.
    strata
        One row per sample (or per part of a sample that a column tells apart): its columns,
        ``n_cells`` and ``median_umi``.
    moments
        Sums per unit and gene; a unit is one block of cells of one stratum.
    stratum, block
        Stratum and block of every unit, ``(n_units,)``.
    features
        As given, one row per gene.
    universe
        Genes compared and their weights.
    all_genes, without
        Statistics per unit over the universe, and without cell cycle and dissociation genes.
    programmes
        Statistics per unit of every gene set with enough genes in the universe.
    source
        The counts, for coordinated heterogeneity.
    priority
        Random order in which cells are taken when there are too many, ``(n_cells,)``.
    """

    settings: HeterogeneitySettings
    strata: "pd.DataFrame"
    moments: UnitMoments
    stratum: NDArray[np.int64]
    block: NDArray[np.int64]
    features: "pd.DataFrame"
    universe: Universe
    all_genes: Reduced
    without: Reduced
    programmes: dict[str, Reduced]
    source: BlockSource
    priority: NDArray[np.float64]
    coordinated_cache: dict[tuple[int, ...], object] = field(default_factory=dict, repr=False)

    @property
    def replicate_column(self) -> str:
        """Column that names the independent units."""
        if self.settings.replicate_unit is not None:
            return self.settings.replicate_unit
        return next(c for c in REPLICATE_COLUMNS if c in self.strata.columns)

    @property
    def keys(self) -> list[str]:
        """Comparability key of every stratum."""
        n_genes = int(self.universe.genes.sum())
        names = "\n".join(self.features["feature_id"].astype(str)[self.universe.genes])
        tag = hashlib.sha256(names.encode()).hexdigest()[:8]
        columns = [c for c in KEY_COLUMNS if c in self.strata.columns]
        parts = self.strata[columns].astype(str).agg("/".join, axis=1) if columns else None
        return [
            f"{'platform not stated' if parts is None else parts.iloc[k]}|{n_genes} genes {tag}"
            for k in range(len(self.strata))
        ]


def compute_heterogeneity(
    source: BlockSource,
    features: "pd.DataFrame",
    cells: "pd.DataFrame",
    *,
    classes: Mapping[str, NDArray[np.bool_]],
    settings: HeterogeneitySettings | None = None,
    threads: int | None = None,
) -> Heterogeneity:
    """Read the counts once and keep what the index, its intervals and groups need.

    Parameters
    ----------
    source
        Counts, all cells that passed quality control.
    features
        One row per feature with ``feature_id`` and ``symbol``.
    cells
        One row per cell: ``sample`` and design columns. Cells without a sample are left out.
        ``ambient_frac``, if present, is the ambient share of the cell's library.
    classes
        Gene classes as :func:`imscope.io.genes.gene_classes` gives them.
    settings
        Defaults to the documented procedure.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    heterogeneity
        Pass it to :func:`index_table`, :func:`describe_claims` and the other tables.

    Raises
    ------
    DataError
        Tables do not fit the counts, no sample is named, or a column differs from cell to cell.
    MethodError
        Too few genes remain.

    References
    ----------
    .. [1] Hicks SC et al. (2018). Missing data and technical variability in single-cell
       RNA-sequencing experiments. Biostatistics 19:562-578. doi:10.1093/biostatistics/kxx053
    """
    chosen = settings or HeterogeneitySettings()
    code, strata = _strata(source, features, cells)
    units, stratum, block, priority = _units(code, strata, chosen)
    kept = np.ones(source.n_features, dtype=bool)
    moments = compute_unit_moments(source, units, len(stratum), kept=kept, threads=threads)
    strata = strata.assign(
        n_cells=np.bincount(stratum, moments.n_cells, minlength=len(strata)).astype(np.int64),
        median_umi=[moments.median_depth(np.flatnonzero(stratum == s)) for s in range(len(strata))],
    )
    universe = choose_universe(
        _reference(moments, stratum, strata),
        features["symbol"],
        classes,
        min_per_10k=chosen.min_per_10k,
        without=genes_of(*chosen.without_sets),
    )
    return Heterogeneity(
        settings=chosen,
        strata=strata,
        moments=moments,
        stratum=stratum,
        block=block,
        features=features,
        universe=universe,
        all_genes=reduce_moments(moments, universe.reference, universe.genes),
        without=reduce_moments(moments, universe.reference, universe.without),
        programmes=_programmes(moments, universe, features),
        source=source,
        priority=priority,
    )


def _strata(
    source: BlockSource, features: "pd.DataFrame", cells: "pd.DataFrame"
) -> tuple[NDArray[np.int64], "pd.DataFrame"]:
    import pandas as pd

    if len(cells) != source.n_cells or len(features) != source.n_features:
        raise DataError(
            "the tables of cells and features do not fit the counts",
            found=f"{len(cells)} cells and {len(features)} features for a matrix of "
            f"{source.n_cells} x {source.n_features}",
        )
    table = cells.reset_index(drop=True)
    if "sample" not in table.columns:
        table = table.assign(sample="all")
    design = [c for c in table.columns if c != AMBIENT]
    code = np.full(len(table), -1, dtype=np.int64)
    known = table["sample"].notna().to_numpy()
    if not known.any():
        raise DataError("no cell has a sample", fix="fill the column `sample`")
    text = table.loc[known, design].astype("object")
    text = text.where(text.notna(), None)
    groups = text.groupby(design, sort=True, dropna=False, observed=True)
    code[known] = groups.ngroup().to_numpy()
    n = int(code.max()) + 1
    if n > MAX_STRATA:
        counts = {c: len(text[c].unique()) for c in design}
        varied = max(counts, key=lambda c: counts[c])
        raise DataError(
            "a column differs from cell to cell, so it is not a design factor",
            found=f"{n} combinations; {varied!r} has {counts[varied]} values",
            fix="give only `sample` and design columns",
        )
    first = np.flatnonzero(known)[pd.Series(code[known]).drop_duplicates().index]
    strata = table.loc[first, design].set_axis(code[first]).sort_index()
    if AMBIENT in table.columns:
        share = pd.to_numeric(table[AMBIENT], errors="coerce")
        strata[AMBIENT] = share[known].groupby(code[known]).mean()
    return code, strata


def _units(
    code: NDArray[np.int64], strata: "pd.DataFrame", settings: HeterogeneitySettings
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Spread the cells of each stratum evenly and at random over its blocks."""
    n_blocks = settings.blocks
    units = np.full(len(code), -1, dtype=np.int32)
    priority = np.full(len(code), np.inf)
    design = strata.drop(columns=AMBIENT, errors="ignore")
    names = ["|".join(map(str, row)) for row in design.itertuples(index=False, name=None)]
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(len(strata) + 1))
    for s, name in enumerate(names):
        rows = order[starts[s] : starts[s + 1]]
        place = spawn(settings.seed, "blocks", name).permutation(len(rows))
        units[rows] = s * n_blocks + place % n_blocks
        priority[rows] = place / len(rows)
    both = np.arange(len(strata) * n_blocks, dtype=np.int64)
    return units, both // n_blocks, both % n_blocks, priority


def _reference(
    moments: UnitMoments, stratum: NDArray[np.int64], strata: "pd.DataFrame"
) -> NDArray[np.float64]:
    """Mean share of each gene: cells of a sample weigh alike, samples weigh alike."""
    import pandas as pd

    sample = pd.factorize(strata["sample"].astype(str), sort=True)[0]
    unit_sample = sample[stratum]
    profiles = []
    for s in range(int(sample.max()) + 1):
        mine = np.flatnonzero(unit_sample == s)
        n = int(moments.n_cells[mine].sum())
        if n:
            profiles.append(moments.sums[mine, :, 0].sum(axis=0) / n)
    if not profiles:
        raise DataError(
            "no cell has two counts", found=f"{len(moments.depth)} cells", fix="check the matrix"
        )
    return np.asarray(np.mean(profiles, axis=0))


def _programmes(
    moments: UnitMoments, universe: Universe, features: "pd.DataFrame"
) -> dict[str, Reduced]:
    symbols = features["symbol"].astype(str)
    out = {}
    for name, gene_set in load().items():
        genes = symbols.isin(gene_set.genes).to_numpy() & universe.genes
        if genes.sum() >= MIN_SET_GENES:
            out[name] = reduce_moments(moments, universe.reference, genes)
    return out
