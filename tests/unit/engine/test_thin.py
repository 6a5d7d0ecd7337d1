import numpy as np
import scipy.sparse as sp
from scipy.stats import hypergeom

from imscope.core.blocks import MemoryBlocks
from imscope.engine.thin import ThinnedBlocks


def dense(block):
    return sp.csr_array(
        (block.data, block.indices, block.indptr), (block.n_rows, block.n_features)
    ).toarray()


def test_every_row_reaches_the_target_and_never_gains():
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (50, 30))
    kept = np.arange(30) < 25
    thin = dense(ThinnedBlocks(MemoryBlocks.from_csr(counts), kept, 60, 3).read(0, 50))
    assert (thin <= counts).all()
    np.testing.assert_array_equal(thin.sum(1), np.minimum(counts[:, :25].sum(1), 60))


def test_counts_kept_are_hypergeometric():
    counts = np.tile([30, 50, 20], (20_000, 1))
    source = MemoryBlocks.from_csr(counts)
    thin = dense(ThinnedBlocks(source, np.ones(3, bool), 40, 7).read(0, 20_000))
    for gene, n in enumerate([30, 50, 20]):
        law = hypergeom(100, n, 40)
        error = law.std() / np.sqrt(20_000)
        assert abs(thin[:, gene].mean() - law.mean()) < 4 * error
        assert abs(thin[:, gene].var() / law.var() - 1) < 0.05
    same = np.corrcoef(thin[:-1, 0], thin[1:, 0])[0, 1]
    assert abs(same) < 4 / np.sqrt(20_000)  # neighbouring rows are independent


def test_rows_do_not_depend_on_the_block():
    counts = np.random.default_rng(1).poisson(2.0, (40, 20))
    thin = ThinnedBlocks(MemoryBlocks.from_csr(counts), np.ones(20, bool), 15, 0)
    parts = np.vstack([dense(thin.read(0, 7)), dense(thin.read(7, 40))])
    np.testing.assert_array_equal(parts, dense(thin.read(0, 40)))
