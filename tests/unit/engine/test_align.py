import numpy as np
import pytest

from imscope.core.errors import DataError, MethodError
from imscope.engine.align import align_batches
from imscope.engine.mixing import compute_lisi
from imscope.engine.neighbours import find_neighbours


def two_batches(seed=0, n=1_200):
    rng = np.random.default_rng(seed)
    state = rng.integers(0, 3, n)
    batch = (rng.random(n) < np.array([0.3, 0.5, 0.7])[state]).astype(int)  # unequal shares
    points = rng.normal(size=(n, 8)) + 10 * np.eye(8)[state]
    shift = batch[:, None] * (2.0 + np.eye(8)[state + 3])
    return points, points + shift, state, batch


def test_batches_mix_and_states_stay_apart():
    plain, points, state, batch = two_batches()
    moved = align_batches(points, batch).coordinates
    best, before, after = (compute_lisi(p, batch).mean() for p in (plain, points, moved))
    assert before < 1.2 < 1.6 < best
    assert after > 0.97 * best
    near = find_neighbours(moved).indices
    assert (state[near] == state[:, None]).mean() > 0.97


def test_batches_alike_are_hardly_moved():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(900, 6)) + 8 * np.eye(6)[rng.integers(0, 3, 900)]
    moved = align_batches(points, rng.integers(0, 2, 900)).coordinates
    shift = np.sqrt(((moved - points) ** 2).sum(axis=1)).mean()
    assert shift < 0.25 * np.sqrt(points.var(axis=0).sum())


def test_no_batch_effect_can_be_told_from_one_batch():
    _, points, _, _ = two_batches(n=200)
    got = align_batches(points, np.zeros(200))
    np.testing.assert_array_equal(got.coordinates, points.astype(np.float32))
    assert (got.n_rounds, got.converged) == (0, True)


def test_same_seed_same_result_and_the_names_of_batches_do_not_matter():
    _, points, _, batch = two_batches(n=400)
    one = align_batches(points, batch, seed=5)
    other = align_batches(points, np.array(["x", "y"])[batch], seed=5)
    np.testing.assert_array_equal(one.coordinates, other.coordinates)
    assert 1 <= one.n_rounds <= 10


def test_bad_input_is_named():
    with pytest.raises(DataError, match="a batch for every cell"):
        align_batches(np.zeros((3, 2)), [0, 1])
    with pytest.raises(MethodError, match="single cell"):
        align_batches(np.zeros((3, 2)), [0, 0, 1])
