"""A run on a disk that is full: exit class 4, the finished run as it was, no stray file."""

import os
import resource
import shutil
import subprocess
import sys

from driving import tables_of


def limited(kilobytes):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, kilobytes << 10))

    return limit


def test_a_full_disk_leaves_a_finished_run_as_it_was(cohort, finished, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    before = tables_of(out)
    done = subprocess.run(
        [sys.executable, "-m", "imscope", "run", str(cohort), "--out", str(out)],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=limited(24),
    )
    assert done.returncode == 4, done.stderr
    assert "code: E-" in done.stderr
    assert "Traceback" not in done.stderr
    assert tables_of(out) == before
    stray = [p.name for p in out.iterdir() if p.name.startswith(".") and p.name != ".steps"]
    assert not stray
