"""Mode of the rates at given spreads, and the spreads themselves with rates integrated out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from imscope.analyses.dynamics.posterior import Local, Posterior, Spreads
from imscope.core import codes
from imscope.core.errors import MethodError
from imscope.core.rng import spawn

Floats = NDArray[np.float64]

TOLERANCE = 1e-6
"""Decrease of minus log posterior, as the Newton step foretells it, that ends the search."""
STEPS = 200
LARGEST_STEP = 3.0
ROUGH = 1e-3
"""The same while starts are compared."""
OUTER_STEPS = 15
OUTER_TOLERANCE = 5e-3
GRADIENT_STEP = 1e-4
SPREAD_STEP = 0.1
"""Step of the finite differences by log spreads."""
TAU_LIMITS = (np.log(1e-3), np.log(3.0))
"""Where the log standard deviations between donors may lie."""
NODES = np.array([-2.5, -1.25, 0.0, 1.0, 2.0, 3.0])
"""Nodes of the grid over log standard deviations between donors, in their own standard errors."""


@dataclass(frozen=True, slots=True, eq=False)
class Mode:
    """The most probable parameters at given spreads."""

    x: Floats
    value: float
    information: Floats
    log_det: float
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One point of the grid over spreads: its weight, mode and covariance."""

    weight: float
    spreads: Spreads
    mode: Mode
    covariance: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Posterior as a mixture over the spreads between donors.

    Attributes
    ----------
    nodes
        Grid points with their weights.
    best
        The node at the most probable spreads.
    tau
        Log standard deviation between donors of growth and conversion with standard error, as far
        as they were estimated: name to ``(estimate, standard error)``.
    starts_agreeing
        Starts of the optimiser that ended at the best mode.
    """

    nodes: tuple[Node, ...]
    best: Node
    tau: dict[str, tuple[float, float]]
    starts_agreeing: int


def find_mode(post: Posterior, x: Floats, spreads: Spreads, tolerance: float = TOLERANCE) -> Mode:
    """Descend by damped Newton steps."""
    here = post.evaluate(x, spreads)
    damping, stretch = 0.0, 1.0
    for _ in range(STEPS):
        step, expected = _step(here, damping)
        if expected < tolerance:
            return Mode(x, here.value, _positive(here), _log_det(here), converged=True)
        with np.errstate(all="ignore"):
            there = post.evaluate(x + stretch * step, spreads)
        gain = here.value - there.value
        if np.isfinite(there.value) and gain >= 0:
            x, here = x + stretch * step, there
            damping = damping / 10 if damping > 1e-5 else 0.0
            # a valley flatter than its curvature foretells: go further along it
            stretch = min(2 * stretch, 64.0) if gain > 1.4 * expected else max(stretch / 2, 1.0)
        elif stretch > 1:
            stretch = 1.0
        else:
            damping = max(damping * 10, 1e-2)
            if damping > 1e8:
                break
    near = _step(here, 0.0)[1] < ROUGH  # a flat valley: the rest of the way changes no digit shown
    return Mode(x, here.value, _positive(here), _log_det(here), converged=near)


def _step(here: Local, damping: float) -> tuple[Floats, float]:
    """Step, and the decrease it foretells: by the whole curvature where that is positive."""
    ridge = np.diag(damping * np.diag(here.search))
    try:
        factor = cho_factor(here.information + ridge, check_finite=False)
    except np.linalg.LinAlgError:
        factor = cho_factor(here.search + ridge, check_finite=False)
    step = -cho_solve(factor, here.gradient, check_finite=False)
    size = float(np.abs(step).max())
    if size > LARGEST_STEP:
        step *= LARGEST_STEP / size
    return step, float(-0.5 * here.gradient @ step)


def _log_det(here: Local) -> float:
    """Log determinant of the curvature that is positive everywhere, hence smooth in the spreads."""
    return float(np.linalg.slogdet(here.search)[1])


def _positive(here: Local) -> Floats:
    """Curvature at a mode; where it is not positive, the one the search used."""
    try:
        cho_factor(here.information, check_finite=False)
    except np.linalg.LinAlgError:
        return here.search
    return here.information


class _Outer:
    """Minus log posterior of the log spreads, rates integrated out by Laplace's method."""

    def __init__(self, post: Posterior, x: Floats) -> None:
        self.post, self.x = post, x
        s, lay = post.settings, post.layout
        self.names = [f"phi {a}" for a in post.assays]
        self.mean = [np.log(s.precision)] * len(post.assays)
        self.sd = [s.precision_log_sd] * len(post.assays)
        if len(post.folds):
            self.names.append("total")
            self.mean.append(np.log(s.total_sd))
            self.sd.append(s.total_log_sd)
        self.gaussian = len(self.names)
        self.scale = []
        if lay.shift.stop > lay.shift.start:
            self.names.append("growth")
            self.scale.append(s.donor_growth_sd * self._unit())
        if lay.rate_shift.stop > lay.rate_shift.start:
            self.names.append("conversion")
            self.scale.append(s.donor_conversion_sd)

    def _unit(self) -> float:
        passages = self.post.data.time_unit == "passage"
        return self.post.settings.days_per_passage if passages else 1.0

    @property
    def start(self) -> Floats:
        return np.array([*self.mean, *np.log(np.array(self.scale) / 2)])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        around = [(m - 5 * s, m + 5 * s) for m, s in zip(self.mean, self.sd, strict=True)]
        return around + [TAU_LIMITS] * len(self.scale)

    def spreads(self, h: Floats) -> Spreads:
        at = dict(zip(self.names, np.exp(h).tolist(), strict=True))
        precision = np.exp(h[: len(self.post.assays)])
        return Spreads(
            precision, at.get("total", 1.0), at.get("growth", 1.0), at.get("conversion", 1.0)
        )

    def mode(self, h: Floats) -> Mode:
        return find_mode(self.post, self.x, self.spreads(h))

    def of(self, mode: Mode, h: Floats) -> float:
        g = self.gaussian
        off = (h[:g] - np.array(self.mean)) / np.array(self.sd)
        tau = h[g:]
        half_normal = tau - 0.5 * (np.exp(tau) / np.array(self.scale)) ** 2
        return mode.value + 0.5 * mode.log_det + float(0.5 * off @ off - half_normal.sum())

    def value(self, h: Floats) -> float:
        return self.of(self.mode(h), h)

    def around(self, h: Floats) -> tuple[Mode, float, Floats, Floats]:
        """Mode, value, slope and curvature along each axis."""
        mode = self.mode(h)
        if mode.converged:
            self.x = mode.x
        value = self.of(mode, h)
        steps = SPREAD_STEP * np.eye(len(h))
        forward = np.array([self.value(h + d) for d in steps])
        backward = np.array([self.value(h - d) for d in steps])
        curvature = (forward - 2 * value + backward) / SPREAD_STEP**2
        return mode, value, (forward - backward) / (2 * SPREAD_STEP), curvature

    def minimise(self) -> tuple[Floats, Mode, Floats]:
        """Newton steps along each axis, kept short; spreads hardly depend on one another."""
        low, high = np.array(self.bounds).T
        h = self.start
        best, value, slope, curvature = self.around(h)
        for _ in range(OUTER_STEPS):
            move = np.clip(-slope / np.maximum(curvature, 0.5), -1, 1)
            move = np.clip(h + move, low, high) - h
            if float(np.abs(slope * move).sum()) < OUTER_TOLERANCE:
                break
            tried = self.around(h + move)
            while tried[1] > value + OUTER_TOLERANCE and np.abs(move).max() > 1e-3:
                move = move / 3
                tried = self.around(h + move)
            h = h + move
            best, value, slope, curvature = tried
        return h, best, curvature


def fit_posterior(post: Posterior) -> Fitted:
    """Estimate spreads and rates.

    Raises
    ------
    MethodError
        No start reached an optimum.
    """
    first, agreeing = _best_start(post)
    outer = _Outer(post, first.x)
    h, best, curvature = outer.minimise()
    if not best.converged:
        raise MethodError(
            "the rates did not reach an optimum",
            found=f"{len(post.data.cultures)} cultures, {len(post.edges)} conversions",
            fix="declare fewer conversions; check units of time and the counts",
            code=codes.DYNAMICS_FIT,
        )
    outer.x = best.x
    missing = _whole_curvature(post, best.x, outer.spreads(h)) - best.information
    centre = Node(1.0, outer.spreads(h), best, _covariance(best, missing))
    nodes, tau = _grid(outer, h, centre, (curvature, missing))
    return Fitted(nodes, centre, tau, agreeing)


def _whole_curvature(post: Posterior, x: Floats, spreads: Spreads) -> Floats:
    """Second derivative of minus log posterior, from differences of its gradient."""
    out = np.empty((len(x), len(x)))
    for i in range(len(x)):
        d = np.zeros(len(x))
        d[i] = GRADIENT_STEP
        up, down = (post.evaluate(x + s * d, spreads).gradient for s in (1, -1))
        out[i] = (up - down) / (2 * GRADIENT_STEP)
    return (out + out.T) / 2


def _covariance(mode: Mode, missing: Floats) -> Floats:
    """Inverse curvature, with the part only the whole second derivative has, where positive."""
    eye = np.eye(len(mode.x))
    try:
        factor = cho_factor(mode.information + missing)
    except np.linalg.LinAlgError:
        factor = cho_factor(mode.information)
    return np.asarray(cho_solve(factor, eye), dtype=np.float64)


def _best_start(post: Posterior) -> tuple[Mode, int]:
    """Mode from several starts at the prior spreads; how many of them agree."""
    outer = _Outer(post, post.first_guess())
    spreads = outer.spreads(outer.start)
    modes = []
    lay = post.layout
    for n in range(post.settings.starts):
        x = post.first_guess()
        if n:
            rng = spawn(post.settings.seed, "dynamics start", n)
            for part in (lay.growth, lay.conversion):
                size = part.stop - part.start
                x[part] += 0.7 * lay.sd[part] * rng.standard_normal(size)
        with np.errstate(all="ignore"):
            modes.append(find_mode(post, x, spreads, ROUGH))
    done = [m for m in modes if m.converged]
    if not done:
        raise MethodError(
            "the rates did not reach an optimum from any start",
            found=f"{len(modes)} starts",
            fix="declare fewer conversions; check units of time and the counts",
            code=codes.DYNAMICS_FIT,
        )
    best = min(done, key=lambda m: m.value)
    return best, sum(m.value < best.value + 1e-2 for m in done)


def _grid(
    outer: _Outer, h: Floats, centre: Node, curved: tuple[Floats, Floats]
) -> tuple[tuple[Node, ...], dict[str, tuple[float, float]]]:
    """Weigh a grid over the log standard deviations between donors by their posterior."""
    from itertools import product

    curvature, missing = curved
    taus = list(range(outer.gaussian, len(h)))
    if not taus:
        return (centre,), {}
    at = outer.of(centre.mode, h)
    axes = []
    for t in taus:
        se = 1 / np.sqrt(max(float(curvature[t]), 0.25))
        axes.append(np.clip(h[t] + NODES * se, *TAU_LIMITS))
    points, modes, values = [], [], []
    for point in product(*axes):
        there = h.copy()
        there[taus] = point
        mode = outer.mode(there)
        points.append(there)
        modes.append(mode)
        values.append(outer.of(mode, there))
    cell = np.array([np.prod([_width(a, p[t]) for a, t in zip(axes, taus, strict=True)])
                     for p in points])  # fmt: skip
    weights = cell * np.exp(at - np.array(values))
    weights = np.where([m.converged for m in modes], weights, 0.0)
    weights /= weights.sum()
    nodes = tuple(
        Node(float(w), outer.spreads(p), m, _covariance(m, missing))
        for w, p, m in zip(weights, points, modes, strict=True)
        if w > 1e-4
    )
    tau = {}
    for t in taus:
        values_t = np.array([p[t] for p in points])
        mean = float(weights @ values_t)
        tau[outer.names[t]] = (mean, float(np.sqrt(weights @ (values_t - mean) ** 2)))
    return nodes, tau


def _width(axis: Floats, value: float) -> float:
    """Length of the axis that a node stands for; nodes clipped together share it."""
    at = int(np.argmin(np.abs(axis - value)))
    low = axis[max(at - 1, 0)]
    high = axis[min(at + 1, len(axis) - 1)]
    same = int((axis == value).sum())
    return float(max(high - low, 1e-12) / 2 / same)
