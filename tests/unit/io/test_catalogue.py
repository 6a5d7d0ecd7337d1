import hashlib
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from imscope.core.errors import DataError, UsageError
from imscope.io.catalogue import Dataset, find_dataset, get_dataset, read_catalogue

CONTENT = bytes(i * 7 % 251 for i in range(300_000))


@contextmanager
def serve(*, cut_after=None, ranges=True, status=200):
    """A server on this machine that can cut the connection; yields address and requests seen."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wish = self.headers.get("Range")
            seen.append(wish)
            if status != 200:
                self.send_error(status)
                return
            start = int(wish.removeprefix("bytes=").rstrip("-")) if wish and ranges else 0
            body = CONTENT[start:]
            if not body:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut = cut_after if cut_after is not None and len(seen) == 1 else None
            self.wfile.write(body[:cut])

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/set.h5ad", seen
    finally:
        server.shutdown()
        server.server_close()


def entry(url, **changes):
    base = Dataset(
        name="toy", title="t", year=2026, doi="", accession="none", cell_source="none",
        n_cells="1", design="d", platform="p", licence="CC0", can_test=("x",),
        url=url, sha256=hashlib.sha256(CONTENT).hexdigest(), n_bytes=len(CONTENT),
    )  # fmt: skip
    return replace(base, **changes)


def test_a_file_arrives_whole(tmp_path):
    with serve() as (url, seen):
        path = get_dataset(entry(url), tmp_path / "new")
        assert get_dataset(entry(url), tmp_path / "new") == path
    assert path.read_bytes() == CONTENT
    assert seen == [None]
    assert [p.name for p in path.parent.iterdir()] == ["set.h5ad"]


def test_a_cut_download_goes_on_where_it_stopped(tmp_path):
    with serve(cut_after=100_000) as (url, seen):
        with pytest.raises(DataError, match="could not be downloaded") as caught:
            get_dataset(entry(url), tmp_path)
        assert caught.value.code == "E-DATA-OFFLINE"
        assert (tmp_path / "set.h5ad.part").stat().st_size == 100_000
        assert not (tmp_path / "set.h5ad").exists()
        assert get_dataset(entry(url), tmp_path).read_bytes() == CONTENT
    assert seen == [None, "bytes=100000-"]
    assert not (tmp_path / "set.h5ad.part").exists()


def test_a_server_without_ranges_sends_all_again(tmp_path):
    (tmp_path / "set.h5ad.part").write_bytes(b"old" * 10)
    with serve(ranges=False) as (url, _):
        assert get_dataset(entry(url), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("n_bytes", [len(CONTENT), None])
def test_a_complete_part_only_needs_its_checksum(tmp_path, n_bytes):
    (tmp_path / "set.h5ad.part").write_bytes(CONTENT)
    with serve() as (url, seen):
        path = get_dataset(entry(url, n_bytes=n_bytes), tmp_path)
    assert path.read_bytes() == CONTENT
    assert len(seen) == (0 if n_bytes else 1)


def test_a_wrong_checksum_is_refused_and_removed(tmp_path):
    with serve() as (url, _), pytest.raises(DataError, match="checksum differs") as caught:
        get_dataset(entry(url, sha256="0" * 64), tmp_path)
    assert caught.value.code == "E-DATA-CHECKSUM"
    assert list(tmp_path.iterdir()) == []


def test_a_users_file_with_another_checksum_is_not_removed(tmp_path):
    (tmp_path / "set.h5ad").write_bytes(b"mine")
    with pytest.raises(DataError, match="checksum differs"):
        get_dataset(entry("http://127.0.0.1:9/set.h5ad"), tmp_path)
    assert (tmp_path / "set.h5ad").read_bytes() == b"mine"


def test_a_missing_file_names_the_answer(tmp_path):
    with serve(status=404) as (url, _), pytest.raises(DataError, match="HTTP 404") as caught:
        get_dataset(entry(url), tmp_path)
    assert caught.value.code == "E-DATA-SERVER"
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_said_plainly(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="no connection") as caught:
        get_dataset(entry(f"http://127.0.0.1:{port}/set.h5ad"), tmp_path)
    assert caught.value.code == "E-DATA-OFFLINE"


@pytest.mark.parametrize(
    "changes", [{"url": "file:///etc/passwd"}, {"filename": "../x"}, {"url": "http://h/"}]
)
def test_an_entry_cannot_leave_the_folder_or_the_web(tmp_path, changes):
    with pytest.raises(DataError, match="does not name a file"):
        get_dataset(entry(**{"url": "http://127.0.0.1:9/a", **changes}), tmp_path)


def test_bundled_entries_are_complete_or_list_only():
    datasets = read_catalogue()
    assert len({d.name for d in datasets}) == len(datasets) >= 15
    for d in datasets:
        assert d.can_test
        assert d.licence
        assert bool(d.url) == bool(d.sha256)
        if not d.can_get:
            with pytest.raises(UsageError, match="no direct address"):
                get_dataset(d, "unused")


def test_unknown_names_and_broken_catalogues(tmp_path):
    with pytest.raises(UsageError, match="no data set 'nothing'"):
        find_dataset("nothing", read_catalogue())
    for text in ("{", "{}", json.dumps({"datasets": [{"name": "x", "can_test": []}]})):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(DataError, match="not a catalogue"):
            read_catalogue(tmp_path / "c.json")
