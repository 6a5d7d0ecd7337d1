import numpy as np
import pytest

from imscope.core.errors import DataError
from imscope.engine.joint import find_joint_neighbours
from imscope.engine.neighbours import find_neighbours

N = 600
TYPE = np.repeat([0, 1, 2, 3], N // 4)


def coordinates(rng, apart, dims):
    """Types 0, 1 lie away from 2, 3; of one pair the two types are apart as well."""
    x = rng.normal(0, 1, (N, dims))
    x[:, 0] += 8 * (TYPE >= 2)
    x[:, 1] += 6 * (apart == TYPE)
    return x


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(0)
    return {
        "rna": coordinates(rng, 3, 10),
        "protein": coordinates(rng, 1, 6),
        "noise": rng.normal(0, 1, (N, 8)),
    }


def purity(indices):
    return (TYPE[indices] == TYPE[:, None]).mean()


def test_types_of_either_modality_are_recovered_jointly(layers):
    for name in ("rna", "protein"):
        assert purity(find_neighbours(layers[name], k=15).indices) < 0.8
    joint = find_joint_neighbours({n: layers[n] for n in ("rna", "protein")}, k=15)
    assert purity(joint.neighbours.indices) > 0.95
    protein = joint.weights[:, joint.modalities.index("protein")]
    assert protein[TYPE < 2].mean() > protein[TYPE >= 2].mean() + 0.03


def test_noise_counts_for_little(layers):
    joint = find_joint_neighbours(layers, k=15)
    assert joint.modalities == ("noise", "protein", "rna")
    assert joint.weights[:, 0].mean() < 0.1
    assert purity(joint.neighbours.indices) > 0.95
    np.testing.assert_allclose(joint.weights.sum(axis=1), 1)


def test_order_scale_shift_and_threads_change_nothing(layers):
    one = find_joint_neighbours(layers, k=10, threads=1)
    turned = {n: layers[n] for n in reversed(layers)}
    two = find_joint_neighbours(turned, k=10, threads=2)
    np.testing.assert_array_equal(one.neighbours.indices, two.neighbours.indices)
    np.testing.assert_array_equal(one.weights, two.weights)
    moved = find_joint_neighbours({n: 4 * v + 3 for n, v in layers.items()}, k=10)
    np.testing.assert_allclose(moved.weights, one.weights, atol=1e-4)


def test_neighbours_are_sorted_unique_and_never_the_cell(layers):
    found = find_joint_neighbours(layers, k=10).neighbours
    assert (found.indices != np.arange(N)[:, None]).all()
    assert all(len(set(r)) == 10 for r in found.indices.tolist())
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_one_modality_is_the_plain_search():
    x = np.random.default_rng(2).normal(0, 1, (200, 2)) * [5.0, 4.0]
    joint = find_joint_neighbours({"rna": x}, k=8)
    plain = find_neighbours(x, k=8)
    np.testing.assert_array_equal(joint.neighbours.indices, plain.indices)
    assert (joint.weights == 1).all()


@pytest.mark.parametrize("bad", [{}, {"a": np.ones((3, 2)), "b": np.ones((4, 2))}])
def test_modalities_must_fit_together(bad):
    with pytest.raises(DataError) as error:
        find_joint_neighbours(bad)
    assert error.value.code == "E-JOINT-INPUT"


def test_values_must_be_finite():
    with pytest.raises(DataError, match="'a'"):
        find_joint_neighbours({"a": np.full((30, 2), np.nan)})
