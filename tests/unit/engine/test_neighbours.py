import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from imscope.core.errors import DataError, MethodError, UsageError
from imscope.engine.kernels.nearest import keep_best
from imscope.engine.neighbours import Neighbours, find_neighbours, fuzzy_weights, neighbour_graph


def cells(n, d=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 3 * rng.integers(0, 4, (n, 1))


@pytest.mark.parametrize(("n", "k"), [(16, 15), (300, 15), (2_500, 30)])
def test_exact_search_is_that_of_scikit_learn(n, k):
    points = cells(n).astype(np.float32)
    got = find_neighbours(points, k=k)
    want_d, want = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points).kneighbors()
    np.testing.assert_array_equal(got.indices, want)
    np.testing.assert_allclose(got.distances, want_d, rtol=2e-5)
    assert (got.recall, got.recall_n, got.method) == (1.0, n, "exact")


@given(st.integers(3, 60), st.integers(1, 6), st.integers(0, 1_000))
def test_ties_go_to_the_earlier_cell(n, k, seed):
    k = min(k, n - 1)
    points = np.random.default_rng(seed).integers(0, 3, (n, 2)).astype(float)
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    want = np.argsort(squared, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(find_neighbours(points, k=k).indices, want)


@given(st.integers(0, 1_000))
@settings(max_examples=20)
def test_permuted_cells_have_permuted_neighbours(seed):
    points = cells(200, seed=seed)
    order = np.random.default_rng(seed).permutation(200)
    plain, mixed = find_neighbours(points, k=7), find_neighbours(points[order], k=7)
    np.testing.assert_array_equal(order[mixed.indices], plain.indices[order])
    np.testing.assert_array_equal(mixed.distances, plain.distances[order])


@pytest.mark.parametrize("exact_up_to", [5_000, 100])
def test_the_same_bits_on_one_and_two_threads(exact_up_to):
    points = cells(5_000, d=20)
    one, two = (find_neighbours(points, exact_up_to=exact_up_to, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_array_equal(one.distances, two.distances)
    assert one.method == two.method


@pytest.mark.parametrize("target", [0.8, 0.95, 0.99])
def test_the_audited_recall_is_the_true_recall(target):
    points = np.random.default_rng(5).normal(size=(6_000, 12))
    truth = find_neighbours(points)
    found = find_neighbours(points, exact_up_to=10, recall_target=target, seed=3)
    recall = (truth.indices[:, :, None] == found.indices[:, None, :]).any(axis=2).mean()
    assert target <= found.recall
    assert abs(recall - found.recall) < 0.02
    assert recall < 1  # or this would not test a search that can miss
    assert f"{found.recall:.3f}" in found.method


def test_every_cell_has_its_neighbours_where_buckets_are_small():
    points = cells(400)
    found = find_neighbours(points, exact_up_to=10, recall_target=0.05)
    assert found.recall < 1
    assert found.indices.min() >= 0
    assert np.isfinite(found.distances).all()
    assert all(len(set(row)) == 15 for row in found.indices.tolist())
    assert (found.indices != np.arange(400)[:, None]).all()


def test_too_few_cells_are_named():
    with pytest.raises(MethodError, match="not estimable: 15 neighbours need at least 16 cells"):
        find_neighbours(np.zeros((15, 3)))


def test_bad_input_is_named():
    with pytest.raises(DataError, match="1 of 4 cells are not, first is row 2"):
        find_neighbours([[0.0], [1.0], [np.nan], [2.0]], k=1)
    with pytest.raises(DataError, match="matrix"):
        find_neighbours([0.0, 1.0, 2.0], k=1)
    with pytest.raises(UsageError, match="k must be at least 1"):
        find_neighbours([[0.0], [1.0]], k=0)
    with pytest.raises(UsageError, match="no neighbour graph"):
        neighbour_graph(find_neighbours([[0.0], [1.0]], k=1), kind="other")


def test_compiled_kernel_and_python_agree():
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 50, (6, 150)).astype(np.float32)
    rows = np.array([0, 2, 3, 4, 6, 7], dtype=np.int32)
    columns = rng.permutation(150).astype(np.int32)
    own = np.arange(8, dtype=np.int32)
    lists = []
    for body in (keep_best, keep_best.py_func):
        best = np.full((8, 5), -np.inf, dtype=np.float32)
        index = np.full((8, 5), -1, dtype=np.int32)
        body(scores, rows, columns, own, best, index)
        lists.append((best, index))
    np.testing.assert_array_equal(lists[0][0], lists[1][0])
    np.testing.assert_array_equal(lists[0][1], lists[1][1])
    kept = np.delete(scores[1], np.flatnonzero(columns == 2))
    np.testing.assert_array_equal(lists[0][0][2], np.sort(kept)[::-1][:5])
    assert (lists[0][1][1] == -1).all()


def textbook_fuzzy(d):
    rho = d[d > 0].min() if (d > 0).any() else 0.0
    low, high = 1e-9, 1e9
    for _ in range(300):
        sigma = (low * high) ** 0.5
        over = np.exp(-np.maximum(d - rho, 0) / sigma).sum() > np.log2(len(d))
        low, high = (low, sigma) if over else (sigma, high)
    return np.exp(-np.maximum(d - rho, 0) / sigma)


def test_fuzzy_weights_are_the_textbooks():
    d = np.sort(np.random.default_rng(2).gamma(4, 1, (50, 15)), axis=1).astype(np.float32)
    d[0, :2] = 0  # doubles of the cell
    got = fuzzy_weights(d)
    want = np.array([textbook_fuzzy(row.astype(float)) for row in d])
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_identical_cells_get_full_weight():
    assert (fuzzy_weights(np.zeros((3, 5), dtype=np.float32)) == 1).all()


@pytest.mark.parametrize("kind", ["fuzzy", "snn"])
def test_graphs_are_symmetric_sorted_and_without_loops(kind):
    graph = neighbour_graph(find_neighbours(cells(400), k=10), kind=kind)
    assert graph.dtype == np.float32
    assert abs(graph - graph.T).max() == 0
    assert graph.diagonal().sum() == 0
    assert 0 < graph.data.min() <= graph.data.max() <= 1
    assert all((np.diff(row) > 0).all() for row in np.split(graph.indices, graph.indptr[1:-1]))


def test_fuzzy_graph_joins_directions_as_probabilities():
    found = find_neighbours(cells(60), k=5)
    one = np.zeros((60, 60))
    np.put_along_axis(one, found.indices.astype(int), fuzzy_weights(found.distances), axis=1)
    want = one + one.T - one * one.T
    np.testing.assert_allclose(neighbour_graph(found).toarray(), want, rtol=1e-6)


def test_shared_neighbours_are_the_jaccard_overlap():
    found = find_neighbours(cells(80), k=6)
    hoods = [{i, *row} for i, row in enumerate(found.indices.tolist())]
    want = np.zeros((80, 80))
    for i, row in enumerate(found.indices.tolist()):
        for j in row:
            want[i, j] = want[j, i] = len(hoods[i] & hoods[j]) / len(hoods[i] | hoods[j])
    got = neighbour_graph(found, kind="snn")
    np.testing.assert_allclose(got.toarray(), want, rtol=1e-6)
    assert isinstance(got, sp.csr_array)


def test_result_is_frozen():
    with pytest.raises(AttributeError):
        find_neighbours([[0.0], [1.0]], k=1).recall = 0.5
    assert Neighbours.__dataclass_params__.frozen
