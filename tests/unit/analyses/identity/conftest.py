import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.identity.fractions import Groups
from imscope.core.blocks import MemoryBlocks
from imscope.engine.panel_counts import read_panel
from imscope.evidence.gene_sets import genes_of

SETS = ("cc_s", "cc_g2m", "senmayo", "senescence_arrest_up", "senescence_down", "hox_position")
GENES = [*sorted(genes_of(*SETS)), *(f"OTHER{k}" for k in range(300))]
FEATURES = pd.DataFrame({"feature_id": GENES, "symbol": GENES})


def at(*names):
    wanted = genes_of(*names)
    return [k for k, g in enumerate(GENES) if g in wanted]


def draw(seed, n, *, depth=6_000, s=0.0, g2m=0.0, old=0.0, quiet=0.0, licensed=0.0):
    """Cells with shares in S, in G2/M, senescent, quiescent (arrest only), licensed (SASP only)."""
    rng = np.random.default_rng(seed)
    rate = np.tile(rng.lognormal(0, 0.7, len(GENES)), (n, 1))
    kinds = ["rest", "s", "g2m", "old", "quiet", "licensed"]
    shares = [1 - s - g2m - old - quiet - licensed, s, g2m, old, quiet, licensed]
    kind = rng.choice(kinds, n, p=shares)

    def change(which, sets, fold):
        rate[np.ix_(np.flatnonzero(np.isin(kind, which)), at(*sets))] *= fold

    change(["s"], ["cc_s"], 4)
    change(["g2m"], ["cc_g2m"], 6)
    change(["old", "quiet"], ["senescence_arrest_up"], 3)
    change(["old", "licensed"], ["senmayo"], 2)
    rate[kind == "old", GENES.index("LMNB1")] *= 0.1
    rate *= rng.gamma(20, 1 / 20, rate.shape)
    size = depth * rng.lognormal(0, 0.3, (n, 1))
    return rng.poisson(rate / rate.sum(axis=1, keepdims=True) * size), kind


def panel_of(counts, samples=None):
    panel = read_panel(MemoryBlocks.from_csr(sp.csr_array(counts)), FEATURES, GENES)
    samples = np.asarray(["one"] * len(counts) if samples is None else samples, dtype=object)
    names, group = np.unique(samples, return_inverse=True)
    return panel, Groups([str(n) for n in names], group.astype(np.int64), samples)


@pytest.fixture
def cells():
    return draw


@pytest.fixture
def as_panel():
    return panel_of


@pytest.fixture
def genes():
    return GENES


@pytest.fixture
def features():
    return FEATURES
