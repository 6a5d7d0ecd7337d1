"""From counts and a design to everything the heterogeneity tables need, in one pass."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
from imscope.analyses.heterogeneity.statistics import Reduced, reduce_moments
from imscope.analyses.heterogeneity.universe import (
    LEFT_OUT,
    MIN_SET_GENES,
    Universe,
    choose_universe,
)
from imscope.core.blocks import BlockSource, MemoryBlocks, block_bounds
from imscope.core.cells import unit_column, unit_names
from imscope.core.errors import DataError
from imscope.core.rng import spawn
from imscope.engine.moments import UnitMoments, compute_unit_moments
from imscope.evidence.gene_sets import genes_of, load

if TYPE_CHECKING:
    import pandas as pd

    from imscope.analyses.heterogeneity.frozen import Floor, Profile

KEY_COLUMNS = ("platform", "chemistry", "pipeline", "gene_universe")
"""Columns that must agree before two indices may be compared."""
AMBIENT = "ambient_frac"
"""Ambient share of the library, as known."""
AMBIENT_LIMITS = ("ambient_low", "ambient_high")
"""What it is at least, and at most, where it is not known."""
MEASURED = (AMBIENT, *AMBIENT_LIMITS, "qc_lost")
"""Numbers of the library that are no design factors; they are averaged over a stratum."""
MAX_STRATA = 2_000
MAX_HELD = 60_000_000
"""Stored counts up to which they are held in memory, so that the file may be closed."""


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
    kept
        Features that make the denominator: all but the nuisance classes, ``(n_features,)``.
    features
        One row per kept gene.
    pool
        Comparability pool of every stratum: only strata of one pool share a reference.
    universes
        Genes compared and their weights (over the kept genes), one per pool.
    all_genes, without
        Statistics per unit over the universe of its pool, and without cell-cycle and dissociation
        genes. Between units of different pools the inner product is 0 and means nothing.
    programmes
        Statistics per unit of every gene set with enough genes in the universe.
    source
        The counts, for coordinated heterogeneity and for one depth: in memory up to 60 million
        stored counts; above, the file must stay open for these.
    priority
        Random order in which cells are taken when there are too many, ``(n_cells,)``.
    spikes
        Spike-in features, ``(n_features,)``; they are never counted as genes.
    floors
        Technical floor of every comparability pool, where :func:`with_floor` measured one.
    """

    settings: HeterogeneitySettings
    strata: "pd.DataFrame"
    moments: UnitMoments
    stratum: NDArray[np.int64]
    block: NDArray[np.int64]
    kept: NDArray[np.bool_]
    features: "pd.DataFrame"
    pool: NDArray[np.int64]
    universes: tuple[Universe, ...]
    all_genes: Reduced
    without: Reduced
    programmes: dict[str, Reduced]
    source: BlockSource
    priority: NDArray[np.float64]
    spikes: NDArray[np.bool_] | None = None
    floors: "tuple[Floor | None, ...]" = ()
    profile: "Profile | None" = None

    @property
    def replicate_column(self) -> str:
        """Column that names the independent units."""
        return unit_column(self.strata, self.asked_unit)

    @property
    def asked_unit(self) -> str | None:
        """Column of the units that the settings or the frozen profile name."""
        fixed = None if self.profile is None else self.profile.unit
        return self.settings.replicate_unit or (fixed if fixed in self.strata.columns else None)

    def units_of(self, column: str | None = None) -> NDArray[np.object_]:
        """Independent unit of each stratum; one without a unit name is its sample's own."""
        return unit_names(self.strata, column or self.asked_unit)

    @property
    def keys(self) -> list[str]:
        """Comparability key of every stratum: platform, pipeline, and gene universe or profile."""
        names = pool_names(self.strata)
        if self.profile is not None:
            return [f"{name}|profile {self.profile.digest[:12]}" for name in names]
        ids = self.features["feature_id"].astype(str)
        tags = []
        for universe in self.universes:
            text = "\n".join(ids[universe.genes])
            tag = hashlib.sha256(text.encode()).hexdigest()[:8]
            tags.append(f"{int(universe.genes.sum())} genes {tag}")
        return [f"{name}|{tags[k]}" for name, k in zip(names, self.pool, strict=True)]

    def universe_of(self, strata: NDArray[np.int64]) -> Universe:
        """Genes and weights of some strata of one pool."""
        return self.universes[int(self.pool[strata[0]])]


def compute_heterogeneity(
    source: BlockSource,
    features: "pd.DataFrame",
    cells: "pd.DataFrame",
    *,
    classes: Mapping[str, NDArray[np.bool_]],
    settings: HeterogeneitySettings | None = None,
    profile: "Profile | None" = None,
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
        ``ambient_frac``, if present, is the ambient share of the cell's library, ``ambient_low``
        and ``ambient_high`` what it is at least and at most.
    classes
        Gene classes as :func:`imscope.io.genes.gene_classes` gives them.
    settings
        Defaults to the documented procedure.
    profile
        Frozen genes and weights, see :func:`freeze_profile`: then no number of a lot depends on
        the other lots of the run.
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
        Too few genes remain, or the profile is of another platform.

    References
    ----------
    .. [1] Hicks SC et al. (2018). Missing data and technical variability in single-cell
       RNA-sequencing experiments. Biostatistics 19:562-578. doi:10.1093/biostatistics/kxx053
    """
    chosen = settings or HeterogeneitySettings()
    code, strata = _strata(source, features, cells)
    units, stratum, block, priority = _units(code, strata, chosen, alone=profile is not None)
    spikes = spike_ins(features)
    kept = ~spikes
    for name in LEFT_OUT:
        if name in classes:
            kept &= ~classes[name]
    if profile is not None:
        kept &= profile.lists(features)
    held = hold(source)
    moments = compute_unit_moments(held, units, len(stratum), kept=kept, threads=threads)
    strata = strata.assign(
        n_cells=np.bincount(stratum, moments.n_cells, minlength=len(strata)).astype(np.int64),
        median_umi=[moments.median_depth(np.flatnonzero(stratum == s)) for s in range(len(strata))],
    )
    own = features[kept].reset_index(drop=True)
    own_classes = {name: mask[kept] for name, mask in classes.items()}
    names, pool = np.unique(np.array(pool_names(strata), dtype=str), return_inverse=True)
    if profile is not None:
        universes = tuple(profile.universe(str(name), own) for name in names)
    else:
        universes = tuple(
            choose_universe(
                _reference(moments, np.where(pool[stratum] == k, stratum, -1), strata),
                own["symbol"],
                own_classes,
                min_per_10k=chosen.min_per_10k,
                without=genes_of(*chosen.without_sets),
                unknown=_unknown(own),
            )
            for k in range(len(names))
        )
    masks = {name: own["symbol"].astype(str).isin(s.genes).to_numpy() for name, s in load().items()}
    unit_pool, tile = pool[stratum], None if profile is None else chosen.blocks
    programmes = {
        name: reduce_pools(
            moments, unit_pool, universes, [mask & u.genes for u in universes], tile=tile
        )
        for name, mask in masks.items()
        if min(int((mask & u.genes).sum()) for u in universes) >= MIN_SET_GENES
    }
    return Heterogeneity(
        settings=chosen,
        strata=strata,
        moments=moments,
        stratum=stratum,
        block=block,
        kept=kept,
        features=own,
        pool=pool.astype(np.int64),
        universes=universes,
        all_genes=reduce_pools(
            moments, unit_pool, universes, [u.genes for u in universes], tile=tile
        ),
        without=reduce_pools(
            moments, unit_pool, universes, [u.without for u in universes], tile=tile
        ),
        programmes=programmes,
        source=held,
        priority=priority,
        spikes=spikes,
        floors=() if profile is None else tuple(profile.floor(str(name)) for name in names),
        profile=profile,
    )


def hold(source: BlockSource) -> BlockSource:
    """Take the counts into memory unless they are there or are too many; digits do not change."""
    if isinstance(source, MemoryBlocks) or not source.n_cells:
        return source
    parts, stored = [], 0
    for start, stop in block_bounds(source.n_cells):
        parts.append(source.read(start, stop))
        stored += len(parts[-1].data)
        if stored > MAX_HELD:
            return source
    ends = np.cumsum([0, *(len(p.data) for p in parts)])
    return MemoryBlocks(
        np.concatenate([[0], *(p.indptr[1:] + e for p, e in zip(parts, ends, strict=False))]),
        np.concatenate([p.indices for p in parts]),
        np.concatenate([p.data for p in parts]),
        source.n_features,
    )


def spike_ins(features: "pd.DataFrame") -> NDArray[np.bool_]:
    """Find the ERCC spike-ins by their names.

    Examples
    --------
    >>> import pandas as pd
    >>> names = ["ERCC-00002", "ERCC1"]
    >>> spike_ins(pd.DataFrame({"feature_id": names, "symbol": names})).tolist()
    [True, False]
    """
    pattern = r"^ERCC[-_]\d{5}$"
    found = features["feature_id"].astype(str).str.match(pattern)
    return np.asarray(found | features["symbol"].astype(str).str.match(pattern), dtype=bool)


def pool_names(strata: "pd.DataFrame") -> list[str]:
    """Platform, chemistry and pipeline of every stratum, joined."""
    columns = [c for c in KEY_COLUMNS if c in strata.columns]
    if not columns:
        return ["platform not stated"] * len(strata)
    value = strata[columns].astype("object")
    text = value.where(value.notna(), "not stated").astype(str)
    return ["/".join(row) for row in text.to_numpy(dtype=object).tolist()]


def _unknown(features: "pd.DataFrame") -> NDArray[np.bool_] | None:
    if "biotype" not in features.columns:
        return None
    return np.asarray(features["biotype"].astype(str).isin(["", "nan", "unknown"]), dtype=bool)


def reduce_pools(
    moments: UnitMoments,
    pool: NDArray[np.int64],
    universes: tuple[Universe, ...],
    genes: list[NDArray[np.bool_]],
    *,
    tile: int | None = None,
) -> Reduced:
    """Sum the genes out, each unit with the weights of its own pool."""
    n = moments.n_units
    square, noise, gram = np.zeros(n), np.zeros(n), np.zeros((n, n))
    for k, universe in enumerate(universes):
        mine = np.flatnonzero(pool == k)
        part = reduce_moments(moments, universe.reference, genes[k], units=mine, tile=tile)
        square[mine], noise[mine] = part.square, part.noise
        gram[np.ix_(mine, mine)] = part.gram
    sizes = int(max(g.sum() for g in genes))
    return Reduced(moments.n_cells.astype(np.float64), square, noise, gram, sizes)


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
    design = [c for c in table.columns if c not in MEASURED]
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
    for name in (c for c in MEASURED if c in table.columns):
        share = pd.to_numeric(table[name], errors="coerce")
        strata[name] = share[known].groupby(code[known]).mean()
    return code, strata


def _units(
    code: NDArray[np.int64],
    strata: "pd.DataFrame",
    settings: HeterogeneitySettings,
    *,
    alone: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Spread the cells of each stratum evenly and at random over its blocks.

    ``alone``: by the name of its sample only, which no other sample of the run can change.
    """
    n_blocks = settings.blocks
    units = np.full(len(code), -1, dtype=np.int32)
    priority = np.full(len(code), np.inf)
    design = strata.drop(columns=list(MEASURED), errors="ignore")
    if alone:
        varied = strata.groupby("sample")[[*design.columns]].nunique(dropna=False).max() > 1
        design = design[["sample", *(c for c in design.columns if c != "sample" and varied[c])]]
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
    unit_sample = np.where(stratum >= 0, sample[stratum], -1)
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
