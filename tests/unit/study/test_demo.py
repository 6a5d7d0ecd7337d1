import pytest

from imscope.core.errors import UsageError
from imscope.simulate import CohortSettings, settings
from imscope.study import demo


@pytest.fixture
def sheets(monkeypatch):
    """Run the demo's simulation small, and keep the sheets it would run."""
    seen = []

    def small(**knobs):
        return CohortSettings(imsc_lots=1, primary_donors=1, cells=30, genes=1000, **knobs)

    monkeypatch.setattr(settings, "CohortSettings", small)
    monkeypatch.setattr(demo, "run_study", lambda sheet, out, **_: seen.append(sheet))
    return seen


def first_bytes(sheet):
    return (sheet.parent / "counts" / "MSC_D1.h5").read_bytes()


def test_fresh_replaces_the_simulated_data_and_another_seed_does_too(sheets, tmp_path):
    demo.run_demo(tmp_path, seed=1)
    before = sheets[0].stat().st_mtime_ns
    demo.run_demo(tmp_path, seed=1)
    assert sheets[1].stat().st_mtime_ns == before
    data = first_bytes(sheets[0])
    demo.run_demo(tmp_path, seed=1, fresh=True)
    assert sheets[2].stat().st_mtime_ns > before
    assert first_bytes(sheets[2]) == data
    demo.run_demo(tmp_path, seed=2)
    assert first_bytes(sheets[3]) != data


def test_data_that_are_not_simulated_are_never_replaced(sheets, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "samples.csv").write_text("mine")
    with pytest.raises(UsageError, match="not replaced"):
        demo.run_demo(tmp_path, fresh=True)
    assert (tmp_path / "data" / "samples.csv").read_text() == "mine"
    assert not sheets
