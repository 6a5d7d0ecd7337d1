"""Is a row further on the way to a lineage than the row of the same line it started from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError, UsageError
from imscope.core.rng import spawn
from imscope.core.schema import STAGE_PRIMING
from imscope.engine.execute import map_blocks
from imscope.evidence.stage_panel import stage_markers

if TYPE_CHECKING:
    from imscope.core.blocks import CsrBlock

Floats = NDArray[np.float64]
MIN_COUNTS = 10
DRAWS = 2_000
BINS = 25


@dataclass(frozen=True)
class PrimingSettings:
    """Settings of :func:`compare_priming`.

    Attributes
    ----------
    stage
        Stage or lineage whose core genes are compared.
    alpha
        Level below which a row is told apart from its baseline.
    seed
        Seed of the random gene sets.
    """

    stage: str = "osteogenic"
    alpha: float = 0.05
    seed: int = 0


def compare_priming(
    source: BlockSource,
    features: pd.DataFrame,
    obs: pd.DataFrame,
    *,
    pair: str,
    baseline: Mapping[str, str],
    settings: PrimingSettings | None = None,
) -> pd.DataFrame:
    """Compare groups of cells with the baseline group of the same pair on a lineage's core genes.

    Parameters
    ----------
    source
        Whole counts: cells, or pseudobulk rows.
    features
        One row per feature, with ``symbol``.
    obs
        One row per row of the matrix.
    pair
        Column that says which groups belong together, such as the line.
    baseline
        One column and its value that mark the baseline, such as ``{"stage": "iMSC"}``; the other
        values of the column are compared with it.
    settings
        Settings, by default :class:`PrimingSettings`.

    Returns
    -------
    table
        As :data:`imscope.core.schema.STAGE_PRIMING`, a row for each group that is no baseline.

    Raises
    ------
    DataError
        A column is missing, or no pair has a baseline.
    UsageError
        The stage is unknown.

    Notes
    -----
    The score is the mean log2 ratio of the core genes. Its null are random sets of genes of the
    same abundance, so a global shift between the two rows is part of the null. One pair has no
    replicate: the probability speaks of genes, not of lines.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> genes = ["RUNX2", "ALPL", "COL1A1", "COL1A2", *(f"G{k}" for k in range(800))]
    >>> before = np.full(804, 50)
    >>> after = np.where(np.arange(804) < 4, 200, 50)
    >>> rows = MemoryBlocks.from_csr(sp.csr_array(np.array([before, after])))
    >>> obs = pd.DataFrame({"line": ["H1", "H1"], "stage": ["iMSC", "day 21"]})
    >>> features = pd.DataFrame({"symbol": genes})
    >>> compare_priming(rows, features, obs, pair="line", baseline={"stage": "iMSC"})[
    ...     "verdict"
    ... ].tolist()
    ['further']
    """
    settings = PrimingSettings() if settings is None else settings
    if settings.stage not in stage_markers():
        raise UsageError(
            f"there is no stage {settings.stage!r}",
            found=", ".join(stage_markers()),
            code=codes.SUBSETS_OPTION,
        )
    ((column, start),) = baseline.items()
    missing = [c for c in (pair, column) if c not in obs.columns]
    if missing:
        raise DataError(
            f"the cell table has no column {missing[0]!r}",
            found=", ".join(map(str, obs.columns)),
            code=codes.SUBSETS_COLUMN,
        )
    keys = list(zip(obs[pair].astype(str), obs[column].astype(str), strict=True))
    names = list(dict.fromkeys(keys))
    if not any(kind == start for _, kind in names):
        raise DataError(
            f"no row is a baseline: {column} is never {start!r}",
            found=", ".join(sorted({kind for _, kind in names})),
            code=codes.SUBSETS_COLUMN,
        )
    place = {key: k for k, key in enumerate(names)}
    sums = _sums(source, np.array([place[k] for k in keys]), len(names))
    core = features["symbol"].isin(stage_markers()[settings.stage].core).to_numpy()
    rows = []
    for one, kind in names:
        if kind == start:
            continue
        base = place.get((one, start))
        counts = sums[place[one, kind]]
        rows.append(
            {
                "pair": one,
                "group": kind,
                "baseline": start,
                "lineage": settings.stage,
                **_compare(
                    counts, None if base is None else sums[base], core, settings, f"{one} {kind}"
                ),
            }
        )
    return STAGE_PRIMING.check(pd.DataFrame(rows))


def _sums(source: BlockSource, group: NDArray[np.int64], n: int) -> Floats:
    def part(block: "CsrBlock") -> Floats:
        rows = np.repeat(group[block.start : block.start + block.n_rows], np.diff(block.indptr))
        flat = rows * block.n_features + block.indices
        return np.bincount(flat, block.data.astype(np.float64), n * block.n_features)

    total = np.zeros(n * source.n_features)
    for sums in map_blocks(source, part):
        total += sums
    return total.reshape(n, source.n_features)


def _compare(
    counts: Floats, base: Floats | None, core: NDArray[np.bool_], settings: PrimingSettings,
    item: str,
) -> dict[str, object]:  # fmt: skip
    """Compare one group with its baseline."""
    empty = ("log2_ratio", "null_mean", "null_sd", "p_value")
    nothing: dict[str, object] = {"n_genes": 0, "verdict": "NOT TESTABLE"}
    nothing |= dict.fromkeys(empty, float("nan"))
    if base is None:
        return nothing | {"status": "no baseline of the same pair"}
    used = np.flatnonzero(counts + base >= MIN_COUNTS)
    genes = np.flatnonzero(core[used])
    if len(genes) < 3 or len(used) < 20 * BINS:
        return nothing | {"status": f"{len(genes)} core genes have {MIN_COUNTS} counts"}
    # one count in the shallower row is the smallest rate that can be told from none
    floor = 1 / min(counts.sum(), base.sum())
    now, before = (x[used] / x.sum() + floor for x in (counts, base))
    ratio = np.log2(now / before)
    order = np.argsort(now + before, kind="stable")
    bins = np.empty(len(used), dtype=np.intp)
    bins[order] = np.arange(len(used)) * BINS // len(used)
    rng = spawn(settings.seed, "priming", item)
    null = np.zeros(DRAWS)
    for g in genes:
        null += ratio[rng.choice(np.flatnonzero(bins == bins[g]), DRAWS)]
    null /= len(genes)
    score = float(ratio[genes].mean())
    p = float((1 + (null >= score).sum()) / (DRAWS + 1))
    return {
        "n_genes": len(genes),
        "log2_ratio": score,
        "null_mean": float(null.mean()),
        "null_sd": float(null.std(ddof=1)),
        "p_value": p,
        "verdict": "further" if p <= settings.alpha else "not told apart",
        "status": "ok",
    }
