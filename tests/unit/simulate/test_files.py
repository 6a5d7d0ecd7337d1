from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.errors import UsageError
from imscope.simulate import CohortSettings, files, remove_cohort, simulate_cohort, write_cohort

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


def test_unfiltered_files_hold_the_cells_and_the_empty_droplets(cohort, tmp_path):
    sheet = write_cohort(cohort, tmp_path / "cohort")
    for row in pd.read_csv(sheet).itertuples():
        made = cohort.samples[row.sample]
        with h5py.File(sheet.parent / row.raw_path) as file:
            m = file["matrix"]
            counts = sp.csc_array((m["data"][:], m["indices"][:], m["indptr"][:]), m["shape"][:])
            barcodes = m["barcodes"][:].astype(str)
        assert len(set(barcodes)) == len(made.cells) + TINY.empty_droplets
        place = pd.Series(np.arange(len(barcodes)), index=barcodes)
        at = place.loc[made.cells["cell"]].to_numpy()
        np.testing.assert_array_equal(counts.T.toarray()[at], made.counts.toarray())
        empty = np.delete(counts.sum(axis=0), at)
        assert empty.min() >= 5
        assert empty.max() <= 80


def test_empty_droplets_can_be_left_out(tmp_path):
    made = simulate_cohort(replace(TINY, empty_droplets=0))
    sheet = write_cohort(made, tmp_path / "cohort")
    assert "raw_path" not in pd.read_csv(sheet)
    assert not (sheet.parent / "raw").exists()


def test_only_a_simulated_cohort_is_removed(cohort, tmp_path):
    folder = tmp_path / "cohort"
    remove_cohort(folder)
    write_cohort(cohort, folder)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="mine.txt"):
        remove_cohort(folder)
    assert (folder / "samples.csv").exists()
    (folder / "mine.txt").unlink()
    remove_cohort(folder)
    assert not folder.exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "README.md").write_text("# Mine")
    with pytest.raises(UsageError, match="not replaced"):
        remove_cohort(other)
    assert (other / "README.md").read_text() == "# Mine"
