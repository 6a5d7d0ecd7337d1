"""Optional layers of simulated cells: surface protein and peaks, each with its truth."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from imscope.core.errors import UsageError
from imscope.core.rng import spawn

ISOTYPES = ("IgG1_isotype", "IgG2a_isotype")


@dataclass(frozen=True, slots=True)
class ProteinLayer:
    """Antibody counts with their truth.

    Attributes
    ----------
    counts
        Shape ``(n_cells, n_antigens)``; isotype controls are the last columns.
    antigens
        Names of the columns.
    positive
        Whether a cell carries the antigen, shape ``(n_cells, n_antigens)``; never for isotypes.
    empty
        Counts of droplets without a cell, same columns.
    """

    counts: sp.csr_array
    antigens: tuple[str, ...]
    positive: NDArray[np.bool_]
    empty: sp.csr_array


@dataclass(frozen=True, slots=True)
class PeakLayer:
    """Counts of cells x peaks, and which peaks are open in each cell."""

    counts: sp.csr_array
    peaks: tuple[str, ...]
    opened: NDArray[np.bool_]


def simulate_protein(
    subsets: ArrayLike,
    carriers: Mapping[str, AbstractSet[str]],
    *,
    signal: float = 150.0,
    background: float = 6.0,
    stickiness: float = 0.5,
    empty_droplets: int = 500,
    seed: int = 20210907,
) -> ProteinLayer:
    """Simulate antibody counts of cells whose subset is known.

    Parameters
    ----------
    subsets
        Subset of each cell.
    carriers
        Antigen to the subsets that carry it.
    signal, background
        Mean counts of the antigen on a carrier, and of unspecific binding on any cell. Unit: UMI.
    stickiness
        Standard deviation of the log of unspecific binding, shared by all antigens of a cell.
    empty_droplets
        Droplets without a cell.
    seed
        Same seed, same counts.

    Raises
    ------
    UsageError
        A mean is negative.

    Examples
    --------
    >>> made = simulate_protein(["a"] * 3 + ["b"] * 2, {"CD73": {"a"}}, seed=1)
    >>> made.antigens, made.positive[:, 0].tolist()
    (('CD73', 'IgG1_isotype', 'IgG2a_isotype'), [True, True, True, False, False])
    """
    if min(signal, background, stickiness, empty_droplets) < 0:
        raise UsageError("amounts of protein must not be negative", found=f"{signal}, {background}")
    label = np.asarray(subsets).astype(str)
    names = (*carriers, *ISOTYPES)
    rng = spawn(seed, "protein layer")
    positive = np.zeros((label.size, len(names)), dtype=bool)
    for k, antigen in enumerate(carriers):
        positive[:, k] = np.isin(label, sorted(carriers[antigen]))
    sticky = rng.lognormal(0, stickiness, label.size)[:, None]
    amount = rng.lognormal(0, 0.35, positive.shape) * signal
    counts = rng.poisson(background * sticky + positive * amount)
    empty = rng.poisson(background / 2, (empty_droplets, len(names)))
    return ProteinLayer(
        sp.csr_array(counts.astype(np.int32)),
        names,
        positive,
        sp.csr_array(empty.astype(np.int32)),
    )


def simulate_peaks(
    subsets: ArrayLike,
    peaks: Sequence[str],
    opened_in: Sequence[AbstractSet[str]],
    *,
    rate: float = 1.5,
    leak: float = 0.02,
    seed: int = 20210907,
) -> PeakLayer:
    """Simulate peak counts of cells whose subset is known.

    Parameters
    ----------
    subsets
        Subset of each cell.
    peaks
        Names with coordinates.
    opened_in
        For each peak, the subsets in which it is open.
    rate, leak
        Mean count of an open and of a closed peak in a cell of median depth.
    seed
        Same seed, same counts.

    Raises
    ------
    UsageError
        Peaks and subsets differ in number, or a rate is negative.

    Examples
    --------
    >>> made = simulate_peaks(["a", "b"], ["chr1:10-60"], [{"a"}], leak=0.0)
    >>> made.opened.ravel().tolist(), int(made.counts.toarray()[1, 0])
    ([True, False], 0)
    """
    if len(peaks) != len(opened_in) or min(rate, leak) < 0:
        raise UsageError(
            "every peak needs its subsets, and rates must not be negative",
            found=f"{len(peaks)} peaks, {len(opened_in)} sets; {rate}, {leak}",
        )
    label = np.asarray(subsets).astype(str)
    rng = spawn(seed, "peak layer")
    names = sorted(set(label.tolist()))
    table = np.array([[n in group for group in opened_in] for n in names], dtype=bool)
    opened = table[np.searchsorted(names, label)]
    depth = rng.lognormal(0, 0.3, label.size)[:, None]
    counts = rng.poisson(depth * np.where(opened, rate, leak))
    return PeakLayer(sp.csr_array(counts.astype(np.int32)), tuple(peaks), opened)
