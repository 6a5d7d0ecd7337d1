"""Composition of a run: how many subsets each unit has, and which shares differ."""

from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.subsets.abundance import AbundanceSettings, differential_abundance
from imscope.analyses.subsets.diversity import hill_table
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import COMPOSITION

if TYPE_CHECKING:
    import pandas as pd

DESCRIPTIVE = "clusters of an algorithm, descriptive"
SIGNIFICANT = "significant subsets"


def describe_composition(
    cells: "pd.DataFrame",
    *,
    group: str,
    unit: str,
    significant: bool = False,
    settings: AbundanceSettings | None = None,
    seed: int = 0,
) -> dict[str, "pd.DataFrame"]:
    """Count subsets per unit and test whether shares differ between groups.

    Parameters
    ----------
    cells
        One row per cell with ``cluster`` and the two columns below.
    group
        Column compared: words make groups, numbers are a covariate. A unit in several groups is
        compared with itself.
    unit
        Column of the replicate units (lots, donors).
    significant
        Whether the clusters passed the split test; otherwise they are labelled descriptive.
    settings
        Of the abundance test.
    seed
        Of the bootstrap.

    Returns
    -------
    tables
        ``composition`` always; ``differential_abundance`` when the design has enough units per
        arm.

    Raises
    ------
    DataError
        A column is missing or has gaps, or there are no cells.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"lot": list("aaaabbbb"), "arm": "x", "cluster": list("00110001")})
    >>> sorted(describe_composition(cells, group="arm", unit="lot"))
    ['composition']
    """
    _check(cells, ("cluster", group, unit))
    import pandas as pd

    words = cells[["cluster", unit]].astype(str)
    per_unit = pd.crosstab(words[unit], words["cluster"])
    hill = hill_table(per_unit, seed=seed)
    hill["basis"] = SIGNIFICANT if significant else DESCRIPTIVE
    tables = {"composition": COMPOSITION.check(hill)}
    if per_unit.shape[1] < 2:
        return tables
    keyed = pd.DataFrame({unit: words[unit], group: cells[group], "cluster": words["cluster"]})
    if group == unit:
        return tables
    counts = pd.crosstab([keyed[unit], keyed[group]], keyed["cluster"])
    design = counts.index.to_frame(index=False)
    repeated = np.array(design.groupby(unit)[group].nunique())
    pair = unit if (repeated > 1).any() else None
    table = differential_abundance(counts, design, group, pair=pair, settings=settings)
    if not table["status"].str.startswith("NOT TESTABLE").any():
        tables["differential_abundance"] = table
    return tables


def _check(cells: "pd.DataFrame", names: tuple[str, ...]) -> None:
    wrong = [n for n in names if n not in cells.columns or cells[n].isna().any()]
    if wrong or not len(cells):
        raise DataError(
            "composition needs a cluster, a group and a unit for every cell",
            found=f"{len(cells)} cells; missing or with gaps: {', '.join(wrong) or 'none'}",
            fix="leave out cells without them",
            code=codes.SUBSETS_COLUMN,
        )
