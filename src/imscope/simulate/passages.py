"""Cultures passaged several times, with known growth and conversion of their subsets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PassageSettings:
    """What is simulated.

    Attributes
    ----------
    subsets, growth
        Names and net growth. Unit: per day.
    edges, conversion
        ``FROM>TO`` and the rate of each. Unit: per day.
    donors, passages, days
        Donors (one culture each), passages, and days in a passage.
    cells
        Cells counted per harvest.
    precision
        Of the Dirichlet composition around its expectation.
    total_sd
        Error of log(harvested / seeded).
    donor_growth_sd, donor_conversion_sd
        Between donors: of growth (per day) and of log conversion.
    start
        ``similar``: every culture near one mix; ``sorted``: cultures enriched for each subset in
        turn.
    purity
        Share of the enriched subset of a sorted culture.
    seed
        Of every draw.
    """

    subsets: tuple[str, ...] = ("A", "B", "S")
    growth: tuple[float, ...] = (0.55, 0.35, -0.05)
    edges: tuple[str, ...] = ("A>B", "A>S", "B>A", "B>S")
    conversion: tuple[float, ...] = (0.10, 0.03, 0.01, 0.04)
    donors: int = 5
    passages: int = 6
    days: float = 4.0
    cells: int = 2_000
    precision: float = 300.0
    total_sd: float = 0.1
    donor_growth_sd: float = 0.05
    donor_conversion_sd: float = 0.25
    start: str = "similar"
    purity: float = 0.9
    seed: int = 20260717

    def __post_init__(self) -> None:
        ends = [tuple(e.split(">")) for e in self.edges]
        names = set(self.subsets)
        good = (
            len(self.growth) == len(names) == len(self.subsets) >= 2
            and len(self.edges) == len(self.conversion)
            and all(len(e) == 2 and set(e) <= names and e[0] != e[1] for e in ends)
            and all(q > 0 for q in self.conversion)
            and self.start in ("similar", "sorted")
            and min(self.donors, self.passages, self.cells) >= 1
            and min(self.days, self.precision, self.total_sd) > 0
            and 0 < self.purity < 1
            and min(self.donor_growth_sd, self.donor_conversion_sd) >= 0
        )
        if not good:
            raise DataError(
                "the settings of simulated passages do not fit together",
                found=str(self),
                fix="one growth per subset, one rate above 0 per edge FROM>TO, start similar or "
                "sorted",
                code=codes.SIMULATE_OUT,
            )


@dataclass(frozen=True, slots=True, eq=False)
class PassageStudy:
    """Simulated tables and the truth behind them.

    Attributes
    ----------
    counts
        ``donor``, ``day``, ``subset``, ``count``.
    totals
        ``donor``, ``from``, ``to``, ``seeded``, ``harvested``.
    series
        ``donor``, ``passage``, ``pdl``, ``positive``, ``cells``: the last subset as the marker of
        senescence.
    truth
        ``parameter``, ``name``, ``value``.
    """

    counts: "pd.DataFrame"
    totals: "pd.DataFrame"
    series: "pd.DataFrame"
    truth: "pd.DataFrame" = field(repr=False)


def simulate_passages(settings: PassageSettings | None = None) -> PassageStudy:
    """Draw counts and totals of serial passages from known rates.

    Parameters
    ----------
    settings
        See :class:`PassageSettings`.

    Returns
    -------
    study
        Tables as :func:`imscope.analyses.dynamics.read_passages` and ``read_series`` take them, and
        the truth.

    Examples
    --------
    >>> study = simulate_passages(PassageSettings(donors=2, passages=3))
    >>> len(study.counts), len(study.totals)
    (24, 6)
    """
    import pandas as pd
    from scipy.linalg import expm

    s = settings or PassageSettings()
    k = len(s.subsets)
    pairs = [tuple(s.subsets.index(n) for n in e.split(">")) for e in s.edges]
    counts: list[dict[str, object]] = []
    totals: list[dict[str, object]] = []
    series: list[dict[str, object]] = []
    for d in range(s.donors):
        rng = spawn(s.seed, "passages", d)
        shift = s.donor_growth_sd * rng.standard_normal()
        q = np.array(s.conversion) * np.exp(s.donor_conversion_sd * rng.standard_normal(len(pairs)))
        b = np.diag(np.array(s.growth) + shift)
        for (i, j), rate in zip(pairs, q, strict=True):
            b[j, i] += rate
            b[i, i] -= rate
        p = _start(s, d, rng)
        grow = expm(b * s.days)
        pdl = 0.0
        donor = f"donor{d + 1}"
        for n in range(s.passages + 1):
            if n:
                after = grow @ p
                fold = float(after.sum()) * np.exp(s.total_sd * rng.standard_normal())
                p = after / after.sum()
                pdl += np.log2(max(fold, 1e-9))
                totals.append(
                    {"donor": donor, "from": (n - 1) * s.days, "to": n * s.days,
                     "seeded": 1_000_000, "harvested": max(round(1_000_000 * fold), 1)}
                )  # fmt: skip
            y = rng.multinomial(s.cells, rng.dirichlet(np.maximum(s.precision * p, 1e-6)))
            counts += [
                {"donor": donor, "day": n * s.days, "subset": name, "count": int(c)}
                for name, c in zip(s.subsets, y, strict=True)
            ]
            series.append(
                {"donor": donor, "passage": n, "pdl": pdl, "positive": int(y[k - 1]),
                 "cells": s.cells}
            )  # fmt: skip
    return PassageStudy(pd.DataFrame(counts), pd.DataFrame(totals), pd.DataFrame(series), _truth(s))


def write_passages(study: PassageStudy, folder: Path) -> Path:
    """Write the tables and the truth into a new folder, with a README that says what they are.

    Parameters
    ----------
    study
        From :func:`simulate_passages`.
    folder
        New or empty.

    Returns
    -------
    folder
        The same.

    Raises
    ------
    DataError
        The folder exists and holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise DataError(
            f"{folder} is not empty",
            found=f"{len(list(folder.iterdir()))} entries",
            fix="name a new folder",
            code=codes.SIMULATE_OUT,
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("counts", "totals", "series", "truth"):
        text = getattr(study, name).to_csv(index=False)
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(
        "# Simulated passages\n\nEverything in this folder is simulated by imscope. `truth.csv` "
        "holds the rates the counts were drawn from.\n",
        encoding="utf-8",
    )
    return folder


def _start(s: PassageSettings, donor: int, rng: np.random.Generator) -> Floats:
    k = len(s.subsets)
    if s.start == "sorted":
        mix = np.full(k, (1 - s.purity) / (k - 1))
        mix[donor % k] = s.purity
    else:
        mix = 0.5 ** np.arange(k)
        mix[-1] = 0.05 * mix[:-1].sum()
        mix /= mix.sum()
    return rng.dirichlet(60 * mix + 0.5)


def _truth(s: PassageSettings) -> "pd.DataFrame":
    import pandas as pd

    rows: list[tuple[str, str, float]] = [
        *(("growth_per_day", n, g) for n, g in zip(s.subsets, s.growth, strict=True)),
        *(("conversion_per_day", e, q) for e, q in zip(s.edges, s.conversion, strict=True)),
        ("donor_growth_sd", "all", s.donor_growth_sd),
        ("donor_conversion_sd", "all", s.donor_conversion_sd),
    ]
    return pd.DataFrame(rows, columns=["parameter", "name", "value"])
