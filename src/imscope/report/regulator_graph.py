"""Signed paths from regulators to the programme, as a small drawing."""

from itertools import pairwise

import pandas as pd
from markupsafe import Markup

from imscope.report import svg
from imscope.report.palette import INK, LIMIT

NODES = 30
WIDTH, STEP = 720.0, 24.0


def chosen_paths(paths: pd.DataFrame, *, most: int = NODES) -> pd.DataFrame:
    """First paths whose genes are no more than so many.

    Parameters
    ----------
    paths
        Table ``regulator_paths``.
    most
        Genes that may be drawn.

    Returns
    -------
    paths
        Rows of the table.

    Examples
    --------
    >>> rows = pd.DataFrame({"from": ["A", "A"], "via": ["", ""], "to": ["X", "Y"]})
    >>> len(chosen_paths(rows, most=2))
    1
    """
    seen: set[tuple[str, str]] = set()
    keep = []
    for row in paths.itertuples():
        own = {("a", str(row[1])), ("c", str(row[3]))} | ({("b", str(row[2]))} if row[2] else set())
        if len(seen | own) <= most:
            seen |= own
            keep.append(row.Index)
    return paths.loc[keep]


def path_graph(paths: pd.DataFrame, *, title: str, simulated: bool) -> Markup:
    """Draw regulators left, those between in the middle, genes of the programme right.

    Parameters
    ----------
    paths
        Of :func:`chosen_paths`.
    title
        For screen readers.
    simulated
        Label the drawing as simulated.

    Returns
    -------
    picture
        Solid dark lines raise, dashed ones lower.

    Examples
    --------
    >>> rows = pd.DataFrame({"from": ["A"], "via": [""], "to": ["X"], "sign": ["-"]})
    >>> str(path_graph(rows, title="t", simulated=False)).count("<line")
    2
    """
    columns = (("from", 150.0), ("via", 370.0), ("to", 590.0))
    names = {c: list(dict.fromkeys(n for n in paths[c].astype(str) if n)) for c, _ in columns}
    rows = max([len(n) for n in names.values()], default=1)
    height = STEP * rows + 60
    place = {
        (c, n): (x, 40 + (k + 0.5) * STEP * rows / len(names[c]))
        for c, x in columns
        for k, n in enumerate(names[c])
    }
    parts = []
    for start, via, end, sign in paths[["from", "via", "to", "sign"]].itertuples(index=False):
        stops = [("from", start), *([("via", via)] if via else []), ("to", end)]
        look = {"stroke": INK} if sign == "+" else {"stroke": LIMIT, "stroke_dasharray": "5 3"}
        for one, two in pairwise(stops):
            a, b = place[one], place[two]
            parts.append(svg.line(a[0] + 4, a[1], b[0] - 4, b[1], stroke_opacity=0.6, **look))
    for (column, name), (x, y) in place.items():
        anchor = {"from": "end", "via": "middle", "to": "start"}[column]
        shift = {"from": -6.0, "via": 0.0, "to": 6.0}[column]
        parts.append(svg.fitted(name, x + shift, y + 4, room=18, text_anchor=anchor))
    parts.append(svg.text("the path raises", 60, height - 10, font_size=11))
    parts.append(svg.text("- - the path lowers", 220, height - 10, font_size=11, fill=LIMIT))
    parts.append(svg.line(20, height - 14, 52, height - 14))
    return svg.drawing(parts, width=WIDTH, height=height, title=title, simulated=simulated)
