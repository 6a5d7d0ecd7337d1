import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, spearmanr

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.kernels.rank_scores import add_rank_sums
from imscope.engine.rank_scores import _by_gene, score_ranks

SETS = [np.array([0, 3, 4]), np.array([2]), np.array([1, 5, 6, 7])]


def textbook(dense, sets, max_rank):
    """The score as its paper defines it, every gene of every cell ranked."""
    cut = min(max_rank, dense.shape[1])
    ranks = np.apply_along_axis(rankdata, 1, -dense.astype(float))
    ranks[ranks > cut] = cut + 1
    out = np.zeros((len(dense), len(sets)))
    for k, genes in enumerate(sets):
        n = len(genes)
        best = np.minimum(np.arange(1, n + 1), cut + 1).sum()
        out[:, k] = 1 - (ranks[:, genes].sum(axis=1) - best) / (n * (cut + 1) - best)
    return out


@given(
    arrays(np.int32, st.tuples(st.integers(1, 6), st.just(9)), elements=st.sampled_from(
        [0, 0, 0, 1, 2, 3, 1023, 1024, 1025, 40_000])),
    st.integers(1, 12),
)  # fmt: skip
def test_matches_the_textbook(dense, max_rank):
    got = score_ranks(MemoryBlocks.from_csr(sp.csr_array(dense)), SETS, max_rank=max_rank).scores
    np.testing.assert_allclose(got, textbook(dense, SETS, max_rank), atol=1e-6)


def test_compiled_and_python_agree():
    rng = np.random.default_rng(0)
    dense = rng.poisson(1.0, (20, 9)) * rng.choice([1, 1200], (20, 9), p=[0.7, 0.3])
    csr = sp.csr_array(dense.astype(np.int32))
    first, member = _by_gene(SETS, 9)
    sizes = np.array([len(s) for s in SETS])
    arguments = (csr.indptr.astype(np.int64), csr.indices.astype(np.int32), csr.data, first, member)
    out = [np.empty((20, 3)), np.empty((20, 3))]
    for body, sums in zip((add_rank_sums, add_rank_sums.py_func), out, strict=True):
        body(*arguments, sizes, 9, 5, sums)
    np.testing.assert_array_equal(out[0], out[1])


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(3)
    rates = rng.lognormal(-2.5, 2.0, 4_000)
    on = rng.permutation(4_000)[:40]
    drive = rng.lognormal(0, 0.8, (300, 1))
    mean = np.tile(rates, (300, 1))
    mean[:, on] *= drive
    mean *= rng.lognormal(0, 0.3, (300, 1))
    sets = [on, rng.permutation(4_000)[:25], np.argsort(rates)[-20:]]
    return rng.poisson(mean), sets


def test_cells_stand_in_the_order_of_the_definition(cells):
    dense, sets = cells
    got = score_ranks(MemoryBlocks.from_csr(sp.csr_array(dense)), sets).scores
    want = textbook(dense, sets, 1_500)
    for k in range(3):
        assert spearmanr(got[:, k], want[:, k]).statistic > 0.9999


def test_threads_change_no_digit(cells):
    dense, sets = cells
    source = MemoryBlocks.from_csr(sp.csr_array(np.tile(dense, (20, 1))))
    one, two = (score_ranks(source, sets, threads=t).scores for t in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_log_values_rank_as_counts_do(cells):
    dense, sets = cells
    logs = np.log1p(dense / dense.sum(axis=1, keepdims=True) * 1e4)
    a = score_ranks(MemoryBlocks.from_csr(sp.csr_array(dense)), sets).scores
    b = score_ranks(MemoryBlocks.from_csr(sp.csr_array(logs)), sets).scores
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_repeated_gene_counts_once_and_an_empty_set_has_no_score(cells):
    dense, sets = cells
    source = MemoryBlocks.from_csr(sp.csr_array(dense))
    scores = score_ranks(source, [sets[1], np.repeat(sets[1], 2), []]).scores
    np.testing.assert_array_equal(scores[:, 0], scores[:, 1])
    assert np.isnan(scores[:, 2]).all()


@pytest.mark.parametrize(
    ("values", "sets", "max_rank", "words"),
    [
        ([[1, 2]], [[2]], 5, "does not exist"),
        ([[1, 2]], [[1]], 0, "too small"),
        ([[1.5, -2]], [[1]], 5, "not negative"),
    ],
)
def test_what_cannot_be_ranked_is_said(values, sets, max_rank, words):
    with pytest.raises(DataError, match=words):
        score_ranks(MemoryBlocks.from_csr(sp.csr_array(values)), sets, max_rank=max_rank)
