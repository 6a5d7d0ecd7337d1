"""Assays and lots with known potency, and outcomes that follow known attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.rng import spawn

if TYPE_CHECKING:
    import pandas as pd

DOSES = tuple(float(d) for d in np.geomspace(0.01, 100, 9))


def simulate_assay(
    potency: Mapping[str, float],
    *,
    runs: int = 3,
    replicates: int = 3,
    noise: float = 0.03,
    between_cv: float = 0.15,
    slope_ratio: float = 1.0,
    seed: int = 0,
) -> "pd.DataFrame":
    """Dilution series of a standard and of lots with known relative potency.

    Parameters
    ----------
    potency
        Potency of each lot over the standard's.
    runs, replicates
        Independent runs, and wells per dose.
    noise
        Standard deviation of a well, of the span of the curve.
    between_cv
        Spread of the log potency between runs.
    slope_ratio
        Steepness of the lots over the standard's; 1 is parallel.
    seed
        Of all draws.

    Returns
    -------
    table
        Columns ``run``, ``lot``, ``dose``, ``response``; the standard is called ``standard``.

    Examples
    --------
    >>> simulate_assay({"L1": 2.0}, runs=1, replicates=1)["lot"].unique().tolist()
    ['standard', 'L1']
    """
    import pandas as pd

    rng, rows = spawn(seed, "assay"), []
    x = np.log10(np.repeat(DOSES, replicates))
    for run in range(1, runs + 1):
        base, span = rng.normal(0.1, 0.02), rng.normal(1.0, 0.05)
        place, steep = rng.normal(0.0, 0.1), rng.normal(1.2, 0.05)
        for lot, value in {"standard": 1.0, **potency}.items():
            own = lot != "standard"
            shift = np.log10(value) + (rng.normal(0, between_cv) / np.log(10) if own else 0.0)
            h = steep * (slope_ratio if own else 1.0)
            y = base + span / (1 + 10.0 ** (-h * (x + shift - place)))
            y = y + rng.normal(0, noise * span, len(x))
            rows += [(f"run{run}", lot, 10.0**d, v) for d, v in zip(x, y, strict=True)]
    return pd.DataFrame(rows, columns=["run", "lot", "dose", "response"])


def write_potency(
    settings: "LotSettings | None" = None, folder: Path = Path("potency"), *, seed: int = 0
) -> dict[str, Path]:
    """Write an assay, attributes, outcomes and their truth into a new folder.

    Parameters
    ----------
    settings
        What is true of the lots.
    folder
        New folder.
    seed
        Of all draws.

    Returns
    -------
    files
        Paths by name: ``assay``, ``attributes``, ``outcomes``, ``truth``, ``truth_assay``.

    Raises
    ------
    UsageError
        The folder is there already.
    """
    import pandas as pd

    if folder.exists():
        raise UsageError(
            f"{folder} is there already", fix="name a new folder", code=codes.OUT_PLACE
        )
    made = simulate_lots(settings, seed=seed)
    rng = spawn(seed, "potencies")
    true = {lot: float(np.exp(rng.normal(0, 0.4))) for lot in made.attributes["lot"][:4]}
    tables = {
        "assay": simulate_assay(true, seed=seed),
        "attributes": made.attributes,
        "outcomes": made.outcomes,
        "truth": made.truth,
        "truth_assay": pd.DataFrame({"lot": list(true), "relative_potency": list(true.values())}),
    }
    folder.mkdir(parents=True)
    out = {name: folder / f"{name}.tsv" for name in tables}
    for name, table in tables.items():
        table.to_csv(out[name], sep="\t", index=False)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedLots:
    """Lots with attributes, their outcomes, and what is true of them.

    Attributes
    ----------
    attributes
        ``lot``, ``donor``, ``source_class``, one column per attribute and its ``_error``.
    outcomes
        Table as :func:`imscope.io.outcomes.read_outcomes` reads it.
    truth
        True correlation and slope (standard deviations) of every attribute with the outcome.
    """

    attributes: "pd.DataFrame"
    outcomes: "pd.DataFrame"
    truth: "pd.DataFrame"


@dataclass(frozen=True, slots=True)
class LotSettings:
    """What :func:`simulate_lots` draws.

    Attributes
    ----------
    lots
        Their number.
    donors
        Donors they come from; 0 for one donor a lot.
    donor_share
        Share of the variance of attributes and outcome that lies between donors.
    correlation
        Between the true first attribute ``share_A`` and the true outcome, within donors.
    attributes
        Number of attributes; all but the first do nothing.
    attribute_error
        Standard error of a measured attribute, in its standard deviations.
    assay_cv
        Standard deviation of one measurement of the outcome, in standard deviations of it.
    repeats
        Measurements of the outcome per lot.
    class_gap
        Difference of both attributes and outcome between iMSC and primary lots, in standard
        deviations; 0 for one class.
    influential
        Whether one lot stands far out in both and against the others.
    """

    lots: int = 12
    donors: int = 0
    donor_share: float = 0.0
    correlation: float = 0.0
    attributes: int = 4
    attribute_error: float = 0.0
    assay_cv: float = 0.3
    repeats: int = 2
    class_gap: float = 0.0
    influential: bool = False


def simulate_lots(settings: LotSettings | None = None, *, seed: int = 0) -> SimulatedLots:
    """Lots whose outcome follows their first attribute, or does not.

    Parameters
    ----------
    settings
        What is true.
    seed
        Of all draws.

    Examples
    --------
    >>> made = simulate_lots(LotSettings(lots=6), seed=1)
    >>> made.attributes.shape[0], made.outcomes["lot"].nunique()
    (6, 6)
    """
    import pandas as pd

    s = settings or LotSettings()
    rng, n = spawn(seed, "lots"), s.lots
    donor = np.arange(n) % s.donors if s.donors else np.arange(n)
    two = s.class_gap != 0
    imsc = (donor % 2 == 0) if two else np.ones(n, dtype=bool)
    within, between = np.sqrt(1 - s.donor_share), np.sqrt(s.donor_share)
    own = rng.normal(size=(donor.max() + 1, s.attributes + 1))[donor]
    x = within * rng.normal(size=(n, s.attributes)) + between * own[:, 1:]
    noise = within * rng.normal(size=n) + between * own[:, 0]
    rho = s.correlation
    y = rho * x[:, 0] + np.sqrt(1 - rho**2) * noise
    if s.influential:
        x[0, 0], y[0] = 4.0, -4.0 * np.sign(rho or 1.0)
    gap = s.class_gap * np.where(imsc, 0.5, -0.5)
    x, y = x + gap[:, None], y + gap
    seen = x + s.attribute_error * rng.normal(size=x.shape)
    names = [f"share_{chr(65 + k)}" if k < 26 else f"attribute_{k}" for k in range(s.attributes)]
    lots = [f"L{k + 1:02d}" for k in range(n)]
    table = pd.DataFrame({"lot": lots, "donor": [f"D{d + 1}" for d in donor]})
    table["source_class"] = np.where(imsc, "iMSC", "primary_MSC")
    columns = {name: seen[:, k] for k, name in enumerate(names)}
    columns |= {f"{name}_error": np.full(n, s.attribute_error) for name in names}
    table = pd.concat([table, pd.DataFrame(columns)], axis=1)
    rows = [
        (lot, "suppression", 10 + y[k] + s.assay_cv * rng.normal(), "a.u.", "higher", r + 1)
        for k, lot in enumerate(lots)
        for r in range(s.repeats)
    ]
    head = ["lot", "outcome", "value", "unit", "direction", "run"]
    truth = pd.DataFrame({"attribute": names, "correlation": [rho, *[0.0] * (s.attributes - 1)]})
    return SimulatedLots(table, pd.DataFrame(rows, columns=head), truth)
