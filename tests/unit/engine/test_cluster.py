import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from imscope.core.errors import DataError, UsageError
from imscope.engine.cluster import compute_modularity, find_clusters, order_by_size
from imscope.engine.neighbours import find_neighbours, neighbour_graph


def ring_of_cliques(sizes):
    cliques = [sp.coo_array(np.ones((n, n)) - np.eye(n)) for n in sizes]
    graph = sp.block_diag(cliques, format="lil")
    ends = np.cumsum(sizes)
    for end, start in zip(ends, np.append(ends[:-1], 0), strict=True):
        graph[end - 1, start] = graph[start, end - 1] = 1
    return sp.csr_array(graph)


def textbook_modularity(a, labels, resolution):
    s, total = a.sum(axis=1), a.sum()
    same = labels[:, None] == labels[None, :]
    return ((a / total - resolution * np.outer(s, s) / total**2) * same).sum()


def random_graph(n, seed):
    half = np.triu(sp.random_array((n, n), density=0.2, rng=seed).toarray(), 1)
    return half + half.T


@given(st.integers(3, 30), st.integers(0, 1_000), st.floats(0.1, 3))
@settings(max_examples=40)
def test_modularity_is_the_textbooks(n, seed, resolution):
    dense = random_graph(n, seed)
    labels = np.random.default_rng(seed).integers(0, 4, n)
    got = compute_modularity(sp.csr_array(dense), labels, resolution=resolution)
    if dense.any():
        np.testing.assert_allclose(got, textbook_modularity(dense, labels, resolution), atol=1e-12)
    else:
        assert np.isnan(got)


def test_cliques_are_found_and_numbered_by_size_then_first_cell():
    sizes = [5, 9, 5, 7]
    found = find_clusters(ring_of_cliques(sizes))
    np.testing.assert_array_equal(found.labels, np.repeat([2, 0, 3, 1], sizes))
    assert found.n_clusters == 4
    want = textbook_modularity(ring_of_cliques(sizes).toarray(), found.labels, 1.0)
    np.testing.assert_allclose(found.modularity, want)


def test_populations_far_apart_are_recovered_and_seeds_repeat():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [300, 200, 100])
    points = rng.normal(size=(600, 5)) + 20 * np.eye(5)[truth]
    graph = neighbour_graph(find_neighbours(points))
    coarse = find_clusters(graph, resolution=0.05, seed=4)
    np.testing.assert_array_equal(coarse.labels, truth)
    fine = [find_clusters(graph, resolution=3, seed=4) for _ in range(2)]
    np.testing.assert_array_equal(fine[0].labels, fine[1].labels)
    assert fine[0].n_clusters > 3
    assert fine[0].resolution == 3


def test_the_partition_beats_the_planted_one():
    sizes = [30] * 6
    truth = np.repeat(np.arange(6), sizes)
    rng = np.random.default_rng(1)
    chance = np.where(truth[:, None] == truth[None, :], 0.3, 0.03)
    half = np.triu(rng.random((180, 180)) < chance, 1)
    graph = sp.csr_array((half | half.T).astype(float))
    assert find_clusters(graph).modularity >= compute_modularity(graph, truth) - 1e-12


@pytest.mark.parametrize(("n", "want"), [(1, [0]), (3, [0, 1, 2])])
def test_cells_without_edges_stand_alone(n, want):
    found = find_clusters(sp.csr_array((n, n)))
    assert found.labels.tolist() == want
    assert np.isnan(found.modularity)
    with_pair = sp.csr_array([[0, 0, 0], [0, 0, 1.0], [0, 1.0, 0]])
    assert find_clusters(with_pair).labels.tolist() == [1, 0, 0]


def test_the_graph_is_not_modified():
    graph = sp.csr_array([[1.0, 1, 0], [1, 0, 1], [0, 1, 0]])
    before = graph.copy()
    find_clusters(graph)
    assert (graph != before).nnz == 0


def test_bad_graphs_are_named():
    with pytest.raises(DataError, match="square"):
        find_clusters(sp.csr_array((2, 3)))
    with pytest.raises(DataError, match="symmetric"):
        find_clusters(sp.csr_array([[0, 1.0], [0, 0]]))
    with pytest.raises(DataError, match="not negative"):
        find_clusters(sp.csr_array([[0, -1.0], [-1.0, 0]]))
    with pytest.raises(UsageError, match="positive"):
        find_clusters(sp.csr_array((2, 2)), resolution=0)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_order_by_size(labels):
    got = order_by_size(np.array(labels))
    size = np.bincount(got)
    assert (np.diff(size) <= 0).all()
    first = [got.tolist().index(c) for c in range(len(size))]
    tied = np.diff(size) == 0
    assert (np.diff(first)[tied] > 0).all()
    assert len({*zip(got.tolist(), labels, strict=True)}) == len(size) == len(set(labels))


def test_errors_carry_their_code():
    with pytest.raises(DataError, match="E-PATH-GRAPH"):
        find_clusters(sp.csr_array([[0, 1.0], [0, 0]]))
    with pytest.raises(UsageError, match="E-PATH-OPTION"):
        find_clusters(sp.csr_array((2, 2)), resolution=-1)
