"""Something a reader saw that does not stop the work but must be told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """One recorded observation about an input.

    Attributes
    ----------
    code
        A ``W-`` code of :mod:`imscope.core.codes`.
    message
        What was seen, with a count and the first example.
    """

    code: str
    message: str


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
