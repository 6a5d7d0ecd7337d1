"""`imscope serve` as a user starts it: one process, one link, and only this machine."""

import http.client
import re
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn", reason="the serve extra is not installed")


@contextmanager
def served(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "imscope", "serve", str(folder), "--port", "0", "--no-browser"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)(/start\?token=\S+)", line)
        assert found, line + process.stderr.read()
        yield int(found[1]), found[2]
    finally:
        process.terminate()
        process.wait(timeout=60)


def ask(port, path, **heads):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    link.request("GET", path, headers=heads)
    answer = link.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def test_the_link_opens_the_app_and_nothing_else_does(tmp_path):
    with served(tmp_path) as (port, start):
        assert ask(port, "/api/runs")[0] == 401
        assert ask(port, "/")[0] == 401
        assert ask(port, "/api/runs", Host="evil.example")[0] == 403
        status, heads, _ = ask(port, start)
        assert status == 303
        cookie = heads["set-cookie"].split(";")[0]
        status, heads, body = ask(port, "/api/runs", Cookie=cookie)
        assert (status, body) == (200, b"[]")
        assert "server" not in heads
        assert b"There is no run in this folder yet" in ask(port, "/", Cookie=cookie)[2]
        with socket.socket() as other:
            other.settimeout(2)
            assert other.connect_ex((_outer(), port)) != 0, "another address answers"


def _outer():
    """An address of this machine that others could use; one that nobody has, if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            found = probe.getsockname()[0]
        except OSError:
            return "192.0.2.1"
    return found if not found.startswith("127.") else "192.0.2.1"


def test_a_port_in_use_and_a_missing_folder_are_one_error(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "imscope", "serve", str(tmp_path), "--port", str(port),
             "--no-browser"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "E-APP-PORT" in done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "imscope", "serve", str(tmp_path / "no"), "--port", "0",
         "--no-browser"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "E-APP-FOLDER" in done.stderr
    assert "Traceback" not in done.stderr
