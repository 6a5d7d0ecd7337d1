"""Residual pluripotent and unwanted cells: called, their share with bounds, and in a dose."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from imscope.analyses.safety.detection import CallRule, MarkerRates
from imscope.analyses.safety.dose import NOT_A_RELEASE_TEST
from imscope.analyses.safety.screen import ResidualSettings, Screen, screen_panel, take_cells
from imscope.core.result import Result
from imscope.core.schema import OFF_LINEAGE, RESIDUAL_CELLS, RESIDUAL_PLURIPOTENT
from imscope.evidence.gene_sets import load
from imscope.io.open import open_cells

if TYPE_CHECKING:
    from imscope.engine.ambient import AmbientResult
    from imscope.io.open import Openable

LINEAGES = ("neural", "epithelial", "endoderm", "cardiac", "blood", "trophoblast")
ASSUMED_RATE = 3.0
"""Rate of a lineage's gene in a cell of the lineage when none was measured, per 10,000 UMI."""


def residual(
    cells: "Openable",
    *,
    by: str | None = None,
    ambient: "Mapping[str, AmbientResult] | None" = None,
    settings: ResidualSettings | None = None,
    threads: int | None = None,
) -> Result:
    r"""Search every group for residual pluripotent cells and for cells of unwanted lineages.

    A cell is called pluripotent when it shows at least 3 of the bundled marker genes with at least
    4 UMI, its counts are 1,000 times as likely in a pluripotent cell as from ambient RNA and
    background, and it is no doublet. The share called is corrected for sensitivity and false calls.
    For the unwanted lineages 2 genes and 3 UMI are needed, because their lists are short.

    Parameters
    ----------
    cells
        Cells, or an ``AnnData`` or ``MuData`` in memory, with counts; a column ``doublet``, if
        there is one, is believed.
    by
        Column that makes the groups, each taken as one library; ``sample`` by default.
    ambient
        Ambient share and profile per group. Where none is known the share of the settings is
        assumed with the mean profile of the group, and the reason says so.
    settings
        See :class:`ResidualSettings`. They name the group of pluripotent cells to measure marker
        rates in, and the clean groups that give a limit of blank.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Tables ``residual_pluripotent``, ``off_lineage`` and ``residual_cells`` (every candidate,
        the surest first); fact ``statement``: the sentence that must stand beside the numbers.

    Raises
    ------
    DataError
        There is no column ``by``, or the reference group has too few cells.
    MethodError
        The values are no counts.

    Notes
    -----
    This is characterisation, never a release limit test. With no cell called among n the upper
    bound is about 3 / n over the sensitivity. The sensitivity rests on the rates of the marker
    genes: give a reference or measured rates where there are any. A residual cell stuck to a
    product cell is a doublet and is listed, not called. The lists of unwanted lineages are
    sentinels, not validated panels, with assumed marker rates: their corrected share is an order of
    magnitude. Epithelial genes are also those of pluripotent cells: look at both lists of cells.

    References
    ----------
    .. [1] Rogan WJ, Gladen B (1978). Am J Epidemiol 107:71-76.
       doi:10.1093/oxfordjournals.aje.a112510

    Examples
    --------
    >>> import anndata, scipy.sparse as sp
    >>> genes = [*load()["residual_psc_msc_safe"].genes, "COL1A1"]
    >>> counts = np.zeros((200, len(genes)), dtype="int32")
    >>> counts[:, -1] = 5000
    >>> counts[0, :4] = [3, 6, 2, 2]
    >>> found = residual(anndata.AnnData(sp.csr_matrix(counts), var=pd.DataFrame(index=genes)))
    >>> found.tables["residual_pluripotent"][["n_cells", "n_called"]].values.tolist()
    [[200, 1]]
    >>> found.tables["residual_cells"]["genes"].tolist()
    ['POU5F1 6; LIN28A 3; NANOG 2; DPPA4 2']
    """
    used = open_cells(cells).known(by)
    used.need_cells("the search for residual cells")
    used.need_counts("the search for residual cells")
    chosen = settings or ResidualSettings()
    searched = take_cells(used, by, ambient)
    genes = load()["residual_psc_msc_safe"].genes
    own = screen_panel(
        searched, lineage="pluripotent", genes=genes, settings=chosen, threads=threads
    )
    rule = CallRule(2, 3, chosen.rule.min_log_ratio)
    others: list[Screen] = []
    for lineage in LINEAGES:
        genes = load()[f"unwanted_{lineage}"].genes
        rates = MarkerRates(np.full(len(genes), ASSUMED_RATE), shape=1.0, log_sd=0.7)
        rules = replace(chosen, rule=rule, rates=rates, reference=None)
        others.append(
            screen_panel(searched, lineage=lineage, genes=genes, settings=rules, threads=threads)
        )
    unwanted = pd.concat([s.groups for s in others], ignore_index=True)
    listed = [_ranked([own]), _ranked(others)]
    tables = {
        "residual_pluripotent": RESIDUAL_PLURIPOTENT.check(own.groups),
        "off_lineage": OFF_LINEAGE.check(unwanted),
        "residual_cells": pd.concat(
            [t for t in listed if len(t)] or [RESIDUAL_CELLS.empty()], ignore_index=True
        ),
    }
    facts = {"statement": NOT_A_RELEASE_TEST}
    plain = {"by": by, "dose": chosen.dose, "reference": chosen.reference, "seed": chosen.seed}
    plain |= {f"rule_{k}": v for k, v in asdict(chosen.rule).items()}
    return Result(tables, facts=facts, notices=used.notices, settings=plain)


def _ranked(screens: list[Screen]) -> pd.DataFrame:
    """Candidates as the declared table, the surest first."""
    listed = [s.cells for s in screens if len(s.cells)]
    if not listed:
        return RESIDUAL_CELLS.empty()
    order = ["group", "lineage", "log_ratio"]
    cells = pd.concat(listed, ignore_index=True)
    ranked = cells.sort_values(order, ascending=[True, True, False], kind="stable")
    return RESIDUAL_CELLS.check(ranked.reset_index(drop=True))
