"""Random numbers: one child seed per item, never per worker, so threads change no digit."""

import numpy as np


def spawn(seed: int, *keys: int | str) -> np.random.Generator:
    """Make the generator that belongs to one named item.

    Parameters
    ----------
    seed
        The seed of the run.
    keys
        What the numbers are for, such as ``"umap"`` or ``"bootstrap", 17``. The same keys give the
        same stream on every machine, whatever was drawn before.

    Examples
    --------
    >>> a, b = spawn(7, "pca"), spawn(7, "pca")
    >>> bool(a.integers(1 << 30) == b.integers(1 << 30))
    True
    """
    words = [int.from_bytes(k.encode(), "little") if isinstance(k, str) else k for k in keys]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
