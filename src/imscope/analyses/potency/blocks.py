"""Blocks of lots: source classes and donors, within which attributes and outcomes are compared."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Strings = NDArray[np.object_]
MOST_PERMUTATIONS = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Units that may be exchanged, and what is taken out of both sides first.

    Attributes
    ----------
    code
        Block of every unit, from 0; a unit alone in its block tells nothing.
    words
        What the blocks are, for sentences.
    """

    code: NDArray[np.intp]
    words: str

    @property
    def compared(self) -> str:
        """The blocks as the end of a sentence; nothing where there is but one."""
        return f", compared {self.words}" if self.words.startswith("within") else ""

    @property
    def informing(self) -> NDArray[np.bool_]:
        """Units that share their block with another."""
        return np.bincount(self.code)[self.code] > 1

    @property
    def n_blocks(self) -> int:
        """Blocks with two units and more."""
        return int((np.bincount(self.code) > 1).sum())

    def centre(self, values: Floats) -> Floats:
        """Values less the mean of their block, shape as given."""
        size = np.maximum(np.bincount(self.code), 1)
        flat = values.reshape(len(values), -1)
        means = np.stack(
            [np.bincount(self.code, column, minlength=len(size)) / size for column in flat.T],
            axis=1,
        )
        return np.asarray((flat - means[self.code]).reshape(values.shape))

    def permutations(
        self, rng: np.random.Generator, n: int = MOST_PERMUTATIONS
    ) -> NDArray[np.intp]:
        """Orders of the units that stay inside the blocks, shape ``(n, n_units)``."""
        keys = rng.random((n, len(self.code)))
        order = np.lexsort((keys, np.broadcast_to(self.code, keys.shape)), axis=1)
        home = np.argsort(self.code, kind="stable")
        out = np.empty_like(order)
        out[:, home] = order
        return out


def make_blocks(source_class: Strings, donor: Strings) -> Blocks:
    """Blocks of lots: donors where most lots share theirs, else source classes.

    Parameters
    ----------
    source_class, donor
        Of every unit; empty text where it is not known.

    Notes
    -----
    Lots of one donor are more alike than lots of two. Where donors gave several lots each, only
    differences between lots of one donor are compared, which no difference between donors or
    source classes can feign.

    Examples
    --------
    >>> one = np.array(["iMSC"] * 4, dtype=object)
    >>> make_blocks(one, np.array(["a", "a", "b", "b"], dtype=object)).words
    'within donors'
    >>> make_blocks(one, np.array(["a", "b", "c", "d"], dtype=object)).words
    'all lots together'
    """
    both = np.array([f"{s}\0{d}" for s, d in zip(source_class, donor, strict=True)], dtype=object)
    known = np.array([bool(d) for d in donor])
    names, code = np.unique(both.astype(str), return_inverse=True)
    size = np.bincount(code)
    shared = known & (size[code] > 1)
    if len(names) > 1 and shared.sum() > len(both) / 2:
        alone = ~known
        fresh = code.copy()
        if alone.any():  # a lot of no known donor stands for itself
            fresh[alone] = len(size) + np.arange(int(alone.sum()))
        return Blocks(np.unique(fresh, return_inverse=True)[1], "within donors")
    classes, code = np.unique(source_class.astype(str), return_inverse=True)
    words = "within source classes" if len(classes) > 1 else "all lots together"
    return Blocks(code.astype(np.intp), words)
