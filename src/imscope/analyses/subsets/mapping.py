"""Map the cells of a query lot onto the labelled cells of a reference run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.subsets.calibration import Calibration, calibrate
from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError, UsageError
from imscope.core.rng import spawn
from imscope.core.schema import MAPPED_CELLS, MAPPED_COMPOSITION
from imscope.core.views import map_features, select_rows

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
UNLIKE = "unlike any reference"
FEWEST_SHARED = 200
FEWEST_OWN = 30


@dataclass(frozen=True, slots=True)
class MapSettings:
    """Choices of the mapping, fixed before the data are read.

    Attributes
    ----------
    k
        Reference cells that vote for a query cell.
    genes, components
        Variable genes of the reference and principal components.
    unlike
        Share of held-out reference cells that may be called unlike the reference.
    max_reference
        Reference cells used; more are drawn at random within each label.
    fewest_cells
        Cells a label needs to be mapped to.
    seed
        Of the draws.
    """

    k: int = 15
    genes: int = 1_500
    components: int = 30
    unlike: float = 0.02
    max_reference: int = 20_000
    fewest_cells: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.k >= 3 and 0 < self.unlike < 0.5 and self.fewest_cells > self.k // 2):
            raise UsageError(
                "a setting of the mapping is out of range",
                found=f"k {self.k}, unlike {self.unlike}, fewest_cells {self.fewest_cells}",
                fix="k from 3, unlike in (0, 0.5), fewest_cells above k / 2",
                code=codes.SUBSETS_OPTION,
            )


@dataclass(frozen=True, slots=True, eq=False)
class Lot:
    """Cells with their features and their table.

    Attributes
    ----------
    source
        Raw counts. Unit: UMI.
    features
        One row per feature with ``symbol``.
    obs
        One row per cell.
    """

    source: BlockSource
    features: "pd.DataFrame"
    obs: "pd.DataFrame"


@dataclass(frozen=True, slots=True, eq=False)
class MapResult:
    """Result of :func:`map_query`.

    Attributes
    ----------
    cells
        Table ``mapped_cells``.
    composition
        Table ``mapped_composition``.
    calibration
        How probabilities and the limit of likeness were found.
    settings
        What was asked.
    """

    cells: "pd.DataFrame"
    composition: "pd.DataFrame"
    calibration: Calibration
    settings: MapSettings


@dataclass(frozen=True, slots=True, eq=False)
class _Space:
    points: Floats
    """Reference cells."""
    placed: Floats
    """Query cells."""
    rows: NDArray[np.int64]
    """Rows of these query cells."""


def map_query(
    query: Lot,
    reference: Lot,
    *,
    label: str,
    by: str | None = None,
    unit: str | None = None,
    settings: MapSettings | None = None,
    threads: int | None = None,
) -> MapResult:
    """Give every query cell the label of the reference cells it lies among, or none.

    Both lots are brought to their common genes and to one depth. Components come from the
    reference alone, the query is placed on them. A shift of the whole query, as another lab or
    chemistry makes it, is taken away: the median step between mutual neighbours. The nearest
    reference cells vote. Whole reference units, held out and mapped in the same way onto the
    others, show how often such a vote is right, and how far from the reference a cell of the
    reference may lie.

    Parameters
    ----------
    query, reference
        Counts, features and cells of both.
    label
        Column of the reference that names the subsets.
    by
        Column of the query that names the lots; the whole query is one lot by default.
    unit
        Column of the reference's replicate units. With fewer than two, halves of its cells are
        held out, which knows nothing about other lots: probabilities are then too high.
    settings
        See :class:`MapSettings`.
    threads
        See :func:`imscope.engine.execute.thread_count`; without effect on the result.

    Returns
    -------
    result
        Cells, composition of every lot with intervals, and the calibration.

    Raises
    ------
    DataError
        A column is missing, fewer than two labels have enough cells, or too few genes are shared.

    Notes
    -----
    A query type that is close to a reference type, such as two kinds of T cells, is taken for it.
    The intervals are over cells of the lot and hold the uncertainty of the labels, not that of
    other lots.
    """
    chosen = settings or MapSettings()
    lots = _column(query.obs, by) if by else np.full(len(query.obs), "all")
    labels = _column(reference.obs, label)
    units = _column(reference.obs, unit) if unit else np.full(len(reference.obs), "all")
    rows = _reference_rows(labels, chosen)
    labels, units = labels[rows], units[rows]
    spaces = _place(query, reference, rows, chosen, threads)
    fits = [
        calibrate(
            space.points, labels, units, k=chosen.k, unlike=chosen.unlike / 2, seed=chosen.seed,
            threads=threads,
        )
        for space in spaces
    ]  # fmt: skip
    fitted = fits[0]
    probability, ratio = np.zeros((len(lots), len(fitted.names))), np.zeros(len(lots))
    for space, fit in zip(spaces, fits, strict=True):
        for lot in np.unique(lots[space.rows]):
            own = np.flatnonzero(lots[space.rows] == lot)
            _, chance, far = fit.call(space.placed[own], threads=threads)
            cells = space.rows[own]
            ratio[cells] = np.maximum(ratio[cells], far / fit.limit)
            if fit is fitted:
                probability[cells] = chance
    called = np.where(ratio > 1, UNLIKE, fitted.names[probability.argmax(axis=1)])
    return MapResult(
        _cells(query.obs, lots, called, probability, ratio),
        _composition(lots, called, probability, fitted.names, chosen),
        fitted,
        chosen,
    )


def _column(obs: "pd.DataFrame", name: str) -> NDArray[np.str_]:
    if name not in obs.columns or obs[name].isna().any():
        raise DataError(
            f"the column {name!r} is missing or has gaps",
            found=f"columns: {', '.join(map(str, obs.columns)) or 'none'}",
            fix="name a column that is filled for every cell",
            code=codes.SUBSETS_COLUMN,
        )
    return obs[name].astype(str).to_numpy(dtype=np.str_)


def _reference_rows(labels: NDArray[np.str_], settings: MapSettings) -> NDArray[np.int64]:
    """Rows of labels with enough cells, thinned alike in every label."""
    names, counts = np.unique(labels, return_counts=True)
    kept = names[counts >= settings.fewest_cells]
    if len(kept) < 2:
        raise DataError(
            "the reference needs two labels or more",
            found=f"{len(kept)} of {len(names)} labels have {settings.fewest_cells} cells",
            code=codes.SUBSETS_DESIGN,
        )
    rows = np.flatnonzero(np.isin(labels, kept))
    if len(rows) > settings.max_reference:
        rng = spawn(settings.seed, "reference cells")
        share = settings.max_reference / len(rows)
        parts = [np.flatnonzero(labels == name) for name in kept]
        rows = np.concatenate(
            [
                rng.choice(
                    p, min(len(p), max(settings.fewest_cells, int(share * len(p)))), replace=False
                )
                for p in parts
            ]
        )
    return np.sort(rows).astype(np.int64)


def _place(
    query: Lot,
    reference: Lot,
    rows: NDArray[np.int64],
    settings: MapSettings,
    threads: int | None,
) -> list[_Space]:
    """Coordinates on components of the reference, and on those of each half of the query.

    What sets apart a kind of cell that the reference lacks is not among the reference's components.
    Cells lie further out on components learned from themselves, so each half of the query is placed
    on those of the other half.
    """
    held, asked = _common_genes(reference, query)
    held = select_rows(held, rows)
    totals = [_totals(s) for s in (held, asked)]
    target = float(np.median(totals[0]))
    factors = [np.where(t > 0, t, target) / target for t in totals]
    half = spawn(settings.seed, "halves of the query").random(asked.n_cells) < 0.5
    everything = np.arange(asked.n_cells)
    spaces = [_space(held, factors[0], (asked, factors[1], everything), None, settings, threads)]
    for learn in (half, ~half):
        rest = np.flatnonzero(~learn)
        if min(int(learn.sum()), len(rest)) < FEWEST_OWN:
            continue
        rows_of = np.flatnonzero(learn)
        own = select_rows(asked, rows_of)
        place = (select_rows(asked, rest), factors[1][rest], rest)
        spaces.append(
            _space(own, factors[1][rows_of], place, (held, factors[0]), settings, threads)
        )
    return spaces


def _space(
    learn: BlockSource,
    factors: Floats,
    query: tuple[BlockSource, Floats, NDArray[np.int64]],
    reference: tuple[BlockSource, Floats] | None,
    settings: MapSettings,
    threads: int | None,
) -> _Space:
    """Components of some cells, with query and reference placed on them."""
    from imscope.engine.hvg import compute_gene_moments, select_variable_genes
    from imscope.engine.pca import compute_pca, project_cells_on

    one = np.zeros(learn.n_cells, dtype=np.int64)
    moments = compute_gene_moments(learn, factors, one, n_samples=1, threads=threads)
    genes = select_variable_genes(moments, n_genes=settings.genes).selected
    pca = compute_pca(learn, factors, genes, n_components=settings.components, threads=threads)
    placed = project_cells_on(pca, query[0], query[1], genes, threads=threads)
    points = pca.coordinates
    if reference is not None:
        points = project_cells_on(pca, *reference, genes, threads=threads)
    return _Space(points.astype(np.float64), placed.astype(np.float64), query[2])


def _common_genes(reference: Lot, query: Lot) -> tuple[BlockSource, BlockSource]:
    first = [lot.features["symbol"].astype(str) for lot in (reference, query)]
    shared = sorted(set(first[0]) & set(first[1]) - {"", "nan"})
    if len(shared) < FEWEST_SHARED:
        raise DataError(
            "query and reference share too few genes",
            found=f"{len(shared)} symbols in common, {FEWEST_SHARED} are needed",
            fix="use the same kind of gene names",
            code=codes.SUBSETS_DESIGN,
        )
    place = {symbol: k for k, symbol in enumerate(shared)}
    sources = []
    for lot, symbols in zip((reference, query), first, strict=True):
        mapping = np.array([place.get(s, -1) for s in symbols], dtype=np.int32)
        sources.append(map_features(lot.source, mapping, len(shared)))
    return sources[0], sources[1]


def _totals(source: BlockSource) -> Floats:
    from imscope.core.blocks import block_bounds

    parts = []
    for low, high in block_bounds(source.n_cells):
        block = source.read(low, high)
        sums = np.concatenate([[0.0], np.cumsum(block.data, dtype=np.float64)])
        parts.append(sums[block.indptr[1:]] - sums[block.indptr[:-1]])
    return np.concatenate(parts)


def _cells(
    obs: "pd.DataFrame",
    lots: NDArray[np.str_],
    called: NDArray[np.str_],
    probability: Floats,
    ratio: Floats,
) -> "pd.DataFrame":
    import pandas as pd

    return MAPPED_CELLS.check(
        pd.DataFrame(
            {
                "cell": obs.index.astype(str),
                "group": lots,
                "label": called,
                "probability": probability.max(axis=1),
                "distance": ratio,
                "status": np.where(called == UNLIKE, UNLIKE, "mapped"),
            }
        )
    )


def _composition(
    lots: NDArray[np.str_],
    called: NDArray[np.str_],
    probability: Floats,
    names: NDArray[np.str_],
    settings: MapSettings,
) -> "pd.DataFrame":
    """Share of each label; the interval draws cells and their labels again."""
    import pandas as pd

    rows = []
    unlike = called == UNLIKE
    weights = np.column_stack([np.where(unlike[:, None], 0.0, probability), unlike])
    words = [*names.tolist(), UNLIKE]
    for lot in sorted(set(lots.tolist())):
        own = weights[lots == lot]
        n = len(own)
        rng = spawn(settings.seed, "composition", lot)
        mean = own.mean(axis=0)
        drawn = np.empty((400, len(words)))
        cumulative = np.cumsum(own, axis=1)
        for b in range(len(drawn)):
            again = rng.integers(0, n, n)
            label = (rng.random((n, 1)) > cumulative[again]).sum(axis=1)
            drawn[b] = np.bincount(np.minimum(label, len(words) - 1), minlength=len(words)) / n
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        zero = 1 - 0.05 ** (1 / n)
        rows += [
            {
                "group": lot,
                "label": word,
                "n_cells": n,
                "n_called": int((called[lots == lot] == word).sum()),
                "frac": float(mean[j]),
                "low": float(low[j]),
                "high": float(max(high[j], zero)),
                "status": "ok",
            }
            for j, word in enumerate(words)
        ]
    return MAPPED_COMPOSITION.check(pd.DataFrame(rows))
