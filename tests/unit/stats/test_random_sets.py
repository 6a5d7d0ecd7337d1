import numpy as np

from imscope.stats.random_sets import log_profiles, random_scores


def test_random_sets_are_matched_by_expression():
    rng = np.random.default_rng(0)
    level = np.sort(rng.normal(5, 3, 2_000))
    genes = np.arange(300, 1_800, 50)
    drawn = random_scores(
        level[None, :], level, genes, usable=np.ones(2_000, dtype=bool), n=2_000, rng=rng
    )
    np.testing.assert_allclose(drawn.mean(), level[genes].mean(), atol=0.03)


def test_profiles_do_not_depend_on_library_size():
    counts = np.random.default_rng(0).poisson(20, (1, 50)).astype(float)
    both = log_profiles(np.vstack([counts, 10 * counts]))
    np.testing.assert_allclose(both[0], both[1])
