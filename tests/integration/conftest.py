"""A small simulated cohort, run once; every test that needs a finished run shares it."""

import sys
from pathlib import Path

import pytest

from imscope.simulate import CohortSettings, simulate_cohort, write_cohort

sys.path.insert(0, str(Path(__file__).parent))

from driving import command


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """Sample sheet of two iMSC lots and two donors, with its truth beside it."""
    settings = CohortSettings(
        imsc_lots=3, primary_donors=3, cells=130, genes=1200, depth=3000, seed=11, troubled_lot=0
    )
    return write_cohort(simulate_cohort(settings), tmp_path_factory.mktemp("cohort") / "data")


@pytest.fixture(scope="session")
def finished(cohort, tmp_path_factory):
    """Folder of a finished run on two threads."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = command("run", cohort, "--out", out, "--threads", 2)
    assert done.returncode == 0, done.stderr
    return out
