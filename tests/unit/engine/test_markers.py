from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, mannwhitneyu

from imscope.core.blocks import CsrBlock, MemoryBlocks
from imscope.core.errors import DataError
from imscope.engine.kernels.ranks import fill_genes, sum_ranks
from imscope.engine.markers import marker_table, score_markers

FIELDS = ("auc", "p_value", "log2_fc", "mean", "frac_in", "frac_out")


def cohort(n=120, genes=25, groups=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, groups, n)
    mean = rng.gamma(0.5, 1.5, genes) * np.where(rng.random((groups, genes)) < 0.2, 4, 1)
    depth = rng.gamma(5, 0.2, n)
    counts = rng.poisson(mean[labels] * depth[:, None])
    counts[:, 0], counts[:, 1] = 0, 1  # never seen; tied everywhere
    return counts, depth, labels


def textbook(counts, factors, labels, group):
    value = (counts / factors[:, None]).astype(np.float32).astype(float)
    inside = (labels == group, labels != group)
    test = mannwhitneyu(value[inside[0]], value[inside[1]], method="asymptotic", axis=0)
    log = np.log2(1 + value)
    mean = [log[side].mean(axis=0) for side in inside]
    seen = [(counts[side] > 0).mean(axis=0) for side in inside]
    auc = test.statistic / (inside[0].sum() * inside[1].sum())
    p_value = np.where(np.ptp(value, axis=0) == 0, 1, test.pvalue)  # SciPy: NaN if all is tied
    return auc, p_value, mean[0] - mean[1], mean[0], *seen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("round_factors", [False, True])
def test_matches_scipy(seed, round_factors):
    counts, factors, labels = cohort(seed=seed)
    if round_factors:
        factors = np.ceil(factors)  # many ties among the non-zeros
    stats = score_markers(MemoryBlocks.from_csr(counts), factors, labels, n_groups=3)
    for group in range(3):
        for name, want in zip(FIELDS, textbook(counts, factors, labels, group), strict=True):
            got = getattr(stats, name)[group]
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14, err_msg=name)


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_order_of_cells_genes_and_groups_changes_no_digit(seed):
    counts, factors, labels = cohort(60, 12, seed=seed)
    rng = np.random.default_rng(seed)
    row, column, name = rng.permutation(60), rng.permutation(12), rng.permutation(3)
    plain = score_markers(MemoryBlocks.from_csr(counts), factors, labels, n_groups=3)
    other = score_markers(
        MemoryBlocks.from_csr(counts[row][:, column]), factors[row], name[labels][row], n_groups=3
    )
    for field in ("auc", "p_value", "frac_in", "frac_out"):
        np.testing.assert_array_equal(
            getattr(other, field)[name], getattr(plain, field)[:, column], err_msg=field
        )
    np.testing.assert_allclose(other.mean[name], plain.mean[:, column], rtol=1e-13)


def test_threads_and_chunks_change_no_bit():
    counts, factors, labels = cohort(11_000, 30)
    source = MemoryBlocks.from_csr(counts)
    plain = score_markers(source, factors, labels, n_groups=3, threads=1)
    for options in ({"threads": 2}, {"threads": 1, "memory_mb": 0}, {"threads": 2, "memory_mb": 0}):
        other = score_markers(source, factors, labels, n_groups=3, **options)
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(other, field), getattr(plain, field))


def test_cells_and_genes_left_out_do_not_count():
    counts, factors, labels = cohort()
    labels[::4] = -1
    used = labels >= 0
    genes = np.array([7, 3, 11])
    got = score_markers(MemoryBlocks.from_csr(counts), factors, labels, n_groups=3, genes=genes)
    want = score_markers(
        MemoryBlocks.from_csr(counts[used][:, genes]), factors[used], labels[used], n_groups=3
    )
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(got, field), getattr(want, field))
    np.testing.assert_array_equal(got.genes, genes)
    mask = np.isin(np.arange(25), genes)
    by_mask = score_markers(MemoryBlocks.from_csr(counts), factors, labels, n_groups=3, genes=mask)
    np.testing.assert_array_equal(by_mask.genes, [3, 7, 11])


class StoredZeros:
    """The counts of another source, with every zero stored."""

    def __init__(self, counts):
        self.counts = counts
        self.n_cells, self.n_features = counts.shape

    def read(self, start, stop):
        part = self.counts[start:stop]
        n, width = part.shape
        return CsrBlock(
            start,
            np.arange(0, n * width + 1, width, dtype=np.int64),
            np.tile(np.arange(width, dtype=np.int32)[::-1], n),
            part[:, ::-1].ravel().astype(np.int32),
            width,
        )


def test_stored_zeros_and_unsorted_rows_are_harmless():
    counts, factors, labels = cohort()
    plain = score_markers(MemoryBlocks.from_csr(counts), factors, labels, n_groups=3)
    other = score_markers(StoredZeros(counts), factors, labels, n_groups=3)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(other, field), getattr(plain, field))


def test_read_only_arrays_are_accepted():
    counts, factors, labels = cohort()
    source = MemoryBlocks.from_csr(counts)
    plain = score_markers(source, factors, labels, n_groups=3)
    for array in (source.indptr, source.indices, source.data, factors, labels):
        array.flags.writeable = False
    np.testing.assert_array_equal(score_markers(source, factors, labels, n_groups=3).auc, plain.auc)


def test_a_group_with_nothing_to_compare_has_no_number():
    counts, factors, _ = cohort()
    stats = score_markers(MemoryBlocks.from_csr(counts), factors, np.zeros(120, int), n_groups=2)
    assert np.isnan(stats.auc).all()
    assert np.isnan(stats.p_value).all()
    features = pd.DataFrame({"feature_id": np.arange(25).astype(str), "symbol": "x"})
    assert len(marker_table(stats, features)) == 0


def test_bad_input_is_named():
    counts, factors, labels = cohort()
    source = MemoryBlocks.from_csr(counts)
    with pytest.raises(DataError, match="one label per cell"):
        score_markers(source, factors, labels[1:], n_groups=3)
    with pytest.raises(DataError, match="outside the groups"):
        score_markers(source, factors, labels, n_groups=2)
    with pytest.raises(DataError, match="finite and positive"):
        score_markers(source, factors * 0, labels, n_groups=3)
    with pytest.raises(DataError, match="not be negative"):
        score_markers(MemoryBlocks.from_csr(-counts), factors, labels, n_groups=3)


def test_compiled_kernels_and_python_agree():
    counts, factors, labels = cohort(40, 6)
    block = MemoryBlocks.from_csr(counts).read(0, 40)
    slots = np.array([0, -1, 1, 2, -1, 3], dtype=np.int32)
    labels = np.where(np.arange(40) % 5, labels, -1).astype(np.int32)
    sizes = np.bincount(labels[labels >= 0], minlength=3)
    results = []
    for fill, walk in ((fill_genes, sum_ranks), (fill_genes.py_func, sum_ranks.py_func)):
        head = (block.indptr, block.indices, block.data.astype(np.float32), factors, labels, slots)
        count = np.zeros(4, dtype=np.int64)
        empty = np.zeros(0, dtype=np.float32)
        fill(*head, count, empty, empty.view(np.int32))
        border = np.concatenate([[0], np.cumsum(count)])
        keys = np.zeros(border[-1], dtype=np.uint64)
        fill(*head, border[:-1].copy(), keys.view(np.float32), keys.view(np.int32))
        for low, high in pairwise(border):
            keys[low:high].sort()
        out = [np.zeros((4, 3)), np.zeros((4, 3)), np.zeros((4, 3), dtype=np.int64), np.zeros(4)]
        walk(keys.view(np.float32), keys.view(np.int32), border, sizes, *out)
        results.append([count, keys, *out])
    for compiled, plain in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-13)
    np.testing.assert_allclose(results[0][2].sum(axis=1), 32 * 33 / 2)  # all ranks are given out


def test_table_finds_the_planted_markers_and_obeys_its_limits():
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1], 150)
    counts = rng.poisson(1.0, (300, 40))
    counts[:150, :3] += rng.poisson(3.0, (150, 3))
    counts[150:, 5:7] += rng.poisson(3.0, (150, 2))
    stats = score_markers(MemoryBlocks.from_csr(counts), np.ones(300), labels, n_groups=2)
    features = pd.DataFrame({"feature_id": [f"g{i}" for i in range(40)], "symbol": "s"})
    table = marker_table(stats, features, max_q=1e-6)
    found = table.groupby("cluster")["feature_id"].agg(set).to_dict()
    assert found == {"0": {"g0", "g1", "g2"}, "1": {"g5", "g6"}}
    assert table["auc"].groupby(table["cluster"]).is_monotonic_decreasing.all()
    assert table["rank"].tolist() == [1, 2, 3, 1, 2]
    want = false_discovery_control(stats.p_value.ravel()).reshape(2, 40)
    first = int(table["feature_id"][0][1:])
    np.testing.assert_allclose(table["q_value"][0], want[0, first])
    assert len(marker_table(stats, features, top=1)) == 2
    assert len(marker_table(stats, features, top=None, max_q=1, min_auc=-1)) == 80


def test_a_sparse_array_of_one_gene():
    source = MemoryBlocks.from_csr(sp.csr_array([[1], [0], [2]]))
    stats = score_markers(source, np.ones(3), [0, 1, 0], n_groups=2)
    np.testing.assert_array_equal(stats.auc, [[1.0], [0.0]])
