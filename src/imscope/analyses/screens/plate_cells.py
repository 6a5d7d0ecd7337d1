"""Single cells along the disease axis: shares and shifts per well, the well as unit."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.screens.rescue import score_wells
from imscope.core.schema import PLATE_CELLS

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.plates import PlateData

Floats = NDArray[np.float64]


def score_cells(data: "PlateData") -> tuple[Floats, NDArray[np.bool_]]:
    """Score every cell along an axis learnt on the other plates.

    Parameters
    ----------
    data
        With ``level`` "cell" and vehicle cells of both lines.

    Returns
    -------
    rescue, used
        0 is the mean patient cell, 1 the mean corrected one; which cells have all readouts.
    """
    x = data.wells[list(data.features)].to_numpy(dtype=np.float64)
    keep = np.isfinite(x).mean(axis=0) > 0.99
    x = x[:, keep]
    used = np.isfinite(x).all(axis=1)
    role = data.wells["role"].to_numpy().astype(str)
    names = data.wells["plate"].astype(str) + "/" + data.wells["replicate"].astype(str)
    plate = np.unique(names.to_numpy(dtype=str), return_inverse=True)[1]
    y = np.full_like(x, np.nan)
    for k in np.unique(plate):
        here = (plate == k) & used
        patient = here & (role == "patient_vehicle")
        centre, spread = x[patient].mean(axis=0), x[patient].std(axis=0, ddof=1)
        y[here] = np.clip((x[here] - centre) / np.where(spread > 1e-9, spread, 1.0), -10, 10)
    out = np.full(len(x), np.nan)
    scores = score_wells(y[used], role[used], plate[used], fold=plate[used])
    out[used] = scores.rescue
    return out, used


def cell_table(data: "PlateData", rescue: Floats) -> "pd.DataFrame":
    """Table ``plate_cells``: per well the cells beyond half way, and the shift from patient cells.

    Parameters
    ----------
    data
        Cells.
    rescue
        Their scores.
    """
    import pandas as pd
    from scipy.stats import wasserstein_distance

    cells = data.wells.assign(s=rescue).dropna(subset=["s"])
    rows = []
    for (plate, replicate), group in cells.groupby(["plate", "replicate"]):
        patient = group.loc[group["role"] == "patient_vehicle", "s"].to_numpy()
        for well, one in group.groupby("well"):
            s = one["s"].to_numpy()
            rows.append(
                (
                    str(plate),
                    str(replicate),
                    str(well),
                    str(one["role"].iloc[0]),
                    len(s),
                    float(np.median(s)),
                    float((s > 0.5).mean()),
                    float(wasserstein_distance(s, patient)),
                )
            )
    return PLATE_CELLS.check(pd.DataFrame(rows, columns=[c.name for c in PLATE_CELLS.columns]))
