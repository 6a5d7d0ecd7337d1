"""Small simulated cohorts for the tests of the heterogeneity room."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.heterogeneity import compute_heterogeneity
from imscope.core.blocks import MemoryBlocks


def profile(rng, n_genes=300):
    p = rng.gamma(0.7, 1, n_genes) + 0.05
    return p / p.sum()


def draw(rng, profiles, depth):
    """Multinomial counts, one row per profile."""
    depth = np.broadcast_to(depth, len(profiles))
    return np.array([rng.multinomial(n, p) for n, p in zip(depth, profiles, strict=True)])


def vary(rng, p, n, sd, programmes=None):
    """Profiles of n cells around p; ``sd`` of shared programmes, or of each gene alone."""
    shift = rng.normal(0, sd, (n, len(p)))
    if programmes is not None:
        shift = rng.normal(0, sd, (n, len(programmes))) @ programmes
    q = p * np.exp(shift)
    return q / q.sum(1, keepdims=True)


def cohort(counts, cells, *, names=None, **arguments):
    """Heterogeneity of a dense matrix whose genes are all used."""
    names = names or [f"GENE{k}" for k in range(counts.shape[1])]
    features = pd.DataFrame({"feature_id": names, "symbol": names})
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    frame = pd.DataFrame(cells)
    arguments.setdefault("classes", {})
    return compute_heterogeneity(source, features, frame, **arguments)


@pytest.fixture
def sim():
    """The simulators of this file, as one object."""
    return SimpleNamespace(profile=profile, draw=draw, vary=vary, cohort=cohort)


@pytest.fixture(scope="module")
def sim_module():
    """The same for property tests, which need a wider scope."""
    return SimpleNamespace(profile=profile, draw=draw, vary=vary, cohort=cohort)
