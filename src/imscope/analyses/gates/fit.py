"""From values and labels to ranked gates: grid, exact search, polish."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.gates import kernels
from imscope.analyses.gates.grid import Modality, cell_weights, hull_grid, pack_grid
from imscope.analyses.gates.search import Objective, search_gates

POLISH_ROUNDS = 8
"""Most rounds over the thresholds of one gate."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """A gate as numbers: columns, signs and thresholds, with its counts.

    Attributes
    ----------
    marker, above, cut
        One entry per literal.
    value
        Objective on the cells it was fitted to.
    """

    marker: tuple[int, ...]
    above: tuple[bool, ...]
    cut: tuple[float, ...]
    value: float

    def inside(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Cells inside, shape ``(n_cells,)``."""
        out = np.ones(len(x), dtype=bool)
        for m, above, t in zip(self.marker, self.above, self.cut, strict=True):
            out &= x[:, m] > t if above else x[:, m] <= t
        return out


@dataclass(frozen=True)
class Fit:
    """Ranked gates of each size.

    Attributes
    ----------
    by_size
        Best first; polished where asked for.
    gap
        Certified distance to the best gate of the grid.
    notes
        What was left out, in words.
    """

    by_size: tuple[tuple[Cuts, ...], ...]
    gap: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How gates are searched and polished.

    Attributes
    ----------
    objective, max_size, top, seconds
        See :func:`~imscope.analyses.gates.search.search_gates`.
    modality, per_sign
        See :func:`~imscope.analyses.gates.grid.hull_grid`.
    polish
        Gates per size whose thresholds are moved one at a time, each to its exact best place given
        the others, until nothing improves. Exactness is claimed for the grid, not for this step.
    """

    objective: Objective
    modality: Modality = "protein"
    per_sign: int = 8
    max_size: int = 4
    top: int = 50
    polish: int = 20
    seconds: float = 60.0


def fit_gates(
    x: NDArray[np.float64],
    target: NDArray[np.bool_],
    donor: NDArray[np.int64],
    *,
    settings: FitSettings,
    weight: NDArray[np.float64] | None = None,
    signs: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
) -> Fit:
    """Search the grid exactly, then move thresholds to their best place.

    Parameters
    ----------
    x
        Shape ``(n_cells, n_markers)``, aligned units or RNA counts.
    target, donor
        Shape ``(n_cells,)``; donors as numbers from 0, each with target cells.
    settings
        See :class:`FitSettings`.
    weight
        Weight of a false positive per donor.
    signs
        Where ``+`` and where ``-`` is allowed, each of shape ``(n_markers,)``; everywhere if not
        given.
    """
    objective, modality = settings.objective, settings.modality
    grid = hull_grid(
        x,
        target,
        per_sign=settings.per_sign,
        modality=modality,
        weight=cell_weights(target, donor, objective),
        beta=objective.beta,
    )
    if signs is not None:
        grid = grid.only(*signs)
    if not len(grid.marker):
        return Fit(tuple(() for _ in range(settings.max_size)), 0.0, ("no marker varies",))
    bits = pack_grid(x, grid, target, donor)
    result = search_gates(
        bits,
        objective,
        max_size=settings.max_size,
        top=settings.top,
        weight=weight,
        seconds=settings.seconds,
    )
    w = np.ones(len(bits.positives)) if weight is None else weight
    need = np.ceil(objective.recall_floor * bits.positives - 1e-9)
    mover = _Mover(x, target, donor, modality, (w, bits.positives.astype(float), need))
    by_size = []
    for found in result.by_size:
        gates: dict[object, Cuts] = {}
        for k, row in enumerate(found.gates.tolist()):
            cuts = Cuts(
                tuple(int(grid.marker[g]) for g in row),
                tuple(bool(grid.above[g]) for g in row),
                tuple(float(grid.cut[g]) for g in row),
                float(found.values[k]),
            )
            if k < settings.polish:
                cuts = mover.polish(cuts, objective)
            key = (cuts.marker, cuts.above, cuts.cut)
            gates.setdefault(key, cuts)
        by_size.append(tuple(sorted(gates.values(), key=lambda c: -c.value)))
    return Fit(tuple(by_size), result.gap, result.notes)


class _Mover:
    """Moves thresholds; keeps each marker's order."""

    def __init__(
        self,
        x: NDArray[np.float64],
        target: NDArray[np.bool_],
        donor: NDArray[np.int64],
        modality: Modality,
        rule: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    ) -> None:
        self.x, self.target, self.donor = x, target, donor.astype(np.int64)
        self.between, self.rule = modality == "protein", rule
        self.columns: dict[int, tuple[NDArray[np.float64], NDArray[np.int64]]] = {}

    def column(self, m: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Values of a marker and the order that sorts those that are there."""
        if m not in self.columns:
            v = np.ascontiguousarray(self.x[:, m])
            order = np.argsort(v, kind="stable").astype(np.int64)
            self.columns[m] = v, order[: int(np.isfinite(v).sum())]
        return self.columns[m]

    def literal(self, m: int, above: bool, t: float) -> NDArray[np.bool_]:
        """Cells inside one literal."""
        v = self.column(m)[0]
        return np.asarray(v > t if above else v <= t, dtype=bool)

    def polish(self, cuts: Cuts, objective: Objective) -> Cuts:
        """Move one threshold at a time until nothing improves."""
        cut, value = list(cuts.cut), cuts.value
        rows = [self.literal(*z) for z in zip(cuts.marker, cuts.above, cut, strict=True)]
        place = np.zeros(1)
        for _ in range(POLISH_ROUNDS):
            moved = False
            for k, (m, above) in enumerate(zip(cuts.marker, cuts.above, strict=True)):
                v, order = self.column(m)
                keep = np.isfinite(v)
                for j, row in enumerate(rows):
                    if j != k:
                        keep &= row
                best = kernels.best_cut(
                    v, order, keep, self.target, self.donor, above, self.between,
                    *self.rule, objective.rule, place,
                )  # fmt: skip
                if best > value + 1e-12:
                    value, cut[k], moved = best, float(place[0]), True
                    rows[k] = self.literal(m, above, cut[k])
            if not moved:
                break
        return Cuts(cuts.marker, cuts.above, tuple(cut), value)
