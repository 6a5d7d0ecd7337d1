import json

import pytest
from typer.testing import CliRunner

from imscope.cli.main import app

RECORD = {
    "id": "my_cd105",
    "terms": ["CD105"],
    "kind": "marker",
    "claim": "In our hands CD105 lowers cartilage.",
    "direction": "down",
    "readout": "chondrogenic capacity",
    "source": "our notebook",
    "grade": "stated",
    "as_of": "2026-01-01",
    "conflicts": ["cd105_chondro_up", "cd105_chondro_none"],
}


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["evidence", *(str(w) for w in words)])


@pytest.mark.parametrize("term", ["CD105", "Stro-1", "rohart16", "CD371", "CD32", "GVHD", "FDA"])
def test_the_json_contract_is_exact(run, term):
    result = run("show", term, "--json")
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    assert list(content) == ["term", "records", "conflict", "rna_proxy"]
    assert isinstance(content["conflict"], bool)
    assert content["rna_proxy"] is None or isinstance(content["rna_proxy"], str)
    keys = ["claim", "direction", "doi", "grade", "as_of", "assay", "species", "note"]
    for record in content["records"]:
        assert list(record) == keys
        assert all(isinstance(v, str) for v in record.values())
        assert record["direction"] in {"up", "down", "none", "conflict"}
        assert record["grade"] in {"stated", "checked", "unchecked", "measured", "own"}


def test_cd105_as_json(run):
    content = json.loads(run("show", "CD105", "--json").stdout)
    assert (content["term"], content["conflict"], content["rna_proxy"]) == ("CD105", True, "ENG")


def test_a_glycan_ends_well_and_says_why(run):
    result = run("show", "TRA-1-60", "--json")
    content = json.loads(result.stdout)
    assert result.exit_code == 0
    assert content["rna_proxy"] is None
    assert "No RNA proxy: a glycan" in content["records"][0]["note"]


def test_words_show_conflict_source_and_grade(run):
    text = run("show", "cd105").stdout
    assert "CONFLICT" in text
    assert "10.1016/j.joca.2015.11.018" in text
    assert "from memory of the field; check it" in text
    assert "RNA proxy: none: Stro-1 is not" in run("show", "stro1").stdout


def test_an_unknown_term_is_wrong_usage(run):
    error = run("show", "CD1055").exception
    assert error.exit_code == 2
    assert "CD105" in str(error)


def test_records_of_a_user_join_the_answer(run, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"records": [RECORD]}), encoding="utf-8")
    content = json.loads(run("show", "ENG", "--add", path, "--json").stdout)
    assert RECORD["claim"] in [r["claim"] for r in content["records"]]
    assert len(content["records"]) == 1 + len(
        json.loads(run("show", "ENG", "--json").stdout)["records"]
    )
    assert run("check", path).exit_code == 0


def test_the_bundled_records_pass(run):
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "0 problems" in result.stderr


def test_a_failed_check_has_its_exit_code_and_one_line_per_problem(run, tmp_path):
    path = tmp_path / "mine.json"
    bad = [{**RECORD, "grade": "sure"}, {**RECORD, "id": "x", "doi": "https://doi.org/10.1/x"}]
    path.write_text(json.dumps({"records": bad}), encoding="utf-8")
    result = run("check", path)
    assert result.exit_code == 3
    assert len(result.stdout.strip().splitlines()) == 2
    listed = json.loads(run("check", path, "--json").stdout)
    assert listed["passed"] is False
    assert [p["record"] for p in listed["problems"]] == ["my_cd105", "x"]


def test_a_file_that_cannot_be_read_is_an_error(run, tmp_path):
    error = run("check", tmp_path / "none.yaml").exception
    assert (error.exit_code, error.code) == (1, "E-EVIDENCE-FILE")
