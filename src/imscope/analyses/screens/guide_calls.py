"""Which guides each cell received: mixture, maximum or threshold; ambient rate, collisions."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from imscope.core import codes
from imscope.core.errors import UsageError

Floats = NDArray[np.float64]
METHODS = ("mixture", "maximum", "threshold")
POSTERIOR, MIN_CELLS, FALLBACK = 0.8, 10, 5
MAX_SHARE, MAX_UMI = 0.8, 5
ITERATIONS = 300


@dataclass(frozen=True, slots=True, eq=False)
class GuideCalls:
    """Calls of guides in cells.

    Attributes
    ----------
    calls
        Boolean, cells by guides, sparse.
    posterior
        Chance that the cell received the guide, where it has reads of it; sparse. Empty unless
        the method is ``mixture``.
    ambient
        Mean reads per cell that are background, per guide.
    n_guides
        Guides called per cell.
    moi
        Guides per cell, mean over all cells.
    expected_multiple
        Cells with two guides or more expected among cells with any, by Poisson at that mean.
    """

    calls: sp.csr_array
    posterior: sp.csr_array
    ambient: Floats
    n_guides: NDArray[np.int64]
    moi: float
    expected_multiple: float

    @property
    def cell_class(self) -> NDArray[np.str_]:
        """``none``, ``single`` or ``multiple`` for each cell."""
        return np.array(["none", "single", "multiple"])[np.minimum(self.n_guides, 2)]

    def only_guide(self) -> NDArray[np.int64]:
        """Number of the guide of cells with exactly one; -1 for the others."""
        out = np.full(self.calls.shape[0], -1, dtype=np.int64)
        one = self.n_guides == 1
        out[one] = self.calls.indices[self.calls.indptr[:-1][one]]
        return out


def assign_guides(
    counts: sp.csr_array, *, method: str = "mixture", threshold: int = FALLBACK
) -> GuideCalls:
    """Assign guides to cells.

    Parameters
    ----------
    counts
        Guide UMI, cells by guides.
    method
        ``mixture``: per guide, background (zero-truncated Poisson) and foreground (log-normal in
        whole numbers), posterior above 0.8 and count above the background mean; guides with fewer
        than ten positive cells by threshold. ``maximum``: the top guide with at least 5 UMI and
        more than 80 % of the cell's. ``threshold``: at least ``threshold`` UMI.
    threshold
        Of the method of that name.

    Raises
    ------
    UsageError
        The method is not known.

    Notes
    -----
    No random numbers: the same counts give the same calls. ``maximum`` holds for one guide per
    cell only.

    References
    ----------
    .. [1] Braunger JM, Velten B (2024). Bioinformatics 40:btae535.
       doi:10.1093/bioinformatics/btae535

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.poisson(0.3, (400, 2))
    >>> x[:60, 0] += rng.lognormal(4, 0.5, 60).astype(int)
    >>> calls = assign_guides(sp.csr_array(x))
    >>> int(calls.calls[:, [0]].sum()), int(calls.calls[60:, [0]].sum())
    (60, 0)
    """
    if method not in METHODS:
        raise UsageError(
            f"{method!r} is no way to assign guides",
            fix=", ".join(METHODS),
            code=codes.SCREEN_OPTION,
        )
    x = sp.csc_array(counts)
    n_cells, n_guides = x.shape
    probability = np.zeros(x.nnz)
    called = np.zeros(x.nnz, dtype=bool)
    ambient = np.zeros(n_guides)
    for k in range(n_guides):
        part = slice(x.indptr[k], x.indptr[k + 1])
        values = x.data[part].astype(np.int64)
        if method == "threshold":
            called[part] = values >= threshold
        elif method == "mixture":
            if len(values) < MIN_CELLS:
                called[part] = values >= FALLBACK
            else:
                chance, background = _mixture(values)
                probability[part] = chance
                called[part] = (chance > POSTERIOR) & (values > background)
        ambient[k] = values[~called[part]].sum() / n_cells
    if method == "maximum":
        called, ambient = _maximum(x)
    calls = sp.csc_array((called.astype(np.int8), x.indices, x.indptr), shape=x.shape)
    calls = sp.csr_array(calls)
    calls.eliminate_zeros()
    calls.sort_indices()
    posterior = sp.csr_array(sp.csc_array((probability, x.indices, x.indptr), shape=x.shape))
    n = np.asarray(calls.sum(axis=1)).ravel().astype(np.int64)
    empty = float((n == 0).mean())
    # `maximum` never calls two guides, so the cells without any tell how many there were
    moi = -np.log(empty) if method == "maximum" and empty >= 0.01 else float(n.mean())
    moi = float(moi)
    some = 1 - np.exp(-moi)
    expected = float((some - moi * np.exp(-moi)) / some) if some > 0 else 0.0
    return GuideCalls(calls.astype(bool), posterior, ambient, n, moi, expected)


def _maximum(x: sp.csc_array) -> tuple[NDArray[np.bool_], Floats]:
    coo = x.tocoo()
    total = np.bincount(coo.row, weights=coo.data, minlength=x.shape[0])
    called = (coo.data >= MAX_UMI) & (coo.data > MAX_SHARE * total[coo.row])
    ambient = np.bincount(coo.col[~called], weights=coo.data[~called], minlength=x.shape[1])
    return called, ambient / x.shape[0]


def _mixture(values: NDArray[np.int64]) -> tuple[Floats, float]:
    """Posterior of the foreground for each value, and the mean of the background."""
    levels, back, n = np.unique(values, return_inverse=True, return_counts=True)
    k = levels.astype(np.float64)
    best: tuple[float, Floats, float] | None = None
    high = np.log(k[-1])
    for share, start in ((0.5, 0.6 * high), (0.1, 0.85 * high)):
        got = _em(k, n.astype(np.float64), share, max(start, 1.0))
        if best is None or got[0] > best[0] + 1e-9:
            best = got
    if best is None:
        return np.zeros(len(values)), 0.0
    return best[1][back.reshape(-1)], best[2]


def _em(k: Floats, n: Floats, share: float, mu: float) -> tuple[float, Floats, float]:
    """Log likelihood, posterior of each level, and mean of the zero-truncated background."""
    rate, sd = 0.3, 1.0
    total = n.sum()
    low, high = np.log(np.maximum(k - 0.5, 0.5)), np.log(k + 0.5)
    log_factorial = gammaln(k + 1)
    before = -np.inf
    posterior = np.zeros(len(k))
    for _ in range(ITERATIONS):
        poisson = np.exp(k * np.log(rate) - rate - log_factorial - np.log(-np.expm1(-rate)))
        normal = np.maximum(ndtr((high - mu) / sd) - ndtr((low - mu) / sd), 1e-300)
        joint = share * normal
        every = joint + (1 - share) * poisson
        posterior = joint / np.maximum(every, 1e-300)
        now = float((n * np.log(np.maximum(every, 1e-300))).sum())
        if abs(now - before) < 1e-8 * abs(now):
            break
        before = now
        w, v = n * posterior, n * (1 - posterior)
        share = float(np.clip(w.sum() / total, 1e-6, 1 - 1e-6))
        if w.sum() > 1e-9:
            mu = float((w * np.log(k)).sum() / w.sum())
            sd = float(np.clip(np.sqrt((w * (np.log(k) - mu) ** 2).sum() / w.sum()), 0.2, 3.0))
        mean = float((v * k).sum() / max(v.sum(), 1e-9))
        for _ in range(8):  # mean of the zero-truncated Poisson is rate / (1 - exp(-rate))
            rate = float(np.clip(mean * -np.expm1(-rate), 1e-3, 50.0))
    return before, posterior, rate / -np.expm1(-rate)
