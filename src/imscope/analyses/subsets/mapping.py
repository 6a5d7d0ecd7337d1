"""Map the cells of a query lot onto the labelled cells of a reference run."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.subsets.calibration import UNLIKE, calibrate
from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.cells import Cells
from imscope.core.errors import DataError, UsageError
from imscope.core.result import Notice, Result
from imscope.core.rng import spawn
from imscope.core.schema import MAPPED_CELLS, MAPPED_COMPOSITION
from imscope.core.views import map_features, select_rows
from imscope.io.open import open_cells
from imscope.stats.shares import clopper_pearson

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.open import Openable

Floats = NDArray[np.float64]
FEWEST_SHARED = 200
FEWEST_OWN = 30
LIBRARY_K, LIBRARY_FEWEST = 3, 4
"""Neighbours that vote, and rows a label needs, among pools of cells or bulk libraries."""


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
class _Space:
    points: Floats
    """Reference cells of labels that are mapped to."""
    dropped: Floats
    """Reference cells of labels with too few cells."""
    placed: Floats
    """Query cells."""
    rows: NDArray[np.int64]
    """Rows of these query cells."""


def map_cells(
    query: "Openable",
    reference: "Openable",
    *,
    label: str | None = None,
    by: str | None = None,
    unit: str | None = None,
    settings: MapSettings | None = None,
    threads: int | None = None,
) -> Result:
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
        Cells, or an ``AnnData`` or ``MuData`` in memory, with counts.
    label
        Column of the reference that names the subsets; by default the first of ``subset``,
        ``label``, ``cluster``.
    by
        Column of the query that names the lots; ``sample`` by default, else all are one lot.
    unit
        Column of the reference's replicate units, see :func:`imscope.core.cells.unit_column`. With
        fewer than two, halves of its cells are held out, which knows nothing about other lots:
        probabilities are then too high.
    settings
        See :class:`MapSettings`.
    threads
        See :func:`imscope.engine.execute.thread_count`; without effect on the result.

    Returns
    -------
    result
        Tables ``mapped_cells`` and ``mapped_composition``; facts ``basis``, ``accuracy`` and
        ``brier`` of the calibration; a notice for labels with too few cells to be mapped to. A
        query cell nearer to the cells of such a label than to any other is unlike the reference.

    Raises
    ------
    DataError
        A column is missing, fewer than two labels have enough cells, or too few genes are shared.
    MethodError
        The values are no counts.

    Notes
    -----
    A query type that is close to a reference type, such as two kinds of T cells, is taken for it.
    The intervals are over cells of the lot and hold the uncertainty of the labels, not that of
    other lots.

    Examples
    --------
    >>> import anndata, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> rates = np.repeat(rng.gamma(0.5, 8, (2, 300)), 60, axis=0)
    >>> var, obs = pd.DataFrame(index=[f"G{k}" for k in range(300)]), pd.DataFrame()
    >>> obs = pd.DataFrame({"label": ["a"] * 60 + ["b"] * 60, "sample": ["1", "2"] * 60})
    >>> obs.index = obs.index.astype(str)
    >>> one = anndata.AnnData(rng.poisson(rates).astype("int32"), obs, var)
    >>> two = anndata.AnnData(rng.poisson(rates[60:]).astype("int32"), var=var)
    >>> found = map_cells(two, one).tables["mapped_composition"]
    >>> found[["label", "n_called"]].values.tolist()
    [['a', 0], ['b', 60], ['unlike any reference', 0]]
    """
    chosen = settings or MapSettings()
    asked, held = open_cells(query).known(by), open_cells(reference)
    column = label or next((c for c in ("subset", "label", "cluster") if c in held.obs), "label")
    held = held.known(column)
    asked.need_counts("mapping")
    held.need_counts("mapping")
    lots = asked.groups(by).labels.astype(str)
    labels, units = held.groups(column).labels.astype(str), held.units(unit).labels.astype(str)
    if not held.single:  # a library stands for many cells, and there are few
        chosen = replace(chosen, k=min(chosen.k, LIBRARY_K), fewest_cells=LIBRARY_FEWEST)
    rows, few = _reference_rows(labels, chosen)
    spaces = _place(asked, held, rows, np.flatnonzero(np.isin(labels, list(few))), chosen, threads)
    fits = [
        calibrate(
            space.points, labels[rows], units[rows], k=chosen.k, unlike=chosen.unlike / 2,
            seed=chosen.seed, threads=threads,
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
                lost = fit.nearer_to(space.dropped, space.placed[own])
                ratio[cells] = np.where(lost, np.inf, ratio[cells])
    called = np.where(ratio > 1, UNLIKE, fitted.names[probability.argmax(axis=1)])
    tables = {
        "mapped_cells": _cells(asked.obs, lots, called, probability, ratio),
        "mapped_composition": _composition(lots, called, probability, fitted.names, few, chosen),
    }
    facts = {"basis": fitted.basis, "accuracy": fitted.accuracy, "brier": fitted.brier}
    about = asdict(chosen) | {"label": column, "by": by, "unit": held.unit_column(unit)}
    notices = tuple(dict.fromkeys((*asked.notices, *held.notices, *_dropped(few, chosen))))
    return Result(tables, facts=facts, notices=notices, settings=about)


def _dropped(few: dict[str, int], settings: MapSettings) -> list[Notice]:
    if not few:
        return []
    names = ", ".join(f"{name} ({n} cells)" for name, n in few.items())
    words = (
        f"labels with fewer than {settings.fewest_cells} reference cells are not mapped to: "
        f"{names}; query cells nearest to them are {UNLIKE}"
    )
    return [Notice(codes.W_MAP_LABELS, words)]


def _reference_rows(
    labels: NDArray[np.str_], settings: MapSettings
) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Rows of labels with enough cells, thinned alike in every label, and the other labels."""
    names, counts = np.unique(labels, return_counts=True)
    kept = names[counts >= settings.fewest_cells]
    few = {str(n): int(c) for n, c in zip(names, counts, strict=True) if n not in kept}
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
    return np.sort(rows).astype(np.int64), few


def _place(
    query: Cells,
    reference: Cells,
    rows: NDArray[np.int64],
    few: NDArray[np.int64],
    settings: MapSettings,
    threads: int | None,
) -> list[_Space]:
    """Coordinates on components of the reference, and on those of each half of the query.

    What sets apart a kind of cell that the reference lacks is not among the reference's components.
    Cells lie further out on components learned from themselves, so each half of the query is placed
    on those of the other half.
    """
    held, asked = _common_genes(reference, query)
    held = select_rows(held, np.concatenate([rows, few]).astype(np.int64))
    totals = [_totals(s) for s in (held, asked)]
    target = float(np.median(totals[0]))
    factors = [np.where(t > 0, t, target) / target for t in totals]
    half = spawn(settings.seed, "halves of the query").random(asked.n_cells) < 0.5
    everything = np.arange(asked.n_cells)
    n = len(rows)
    whole = (asked, factors[1], everything)
    spaces = [_space(held, factors[0], whole, None, n, settings, threads)]
    for learn in (half, ~half):
        rest = np.flatnonzero(~learn)
        if min(int(learn.sum()), len(rest)) < FEWEST_OWN:
            continue
        rows_of = np.flatnonzero(learn)
        own = select_rows(asked, rows_of)
        place = (select_rows(asked, rest), factors[1][rest], rest)
        spaces.append(
            _space(own, factors[1][rows_of], place, (held, factors[0]), n, settings, threads)
        )
    return spaces


def _space(
    learn: BlockSource,
    factors: Floats,
    query: tuple[BlockSource, Floats, NDArray[np.int64]],
    reference: tuple[BlockSource, Floats] | None,
    n: int,
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
    held = points.astype(np.float64)
    return _Space(held[:n], held[n:], placed.astype(np.float64), query[2])


def _common_genes(reference: Cells, query: Cells) -> tuple[BlockSource, BlockSource]:
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
    few: dict[str, int],
    settings: MapSettings,
) -> "pd.DataFrame":
    """Share of each label; the interval is over cells whose labels are drawn by probability."""
    rows = []
    unlike = called == UNLIKE
    weights = np.column_stack([np.where(unlike[:, None], 0.0, probability), unlike])
    words = [*names.tolist(), UNLIKE]
    for lot in sorted(set(lots.tolist())):
        own = weights[lots == lot]
        n = len(own)
        mean = own.mean(axis=0)
        # a cell drawn at random has the label with chance `mean`: a binomial number of n cells
        low, high = clopper_pearson(np.minimum(mean, 1.0) * n, n)
        rows += [
            MAPPED_COMPOSITION.blank(
                group=lot,
                label=word,
                n_cells=n,
                n_called=int((called[lots == lot] == word).sum()),
                frac=float(mean[j]),
                low=float(low[j]),
                high=float(high[j]),
                status="ok",
            )
            for j, word in enumerate(words)
        ]
        rows += [
            MAPPED_COMPOSITION.blank(
                group=lot,
                label=word,
                n_cells=n,
                status="not mapped",
                reason=f"{size} reference cells, {settings.fewest_cells} are needed",
            )
            for word, size in few.items()
        ]
    return MAPPED_COMPOSITION.frame(rows)


map = map_cells  # noqa: A001
"""As the command is called."""
