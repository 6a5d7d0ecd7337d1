"""What one section hands to its template."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import pandas as pd
from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """One drawing with the numbers behind it.

    ``chart`` names the interactive form the front end may put in its place on screen; empty for
    none. ``data`` is what "Save TSV" writes.
    """

    key: str
    title: str
    picture: Markup
    data: pd.DataFrame
    chart: str = ""
    note: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """One section: its anchor, its title and what its template needs."""

    key: str
    title: str
    context: Mapping[str, Any]
    figures: tuple[Figure, ...] = ()

    @property
    def template(self) -> str:
        """File name of its own template, else of the plain one: its context, part by part."""
        own = f"{self.key}.html.j2"
        there = resources.files("imscope.report").joinpath("templates", own).is_file()
        return own if there else "plain.html.j2"


def natural(values: Iterable[object]) -> list[str]:
    """Sort names so that 2 comes before 10; each name once.

    Examples
    --------
    >>> natural(["10", "2", "b", "2"])
    ['2', '10', 'b']
    """

    def key(name: str) -> list[tuple[int, int, str]]:
        parts = re.findall(r"[0-9]+|[^0-9]+", name)
        return [(0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in parts]

    return sorted({str(v) for v in values}, key=lambda name: (key(name), name))


def sample_order(samples: pd.DataFrame | None, cells: pd.DataFrame) -> list[str]:
    """Names of the samples in the order of the sheet, otherwise sorted."""
    if samples is not None:
        return [str(s) for s in samples["sample"]]
    return natural(cells["sample"].astype(str).unique())
