"""What a vote of neighbours is worth: learned from reference units that were held out."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from imscope.core.rng import spawn
from imscope.engine.execute import thread_count

Floats = NDArray[np.float64]
UNLIKE = "unlike any reference"
MUTUAL = 10
FEWEST_PAIRS = 30
NEAR_PAIRS = 30
TYPICAL = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A reference with the worth of its votes.

    Attributes
    ----------
    points
        Coordinates of the reference cells, shape ``(n_cells, n_components)``.
    label
        Label number per reference cell.
    names
        Labels in that order.
    spacing
        Mean distance of each reference cell to its own k neighbours.
    k
        Neighbours that vote.
    intercept, slope
        Chance that the leading label is right: logistic in the logit of its share of the votes.
    typical
        Lower quartile of distance over local spacing in a held-out unit: what distances of a lot
        with few cells are held against.
    limit
        Distance over local spacing beyond which a cell is unlike the reference.
    brier
        Mean squared error of the probability on held-out cells.
    accuracy
        Share of held-out cells whose leading label is right.
    basis
        What was held out.
    """

    points: Floats
    label: NDArray[np.int64]
    names: NDArray[np.str_]
    spacing: Floats
    k: int
    intercept: float = 0.0
    slope: float = 1.0
    typical: float = 1.0
    limit: float = float("inf")
    brier: float = float("nan")
    accuracy: float = float("nan")
    basis: str = ""

    def vote(self, placed: Floats, *, threads: int | None = None) -> tuple[Floats, Floats]:
        """Share of the votes per label, and distance over local spacing.

        Votes are taken after every cell's own step, the distance after the step all cells take: a
        kind that must move far alone is what the distance is to show. Another lab moves all cells
        a little further out: see :meth:`relative`.
        """
        every, own = steps(placed, self.points)
        workers = thread_count(threads)
        tree = cKDTree(self.points)
        far, near = tree.query(placed + own, self.k, workers=workers)
        weight = 1 / (far + self.spacing.mean() * 0.05)
        votes = np.zeros((len(placed), len(self.names)))
        rows = np.repeat(np.arange(len(placed)), self.k)
        np.add.at(votes, (rows, self.label[near].ravel()), weight.ravel())
        votes /= votes.sum(axis=1, keepdims=True)
        far, near = tree.query(placed + every, self.k, workers=workers)
        ratio = far.mean(axis=1) / np.median(self.spacing[near], axis=1)
        return votes, ratio

    def relative(self, ratio: Floats) -> Floats:
        """Distances in units of the lot's lower quartile; of the reference's in a small lot."""
        usual = np.quantile(ratio, TYPICAL) if len(ratio) >= FEWEST_PAIRS else self.typical
        return np.asarray(ratio / usual)

    def nearer_to(self, others: Floats, placed: Floats) -> NDArray[np.bool_]:
        """Cells that lie nearer to other reference cells than to any that vote."""
        if not len(others):
            return np.zeros(len(placed), dtype=bool)
        moved = placed + steps(placed, np.vstack([self.points, others]))[0]
        k = min(self.k, len(others))
        far = [cKDTree(p).query(moved, k)[0].reshape(len(moved), k) for p in (others, self.points)]
        return np.asarray(far[0].mean(axis=1) < far[1].mean(axis=1))

    def call(
        self, placed: Floats, *, threads: int | None = None
    ) -> tuple[NDArray[np.str_], Floats, Floats]:
        """Label, probabilities and distance of query cells.

        Parameters
        ----------
        placed
            Coordinates, shape ``(n_cells, n_components)``.
        threads
            See :func:`imscope.engine.execute.thread_count`.

        Returns
        -------
        label, probability, distance
            Shapes ``(n_cells,)``, ``(n_cells, n_labels)``, ``(n_cells,)``.
        """
        votes, ratio = self.vote(placed, threads=threads)
        ratio = self.relative(ratio)
        top = votes.argmax(axis=1)
        chance = _logistic(self.intercept + self.slope * _logit(votes.max(axis=1), self.k))
        rest = votes.copy()
        rest[np.arange(len(top)), top] = 0
        left = rest.sum(axis=1, keepdims=True)
        others = max(len(self.names) - 1, 1)
        even = np.ones_like(rest) / others
        even[np.arange(len(top)), top] = 0
        rest = np.where(left > 0, rest / np.where(left > 0, left, 1.0), even)
        probability = rest * (1 - chance)[:, None]
        probability[np.arange(len(top)), top] = chance
        label = np.where(ratio > self.limit, UNLIKE, self.names[top])
        return label, probability, ratio


def calibrate(
    points: Floats,
    labels: NDArray[np.str_],
    units: NDArray[np.str_],
    *,
    k: int,
    unlike: float,
    seed: int,
    threads: int | None = None,
) -> Calibration:
    """Hold out every unit in turn, map it onto the others, and learn from what is right.

    Parameters
    ----------
    points
        Coordinates of the reference, shape ``(n_cells, n_components)``.
    labels, units
        Label and replicate unit per cell.
    k, unlike, seed, threads
        See :class:`imscope.analyses.subsets.mapping.MapSettings`.

    Returns
    -------
    calibration
        Ready to call query cells.
    """
    names = np.unique(labels)
    code = np.searchsorted(names, labels)
    parts, basis = _parts(units, seed)
    right, share, ratio = [], [], []
    for part in parts:
        known, asked = part, ~part
        # a label that only the held-out unit has cannot be right, and is no fault of the vote
        fair = np.isin(code[asked], np.unique(code[known]))
        part_reference = _reference(points[known], code[known], names, k, threads)
        votes, far = part_reference.vote(points[asked], threads=threads)
        right.append((votes.argmax(axis=1) == code[asked])[fair])
        share.append(votes.max(axis=1)[fair])
        ratio.append((far, fair))
    sizes = np.array([len(far) for far, _ in ratio])
    quartiles = np.array([np.quantile(far, TYPICAL) for far, _ in ratio])
    large = sizes >= FEWEST_PAIRS
    typical = float(np.median(quartiles[large] if large.any() else quartiles))
    usual = np.where(large, quartiles, typical)
    hit, vote = np.concatenate(right), np.concatenate(share)
    far = np.concatenate([(f / u)[ok] for (f, ok), u in zip(ratio, usual, strict=True)])
    intercept, slope = _fit(_logit(vote, k), hit)
    p = _logistic(intercept + slope * _logit(vote, k))
    fitted = _reference(points, code, names, k, threads)
    return replace(
        fitted,
        intercept=intercept,
        slope=slope,
        typical=typical,
        limit=float(np.quantile(far, 1 - unlike)),
        brier=float(((p - hit) ** 2).mean()),
        accuracy=float(hit.mean()),
        basis=basis,
    )


def steps(placed: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Steps that bring query cells to the reference, from cells that are each other's nearest.

    First the median step of all such pairs moves all cells alike. Then every cell takes the median
    step of the pairs nearest to it, because a lab or chemistry need not move all kinds of cells
    alike. Without enough pairs nothing is moved.

    Parameters
    ----------
    placed, points
        Coordinates of query and reference, shapes ``(n, k)`` and ``(m, k)``.

    Returns
    -------
    every, own
        The step all cells take, shape ``(k,)``, and that of each cell, shape ``(n, k)``.

    References
    ----------
    .. [1] Haghverdi L, Lun ATL, Morgan MD, Marioni JC (2018). Nat Biotechnol 36:421-427.
       doi:10.1038/nbt.4091
    """
    every = np.zeros(placed.shape[1])
    for _ in range(2):
        one, other = _pairs(placed + every, points)
        if len(one) >= FEWEST_PAIRS:
            every = every + np.median(points[other] - placed[one] - every, axis=0)
    own = np.tile(every, (len(placed), 1))
    one, other = _pairs(placed + own, points)
    if len(one) >= FEWEST_PAIRS:
        moves = points[other] - placed[one] - own[one]
        near = cKDTree((placed + own)[one]).query(placed + own, min(NEAR_PAIRS, len(one)))[1]
        own = own + np.median(moves[near], axis=1)
    return every, own


def _pairs(moved: Floats, points: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    k = min(MUTUAL, len(points), len(moved))
    there = cKDTree(points).query(moved, k)[1].reshape(len(moved), k)
    back = cKDTree(moved).query(points, k)[1].reshape(len(points), k)
    forward = np.repeat(np.arange(len(moved)), k) * len(points) + there.ravel()
    backward = back.ravel() * len(points) + np.repeat(np.arange(len(points)), k)
    both = np.intersect1d(forward, backward)
    return both // len(points), both % len(points)


def _reference(
    points: Floats, code: NDArray[np.int64], names: NDArray[np.str_], k: int, threads: int | None
) -> Calibration:
    far, _ = cKDTree(points).query(points, k + 1, workers=thread_count(threads))
    return Calibration(points, code, names, far[:, 1:].mean(axis=1), k)


def _parts(units: NDArray[np.str_], seed: int) -> tuple[list[NDArray[np.bool_]], str]:
    names = np.unique(units)
    if len(names) >= 2:
        return [units != name for name in names], f"{len(names)} reference units, each held out"
    half = spawn(seed, "halves of the reference").random(len(units)) < 0.5
    return [half, ~half], "one reference unit, halves of its cells held out: optimistic"


def _logit(share: Floats, k: int) -> Floats:
    p = (share * k + 0.5) / (k + 1)
    return np.asarray(np.log(p / (1 - p)))


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


def _fit(x: Floats, hit: NDArray[np.bool_]) -> tuple[float, float]:
    """Logistic line by Newton's method, held near slope 1 by a weak normal prior."""
    beta = np.array([0.0, 1.0])
    design = np.column_stack([np.ones_like(x), x])
    prior = np.array([1e-2, 1.0])
    for _ in range(50):
        p = _logistic(design @ beta)
        slope = design.T @ (hit - p) - prior * (beta - [0.0, 1.0])
        curve = (design * (p * (1 - p))[:, None]).T @ design + np.diag(prior)
        step = np.linalg.solve(curve, slope)
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    return float(beta[0]), float(max(beta[1], 0.0))
