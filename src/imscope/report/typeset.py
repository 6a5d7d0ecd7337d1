"""Numbers as words: digits, units and what stands where nothing was estimated."""

import math
from typing import Any

MISSING = "–"


def number(value: Any, *, digits: int = 3) -> str:
    """Write a number with a few significant digits and no exponent where one can be avoided.

    Examples
    --------
    >>> number(28.1234), number(0.01234), number(1234567.0), number(None), number(3), number(26.0)
    ('28.1', '0.0123', '1,234,567', '–', '3', '26.0')
    """
    if is_missing(value):
        return MISSING
    x = float(value)
    if math.isinf(x):
        return "infinite" if x > 0 else "-infinite"
    if x == 0 or isinstance(value, int):
        return f"{int(x):,}"
    if abs(x) >= 10 ** (digits - 1):
        return f"{x:,.0f}"
    if abs(x) < 1e-4:
        return f"{x:.{digits - 1}e}"
    places = digits - 1 - math.floor(math.log10(abs(x)))
    return f"{x:.{places}f}"


def count(value: Any) -> str:
    """Write a count, also one that came as a float beside empty cells.

    Examples
    --------
    >>> count(3.0), count(12345), count(float("nan"))
    ('3', '12,345', '–')
    """
    return MISSING if is_missing(value) else f"{round(float(value)):,}"


def percent(fraction: Any) -> str:
    """Write a fraction as percent, without the sign.

    Examples
    --------
    >>> percent(0.0512), percent(1.0), percent(float("nan"))
    ('5.1', '100.0', '–')
    """
    return MISSING if is_missing(fraction) else f"{100 * float(fraction):.1f}"


def probability(value: Any) -> str:
    """Write a p-value; small ones as a bound.

    Examples
    --------
    >>> probability(0.04321), probability(1e-9)
    ('0.043', '< 0.001')
    """
    if is_missing(value):
        return MISSING
    return "< 0.001" if float(value) < 0.001 else f"{float(value):.3f}"


def interval(low: Any, high: Any, *, digits: int = 3) -> str:
    """Write an interval, or a dash where none was estimated.

    Examples
    --------
    >>> interval(25.04, 31.2), interval(None, 3)
    ('25.0 to 31.2', '–')
    """
    if is_missing(low) or is_missing(high):
        return MISSING
    return f"{number(low, digits=digits)} to {number(high, digits=digits)}"


def is_missing(value: Any) -> bool:
    """Whether a table cell is empty (none, NaN or pandas' missing value)."""
    if value is None:
        return True
    if isinstance(value, str):
        return False
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA has no truth value
        return True


def size(n_bytes: Any) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> size(123), size(45_600_000)
    ('123 B', '45.6 MB')
    """
    if is_missing(n_bytes):
        return MISSING
    x = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if x < 1000:
            return f"{x:.0f} {unit}" if unit == "B" else f"{x:.1f} {unit}"
        x /= 1000
    return f"{x:.1f} GB"
