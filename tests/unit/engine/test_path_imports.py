import subprocess
import sys

HEAVY = ("sklearn", "anndata", "scanpy", "scipy.stats", "scipy.optimize", "umap")
RUN = f"""
import sys
import numpy as np
from imscope.core.blocks import MemoryBlocks
from imscope.engine.cluster import find_clusters
from imscope.engine.embed import compute_umap
from imscope.engine.markers import score_markers
from imscope.engine.neighbours import find_neighbours, neighbour_graph

rng = np.random.default_rng(0)
points = rng.normal(size=(60, 4))
found = find_neighbours(points, k=5)
clusters = find_clusters(neighbour_graph(found))
compute_umap(found, points, n_epochs=5)
source = MemoryBlocks.from_csr(rng.poisson(1, (60, 8)))
score_markers(source, np.ones(60), clusters.labels, n_groups=clusters.n_clusters)
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_the_path_loads_no_heavy_library():
    out = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
