"""All identity analyses in one pass over the counts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.identity.cycle import CycleCells, cycle_table, score_cycle
from imscope.analyses.identity.donor import DONOR_GENES, check_donors, sex_table
from imscope.analyses.identity.fractions import Groups, group_cells
from imscope.analyses.identity.hox import hox_table
from imscope.analyses.identity.isct import check_isct
from imscope.analyses.identity.senescence import (
    SenescentCells,
    score_profiles,
    score_senescence,
    senescence_table,
)
from imscope.core.result import Result, Status
from imscope.core.row_kind import PLURAL
from imscope.engine.libraries import per_million
from imscope.engine.panel_counts import read_panel
from imscope.engine.pseudobulk import sum_units
from imscope.evidence.gene_sets import genes_of
from imscope.io.open import open_cells

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.cells import Cells
    from imscope.io.open import Openable

_SETS = (
    *("cc_s", "cc_g2m", "senmayo", "senescence_arrest_up", "senescence_down"),
    *("isct_positive", "isct_negative", "hox_position"),
)


def describe(
    cells: "Openable",
    *,
    by: str | None = None,
    unit: str | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Result:
    """Compute the ISCT panel, cycle, senescence, HOX code, donor sex and donor match.

    Parameters
    ----------
    cells
        Cells, or an ``AnnData`` or ``MuData`` in memory, with counts; their surface protein, and
        the columns ``is_reference``, ``sex``, ``donor``, ``source_class`` are used if there.
    by
        Column that makes the groups; ``sample`` by default, else all cells are one group.
    unit
        Column of the replicate units, see :func:`imscope.core.cells.unit_column`.
    seed
        Of the choice of cells and the random sets.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        Tables ``isct_panel``, ``cycle_phases``, ``senescence``, ``senescence_profiles``,
        ``hox_code``, ``donor_sex``, ``donor_match``; for every cell ``cycle_phase``,
        ``cycle_angle`` (radians), ``p_s``, ``p_g2m``, ``arrest_z``, ``sasp_z``, ``senescent``.
        What cannot be estimated says why in its ``reason``. Pools and bulk libraries, also as TPM
        or FPKM, have no tables that are shares of cells.

    Raises
    ------
    DataError
        A column of groups or units does not exist.
    MethodError
        The values are neither counts nor those of bulk libraries in proportion to RNA.

    Examples
    --------
    >>> import anndata, pandas as pd, scipy.sparse as sp
    >>> adata = anndata.AnnData(
    ...     sp.csr_matrix([[5, 9, 3, 1], [4, 7, 6, 1]], dtype="int32"),
    ...     pd.DataFrame({"sample": ["a", "b"]}, index=["c1", "c2"]),
    ...     pd.DataFrame(index=["NT5E", "THY1", "ENG", "XIST"]),
    ... )
    >>> describe(adata).tables["donor_sex"]["call"].tolist()
    ['not estimable', 'not estimable']
    """
    used = per_million(open_cells(cells, bulk=True).known(by))
    groups = group_cells(used, by, unit)
    wanted = [*sorted(genes_of(*_SETS)), *DONOR_GENES]
    panel = read_panel(used.source, used.features, wanted, threads=threads)
    flags = used.flags("is_reference")
    reference = flags if flags.any() else None
    cycle = score_cycle(panel, groups, seed=seed)
    old = score_senescence(panel, cycle, reference=reference)
    sums = sum_units(used.source, groups.group, len(groups.names), threads=threads)
    columns = {name: used.obs.get(name) for name in ("sex", "donor", "source_class")}
    tables = {
        "isct_panel": check_isct(panel, groups, protein=used.modalities.get("protein")),
        "cycle_phases": cycle_table(cycle, groups),
        "senescence": senescence_table(old, panel, groups),
        "senescence_profiles": score_profiles(
            sums, used.features, groups.names, reference=_whole(flags, groups), seed=seed
        ),
        "hox_code": hox_table(panel, groups),
        "donor_sex": sex_table(panel, groups, sheet=columns["sex"]),
        "donor_match": check_donors(
            panel, groups, donor=columns["donor"], kind=columns["source_class"]
        ),
    }
    settings = {"by": by, "unit": used.unit_column(unit), "seed": seed}
    if not used.single:
        return _without_cells(tables, used, settings)
    cells_of = _cell_table(cycle, old, used.obs.index)
    return Result(tables, cells_of, notices=used.notices, settings=settings)


def _without_cells(
    tables: "dict[str, pd.DataFrame]", cells: "Cells", settings: Mapping[str, object]
) -> Result:
    """Leave out what is a share of cells; rows of many cells have none."""
    why = (Status("NOT TESTABLE", f"a share of cells: the rows are {PLURAL[cells.rows]}"),)
    of_cells = ("isct_panel", "cycle_phases", "senescence")
    kept = {name: table for name, table in tables.items() if name not in of_cells}
    skipped = dict.fromkeys(of_cells, why)
    return Result(kept, skipped=skipped, notices=cells.notices, settings=settings)


def _cell_table(cycle: CycleCells, old: SenescentCells, index: "pd.Index") -> "pd.DataFrame":
    import pandas as pd

    columns = {
        "cycle_phase": cycle.phase.astype(str),
        "cycle_angle": cycle.angle,
        "p_s": cycle.p_s,
        "p_g2m": cycle.p_g2m,
        "arrest_z": old.arrest_z,
        "sasp_z": old.sasp_z,
        "senescent": old.called,
    }
    return pd.DataFrame(columns, index=index)


def _whole(flags: NDArray[np.bool_], groups: Groups) -> NDArray[np.bool_]:
    """Groups made of flagged cells only."""
    return np.array([bool(flags[groups.group == g].all()) for g in range(len(groups.names))])
