"""Exact search for the best gates of one to four literals on a grid of thresholds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal as OneOf

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.gates import kernels
from imscope.core import codes
from imscope.core.errors import UsageError

TIE = 1e-13
"""Values closer than this are one value: counts give no smaller differences."""
TABLE_BYTES = 1 << 30
"""Largest size of the pair tables."""
BEAM = 40
"""Gates kept per size by the beam that gives the first incumbent."""
BETA = 1.0
"""Weight of recall in the objective of every search, grid and score, unless told otherwise."""
WORK_PER_SECOND = 400_000_000
"""Counted steps that take about a second on one core; searches end by steps, not by the clock."""
PIECE = 20_000_000
"""Steps between two looks at the budget."""


@dataclass(frozen=True, slots=True)
class Objective:
    r"""What a good gate is.

    .. math:: F_d = \frac{(1+\beta^2)\,TP_d}{TP_d + w_d FP_d + \beta^2 P_d}

    Attributes
    ----------
    kind
        ``pooled`` counts, ``mean`` or ``min`` over donors, or ``blend`` of the last two.
    blend
        Share of the mean in ``blend``.
    beta
        Weight of recall; below 1 puts purity first.
    recall_floor
        Least recall in every donor.
    """

    kind: OneOf["pooled", "mean", "min", "blend"] = "blend"
    blend: float = 0.5
    beta: float = BETA
    recall_floor: float = 0.0

    def __post_init__(self) -> None:
        bad = [
            name
            for name, ok in (
                ("kind", self.kind in ("pooled", "mean", "min", "blend")),
                ("blend", 0 <= self.blend <= 1),
                ("beta", 0 < self.beta < 100),
                ("recall_floor", 0 <= self.recall_floor <= 1),
            )
            if not ok
        ]
        if bad:
            raise UsageError(
                f"objective of the gate search: {', '.join(bad)} out of range",
                found=str(self),
                code=codes.GATE_OPTION,
            )

    @property
    def rule(self) -> NDArray[np.float64]:
        """Form in which kernels take it."""
        share = {"pooled": 1.0, "mean": 1.0, "min": 0.0, "blend": self.blend}[self.kind]
        return np.array([self.beta**2, float(self.kind == "pooled"), share])

    def value(
        self,
        tp: NDArray[np.int64],
        fp: NDArray[np.int64],
        positives: NDArray[np.int64],
        weight: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Objective of counts, shape ``(..., n_donors)``; -1 under a recall floor.

        Examples
        --------
        >>> one = Objective(kind="min", beta=1.0)
        >>> float(one.value(np.array([9, 5]), np.array([1, 5]), np.array([10, 10])))
        0.5
        """
        w = np.ones(tp.shape[-1]) if weight is None else weight
        b2 = self.beta**2
        up, down = (1 + b2) * tp, tp + w * fp + b2 * positives
        if self.kind == "pooled":
            out = up.sum(axis=-1) / down.sum(axis=-1)
        else:
            f, share = up / down, self.rule[2]
            out = share * f.mean(axis=-1) + (1 - share) * f.min(axis=-1)
        ok = (tp >= np.ceil(self.recall_floor * positives - 1e-9)).all(axis=-1)
        return np.where(ok, out, -1.0)


@dataclass(frozen=True)
class Bits:
    """Literals as bits over cells, donors apart.

    Attributes
    ----------
    target, other
        Words of the target and other cells, shape ``(n_literals, words)``.
    target_starts, other_starts
        First word of each donor, and the end.
    marker
        Which marker each literal is on.
    positives, negatives
        Target and other cells per donor.
    """

    target: NDArray[np.uint64]
    other: NDArray[np.uint64]
    target_starts: NDArray[np.int64]
    other_starts: NDArray[np.int64]
    marker: NDArray[np.int32]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    def take(self, keep: NDArray[np.int64]) -> "Bits":
        """The same cells with some of the literals, in the order given."""
        return Bits(
            np.ascontiguousarray(self.target[keep]),
            np.ascontiguousarray(self.other[keep]),
            self.target_starts,
            self.other_starts,
            np.ascontiguousarray(self.marker[keep]),
            self.positives,
            self.negatives,
        )

    @property
    def nbytes(self) -> int:
        """Memory of the words."""
        return self.target.nbytes + self.other.nbytes


@dataclass(frozen=True)
class Found:
    """Best gates of one size.

    Attributes
    ----------
    size
        Literals per gate.
    gates
        Positions of literals, shape ``(n, size)``, best first.
    values
        Objective, shape ``(n,)``.
    tp, fp
        Cells per donor, shape ``(n, n_donors)``.
    gap
        What a gate that was not looked at could be better by at most; 0 when the search ended.
    counted
        Triples and quads whose cells were counted.
    """

    size: int
    gates: NDArray[np.int64]
    values: NDArray[np.float64]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    gap: float = 0.0
    counted: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class SearchResult:
    """Best gates of every size and how far they are certain.

    Attributes
    ----------
    by_size
        One entry per size asked for.
    notes
        What was left out, in words.
    """

    by_size: tuple[Found, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def gap(self) -> float:
        """Largest gap of any size."""
        return max((f.gap for f in self.by_size), default=0.0)


def pack_bits(
    inside: NDArray[np.bool_],
    marker: NDArray[np.int32],
    target: NDArray[np.bool_],
    donor: NDArray[np.int64],
) -> Bits:
    """Pack literals given as booleans, shape ``(n_literals, n_cells)``, into words."""
    return pack_rows(lambda k: inside[k], marker, target, donor)


def pack_rows(
    row_of: Callable[[int], NDArray[np.bool_]],
    marker: NDArray[np.int32],
    target: NDArray[np.bool_],
    donor: NDArray[np.int64],
) -> Bits:
    """Like :func:`pack_bits`, one literal at a time: ``row_of(k)`` gives its cells."""
    n_donors = int(donor.max()) + 1 if len(donor) else 0
    order_t = [np.flatnonzero(target & (donor == d)) for d in range(n_donors)]
    order_n = [np.flatnonzero(~target & (donor == d)) for d in range(n_donors)]
    starts = [
        np.concatenate([[0], np.cumsum([-(-len(o) // 64) for o in orders])]).astype(np.int64)
        for orders in (order_t, order_n)
    ]
    words = [np.zeros((len(marker), max(1, int(s[-1]))), dtype=np.uint64) for s in starts]
    for k in range(len(marker)):
        row = row_of(k)
        for out, orders, begin in zip(words, (order_t, order_n), starts, strict=True):
            view = out[k].view(np.uint8)
            for d, cells in enumerate(orders):
                packed = np.packbits(row[cells], bitorder="little")
                view[8 * begin[d] : 8 * begin[d] + len(packed)] = packed
    sizes = [np.array([len(o) for o in orders], dtype=np.int64) for orders in (order_t, order_n)]
    kinds = marker.astype(np.int32)
    return Bits(words[0], words[1], starts[0], starts[1], kinds, sizes[0], sizes[1])


def search_gates(
    bits: Bits,
    objective: Objective,
    *,
    max_size: int = 4,
    top: int = 50,
    weight: NDArray[np.float64] | None = None,
    seconds: float = 60.0,
) -> SearchResult:
    """Find the best gates of each size from 1 to ``max_size`` by branch and bound.

    Every gate that is not looked at has a bound under the worst gate kept, so the result is exact
    on the grid of literals given, unless the budget ran out: then ``gap`` is the distance to the
    largest bound left. Values closer than 1e-13 count as ties, and of more ties than ``top`` those
    met first are kept. The order is fixed and the budget is counted in steps, so the result never
    depends on the machine or its load.

    Parameters
    ----------
    bits
        Literals and cells; every donor has at least one target cell.
    objective
        What is made as large as possible.
    max_size
        1 to 4.
    top
        Gates kept per size.
    weight
        Weight of a false positive per donor; ones when not given.
    seconds
        Budget, in seconds of a usual core: counted steps, see :data:`WORK_PER_SECOND`.

    Raises
    ------
    UsageError
        A setting out of range, or a donor without target cells.
    """
    if not (1 <= max_size <= 4 and top >= 1 and seconds > 0 and (bits.positives > 0).all()):
        raise UsageError(
            "the gate search needs a size of 1 to 4, a number of gates, a time, and targets in "
            "every donor",
            found=f"size {max_size}, top {top}, seconds {seconds}, targets {bits.positives}",
            code=codes.GATE_OPTION,
        )
    w = np.ones(len(bits.positives)) if weight is None else np.asarray(weight, dtype=np.float64)
    task = _Task(bits, objective, w, top, round(seconds * WORK_PER_SECOND))
    beam = task.beam(max_size)
    found = [task.singles()]
    notes: list[str] = []
    if max_size > 1:
        notes += task.prepare([b[0] for b in beam[1:]])
        found += [task.size(k, beam[k - 1]) for k in range(2, max_size + 1)]
    return SearchResult(tuple(found), tuple(notes))


class _Task:
    """One search: the words, the tables and the rule."""

    def __init__(
        self,
        bits: Bits,
        objective: Objective,
        weight: NDArray[np.float64],
        top: int,
        work: int,
    ) -> None:
        self.objective, self.weight, self.top, self.left = objective, weight, top, work
        tp, fp = _count_all(bits, None)
        order = np.lexsort((np.arange(len(tp)), (fp * weight).sum(axis=1)))
        self.original = order
        self.bits = bits.take(order)
        self.tp1, self.fp1 = tp[order], fp[order]
        need = np.ceil(objective.recall_floor * bits.positives - 1e-9)
        self.rule = (weight, bits.positives.astype(np.float64), need, objective.rule)

    def value(self, tp: NDArray[np.int64], fp: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.objective.value(tp, fp, self.bits.positives, self.weight)

    def singles(self) -> Found:
        values = self.value(self.tp1, self.fp1)
        best = np.argsort(-values, kind="stable")[: self.top]
        best = best[values[best] >= 0]
        return Found(1, self.original[best][:, None], values[best], self.tp1[best], self.fp1[best])

    def beam(self, max_size: int) -> list[tuple[float, NDArray[np.int64], NDArray[np.float64]]]:
        """Per size: value of the ``top``-th gate of a beam search, its gates and values."""
        values = self.value(self.tp1, self.fp1)
        hope = self.value(self.tp1, np.zeros_like(self.fp1))
        start = np.argsort(-values, kind="stable")[:BEAM]
        kept: list[tuple[int, ...]] = [(int(k),) for k in start if hope[k] >= 0]
        out: list[tuple[float, NDArray[np.int64], NDArray[np.float64]]] = [
            (-1.0, np.zeros((0, 1), dtype=np.int64), np.zeros(0))
        ]
        for size in range(2, max_size + 1):
            pool: dict[tuple[int, ...], float] = {}
            for gate in kept:
                tp, fp = _count_all(self.bits, gate)
                v = self.value(tp, fp)
                v[np.isin(self.bits.marker, self.bits.marker[list(gate)])] = -1.0
                for k in np.argsort(-v, kind="stable")[: max(BEAM, self.top)].tolist():
                    if v[k] >= 0:
                        pool[tuple(sorted((*gate, k)))] = float(v[k])
            ranked = sorted(pool, key=lambda g: (-pool[g], g))
            kept = ranked[:BEAM]
            best = ranked[: self.top]
            floor = pool[best[-1]] if len(best) == self.top else -1.0
            out.append(
                (
                    floor,
                    np.array(best, dtype=np.int64).reshape(len(best), size),
                    np.array([pool[g] for g in best]),
                )
            )
        return out

    def prepare(self, floors: list[float]) -> list[str]:
        """Drop literals no gate can hold, then count all pairs."""
        hope = self.value(self.tp1, np.zeros_like(self.fp1))
        keep = np.flatnonzero(hope > min(floors) - 2 * TIE)
        most = int(np.sqrt(TABLE_BYTES / (8 * len(self.weight))))
        notes = []
        if len(keep) > most:
            single = np.maximum(self.value(self.tp1, self.fp1), 0)[keep]
            best = np.sort(np.argsort(-(single + hope[keep]), kind="stable")[:most])
            notes.append(
                f"{len(keep) - most} of {len(keep)} literals were left out to keep the tables "
                "under 1 GiB: exact among the rest"
            )
            keep = keep[best]
        self.live = keep
        self.small = self.bits.take(keep)
        n, n_donors = len(keep), len(self.weight)
        self.tp2 = np.zeros((n_donors, n, n), dtype=np.int32)
        self.fp2 = np.zeros((n_donors, n, n), dtype=np.int32)
        kernels.count_pairs(self.small.target, self.small.target_starts, self.tp2)
        kernels.count_pairs(self.small.other, self.small.other_starts, self.fp2)
        return notes

    def size(self, size: int, beam: tuple[float, NDArray[np.int64], NDArray[np.float64]]) -> Found:
        """All gates of one size that can be among the best."""
        floor = max(beam[0] - 2 * TIE, -0.5)
        values = np.full(self.top, floor)
        gates = np.full((self.top, 4), -1, dtype=np.int32)
        n = len(self.live)
        bound = np.full((n, n), -1.0)
        kernels.bound_pairs(size, floor, self.tp2, self.fp2, self.small.marker, *self.rule, bound)
        a, b = np.nonzero(bound > floor)
        order = np.argsort(-bound[a, b], kind="stable")
        pairs = np.stack([a[order], b[order]], axis=1).astype(np.int32)
        bounds = np.ascontiguousarray(bound[a, b][order])
        counted = np.zeros(2, dtype=np.int64)
        gap = 0.0
        if size == 2:
            m = min(self.top, len(pairs))
            values[:m], gates[:m, :2] = bounds[:m], pairs[:m]
        else:
            at, s = 0, self.small
            while at < len(pairs):
                piece = max(1, min(PIECE, self.left))
                at = kernels.search_pairs(
                    at, size, piece, TIE, s.target, s.other, s.target_starts,
                    s.other_starts, self.tp2, self.fp2, s.marker, pairs, bounds, *self.rule,
                    values, gates, counted,
                )  # fmt: skip
                self.left -= piece
                if at < len(pairs) and self.left <= 0:
                    gap = float(bounds[at])
                    break
        return self._found(size, values, gates, beam, gap, counted)

    def _found(
        self,
        size: int,
        values: NDArray[np.float64],
        gates: NDArray[np.int32],
        beam: tuple[float, NDArray[np.int64], NDArray[np.float64]],
        open_bound: float,
        counted: NDArray[np.int64],
    ) -> Found:
        ok = gates[:, 0] >= 0
        pool = {
            tuple(sorted(self.live[g].tolist())): v
            for g, v in zip(gates[ok][:, :size], values[ok].tolist(), strict=True)
        }
        for g, v in zip(beam[1].tolist(), beam[2].tolist(), strict=True):
            pool.setdefault(tuple(g), v)
        best = sorted(pool, key=lambda g: (-pool[g], g))[: self.top]
        rows = np.array(best, dtype=np.int64).reshape(len(best), size)
        counts = [_count_gate(self.bits, g) for g in best]
        n_donors = len(self.weight)
        tp = np.array([c[0] for c in counts], dtype=np.int64).reshape(len(best), n_donors)
        fp = np.array([c[1] for c in counts], dtype=np.int64).reshape(len(best), n_donors)
        out = self.value(tp, fp)
        gap = max(0.0, open_bound - (float(out[0]) if len(out) else 0.0))
        numbers = (int(counted[0]), int(counted[1]))
        return Found(size, np.sort(self.original[rows], axis=1), out, tp, fp, gap, numbers)


def _count_all(
    bits: Bits, gate: tuple[int, ...] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cells inside a gate and each literal, shape ``(n_literals, n_donors)``."""
    out = []
    for words, starts in ((bits.target, bits.target_starts), (bits.other, bits.other_starts)):
        base = np.full(words.shape[1], np.uint64(0xFFFFFFFFFFFFFFFF))
        for k in gate or ():
            base &= words[k]
        count = np.zeros((words.shape[0], len(starts) - 1), dtype=np.int64)
        kernels.count_with(base, words, starts, count)
        out.append(count)
    return out[0], out[1]


def _count_gate(bits: Bits, gate: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tp, fp = _count_all(bits.take(np.array(gate[-1:])), None)
    if len(gate) == 1:
        return tp[0], fp[0]
    some = bits.take(np.array(gate))
    tp, fp = _count_all(some, tuple(range(len(gate) - 1)))
    return tp[-1], fp[-1]
