"""Cultures as the population model sees them: nodes in time, counts at some, totals between."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """Harvested over seeded cells from one node of a culture to a later one."""

    start: int
    end: int
    log_fold: float


@dataclass(frozen=True, slots=True, eq=False)
class Culture:
    """One culture of one donor.

    Attributes
    ----------
    name, donor
        Names; several cultures may come from one donor.
    times
        Nodes in time, rising, shape ``(n_nodes,)``. Unit: of the data.
    counts
        Cells per node and subset, shape ``(n_nodes, n_subsets)``; a row of zeros was not counted.
    totals
        Harvested over seeded where known.
    covariates
        Value per interval, shape ``(n_nodes - 1, n_covariates)``.
    start
        Known composition of the first node, shape ``(n_subsets,)``; None when it is estimated.
    assay
        ``composition`` or ``clones``: each has a precision of its own.
    """

    name: str
    donor: str
    times: Floats
    counts: Floats
    totals: tuple[Total, ...] = ()
    covariates: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    start: Floats | None = None
    assay: str = "composition"


@dataclass(frozen=True, slots=True, eq=False)
class PassageData:
    """Every culture of a study, with what was noticed while reading.

    Attributes
    ----------
    subsets
        Names in the order of the columns of counts.
    cultures
        See :class:`Culture`.
    time_unit
        ``day`` or ``passage``.
    covariates
        Names of the columns of the covariates of each culture.
    plating
        Plating efficiency of each subset, shape ``(n_subsets,)``.
    cycling
        Fraction of cells in S or G2/M per subset, or None.
    warnings
        What the reader should know, one sentence each.
    """

    subsets: tuple[str, ...]
    cultures: tuple[Culture, ...]
    time_unit: str = "day"
    covariates: tuple[str, ...] = ()
    plating: Floats | None = None
    cycling: Floats | None = None
    warnings: tuple[str, ...] = ()

    @property
    def donors(self) -> tuple[str, ...]:
        """Names of the donors in order of appearance."""
        return tuple(dict.fromkeys(c.donor for c in self.cultures))

    @property
    def has_totals(self) -> bool:
        """Whether any total was given: without one, growth is relative."""
        return any(c.totals for c in self.cultures)

    def of_donors(self, donors: list[str]) -> "PassageData":
        """Cultures of the donors named; a donor named twice becomes two donors.

        Examples
        --------
        >>> data = PassageData(("A",), (Culture("c", "d", np.zeros(1), np.ones((1, 1))),))
        >>> data.of_donors(["d", "d"]).donors
        ('d', 'd (2)')
        """
        seen: dict[str, int] = {}
        chosen = []
        for name in donors:
            seen[name] = seen.get(name, 0) + 1
            label = name if seen[name] == 1 else f"{name} ({seen[name]})"
            chosen += [
                Culture(c.name, label, c.times, c.counts, c.totals, c.covariates, c.start, c.assay)
                for c in self.cultures
                if c.donor == name
            ]
        return PassageData(
            self.subsets,
            tuple(chosen),
            self.time_unit,
            self.covariates,
            self.plating,
            self.cycling,
            self.warnings,
        )
