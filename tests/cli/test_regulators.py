"""`imscope regulators` end to end."""

import importlib.util
import json
from pathlib import Path

import pytest

from imscope.cli.main import app

FIELDS = ["axis", "contrast", "regulator", "n_targets", "n_detected", "n_units", "effect", "low",
          "high", "p_value", "q_value", "status"]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = Path(__file__).parents[1] / "unit/analyses/regulators/test_unit_activity.py"
    spec = importlib.util.spec_from_file_location("regulator_cohort", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = tmp_path_factory.mktemp("regulators") / "lots.h5ad"
    module.cohort().write_h5ad(path)
    return path


def test_activity_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["regulators", "activity", str(data), "--groups", "subset", "--unit", "lot"]
    app([*words, "--draws", "200", "--json"], standalone_mode=False)
    shown = capsys.readouterr()
    content = json.loads(shown.out)
    assert list(content["records"][0]) == FIELDS
    assert content["records"][0]["regulator"] == "STAT1"
    assert content["licence"] == "CC BY 4.0"
    assert "licence: CC BY 4.0" in shown.err
