"""Display scales of flow cytometry: logicle and asinh, with their inverses."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import UsageError

_LN10 = math.log(10.0)


@dataclass(frozen=True, slots=True)
class Logicle:
    r"""Logicle scale: logarithmic far from zero, linear around it.

    .. math:: y = a e^{b x} - c e^{-d x} + f

    with the scale position :math:`x` between 0 and 1 found for a data value :math:`y \ge 0`.
    Negative values mirror positive ones about the position of 0.

    Attributes
    ----------
    top
        Data value shown at 1. Unit: the detector's.
    linear
        Decades of the linear region, ``W``.
    decades
        Decades of the whole scale, ``M``.
    negative
        Additional decades of negative values, ``A``.

    References
    ----------
    .. [1] Parks DR, Roederer M, Moore WA (2006). Cytometry A 69A:541-551. doi:10.1002/cyto.a.20258
    .. [2] Moore WA, Parks DR (2012). Cytometry A 81A:273-277. doi:10.1002/cyto.a.22030

    Examples
    --------
    >>> Logicle().forward([0.0, 262144.0]).round(4).tolist()
    [0.1111, 1.0]
    """

    top: float = 262_144.0
    linear: float = 0.5
    decades: float = 4.5
    negative: float = 0.0

    def __post_init__(self) -> None:
        t, w, m, a = self.top, self.linear, self.decades, self.negative
        finite = all(math.isfinite(v) for v in (t, w, m, a))
        if not (finite and t > 0 and m > 0 and 0 <= w <= m / 2 and -w <= a <= m - 2 * w):
            raise UsageError(
                "the parameters make no logicle scale",
                found=f"T={t}, W={w}, M={m}, A={a}",
                fix="need T > 0, M > 0, 0 <= W <= M/2 and -W <= A <= M - 2W",
                code=codes.FLOW_SCALE,
            )

    def coefficients(self) -> tuple[float, float, float, float, float]:
        """Coefficients ``a, b, c, d, f`` of the curve.

        Examples
        --------
        >>> a, b, c, d, f = Logicle().coefficients()
        >>> abs(a - c + f) > 0, round(b, 3)
        (True, 10.362)
        """
        t, w_, m, a_ = self.top, self.linear, self.decades, self.negative
        w = w_ / (m + a_)
        x2 = a_ / (m + a_)
        x1, x0 = x2 + w, x2 + 2 * w
        b = (m + a_) * _LN10
        d = _solve_d(b, w)
        ca = math.exp(x0 * (b + d))
        fa = math.exp(b * x1) - ca * math.exp(-d * x1)
        a = t / (math.exp(b) - fa - ca * math.exp(-d))
        return a, b, ca * a, d, -fa * a

    def backward(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Data values at scale positions; any shape."""
        a, b, c, d, f = self.coefficients()
        x = np.asarray(positions, dtype=np.float64)
        away = self.zero + np.abs(x - self.zero)
        y = a * np.exp(b * away) - c * np.exp(-d * away) + f
        return np.asarray(np.sign(x - self.zero) * y, dtype=np.float64)

    @property
    def zero(self) -> float:
        """Scale position of data value 0."""
        return (self.negative + self.linear) / (self.decades + self.negative)

    def forward(self, values: ArrayLike) -> NDArray[np.float64]:
        """Scale positions of data values; any shape. Newton's method inside a shrinking bracket."""
        a, b, c, d, f = self.coefficients()
        signed = np.asarray(values, dtype=np.float64)
        if not np.isfinite(signed).all():
            raise UsageError("values must be finite", code=codes.FLOW_SCALE)
        y = np.abs(signed)
        low = np.full(y.shape, self.zero)
        high = np.log((y + abs(f) + c) / a + 1) / b + 1
        x = np.clip(np.log(np.maximum(y - f, a) / a) / b, low, high)
        for _ in range(80):
            up, down = a * np.exp(b * x), c * np.exp(-d * x)
            gap = up - down + f - y
            low, high = np.where(gap < 0, x, low), np.where(gap > 0, x, high)
            step = x - gap / (b * up + d * down)
            new = np.where((step >= low) & (step <= high), step, (low + high) / 2)
            done = np.all(np.abs(new - x) <= 4e-16 * np.maximum(1, np.abs(x)))
            x = new
            if done:
                break
        x = np.where(y == 0, self.zero, x)
        return np.asarray(self.zero + np.sign(signed) * (x - self.zero), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Asinh:
    r"""Hyperbolic arcsine: :math:`x = \operatorname{asinh}(y / \mathrm{cofactor})`.

    Attributes
    ----------
    cofactor
        Half width of the linear region. 150 suits fluorescence, 5 mass cytometry.

    Examples
    --------
    >>> Asinh(150).backward(Asinh(150).forward([-20.0, 3000.0])).round(9).tolist()
    [-20.0, 3000.0]
    """

    cofactor: float = 150.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cofactor) and self.cofactor > 0):
            raise UsageError(
                "the cofactor must be above 0", found=f"{self.cofactor}", code=codes.FLOW_SCALE
            )

    def forward(self, values: ArrayLike) -> NDArray[np.float64]:
        """Scale positions of data values; any shape."""
        return np.asarray(np.arcsinh(np.asarray(values, dtype=np.float64) / self.cofactor))

    def backward(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Data values at scale positions; any shape."""
        return np.asarray(np.sinh(np.asarray(positions, dtype=np.float64)) * self.cofactor)


def _solve_d(b: float, w: float) -> float:
    """Find ``d`` that makes the curve straight where the data are 0."""
    if w == 0:
        return b
    from scipy.optimize import brentq

    # the unknown lies between 0 and b: 2 (ln d - ln b) + w (d + b) changes its sign there
    return float(
        brentq(lambda d: 2 * (math.log(d) - math.log(b)) + w * (d + b), 1e-300, b, xtol=1e-15)
    )
