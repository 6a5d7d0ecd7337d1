"""Simulated plates with known truth: one readout with dose series, and many for rescue."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core.rng import spawn
from imscope.simulate.screen_pooled import SimulatedScreen

Floats = NDArray[np.float64]
ROWS, COLUMNS = 16, 24
CLASSES = (
    ("inactive", 0.80),
    ("rescue_full", 0.02),
    ("rescue_partial", 0.04),
    ("worsen", 0.02),
    ("toxic", 0.04),
    ("offtarget", 0.06),
    ("rescue_offtarget", 0.02),
)


def _wells() -> list[tuple[int, int, str]]:
    return [
        (r + 1, c + 1, f"{chr(65 + r)}{c + 1:02d}") for r in range(ROWS) for c in range(COLUMNS)
    ]


def simulate_plates(
    *,
    compounds: int = 36,
    doses: int = 8,
    replicates: int = 2,
    active: float = 0.5,
    noise: float = 0.06,
    seed: int = 1,
) -> SimulatedScreen:
    """Simulate 384-well plates of dose series of viability with controls and position effects.

    Parameters
    ----------
    compounds
        At most 36 on a plate of eight doses.
    doses
        Half-logarithmic steps down from 30 uM.
    replicates
        Plates.
    active
        Share of compounds with a curve.
    noise
        Standard deviation of a well, vehicle is 1.
    seed
        Of everything.

    Returns
    -------
    screen
        ``wells`` and ``truth`` (``compound``, ``active``, ``ec50_um``, ``slope``, ``bottom``).

    Examples
    --------
    >>> screen = simulate_plates(compounds=4)
    >>> screen.tables["wells"]["role"].value_counts().to_dict()["negative"]
    64
    """
    rng = spawn(seed, "simulated plates")
    names = [f"CPD{k + 1:03d}" for k in range(compounds)]
    on = rng.random(compounds) < active
    truth = pd.DataFrame(
        {
            "compound": names,
            "active": on,
            "ec50_um": np.exp(rng.uniform(np.log(0.05), np.log(10), compounds)),
            "slope": rng.uniform(0.8, 3, compounds),
            "bottom": np.where(on, rng.uniform(0, 0.5, compounds), 1.0),
        }
    )
    ladder = 30.0 / 10 ** (0.5 * np.arange(doses))
    jobs = [(k, d) for k in range(compounds) for d in ladder]
    inner = [w for w in _wells() if 3 <= w[1] <= 22]
    rows = []
    for r in range(replicates):
        order = rng.permutation(len(inner))[: len(jobs)]
        put = {inner[i][2]: job for i, job in zip(order, jobs, strict=False)}
        slope_r, slope_c, edge = rng.normal(0, 0.05, 3)
        level = rng.uniform(0.8e6, 1.2e6)
        for row, column, well in _wells():
            value, role, name, dose = 1.0, "empty", "", 0.0
            if column in (1, 23):
                role = "negative"
            elif column in (2, 24):
                value, role = 0.05, "positive"
            elif well in put:
                k, dose = put[well]
                role, name = "sample", names[k]
                t = truth.iloc[k]
                value = t["bottom"] + (1 - t["bottom"]) / (1 + (dose / t["ec50_um"]) ** t["slope"])
            if role == "empty":
                continue
            position = 1 + slope_r * (row / ROWS - 0.5) + slope_c * (column / COLUMNS - 0.5)
            position += edge * (row in (1, ROWS) or column in (1, COLUMNS))
            seen = max(value + rng.normal(0, noise), 0.0) * position * level
            rows.append(("P1", r + 1, well, role, name, dose, seen))
    columns = ["plate", "replicate", "well", "role", "compound", "dose_um", "luminescence"]
    return SimulatedScreen("plates", {"wells": pd.DataFrame(rows, columns=columns), "truth": truth})


def simulate_rescue(
    *,
    compounds: int = 640,
    plates: int = 4,
    features: int = 80,
    factors: int = 20,
    distance: float = 5.0,
    seed: int = 1,
) -> SimulatedScreen:
    """Simulate plates of patient cells with both vehicles and many correlated readouts.

    Parameters
    ----------
    compounds
        On patient cells, each in two wells.
    plates
        Each with 30 wells of either vehicle and 4 toxic ones.
    features, factors
        Readouts, and latent factors that correlate them.
    distance
        Of the two lines along the disease, in latent standard deviations of a well.
    seed
        Of everything.

    Returns
    -------
    screen
        ``wells`` and ``truth`` (``compound``, ``class``, ``true_rescue_fraction``,
        ``true_toxicity``).

    Examples
    --------
    >>> screen = simulate_rescue(compounds=300, plates=2, features=12, factors=6)
    >>> sorted(set(screen.tables["wells"]["Metadata_role"]))
    ['compound', 'corrected_dmso', 'patient_dmso', 'patient_toxic_control']
    """
    rng = spawn(seed, "simulated rescue")
    loading = rng.normal(0, 1, (factors, features)) / np.sqrt(factors)
    axis, poison = np.zeros(factors), np.zeros(factors)
    axis[:4] = rng.normal(0, 1, 4)
    axis *= distance / np.linalg.norm(axis)
    poison[min(4, factors - 2) : min(7, factors)] = 6.0
    kinds = np.array([n for n, _ in CLASSES])[
        np.searchsorted(np.cumsum([s for _, s in CLASSES]), rng.random(compounds)).clip(0, 6)
    ]
    rescue = np.select(
        [
            kinds == "rescue_full",
            np.isin(kinds, ["rescue_partial", "rescue_offtarget"]),
            kinds == "worsen",
        ],
        [
            rng.uniform(0.8, 1, compounds),
            rng.uniform(0.3, 0.7, compounds),
            -rng.uniform(0.3, 0.7, compounds),
        ],
        0.0,
    )
    toxic = np.where(kinds == "toxic", rng.uniform(0.5, 1, compounds), 0.0)
    off = np.zeros((compounds, factors))
    mine = np.isin(kinds, ["offtarget", "rescue_offtarget"])
    off[:, 7:] = rng.normal(0, 1, (compounds, max(factors - 7, 0)))
    off *= (mine * 7.0 / np.maximum(np.linalg.norm(off, axis=1), 1e-9))[:, None]
    names = [f"CPD{k + 1:04d}" for k in range(compounds)]
    share = np.array_split(np.concatenate([rng.permutation(compounds) for _ in range(2)]), plates)
    rows, values = [], []
    for k in range(plates):
        outer = [w for w in _wells() if w[1] in (1, 2, 23, 24)]
        inner = [w for w in _wells() if 3 <= w[1] <= 22]
        mixed = [outer[i] for i in rng.permutation(len(outer))]
        jobs = [(w, "patient_toxic_control", -1) for w in mixed[:4]]
        jobs += [(w, "patient_dmso", -1) for w in mixed[4:34]]
        jobs += [(w, "corrected_dmso", -1) for w in mixed[34:64]]
        jobs += [
            (inner[i], "compound", int(c))
            for i, c in zip(rng.permutation(len(inner)), share[k], strict=False)
        ]
        offset, scale = rng.normal(0, 0.5, features), rng.uniform(0.8, 1.25, features)
        tilt = rng.normal(0, 0.4, (3, features))
        for (row, column, well), role, c in jobs:
            latent = rng.normal(0, 1, factors)
            poisoned = 1.0 if role == "patient_toxic_control" else 0.0
            if role == "corrected_dmso":
                latent = latent + axis
            if c >= 0:
                latent = latent + rescue[c] * axis + off[c]
                poisoned = toxic[c]
            latent = latent + poisoned * poison
            x = latent @ loading + rng.normal(0, 0.5, features)
            edge = row in (1, ROWS) or column in (1, COLUMNS)
            x = (
                x
                + tilt[0] * (row / ROWS - 0.5)
                + tilt[1] * (column / COLUMNS - 0.5)
                + 0.5 * tilt[2] * edge
            ) * scale + offset
            count = int(rng.poisson(500 * (1 - 0.75 * poisoned)))
            rows.append(
                (
                    f"P{k + 1:02d}",
                    1,
                    well,
                    role,
                    names[c] if c >= 0 else "DMSO",
                    10.0 if c >= 0 else 0.0,
                    count,
                )
            )
            values.append(x)
    columns = [
        "Metadata_plate",
        "Metadata_replicate",
        "Metadata_well",
        "Metadata_role",
        "Metadata_compound",
        "Metadata_dose_uM",
        "cell_count",
    ]
    wells = pd.DataFrame(rows, columns=columns)
    data = pd.DataFrame(np.array(values), columns=[f"feat_{k:03d}" for k in range(features)])
    truth = pd.DataFrame(
        {"compound": names, "class": kinds, "true_rescue_fraction": rescue, "true_toxicity": toxic}
    )
    return SimulatedScreen("rescue", {"wells": pd.concat([wells, data], axis=1), "truth": truth})
