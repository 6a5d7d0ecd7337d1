import numpy as np
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.engine.doublets import score_doublets


def mixture(draw, n_types, n_doublets=60, n=900):
    counts, kind, _ = draw(7, n, n_types=n_types, shift=2.5)
    rng = np.random.default_rng(8)
    pairs = rng.integers(0, n, (4 * n_doublets, 2))
    pairs = pairs[(kind[pairs[:, 0]] != kind[pairs[:, 1]]) | (n_types == 1)][:n_doublets]
    both = counts[pairs[:, 0]] + counts[pairs[:, 1]]
    truth = np.repeat([False, True], [n, len(pairs)])
    return MemoryBlocks.from_csr(sp.vstack([counts, both])), truth


def test_doublets_of_unlike_cells_are_found(draw):
    source, truth = mixture(draw, 3)
    result = score_doublets(source, ["a"] * len(truth), seed=1, expected_rate=0.06)
    assert result.table["status"].tolist() == ["ok"]
    assert result.called[truth].mean() > 0.7
    assert result.called[~truth].mean() < 0.03


def test_one_population_gives_no_calls_and_says_why(draw):
    source, truth = mixture(draw, 1, n_doublets=20)
    result = score_doublets(source, ["a"] * len(truth), seed=1, expected_rate=0.06)
    assert not result.called.any()
    assert result.table["status"].iloc[0].startswith("not separable")


def test_small_samples_are_not_estimated_and_threads_change_nothing(draw):
    source, truth = mixture(draw, 3, n=300)
    samples = np.array(["big"] * (len(truth) - 40) + ["small"] * 40)
    one, two = (score_doublets(source, samples, seed=3, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.score, two.score)
    table = one.table.set_index("sample")
    assert table.loc["small", "status"].startswith("not estimated")
    assert np.isnan(one.score[samples == "small"]).all()
    assert np.isfinite(one.score[samples == "big"]).all()


def test_a_sample_scores_the_same_alone_and_among_others(draw):
    source, truth = mixture(draw, 3, n=300)
    n = len(truth)
    other, _ = mixture(draw, 2, n=200)
    both = sp.vstack(
        [sp.csr_array((s.data, s.indices, s.indptr), (s.n_cells, 300)) for s in (other, source)]
    )
    samples = ["z"] * other.n_cells + ["a"] * n
    joined = score_doublets(MemoryBlocks.from_csr(both), samples, seed=5)
    alone = score_doublets(source, ["a"] * n, seed=5)
    np.testing.assert_array_equal(joined.score[other.n_cells :], alone.score)
