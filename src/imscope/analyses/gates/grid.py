"""Candidate thresholds: vertices of each marker's ROC convex hull."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal as OneOf

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.gates.gate import Sign
from imscope.analyses.gates.search import BETA, Bits, Objective, pack_rows

Modality = OneOf["protein", "rna"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Literals on a grid: parallel arrays, one entry per literal.

    Attributes
    ----------
    marker
        Column of the marker.
    above
        True for ``+``.
    cut
        Threshold in the units of the values.
    """

    marker: NDArray[np.int32]
    above: NDArray[np.bool_]
    cut: NDArray[np.float64]

    def sign(self, k: int) -> Sign:
        """Sign of one literal."""
        return "+" if self.above[k] else "-"

    def only(self, plus: NDArray[np.bool_], minus: NDArray[np.bool_]) -> "Grid":
        """The grid with ``+`` and ``-`` on the markers where each is allowed."""
        keep = np.where(self.above, plus[self.marker], minus[self.marker])
        return Grid(self.marker[keep], self.above[keep], self.cut[keep])


def hull_grid(
    x: NDArray[np.float64],
    target: NDArray[np.bool_],
    *,
    per_sign: int = 8,
    modality: Modality = "protein",
    weight: NDArray[np.float64] | None = None,
    beta: float = BETA,
) -> Grid:
    """Thresholds for ``+`` and ``-`` of every marker.

    A gate of one marker that is best under any convex trade-off of recall against false rate has
    its threshold on a vertex of the ROC convex hull (of its mirror for ``-``), which no grid of
    quantiles promises. Vertices are thinned to ``per_sign``, spread over recall; the one with the
    best F stays. RNA uses counts: ``> 0`` is always there.

    Parameters
    ----------
    x
        Shape ``(n_cells, n_markers)``. NaN: not measured; such a cell is in no gate on the marker.
    target
        Shape ``(n_cells,)``.
    per_sign
        Most thresholds per marker and sign.
    modality
        ``rna`` puts thresholds on counts, ``protein`` between values.
    weight
        Weight of each cell in the curve, shape ``(n_cells,)``; ones when not given.
    beta
        Of the F that decides which vertex always stays.

    References
    ----------
    .. [1] Provost F, Fawcett T (2001). Machine Learning 42:203-231. doi:10.1023/A:1007601015854

    Examples
    --------
    >>> g = hull_grid(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1], bool))
    >>> [(g.sign(k), float(g.cut[k])) for k in range(len(g.cut))]
    [('+', 1.5)]
    """
    w = np.ones(len(target)) if weight is None else weight
    out: list[tuple[int, bool, float]] = []
    for m in range(x.shape[1]):
        v = x[:, m]
        ok = np.isfinite(v)
        cuts, inside_t, inside_n = _curve(v[ok], target[ok], w[ok], modality)
        if not len(cuts):
            continue
        total = float((w * target).sum()), float((w * ~target).sum())
        seen = float((w[ok] * target[ok]).sum()), float((w[ok] * ~target[ok]).sum())
        for above in (True, False):
            tp = inside_t if above else seen[0] - inside_t
            fp = inside_n if above else seen[1] - inside_n
            recall, wrong = tp / max(total[0], 1e-300), fp / max(total[1], 1e-300)
            keep = _hull(wrong, recall)
            f = (1 + beta**2) * tp / (tp + fp + beta**2 * total[0])
            chosen = _thin(keep, recall, f, per_sign)
            if modality == "rna" and cuts[0] == 0:
                chosen = sorted({0, *chosen[: max(per_sign - 1, 0)]})
            out += [(m, above, float(cuts[k])) for k in chosen]
    columns = list(zip(*out, strict=True)) if out else [(), (), ()]
    return Grid(
        np.array(columns[0], dtype=np.int32),
        np.array(columns[1], dtype=bool),
        np.array(columns[2], dtype=np.float64),
    )


def pack_grid(
    x: NDArray[np.float64], grid: Grid, target: NDArray[np.bool_], donor: NDArray[np.int64]
) -> Bits:
    """Literals of a grid as bits over the cells."""
    return pack_rows(_rows(x, grid), grid.marker, target, donor)


def cell_weights(
    target: NDArray[np.bool_], donor: NDArray[np.int64], objective: Objective
) -> NDArray[np.float64]:
    """Weights that give every donor the same share of the curve, unless counts are pooled."""
    if objective.kind == "pooled":
        return np.ones(len(target))
    n = int(donor.max()) + 1
    out = np.zeros(len(target))
    for y in (target, ~target):
        count = np.bincount(donor[y], minlength=n)
        out[y] = (1.0 / np.maximum(count, 1))[donor[y]] * (y.sum() / n)
    return out


def _rows(x: NDArray[np.float64], grid: Grid) -> Callable[[int], NDArray[np.bool_]]:
    columns = np.ascontiguousarray(x.T)

    def row(k: int) -> NDArray[np.bool_]:
        v, t = columns[grid.marker[k]], grid.cut[k]
        return np.asarray(v > t if grid.above[k] else v <= t, dtype=bool)

    return row


def _curve(
    v: NDArray[np.float64],
    target: NDArray[np.bool_],
    w: NDArray[np.float64],
    modality: Modality,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Thresholds and the weight of target and other cells above each."""
    values, code = np.unique(v, return_inverse=True)
    if len(values) < 2:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    t = np.bincount(code, w * target, len(values))
    n = np.bincount(code, w * ~target, len(values))
    above_t, above_n = t.sum() - np.cumsum(t)[:-1], n.sum() - np.cumsum(n)[:-1]
    cuts = values[:-1] if modality == "rna" else (values[:-1] + values[1:]) / 2
    return cuts, np.maximum(above_t, 0), np.maximum(above_n, 0)


def _hull(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[int]:
    """Points on the upper hull from (0, 0) to (1, 1), those ends left out."""
    order = np.lexsort((-y, x))
    hull: list[tuple[float, float, int]] = [(0.0, 0.0, -1)]
    for k in [*order.tolist(), -2]:
        px, py = (1.0, 1.0) if k == -2 else (float(x[k]), float(y[k]))
        if k != -2 and (py <= hull[-1][1] or py <= px):
            continue
        while len(hull) > 1 and _turns_left(hull[-2], hull[-1], (px, py)):
            hull.pop()
        hull.append((px, py, k))
    return [k for _, _, k in hull if k >= 0]


def _turns_left(
    a: tuple[float, float, int], b: tuple[float, float, int], c: tuple[float, float]
) -> bool:
    cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return cross >= 0


def _thin(
    keep: list[int], recall: NDArray[np.float64], f: NDArray[np.float64], most: int
) -> list[int]:
    """At most ``most`` vertices spread over recall, with the one of the best F."""
    if len(keep) <= most:
        return sorted(keep)
    at = np.array(keep)
    best = int(at[np.argmax(f[at])])
    chosen = {best}
    for r in np.linspace(float(recall[at].min()), float(recall[at].max()), most):
        if len(chosen) == most:
            break
        rest = np.array([k for k in keep if k not in chosen])
        chosen.add(int(rest[np.argmin(np.abs(recall[rest] - r))]))
    return sorted(chosen)
