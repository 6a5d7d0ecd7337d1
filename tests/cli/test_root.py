"""The command alone: help, short help and completion of its names."""

import os
import subprocess
import sys

import pytest


def call(*words, **extra):
    return subprocess.run(
        [sys.executable, "-m", "imscope", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **extra},
    )


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_the_command_alone_prints_help_and_is_no_error(words):
    done = call(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in ("run", "demo", "gates"))


def test_short_help_holds_in_every_group():
    done = call("subsets", "stage", "-h")
    assert done.returncode == 0
    assert "--dose" in done.stdout


def test_an_unknown_command_is_a_usage_error():
    assert call("nosuch").returncode == 2
