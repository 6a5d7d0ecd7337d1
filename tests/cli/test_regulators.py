"""`imscope regulators` end to end."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imscope.cli.main import app
from imscope.core.errors import ImscopeError

RUN = CliRunner()

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


RANK = ["regulator", "kind", "family", "posterior", "grade", "effect", "q", "reach_z",
        "screen_z", "n_units", "conflicts", "status"]  # fmt: skip
NEXT = ["rank", "experiment", "regulator", "gain", "cost", "power", "readout", "controls"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "one"
    done = RUN.invoke(app, ["simulate", "regulators", "--out", str(folder), "--json"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["records"][0]["key"] is True
    return folder


def _command(world: Path, *words: str):
    given = ["--groups", "subset", "--unit", "lot", "--network", str(world / "network.tsv")]
    given += ["--programme", str(world / "programme.tsv"), "--screen", str(world / "screen.tsv")]
    return RUN.invoke(app, ["regulators", words[0], str(world / "pools.h5ad"), *given, *words[1:]])


def test_rank_json_and_tables(world: Path, tmp_path: Path) -> None:
    done = _command(world, "rank", "--json", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.stderr
    content = json.loads(done.stdout)
    assert list(content["records"][0]) == RANK
    assert content["records"][0]["grade"] == "causal here"
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "regulator_rank.tsv", "regulator_paths.tsv",
    }  # fmt: skip
    assert done.stderr.count("licence: not stated") == 1


def test_rank_in_words_and_required_grade(world: Path) -> None:
    done = _command(world, "rank", "--require-grade", "causal")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("causal here: changing ")
    shown = [x for x in done.stdout.splitlines() if not x.startswith("causal here")]
    assert not any(re.search(r"\b(master|drives|controls)\b", line) for line in shown)


def test_unmet_grade_exits_three(data: Path) -> None:
    words = ["regulators", "rank", str(data), "--groups", "subset", "--unit", "lot"]
    done = RUN.invoke(app, [*words, "--require-grade", "causal"])
    assert done.exit_code == 3
    assert "no regulator reaches 'causal here'" in done.stderr


def test_next_json(world: Path) -> None:
    done = _command(world, "next", "--budget", "4", "--json")
    assert done.exit_code == 0, done.stderr
    records = json.loads(done.stdout)["records"]
    assert list(records[0]) == NEXT
    assert [r["rank"] for r in records] == [1, 2, 3, 4]


def test_activity_needs_groups_or_axis(data: Path) -> None:
    done = RUN.invoke(app, ["regulators", "activity", str(data)])
    assert isinstance(done.exception, ImscopeError)
    assert done.exception.exit_code == 2
