"""Distributions of a plan: how they are written, their quantiles, their draws."""

import csv
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.core.errors import DataError
from imscope.core.names import did_you_mean
from imscope.decisions.manufacture import codes

Floats = NDArray[np.float64]
Status = Literal["V", "D", "M", "user"]
STATUSES = {
    "V": "verified in the source",
    "D": "derived from the source",
    "M": "from memory, to be checked",
    "user": "given by the user",
}
_CALL = re.compile(r"^\s*([a-z_]+)\s*\(\s*(.*?)\s*\)\s*$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a plan: fixed, or a distribution over lots.

    Attributes
    ----------
    path
        Where it stands, such as ``process.growth.doubling_d``.
    text
        As it is written.
    median, mean
        Of the distribution; both the number itself when it is fixed.
    source, status
        Where it comes from; ``user`` for a fixed number without a source.
    quantile
        Inverse distribution function on shares between 0 and 1, any shape; ``None`` when fixed.
    """

    path: str
    text: str
    median: float
    mean: float
    source: str = ""
    status: Status = "user"
    quantile: Callable[[Floats], Floats] | None = None

    @property
    def fixed(self) -> bool:
        """Whether every lot has the same value."""
        return self.quantile is None

    def draw(self, shares: Floats) -> Floats:
        """Values at shares of the distribution, same shape."""
        return (
            np.full(shares.shape, self.median) if self.quantile is None else self.quantile(shares)
        )

    def at(self, share: float) -> float:
        """Value at one share."""
        return float(self.draw(np.array([share]))[0])


def read_quantity(
    value: object, path: str, *, folder: Path = Path(), source: str = "", status: Status = "user"
) -> Quantity:
    """Read a number or a distribution literal.

    Parameters
    ----------
    value
        A number, or ``lognormal(median, cv)``, ``normal(mean, sd)``, ``triangular(low, mode,
        high)``, ``uniform(low, high)``, ``beta(k, n)`` (a share seen k times in n, Jeffreys) or
        ``empirical(file:column)``.
    path
        Where it stands in the plan.
    folder
        Files are named relative to it.
    source, status
        Where it comes from.

    Raises
    ------
    DataError
        The literal cannot be read or its numbers make no distribution.

    Examples
    --------
    >>> q = read_quantity("beta(10, 17)", "donors")
    >>> round(q.mean, 3), round(q.at(0.5), 3)
    (0.583, 0.586)
    """
    if isinstance(value, bool) or value is None:
        raise _wrong(path, value, "it is no number")
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise _wrong(path, value, "it is not finite")
        return Quantity(path, f"{value:g}", float(value), float(value), source, status)
    call = _CALL.match(str(value))
    if call is None:
        number = _number(str(value))
        if number is None:
            raise _wrong(path, value, "it is neither a number nor a distribution")
        return Quantity(path, str(value), number, number, source, status)
    name, inner = call.groups()
    if name == "empirical":
        return _empirical(inner, path, folder, source, status)
    if name not in _MAKERS:
        known = [*_MAKERS, "empirical"]
        raise _wrong(path, value, f"there is no distribution {name!r}", did_you_mean(name, known))
    parts = [_number(p) for p in inner.split(",")]
    count, make = _MAKERS[name]
    if len(parts) != count or None in parts:
        raise _wrong(path, value, f"{name} takes {count} numbers")
    numbers = [float(p) for p in parts if p is not None]
    try:
        law = make(*numbers)
    except ValueError as error:
        raise _wrong(path, value, str(error)) from None
    return Quantity(
        path, str(value), float(law.median()), float(law.mean()), source, status, law.ppf
    )


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace("_", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _wrong(path: str, value: object, why: str, fix: str = "") -> DataError:
    return DataError(
        f"{path} cannot be used: {why}",
        found=repr(value),
        fix=fix or "write a number, or for instance lognormal(2.4, 0.3)",
        code=codes.PLAN_VALUE,
    )


class _LogNormal:
    """Lognormal by its median and coefficient of variation; quick quantiles."""

    def __init__(self, median: float, cv: float) -> None:
        if not (median > 0 and cv > 0):
            raise ValueError("lognormal needs a median and a cv above 0")
        self.log, self.sd = math.log(median), math.sqrt(math.log1p(cv**2))

    def ppf(self, shares: Floats) -> Floats:
        from scipy.special import ndtri

        return np.asarray(np.exp(self.log + self.sd * ndtri(shares)))

    def median(self) -> float:
        return math.exp(self.log)

    def mean(self) -> float:
        return math.exp(self.log + self.sd**2 / 2)


class _Triangular:
    def __init__(self, low: float, mode: float, high: float) -> None:
        if not (low <= mode <= high and low < high):
            raise ValueError("triangular needs low <= mode <= high")
        self.low, self.mode, self.high = low, mode, high
        self.turn = (mode - low) / (high - low)

    def ppf(self, shares: Floats) -> Floats:
        width = self.high - self.low
        rising = self.low + np.sqrt(shares * width * (self.mode - self.low))
        falling = self.high - np.sqrt((1 - shares) * width * (self.high - self.mode))
        return np.where(shares < self.turn, rising, falling)

    def median(self) -> float:
        return float(self.ppf(np.array([0.5]))[0])

    def mean(self) -> float:
        return (self.low + self.mode + self.high) / 3


class _Uniform:
    def __init__(self, low: float, high: float) -> None:
        if not low < high:
            raise ValueError("uniform needs low < high")
        self.low, self.high = low, high

    def ppf(self, shares: Floats) -> Floats:
        return self.low + shares * (self.high - self.low)

    def median(self) -> float:
        return (self.low + self.high) / 2

    mean = median


class _Normal:
    def __init__(self, mean: float, sd: float) -> None:
        if not sd > 0:
            raise ValueError("normal needs an sd above 0")
        self.centre, self.sd = mean, sd

    def ppf(self, shares: Floats) -> Floats:
        from scipy.special import ndtri

        return np.asarray(self.centre + self.sd * ndtri(shares))

    def median(self) -> float:
        return self.centre

    mean = median


class _Beta:
    """A share seen ``k`` times in ``n``: Jeffreys posterior, quantiles from a fine table."""

    def __init__(self, k: float, n: float) -> None:
        if not (0 <= k <= n and n > 0):
            raise ValueError("beta needs 0 <= k <= n")
        self.law = stats.beta(k + 0.5, n - k + 0.5)
        self.grid = np.linspace(0, 1, 4097)
        self.table = self.law.ppf(self.grid)

    def ppf(self, shares: Floats) -> Floats:
        return np.asarray(np.interp(shares, self.grid, self.table))

    def median(self) -> float:
        return float(self.law.median())

    def mean(self) -> float:
        return float(self.law.mean())


_Law = _LogNormal | _Triangular | _Uniform | _Normal | _Beta
_MAKERS: Mapping[str, tuple[int, Callable[..., _Law]]] = {
    "lognormal": (2, _LogNormal),
    "normal": (2, _Normal),
    "triangular": (3, _Triangular),
    "uniform": (2, _Uniform),
    "beta": (2, _Beta),
}


def _empirical(inner: str, path: str, folder: Path, source: str, status: Status) -> Quantity:
    """Quantiles of a column of a CSV or TSV file."""
    name, colon, column = inner.rpartition(":")
    place = folder / name
    if not colon or not place.is_file():
        raise DataError(
            f"{path} cannot be used: empirical names a file and a column",
            found=repr(inner),
            fix="write empirical(file.csv:column); the file is looked for beside the plan",
            code=codes.PLAN_FILE,
        )
    text = place.read_text(encoding="utf-8-sig")
    rows = list(csv.reader(text.splitlines(), delimiter="\t" if "\t" in text else ","))
    header = [c.strip() for c in rows[0]] if rows else []
    if column.strip() not in header:
        raise _wrong(
            path, inner, f"there is no column {column.strip()!r}", did_you_mean(column, header)
        )
    at = header.index(column.strip())
    values = [_number(r[at]) for r in rows[1:] if len(r) > at and r[at].strip()]
    if None in values or len(values) < 3:
        raise _wrong(path, inner, "the column needs at least 3 numbers and no other words")
    data = np.sort(np.array(values, dtype=np.float64))
    return Quantity(
        path,
        f"empirical({inner})",
        float(np.median(data)),
        float(data.mean()),
        source,
        status,
        lambda shares: np.quantile(data, shares),
    )
