"""A table of dose-response curves from responses to tables of fits."""

from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.screens.dose_response import fit_curves
from imscope.analyses.screens.plate_parts import curve_row
from imscope.analyses.screens.plates import PlateScreen, PlateSettings
from imscope.core.schema import PLATE_COMPOUNDS, PLATE_CURVES, PLATE_QC, SCREEN_LEDGER
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    from imscope.io.curve_tables import CurveTable


def analyse_curves(data: "CurveTable", *, settings: PlateSettings | None = None) -> PlateScreen:
    """Fit every curve of a table of responses (viability: 1 is the vehicle, none is below 0).

    Parameters
    ----------
    data
        From :func:`imscope.io.curve_tables.read_curves`.
    settings
        Seed and limits.

    Returns
    -------
    screen
        ``plate_curves``, and ``plate_compounds`` with the effect at the highest dose.

    Examples
    --------
    >>> from imscope.io.curve_tables import CurveTable
    >>> dose = np.array([0, 0.01, 0.1, 1, 10, 100])
    >>> made = CurveTable(("a",), dose, (1 / (1 + dose / 0.5))[None], 0)
    >>> analyse_curves(made).tables["plate_curves"]["place"].tolist()
    ['inside']
    """
    import pandas as pd

    from imscope import __version__

    settings = settings or PlateSettings()
    lower = 0.0 if np.nanmin(data.response) >= 0 else None
    fit = fit_curves(data.dose_um, data.response, lower=lower)
    rows = [curve_row(name, fit, k) for k, name in enumerate(data.names) if np.isfinite(fit.f[k])]
    table = pd.DataFrame(rows)
    table["q_value"] = benjamini_hochberg(table["p_value"])
    fitted = PLATE_CURVES.check(table.sort_values("p_value", kind="stable").reset_index(drop=True))
    compounds = pd.DataFrame(
        {
            "compound": fitted["compound"],
            "dose_um": float(data.dose_um.max()),
            "n_wells": fitted["n"],
            "effect": fitted["effect"],
            "ci_low": fitted["effect_low"],
            "ci_high": fitted["effect_high"],
            "p_value": fitted["p_value"],
            "q_value": fitted["q_value"],
            "p_effect": fitted["p_value"],
            "ssmd": np.nan,
            "viability": np.nan,
            "hit": fitted["q_value"] <= 0.05,
        }
    )
    lost = [n for k, n in enumerate(data.names) if not np.isfinite(fit.f[k])]
    ledger = pd.DataFrame(
        [("curves", "fewer than five points or four doses", len(lost), ", ".join(lost[:3]))]
        if lost
        else [],
        columns=[c.name for c in SCREEN_LEDGER.columns],
    ).astype({"n": "int64"})
    tables = {
        "plate_curves": fitted,
        "plate_compounds": PLATE_COMPOUNDS.check(compounds),
        "plate_qc": pd.DataFrame(columns=[c.name for c in PLATE_QC.columns]),
        "screen_ledger": SCREEN_LEDGER.check(ledger),
        "curve_points": pd.DataFrame(
            {
                "compound": np.repeat(data.names, len(data.dose_um)),
                "dose_um": np.tile(data.dose_um, len(data.names)),
                "value": data.response.ravel(),
            }
        ),
    }
    method = {
        "name": "curves",
        "version": __version__,
        "n_curves": len(data.names),
        "n_fitted": len(fitted),
        "repeated_names": data.repeated,
        "seed": settings.seed,
    }
    notes = (
        (f"{data.repeated} names stand more than once and were numbered",) if data.repeated else ()
    )
    return PlateScreen(tables, {"plates": tables["plate_qc"]}, method, notes, settings)
