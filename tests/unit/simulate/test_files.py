import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.errors import UsageError
from imscope.simulate import CohortSettings, files, simulate_cohort, write_cohort

TINY = CohortSettings(imsc_lots=1, primary_donors=1, cells=30, genes=1000)


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort(TINY)


def test_files_hold_the_cohort(cohort, tmp_path):
    sheet = write_cohort(cohort, tmp_path / "cohort")
    table = pd.read_csv(sheet)
    assert table["sample"].tolist() == ["iMSC_L1", "MSC_D1"]
    for row in table.itertuples():
        with h5py.File(sheet.parent / row.path) as file:
            m = file["matrix"]
            shape = tuple(m["shape"])
            counts = sp.csc_array((m["data"][:], m["indices"][:], m["indptr"][:]), shape)
            assert m["features/id"][0].startswith(b"ENSG")
            barcodes = m["barcodes"][:].astype(str).tolist()
        made = cohort.samples[row.sample]
        np.testing.assert_array_equal(counts.T.toarray(), made.counts.toarray())
        assert barcodes == made.cells["cell"].tolist()
    truth = pd.read_csv(sheet.parent / "truth" / "samples.tsv", sep="\t")
    np.testing.assert_array_equal(truth["hi2"], cohort.truth["samples"]["hi2"])
    assert (sheet.parent / "README.md").read_text().startswith("# SIMULATED")


def test_same_cohort_same_bytes(cohort, tmp_path):
    for name in ("a", "b"):
        write_cohort(cohort, tmp_path / name)
    for path in sorted((tmp_path / "a").rglob("*.*")):
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == other.read_bytes(), path.name


def test_a_folder_with_files_is_left_alone(cohort, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty") as caught:
        write_cohort(cohort, tmp_path)
    assert caught.value.code == "E-SIMULATE-OUT"
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_half_way_leaves_nothing(cohort, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(files, "_write_10x", fail)
    with pytest.raises(OSError, match="disk full"):
        write_cohort(cohort, tmp_path / "cohort")
    assert list(tmp_path.iterdir()) == []
