"""Conversions that are allowed, as the user writes them."""

from collections.abc import Sequence

from imscope.analyses.dynamics.layout import Edge
from imscope.core import codes
from imscope.core.errors import DataError

MOST_UNDECLARED = 5
"""Subsets up to which every conversion is allowed when none is declared."""


def read_edges(edges: str | Sequence[str] | None, subsets: Sequence[str]) -> tuple[Edge, ...]:
    """Read ``A>B,B>A`` into pairs of positions.

    Parameters
    ----------
    edges
        Text, a list of texts, or None for every conversion; empty for none.
    subsets
        Names.

    Raises
    ------
    DataError
        An edge is not ``FROM>TO`` of two subsets that exist, is given twice, or none is declared
        for more than 5 subsets.

    Examples
    --------
    >>> read_edges("A>B, B>A", ["A", "B"])
    ((0, 1), (1, 0))
    """
    names = list(subsets)
    if edges is None:
        if len(names) > MOST_UNDECLARED:
            raise DataError(
                f"{len(names)} subsets need their conversions declared",
                found=f"{len(names) * (len(names) - 1)} are possible",
                fix='name those that exist, such as "A>B,B>C"; "" for none',
                code=codes.DYNAMICS_EDGES,
            )
        return tuple((i, j) for i in range(len(names)) for j in range(len(names)) if i != j)
    words = edges.split(",") if isinstance(edges, str) else list(edges)
    out: list[Edge] = []
    for word in (w.strip() for w in words):
        if not word:
            continue
        ends = [e.strip() for e in word.split(">")]
        if len(ends) != 2 or ends[0] == ends[1] or not set(ends) <= set(names):
            raise DataError(
                f"{word!r} is no conversion between two subsets",
                found=f"subsets: {', '.join(names)}",
                fix="write FROM>TO with names of subsets",
                code=codes.DYNAMICS_EDGES,
            )
        pair = (names.index(ends[0]), names.index(ends[1]))
        if pair in out:
            raise DataError(f"the conversion {word!r} is declared twice", code=codes.DYNAMICS_EDGES)
        out.append(pair)
    return tuple(out)


def edge_name(edge: Edge, subsets: Sequence[str]) -> str:
    """Write an edge as ``FROM>TO``.

    Examples
    --------
    >>> edge_name((0, 1), ["A", "B"])
    'A>B'
    """
    return f"{subsets[edge[0]]}>{subsets[edge[1]]}"
