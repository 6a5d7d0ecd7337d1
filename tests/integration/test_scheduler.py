"""The same run on processes of this machine, one of which dies: the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from driving import command, tables_of

pytest.importorskip("distributed", reason="the dask extra is not installed")


def workers_of(process):
    """Worker processes of a run: children of the children, which Dask's nannies start."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child.pid)
        except psutil.Error:  # it ended meanwhile
            continue
    return found


def test_a_run_that_loses_a_worker_gives_the_bytes_of_one_on_threads(cohort, finished, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "imscope", "run", str(cohort), "--out", str(out),
         "--scheduler", "local:2"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    killed = 0
    while process.poll() is None:
        begun = (tmp_path / "out" / "log.jsonl").exists() or any(tmp_path.glob(".out.starting/*"))
        if begun and killed < 2 and (pids := workers_of(process)):
            os.kill(pids[killed % len(pids)], signal.SIGKILL)
            killed += 1
        time.sleep(1)
    assert process.returncode == 0, process.stderr.read()
    assert killed, "the run ended before a worker could be killed"
    assert tables_of(out) == tables_of(finished)


def test_doctor_tries_every_worker(tmp_path):
    done = command("doctor", "--scheduler", "local:2", "--json")
    assert done.returncode == 0, done.stderr
    checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
    for name in ("workers", "paths on workers", "digits on workers", "cost of a task"):
        assert checks[name]["status"] == "ok", checks[name]
    assert checks["workers"]["values"]["n_workers"] == 2


def test_a_scheduler_that_does_not_answer_is_one_error():
    done = command("doctor", "--scheduler", "tcp://127.0.0.1:9", "--json")
    assert done.returncode == 2
    assert "E-WORKER-SCHEDULER" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_scheduler_of_that_name():
    done = command("run", "nowhere.csv", "--out", "x", "--scheduler", "cloud")
    assert done.returncode == 2
    assert "there is no scheduler 'cloud'" in done.stderr
