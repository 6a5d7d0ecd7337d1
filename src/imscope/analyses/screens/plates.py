"""A plate screen from wells to quality, hits, curves and rescue."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.screens.plate_cells import cell_table, score_cells
from imscope.analyses.screens.plate_confounding import confounding
from imscope.analyses.screens.plate_hits import call_hits
from imscope.analyses.screens.plate_normalise import METHODS, Layout, normalise_plate
from imscope.analyses.screens.plate_parts import (
    curves,
    group_codes,
    growth,
    quality,
    rescue,
)
from imscope.analyses.screens.plate_qc import active_lines
from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.core.schema import PLATE_COMPOUNDS, PLATE_WELLS, SCREEN_LEDGER
from imscope.io.wells import plate_format

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.plates import PlateData

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PlateSettings:
    """How a plate screen is analysed.

    Attributes
    ----------
    feature
        Readout for hits and curves; the first one by default.
    normalise
        See :func:`imscope.analyses.screens.plate_normalise.normalise_plate`.
    log
        Take log2 of the readout first.
    least
        Smallest effect worth having, in vehicle standard deviations.
    least_rescue
        Rescue fraction that the interval of a hit must exceed.
    viable
        Cells over vehicle that a hit must keep.
    axis
        Name of a disease axis of the evidence base, such as ``FOP``; for the words of the report.
    seed
        Of bootstraps and permutations.
    """

    feature: str = ""
    normalise: str = "robust"
    log: bool = False
    least: float = 0.0
    least_rescue: float = 0.1
    viable: float = 0.7
    axis: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.normalise not in METHODS:
            raise UsageError(
                f"{self.normalise!r} is no normalisation",
                fix=", ".join(METHODS),
                code=codes.SCREEN_OPTION,
            )


@dataclass(frozen=True, eq=False)
class PlateScreen:
    """Result of a plate screen: tables by name, headline figures, method and warnings."""

    tables: "dict[str, pd.DataFrame]"
    qc: dict[str, Any]
    method: dict[str, Any]
    warnings: tuple[str, ...]
    settings: PlateSettings = field(default_factory=PlateSettings)


def analyse_plates(data: "PlateData", *, settings: PlateSettings | None = None) -> PlateScreen:
    """Analyse a plate screen.

    Parameters
    ----------
    data
        From :func:`imscope.io.plates.read_plates`.
    settings
        Readout and limits.

    Returns
    -------
    screen
        Quality, wells and compounds; curves where compounds have four doses or more; rescue where
        vehicle wells of both lines are there.

    Raises
    ------
    DataError
        The readout is not there, or controls a normalisation needs are not.

    Examples
    --------
    >>> import pandas as pd
    >>> from imscope.io.plates import PlateData
    >>> rows, columns = np.divmod(np.arange(96), 12)
    >>> wells = pd.DataFrame({"plate": "p", "replicate": "1", "row": rows + 1,
    ...     "column": columns + 1, "well": [f"{r}{c}" for r, c in zip(rows, columns)],
    ...     "role": np.where(columns < 2, "negative", "sample"), "dose_um": np.nan,
    ...     "compound": [f"c{k // 2}" for k in range(96)],
    ...     "signal": np.random.default_rng(0).normal(100, 5, 96)})
    >>> empty = pd.DataFrame(columns=["what", "why", "n", "examples"])
    >>> screen = analyse_plates(PlateData(wells, ("signal",), empty, (), "made"))
    >>> int(screen.tables["plate_compounds"]["hit"].sum()) < 3
    True
    """
    from imscope import __version__

    settings = settings or PlateSettings()
    notes = confounding(data.wells)
    notes += [f"{n.code}: {n.message}" for n in data.notices]
    wells, features = _to_wells(data)
    feature = settings.feature or features[0]
    if feature not in wells.columns:
        raise DataError(
            f"there is no readout {feature!r}",
            found=", ".join(features[:8]),
            code=codes.SCREEN_OPTION,
        )
    layouts = plate_layouts(wells)
    raw = wells[feature].to_numpy(dtype=np.float64)
    if settings.log:
        if (raw <= 0).any():
            raise DataError(
                "log2 needs values above zero", found=str(np.nanmin(raw)), code=codes.SCREEN_VALUES
            )
        raw = np.log2(raw)
    value = np.full(len(raw), np.nan)
    for rows, layout in layouts:
        value[rows] = normalise_plate(raw[rows], layout, settings.normalise)
        notes += _bscore_notes(raw[rows], layout, wells.iloc[rows], settings.normalise)
    shown = wells[[c.name for c in PLATE_WELLS.columns if c.name in wells]].assign(
        raw=raw, value=value
    )
    tables = {"plate_wells": PLATE_WELLS.check(shown)}
    viability = viabilities(wells, layouts)
    tables["plate_compounds"] = compounds(wells, value, viability, settings)
    scores = rescue(
        wells, features, layouts, viability, least=settings.least_rescue, tables=tables, notes=notes
    )
    tables["plate_qc"] = quality(wells, raw, layouts, scores, seed=settings.seed, notes=notes)
    curves(wells, value if settings.normalise != "none" else raw, tables)
    growth(wells, tables)
    if data.level == "cell" and scores is not None:
        tables["plate_cells"] = cell_table(data, score_cells(data)[0])
    tables["screen_ledger"] = SCREEN_LEDGER.check(data.ledger.astype({"n": "int64"}))
    counts = wells["role"].value_counts()
    method = {
        "name": "plates",
        "version": __version__,
        "format": data.format,
        "feature": feature,
        "normalise": settings.normalise,
        "n_wells": len(wells),
        "n_plates": len(layouts),
        "n_features": len(features),
        "roles": {str(k): int(v) for k, v in counts.items()},
        "axis": settings.axis,
        "seed": settings.seed,
    }
    qc = {"plates": tables["plate_qc"]}
    return PlateScreen(tables, qc, method, tuple(dict.fromkeys(notes)), settings)


def _to_wells(data: "PlateData") -> tuple["pd.DataFrame", list[str]]:
    """One row per well: cells are averaged, and counted where no count is given."""
    features = list(data.features)
    wells = data.wells
    if data.level == "cell":
        keys = ["plate", "replicate", "well", "row", "column", "role"]
        extra = [
            c for c in ("compound", "dose_um", "donor", "line", "genotype", "batch") if c in wells
        ]
        grouped = wells.groupby(keys, sort=True)
        mean = grouped[features].mean().reset_index()
        first = grouped[extra].first().reset_index()
        mean["cell_count"] = grouped.size().to_numpy()
        wells = first.merge(mean, on=keys)
    return wells.reset_index(drop=True), features


def plate_layouts(wells: "pd.DataFrame") -> list[tuple[NDArray[np.int64], Layout]]:
    """Rows of the table and layout of every plate and replicate."""
    shape = plate_format(wells["row"].tolist(), wells["column"].tolist())
    out = []
    for _, group in wells.groupby(["plate", "replicate"], sort=True):
        layout = Layout(
            group["row"].to_numpy(),
            group["column"].to_numpy(),
            group["role"].to_numpy().astype(str),
            shape,
        )
        out.append((group.index.to_numpy(), layout))
    return out


def viabilities(wells: "pd.DataFrame", layouts: list[tuple[NDArray[np.int64], Layout]]) -> Floats:
    """Cells over the median of vehicle wells on the same plate; NaN where cells are not counted."""
    out = np.full(len(wells), np.nan)
    if "cell_count" not in wells:
        return out
    count = wells["cell_count"].to_numpy(dtype=np.float64)
    for rows, layout in layouts:
        vehicle = layout.mask("negative", "patient_vehicle")
        base = np.nanmedian(count[rows][vehicle]) if vehicle.any() else np.nanmedian(count[rows])
        if base > 0:
            out[rows] = count[rows] / base
    return out


def _bscore_notes(raw: Floats, layout: Layout, wells: "pd.DataFrame", method: str) -> list[str]:
    if not method.startswith("bscore"):
        return []
    notes = []
    share, where = active_lines(normalise_plate(raw, layout, "robust_z"), layout)
    if share > 0.2:
        notes.append(
            f"{codes.W_PLATE_BSCORE}: {100 * share:.0f} % of {where} of plate "
            f"{wells['plate'].iloc[0]} is active"
        )
    doses = wells["dose_um"].to_numpy(dtype=np.float64)
    sample = layout.mask("sample")
    for k in np.unique(layout.row[sample]):
        mine = sample & (layout.row == k)
        names, dose = wells["compound"].to_numpy()[mine], doses[mine]
        for name in set(names):
            if name and len(np.unique(dose[(names == name) & (dose > 0)])) >= 4:
                notes.append(
                    f"{codes.W_PLATE_BSCORE}: the doses of {name!r} run along a row of "
                    f"plate {wells['plate'].iloc[0]}"
                )
                return notes
    return notes


def compounds(
    wells: "pd.DataFrame", value: Floats, viability: Floats, settings: PlateSettings
) -> "pd.DataFrame":
    """Table ``plate_compounds``: each compound at each dose against vehicle.

    Parameters
    ----------
    wells, value, viability
        One row per well, normalised values, and cells over vehicle.
    settings
        Least effect and viability.
    """
    import pandas as pd

    columns = [c.name for c in PLATE_COMPOUNDS.columns]
    sample = (wells["role"] == "sample").to_numpy() & (wells["compound"] != "").to_numpy()
    if not sample.any():
        return pd.DataFrame(columns=columns)
    keys = wells.loc[sample, ["compound", "dose_um"]].reset_index(drop=True)
    code, table = group_codes(keys)
    vehicle = wells["role"].isin(["negative", "patient_vehicle"]).to_numpy()
    base = np.nanmedian(value[vehicle]) if vehicle.any() else np.nanmedian(value[sample])
    scaled = settings.normalise in ("robust", "robust_z", "z", "bscore_mad")
    spread = 1.0
    if not scaled:
        bulk = value[vehicle] if vehicle.sum() >= 8 else value[sample]
        spread = 1.4826 * float(np.nanmedian(np.abs(bulk - np.nanmedian(bulk)))) or 1.0
    z = (value - base) / spread
    hits = call_hits(z[sample], code, negatives=z[vehicle], least=settings.least)
    v = viability[sample]
    known = np.isfinite(v)
    n = np.bincount(code[known], minlength=len(table))
    alive = np.where(
        n > 0,
        np.bincount(code[known], weights=v[known], minlength=len(table)) / np.maximum(n, 1),
        np.nan,
    )
    hit = (hits.q_value <= 0.05) & (hits.p_effect <= 0.05) & ~(alive < settings.viable)
    table = table.assign(
        n_wells=hits.n,
        effect=hits.effect,
        ci_low=hits.low,
        ci_high=hits.high,
        p_value=hits.p_value,
        q_value=hits.q_value,
        p_effect=hits.p_effect,
        ssmd=hits.ssmd,
        viability=alive,
        hit=hit,
    )
    order = np.lexsort((-np.abs(np.nan_to_num(hits.effect)), np.nan_to_num(hits.p_value, nan=2.0)))
    return PLATE_COMPOUNDS.check(table.iloc[order].reset_index(drop=True)[columns])
