"""Programme scores of cells and groups, with the test of groups beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.subsets.contrasts import Layout, lay_out
from imscope.analyses.subsets.programme_tests import ContrastTest, compare_sets
from imscope.analyses.subsets.programmes import Programme, find_programmes, scored
from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError
from imscope.core.schema import PROGRAMME_SCORES
from imscope.engine.pseudobulk import sum_units
from imscope.engine.rank_scores import MAX_RANK, score_ranks
from imscope.evidence.gene_sets import GeneSet

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ProgrammeSettings:
    """Choices of the programme scores, fixed before the data are read.

    Attributes
    ----------
    by
        Column that makes the groups; ``sample`` by default, else all cells are one group.
    unit
        Column of the replicate units; the first of ``lot``, ``donor``, ``line``, ``clone``,
        ``batch``, ``sample`` by default, else the group itself.
    test, reference
        Compare these two groups only; by default each group with all others.
    max_rank
        Ranks are cut here.
    random_sets
        Random sets per programme, at least 1,000.
    seed
        Of the random sets.
    """

    by: str | None = None
    unit: str | None = None
    test: str | None = None
    reference: str | None = None
    max_rank: int = MAX_RANK
    random_sets: int = 9_999
    seed: int = 0

    def __post_init__(self) -> None:
        if self.random_sets < 1_000 or self.max_rank < 1:
            raise DataError(
                "a setting of the programme scores is out of range",
                found=f"{self}",
                fix="1,000 random sets or more, max_rank of 1 or more",
                code=codes.PROGRAMMES_OPTION,
            )


@dataclass(frozen=True, slots=True, eq=False)
class ProgrammeResult:
    """Scores of groups and of cells.

    Attributes
    ----------
    table
        ``programme_scores`` as declared in :mod:`imscope.core.schema`.
    cells
        One row per cell in the order of the matrix, one column per scored programme; 0 to 1.
    settings
        What was asked for.
    """

    table: "pd.DataFrame"
    cells: "pd.DataFrame"
    settings: ProgrammeSettings


def score_programmes(
    source: BlockSource,
    features: "pd.DataFrame",
    obs: "pd.DataFrame",
    *,
    sets: Mapping[str, GeneSet] | None = None,
    settings: ProgrammeSettings | None = None,
    counts: bool = True,
    threads: int | None = None,
) -> ProgrammeResult:
    """Score gene programmes per cell, and compare them between groups of replicate units.

    Parameters
    ----------
    source, features
        Counts, and their features as :func:`imscope.io.genes.map_genes` gives them.
    obs
        One row per cell with the columns of the design.
    sets
        Gene sets by name; the bundled ones by default.
    settings
        See :class:`ProgrammeSettings`.
    counts
        Whether the matrix holds counts; other expression values are scored, not tested.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Table of groups, table of cells.

    Raises
    ------
    DataError
        A column does not exist or has gaps, a group to compare is not there.

    Notes
    -----
    For a ``down`` set the score is one minus the rank score of its genes, and the effect changes
    its sign: high always means that the programme is on. Coverage counts genes seen in any cell
    of the data, so that a programme that is on in one group only is compared.

    References
    ----------
    .. [1] Andreatta M, Carmona SJ (2021). Comput Struct Biotechnol J 19:3796-3798.
       doi:10.1016/j.csbj.2021.06.043
    .. [2] Smyth GK (2004). Stat Appl Genet Mol Biol 3:3. doi:10.2202/1544-6115.1027

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> from imscope.io.genes import map_genes
    >>> features, _ = map_genes(["NT5E", "THY1", "ENG", "PTPRC"])
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[5, 9, 3, 0], [4, 7, 6, 1]]))
    >>> obs = pd.DataFrame({"sample": ["a", "b"]})
    >>> table = score_programmes(source, features, obs).table
    >>> one = table[(table["group"] == "a") & (table["programme"] == "isct_positive")].iloc[0]
    >>> float(one["score"]), one["status"]
    (1.0, 'ok; NOT TESTABLE: a has 1 unit, 2 are needed on each side')
    """
    import pandas as pd

    chosen = settings or ProgrammeSettings()
    layout = lay_out(obs, chosen.by, chosen.unit, test=chosen.test, reference=chosen.reference)
    sums = layout.profiles(sum_units(source, layout.cell_row, layout.n_rows, threads=threads))
    programmes = find_programmes(features, sums.sum(axis=0) > 0, sets=sets)
    places = scored(programmes)
    ranked = score_ranks(
        source, [programmes[k].columns for k in places], max_rank=chosen.max_rank, threads=threads
    ).scores
    for j, k in enumerate(places):
        if programmes[k].direction == "down":
            ranked[:, j] = 1 - ranked[:, j]
    tests: list[ContrastTest] = []
    if counts and places:
        tests = compare_sets(
            sums,
            [programmes[k].columns for k in places],
            layout.contrasts,
            random_sets=chosen.random_sets,
            seed=chosen.seed,
        )
    rows = [
        row
        for g in range(len(layout.groups))
        for row in _rows(g, layout, programmes, ranked, tests[g] if tests else None)
    ]
    names = [programmes[k].name for k in places]
    cells = pd.DataFrame(ranked, index=obs.index, columns=pd.Index(names, name="programme"))
    return ProgrammeResult(PROGRAMME_SCORES.check(pd.DataFrame(rows)), cells, chosen)


def _rows(
    g: int,
    layout: Layout,
    programmes: list[Programme],
    ranked: NDArray[np.float32],
    test: ContrastTest | None,
) -> list[dict[str, object]]:
    """One row per programme of one group."""
    mine = layout.cell_group == g
    values = ranked[mine].astype(np.float64)
    contrast = layout.contrasts[g]
    rank = _ranks(test, ranked.shape[1])
    why = contrast.why_not if test is not None else "the matrix holds no counts"
    out, j = [], 0
    for p in programmes:
        row: dict[str, object] = {
            "group": layout.groups[g],
            "programme": p.name,
            "family": p.family,
            "direction": p.direction,
            **dict.fromkeys(("score", "score_sd"), float("nan")),
            "n_cells": int(mine.sum()),
            "n_units": layout.n_units[g],
            "n_genes": p.n_genes,
            "n_detected": len(p.columns),
            "coverage": p.coverage,
            "contrast": contrast.name,
            "rank": 0,
            **dict.fromkeys(_NUMBERS, float("nan")),
            "status": p.why_not,
        }
        if not p.why_not:
            row["score"] = float(values[:, j].mean())
            row["score_sd"] = float(values[:, j].std(ddof=1)) if len(values) > 1 else float("nan")
            row["status"] = f"ok; NOT TESTABLE: {why}" if why else "ok"
            row["rank"] = int(rank[j])
            if test is not None:
                sign = -1.0 if p.direction == "down" else 1.0
                row |= {name: float(getattr(test, name)[j]) for name in _NUMBERS}
                row |= {n: sign * float(getattr(test, n)[j]) for n in ("effect", "z_set")}
            j += 1
        out.append(row)
    return out


_NUMBERS = ("effect", "z_set", "p_unit", "p_set", "p_value", "q_value")


def _ranks(test: ContrastTest | None, n: int) -> NDArray[np.int64]:
    """Places by the size of ``z_set``; 0 where there is none."""
    out = np.zeros(n, dtype=np.int64)
    if test is not None:
        size = np.abs(test.z_set)
        order = [int(k) for k in np.argsort(-size, kind="stable") if np.isfinite(size[k])]
        out[order] = np.arange(1, len(order) + 1)
    return out
