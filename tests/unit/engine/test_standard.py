import numpy as np
import pytest

from imscope.core.blocks import MemoryBlocks
from imscope.engine.fused import standard_pca
from imscope.engine.standard import standard_path


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(3)
    kind = np.arange(900) % 3
    profiles = rng.gamma(0.5, size=(3, 500))
    counts = rng.poisson(3 * profiles[kind])
    return MemoryBlocks.from_csr(counts), np.repeat(["a", "b"], [500, 400]), kind


def test_one_call_gives_the_same_digits_on_two_threads(cohort):
    source, samples, _ = cohort
    one, two = (standard_path(source, {}, samples, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.neighbours.indices, two.neighbours.indices)
    np.testing.assert_array_equal(one.clusters.labels, two.clusters.labels)
    np.testing.assert_array_equal(one.umap, two.umap)
    np.testing.assert_array_equal(one.markers.p_value, two.markers.p_value)


def test_clusters_are_the_kinds_that_were_drawn(cohort):
    source, samples, kind = cohort
    path = standard_path(source, {}, samples, resolution=0.2)
    pairs = set(zip(kind[path.rows].tolist(), path.clusters.labels.tolist(), strict=True))
    assert len(pairs) == 3
    assert path.clusters.n_clusters == 3


def test_parts_agree_with_the_steps_called_alone(cohort):
    source, samples, _ = cohort
    path = standard_path(source, {}, samples)
    np.testing.assert_array_equal(
        path.counts.pca.coordinates, standard_pca(source, {}, samples).pca.coordinates
    )
    assert path.umap.shape == (len(path.rows), 2)
    assert path.markers.sizes.sum() == len(path.rows)
