"""Every pass of the engine, on threads and processes, from every kind of source: equal digits."""

import dataclasses
import inspect
import os
import pickle
import signal
import threading
import time

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import imscope.engine
from imscope.core.blocks import BlockSource, CsrBlock, MemoryBlocks
from imscope.core.errors import DataError, UsageError
from imscope.core.views import select_rows
from imscope.engine import execute
from imscope.engine.execute import map_blocks
from imscope.engine.schedulers import handshake, use_scheduler, versions
from imscope.io import recipe as recipe  # teaches open files to travel
from imscope.io.counts import read_counts
from imscope.io.store import open_store, write_store

pytest.importorskip("distributed", reason="the dask extra is not installed")
N, P = 5_600, 60
GROUP = np.arange(N, dtype=np.int32) % 3
FACTORS = 0.5 + (np.arange(N) % 7) / 7
NAMES = [f"ENSG{k:011d}" for k in range(P)]


@pytest.fixture(scope="module")
def workers():
    """Two processes of this machine."""
    with use_scheduler("local:2") as made:
        yield made


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    rng = np.random.default_rng(5)
    counts = sp.csr_array(rng.poisson(rng.gamma(0.8, 1.5, (N, 1)) * rng.gamma(1, 1, P)))
    cells = pd.DataFrame(index=[f"c{k}" for k in range(N)])
    genes = pd.DataFrame({"gene_name": [f"G{k}" for k in range(P)]}, index=NAMES)
    made = anndata.AnnData(sp.csr_matrix(counts.astype(np.float32)), cells, genes)
    made.write_h5ad(folder / "a.h5ad")
    made.write_zarr(folder / "a.zarr")
    memory = MemoryBlocks.from_csr(counts)
    write_store(folder / "store", memory, n_features=P)
    opened = [read_counts(folder / name) for name in ("a.h5ad", "a.zarr")]
    yield {
        "memory": memory,
        "store": open_store(folder / "store"),
        "h5ad": opened[0].source,
        "zarr": opened[1].source,
        "rows of a store": select_rows(open_store(folder / "store"), np.arange(0, N)),
    }
    for each in opened:
        each.close()


PASSES = {
    "compute_qc": lambda s, f: f(s, {"mito": np.arange(P) < 4}),
    "compute_gene_moments": lambda s, f: f(s, FACTORS, GROUP, n_samples=3),
    "compute_unit_moments": lambda s, f: f(s, GROUP, 3, kept=np.ones(P, dtype=bool)),
    "compute_pca": lambda s, f: f(s, FACTORS, np.arange(P), n_components=4),
    "sum_units": lambda s, f: f(s, GROUP, 3),
    "score_markers": lambda s, f: f(s, FACTORS, GROUP, n_groups=3),
    "score_ranks": lambda s, f: f(s, [np.arange(8), np.arange(8, 20)], max_rank=40),
    "score_doublets": lambda s, f: f(s, GROUP.astype(str), seed=0),
    "estimate_ambient_marker_free": lambda s, f: f(s, GROUP),
    "estimate_ambient_from_empty": lambda s, f: f(s, s, clusters=GROUP),
}
NO_PASS = {
    "map_blocks": "the loop itself, tested beside",
    "activity_from_peaks": "gives a view; nothing is read",
    "compare_rna_protein": "one sum_units and one score_ranks",
}


def digits(value):
    """All numbers of a result, as bytes."""
    if isinstance(value, np.ndarray):
        return value.tobytes() if value.dtype != object else repr(value.tolist()).encode()
    if isinstance(value, pd.DataFrame):
        return value.to_csv(index=False).encode()
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value)]
        return b"|".join(digits(getattr(value, n)) for n in names)
    return repr(value).encode()


def test_every_public_pass_is_among_those_tried():
    found = {
        name
        for name in imscope.engine.__all__
        if inspect.isfunction(f := getattr(imscope.engine, name))
        and any(
            "BlockSource" in str(p.annotation) for p in inspect.signature(f).parameters.values()
        )
    }
    assert found == set(PASSES) | set(NO_PASS)


@pytest.mark.parametrize("name", PASSES)
def test_processes_give_the_digits_of_one_thread(name, sources, workers, monkeypatch):
    function = getattr(imscope.engine, name)
    monkeypatch.setenv("IMSCOPE_THREADS", "1")
    kinds = sources if name in ("compute_qc", "score_markers") else {"h5ad", "rows of a store"}
    for kind in kinds:
        token = execute._EXECUTOR.set(None)
        try:
            want = digits(PASSES[name](sources[kind], function))
            monkeypatch.setenv("IMSCOPE_THREADS", "2")
            assert digits(PASSES[name](sources[kind], function)) == want, f"{kind}, two threads"
        finally:
            execute._EXECUTOR.reset(token)
        before = workers.passes
        assert digits(PASSES[name](sources[kind], function)) == want, f"{kind}, processes"
        assert workers.passes > before, "nothing was sent to the workers"


class Slow:
    """Rows that take a while, made by a formula."""

    n_cells, n_features = 2_000, 1

    def read(self, start, stop):
        time.sleep(0.05)
        rows = np.arange(start, stop)
        return CsrBlock(start, np.arange(len(rows) + 1), rows * 0, rows.astype(np.int32), 1)


def total(block):
    return int(block.data.sum())


def test_a_killed_worker_costs_its_blocks_and_no_digit(workers):
    want = [sum(range(low, low + 50)) for low in range(0, 2_000, 50)]
    pids = list(workers.client.run(os.getpid).values())
    threading.Timer(0.4, lambda: os.kill(pids[0], signal.SIGKILL)).start()
    assert list(map_blocks(Slow(), total, rows=50)) == want
    handshake(workers.client)  # the dead worker's place is filled again or the other goes on


class Locked(Slow):
    def __init__(self):
        self.lock = threading.Lock()


def test_a_source_of_this_process_only_is_refused_by_name(workers):
    with pytest.raises(UsageError, match="cannot be sent to workers") as caught:
        list(map_blocks(Locked(), total, rows=500))
    assert caught.value.code == "E-WORKER-SOURCE"


def refuse(block):
    if block.start >= 1_000:
        raise DataError("a value is wrong", found=f"row {block.start}", code="E-MATRIX-NAN")
    return block.start


def test_an_error_in_a_block_is_the_same_error(workers):
    with pytest.raises(DataError) as caught:
        list(map_blocks(Slow(), refuse, rows=500))
    assert (caught.value.code, caught.value.found) == ("E-MATRIX-NAN", "row 1000")


def test_what_travels_does_not_grow_with_the_cells(tmp_path):
    sizes = []
    for n in (100, 20_000):
        memory = MemoryBlocks.from_csr(sp.csr_array((n, 4), dtype=np.int32))
        write_store(tmp_path / str(n), memory, n_features=4)
        sizes.append(len(pickle.dumps(open_store(tmp_path / str(n)))))
    assert max(sizes) < 1_000
    assert sizes[1] - sizes[0] < 10


def test_a_store_that_was_written_again_is_not_taken_for_the_old_one(tmp_path):
    write_store(tmp_path / "s", MemoryBlocks.from_csr(sp.csr_array([[1, 2]])), n_features=2)
    sent = pickle.dumps(open_store(tmp_path / "s"))
    assert isinstance(pickle.loads(sent), BlockSource)
    write_store(tmp_path / "s", MemoryBlocks.from_csr(sp.csr_array([[1, 0]])), n_features=2)
    with pytest.raises(DataError, match="not the store this pass began with"):
        pickle.loads(sent)


def test_a_file_that_was_written_again_is_not_taken_for_the_old_one(tmp_path):
    path = tmp_path / "dense.h5ad"

    def write(value):
        cells = pd.DataFrame(index=[f"c{k}" for k in range(3)])
        genes = pd.DataFrame(index=NAMES[:4])
        made = anndata.AnnData(np.full((3, 4), value, np.float32), cells, genes)
        made.write_h5ad(tmp_path / "new.h5ad")
        os.replace(tmp_path / "new.h5ad", path)

    write(1)
    with read_counts(path) as opened:
        sent = pickle.dumps(opened.source)
    assert pickle.loads(sent).read(0, 3).data.sum() == 12
    write(2)
    with pytest.raises(DataError, match="not the file this pass began with"):
        pickle.loads(sent)


@pytest.mark.parametrize(
    "name", ["cloud", "local:", "local:0", "local:x", "file:", "file:nowhere.json", "tcp"]
)
def test_a_scheduler_that_is_none_is_refused(name):
    with pytest.raises(UsageError) as caught, use_scheduler(name):
        pass
    assert caught.value.code == "E-WORKER-SCHEDULER"


def test_a_worker_of_another_version_is_named(workers, monkeypatch):
    assert all(answer == versions() for answer in handshake(workers.client).values())
    monkeypatch.setattr("imscope.engine.schedulers.versions", lambda: {"imscope": "0.0.0"})
    monkeypatch.setattr("imscope.engine.schedulers.__version__", "9.9")
    other = type("Client", (), {})()
    other.wait_for_workers = lambda *a, **k: None
    other.run = lambda f, on_error: {"tcp://10.0.0.7:1": {"imscope": "0.1.9"}}
    with pytest.raises(UsageError, match=r"the worker tcp://10\.0\.0\.7:1 has other versions"):
        handshake(other)
