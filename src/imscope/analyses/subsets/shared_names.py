"""Names of the subsets that all lots share, from their programmes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from imscope.analyses.subsets.names import name_subsets
from imscope.analyses.subsets.programme_scores import ProgrammeSettings, score
from imscope.core.schema import SUBSET_NAMES

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.cells import Cells

PREFIX = "shared "
"""Before the number of a subset, to tell it from a cluster of the run."""


def name_shared(
    cells: "Cells", tables: "Mapping[str, pd.DataFrame]", *, unit: str, seed: int = 0
) -> "pd.DataFrame":
    """Name the sides of the splits all lots share, as clusters are named.

    Parameters
    ----------
    cells
        The cells that were tested, by the names in ``subset_labels``.
    tables
        Of the result of :func:`imscope.subsets.split`.
    unit
        Column of the replicate units.
    seed
        Of the random sets.

    Returns
    -------
    names
        Table ``subset_names`` with groups ``shared 0`` and so on; empty without a shared split.
    """
    import pandas as pd

    if not (tables["subset_joint"]["status"] == "split").any():
        return SUBSET_NAMES.empty()
    labels = tables["subset_labels"]
    names = labels["cell"].astype(str).tolist()
    rows = cells.obs.index.astype(str).get_indexer(pd.Index(names))
    part = cells.take(rows).with_obs(shared_subset=labels["subset"].to_numpy())
    made = score(part, by="shared_subset", unit=unit, settings=ProgrammeSettings(seed=seed))
    scores = made.tables["programme_scores"]
    per_cell = pd.DataFrame() if made.cells is None else made.cells
    keys = [
        pd.Series(part.obs["shared_subset"].to_numpy(), per_cell.index, name="group"),
        pd.Series(part.units(unit).labels, per_cell.index, name="unit"),
    ]
    means = per_cell.groupby(keys, sort=True).mean().reset_index()
    by_unit = means.melt(["group", "unit"], var_name="programme", value_name="score")
    named = name_subsets(scores, set(scores["group"].astype(str)), unit_scores=by_unit)
    return named.assign(group=PREFIX + named["group"].astype(str))
