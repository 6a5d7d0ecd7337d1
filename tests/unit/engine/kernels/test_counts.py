import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from imscope.engine.kernels.counts import (
    add_gram,
    add_moments,
    add_quality,
    project_rows,
    take_genes,
)

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7)
COUNTS = arrays(np.float32, SHAPES, elements=st.sampled_from([0, 0, 1, 2, 31, 32, 500, 0.5, 40.25]))


def parts(x):
    csr = sp.csr_array(x)
    return csr.indptr.astype(np.int64), csr.indices.astype(np.int32), csr.data.astype(np.float32)


def bodies(kernel):
    return kernel, kernel.py_func


@settings(deadline=None, max_examples=40)
@given(COUNTS)
def test_quality(x):
    classes = (np.arange(x.shape[1]) % 8).astype(np.uint8)
    for body in bodies(add_quality):
        cells, genes = np.zeros((len(x), 5)), np.zeros((x.shape[1], 2))
        body(*parts(x), classes, cells, genes)
        np.testing.assert_allclose(cells[:, 0], x.sum(axis=1), rtol=1e-6)
        np.testing.assert_array_equal(cells[:, 1], (x > 0).sum(axis=1))
        for k in range(3):
            mask = classes & (1 << k) > 0
            np.testing.assert_allclose(cells[:, 2 + k], x[:, mask].sum(axis=1), rtol=1e-6)
        np.testing.assert_allclose(genes, np.stack([x.sum(0), (x > 0).sum(0)], 1), rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(COUNTS, st.floats(0.01, 50))
def test_moments(x, scale):
    groups = (np.arange(len(x)) % 3).astype(np.int32)
    value = np.log1p(x.astype(np.float64) * scale)
    for body in bodies(add_moments):
        out = np.zeros((3, x.shape[1], 3))
        body(*parts(x), np.full(len(x), scale), groups, np.zeros(32), out)
        for g in range(3):
            v = value[groups == g]
            want = np.stack([v.sum(0), (v**2).sum(0), (v > 0).sum(0)], axis=1)
            np.testing.assert_allclose(out[g], want, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(COUNTS, st.floats(0.01, 50))
def test_chosen_genes(x, scale):
    column = np.full(x.shape[1], -1, dtype=np.int32)
    column[::2] = np.arange(len(column[::2]), dtype=np.int32)[::-1]
    want = np.log1p(x[:, ::2][:, ::-1].astype(np.float64) * scale)
    for body in bodies(take_genes):
        n = int((x[:, ::2] > 0).sum())
        indptr = np.zeros(len(x) + 1, dtype=np.int64)
        columns, values = np.empty(n + 1, dtype=np.int32), np.empty(n + 1)
        body(*parts(x), np.full(len(x), scale), column, np.zeros(32), indptr, columns, values)
        assert indptr[-1] == n
        got = sp.csr_array((values[:n], columns[:n], indptr), want.shape)
        np.testing.assert_allclose(got.toarray(), want, rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(COUNTS)
def test_gram_and_projection(x):
    indptr, columns, _ = parts(x)
    values = sp.csr_array(x).data.astype(np.float64)
    dense = x.astype(np.float64)
    weights = np.random.default_rng(0).normal(size=(x.shape[1], 3))
    for body, project in zip(bodies(add_gram), bodies(project_rows), strict=True):
        gram = np.zeros((x.shape[1],) * 2)
        body(indptr, columns, values, gram)
        whole = gram + gram.T - np.diag(np.diag(gram))
        np.testing.assert_allclose(whole, dense.T @ dense, rtol=1e-12)
        out = np.ones((len(x), 3))
        project(indptr, columns, values, weights, out)
        np.testing.assert_allclose(out, 1 + dense @ weights, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("body", bodies(add_quality))
def test_stored_zeros_are_not_detected_genes(body):
    cells, genes = np.zeros((1, 5)), np.zeros((2, 2))
    data = np.array([0, 3], dtype=np.float32)
    indices = np.array([0, 1], dtype=np.int32)
    body(np.array([0, 2]), indices, data, np.zeros(2, np.uint8), cells, genes)
    assert cells[0, 1] == 1
    np.testing.assert_array_equal(genes, [[0, 0], [3, 1]])
