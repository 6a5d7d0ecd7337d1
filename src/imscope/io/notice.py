"""Notices of readers, and names shown in them."""

from imscope.core.result import Notice

__all__ = ["Notice", "first_few"]


def first_few(names: list[str], limit: int = 3) -> str:
    """Show the first names and say how many there are.

    Examples
    --------
    >>> first_few(["a", "b", "c", "d"])
    "'a', 'b', 'c' and 1 more"
    """
    shown = ", ".join(repr(n) for n in names[:limit])
    more = len(names) - limit
    return f"{shown} and {more:,} more" if more > 0 else shown
