import numpy as np
import pytest
import scipy.sparse as sp


def draw_counts(seed, n_cells, n_genes=300, n_types=3, shift=2.0, depth=1_500):
    """Poisson counts of a few cell types; each type raises its own fifteenth of the genes."""
    rng = np.random.default_rng(seed)
    base = rng.lognormal(0, 1.2, n_genes)
    rates = np.tile(base, (n_types, 1))
    width = n_genes // 15
    for t in range(n_types):
        rates[t, t * width : (t + 1) * width] *= np.exp(shift)
    rates /= rates.sum(axis=1, keepdims=True)
    kind = rng.integers(0, n_types, n_cells)
    total = depth * rng.lognormal(0, 0.3, n_cells)
    return sp.csr_array(rng.poisson(rates[kind] * total[:, None])), kind, rates


@pytest.fixture
def draw():
    return draw_counts
