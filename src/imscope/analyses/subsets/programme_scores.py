"""Programme scores of cells and groups, with the test of groups beside them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.subsets.contrasts import Layout, lay_out
from imscope.analyses.subsets.programme_tests import ContrastTest, compare_sets
from imscope.analyses.subsets.programmes import Programme, find_programmes, scored
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.result import Result
from imscope.core.schema import PROGRAMME_SCORES
from imscope.engine.libraries import can_be_read, per_million
from imscope.engine.pseudobulk import sum_units
from imscope.engine.rank_scores import MAX_RANK, score_ranks
from imscope.evidence.gene_sets import GeneSet
from imscope.io.open import open_cells

if TYPE_CHECKING:
    from imscope.io.open import Openable


@dataclass(frozen=True, slots=True)
class ProgrammeSettings:
    """Choices of the programme scores, fixed before the data are read.

    Attributes
    ----------
    test, reference
        Compare these two groups only; by default each group with all others.
    max_rank
        Ranks are cut here.
    random_sets
        Random sets per programme, at least 1,000.
    seed
        Of the random sets.
    """

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


def score(
    cells: "Openable",
    *,
    by: str | None = None,
    unit: str | None = None,
    sets: Mapping[str, GeneSet] | None = None,
    settings: ProgrammeSettings | None = None,
    threads: int | None = None,
) -> Result:
    """Score gene programmes per cell, and compare them between groups of replicate units.

    Parameters
    ----------
    cells
        Cells, or an ``AnnData`` or ``MuData`` in memory. Bulk libraries may hold FPKM or TPM; other
        expression values are scored, not tested.
    by
        Column that makes the groups; ``sample`` by default, else all cells are one group.
    unit
        Column of the replicate units, see :func:`imscope.core.cells.unit_column`.
    sets
        Gene sets by name; the bundled ones by default.
    settings
        See :class:`ProgrammeSettings`.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Table ``programme_scores``; for every cell one column per scored programme, 0 to 1.

    Raises
    ------
    DataError
        A column does not exist, or a group to compare is not there.

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
    >>> import anndata, pandas as pd, scipy.sparse as sp
    >>> adata = anndata.AnnData(
    ...     sp.csr_matrix([[5, 9, 3, 0], [4, 7, 6, 1]], dtype="int32"),
    ...     pd.DataFrame({"sample": ["a", "b"]}, index=["c1", "c2"]),
    ...     pd.DataFrame(index=["NT5E", "THY1", "ENG", "PTPRC"]),
    ... )
    >>> table = score(adata).tables["programme_scores"]
    >>> one = table[(table["group"] == "a") & (table["programme"] == "isct_positive")].iloc[0]
    >>> float(one["score"]), one["status"], one["reason"]
    (1.0, 'NOT TESTABLE', 'a has 1 unit, 2 are needed on each side')
    """
    import pandas as pd

    used = open_cells(cells, bulk=True).known(by)
    tested = can_be_read(used)
    if tested:
        used = per_million(used)
    chosen = settings or ProgrammeSettings()
    layout = lay_out(
        used.groups(by), used.units(unit), test=chosen.test, reference=chosen.reference
    )
    sums = layout.profiles(sum_units(used.source, layout.cell_row, layout.n_rows, threads=threads))
    programmes = find_programmes(used.features, sums.sum(axis=0) > 0, sets=sets)
    places = scored(programmes)
    genes = [programmes[k].columns for k in places]
    ranked = score_ranks(used.source, genes, max_rank=chosen.max_rank, threads=threads).scores
    for j, k in enumerate(places):
        if programmes[k].direction == "down":
            ranked[:, j] = 1 - ranked[:, j]
    tests: list[ContrastTest] = []
    if tested and places:
        tests = compare_sets(
            sums, genes, layout.contrasts, random_sets=chosen.random_sets, seed=chosen.seed
        )
    rows = [
        row
        for g in range(len(layout.groups))
        for row in _rows(g, layout, programmes, ranked, tests[g] if tests else None)
    ]
    names = pd.Index([programmes[k].name for k in places], name="programme")
    return Result(
        {"programme_scores": PROGRAMME_SCORES.frame(rows)},
        pd.DataFrame(ranked, index=used.obs.index, columns=names),
        notices=used.notices,
        settings=asdict(chosen) | {"by": by, "unit": used.unit_column(unit)},
    )


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
        row = PROGRAMME_SCORES.blank(
            group=layout.groups[g],
            programme=p.name,
            family=p.family,
            direction=p.direction,
            n_cells=int(mine.sum()),
            n_units=layout.n_units[g],
            n_genes=p.n_genes,
            n_detected=len(p.columns),
            coverage=p.coverage,
            contrast=contrast.name,
            status="not scored",
            reason=p.why_not,
        )
        if not p.why_not:
            row["score"] = float(values[:, j].mean())
            row["score_sd"] = float(values[:, j].std(ddof=1)) if len(values) > 1 else float("nan")
            row |= {"status": "NOT TESTABLE" if why else "ok", "reason": why}
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
