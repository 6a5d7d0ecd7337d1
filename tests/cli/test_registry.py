import json

import pytest
from typer.testing import CliRunner

from imscope.cli.main import app
from imscope.core.errors import ImscopeError
from imscope.registry import keys
from imscope.registry.record import Registry

BAD = {
    "result": [
        "",
        "lot\nL1\n",
        "lot,attribute,method,value\nL9,x,m,1\n",
        "lot,attribute,method,value\nL1,x,m,\n",
        "lot,attribute,method,value,colour\nL1,x,m,1,red\n",
        "lot,attribute,method,value,status\nL1,x,m,1,best\n",
        "lot,attribute,method,value,relation\nL1,x,m,1,~\n",
        "\x00\x01",
        "lot,attribute,method,value\nL1,,m,1\n",
        "lot,attribute,method,value,supersedes\nL1,x,m,1,R9\n",
        f"lot,attribute,method,value\nL1,x,m,{'9' * 600}\n",
        "lot,attribute,method,value\nL1,x,m,1\nL1,x,m\nL1,x,m,2,3,4,5\n",
    ],
    "spec": [
        "",
        "[]",
        "criteria: 5",
        "criteria: []",
        "{",
        "criteria: [{attribute: x}]",
        "a: &a [*a]",
        "criteria: [{attribute: x, method: m, kind: odd}]",
        "criteria: [{attribute: x, method: m, kind: range, low: '9', high: '1'}]",
        "criteria: [{attribute: x, method: m, kind: at least, low: high}]",
    ],
    "plan": [
        "",
        "5",
        "question: x",
        "question: x\nchange: y\nattributes: []",
        "a: [",
        "attributes: {a: 1}",
    ],
}
CASES = [(kind, k, text) for kind, texts in BAD.items() for k, text in enumerate(texts)]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "_MEMORY_KIB", 64)
    (tmp_path / "pass").write_text("correct horse\n")
    monkeypatch.setenv("IMSCOPE_PASSPHRASE_FILE", str(tmp_path / "pass"))
    monkeypatch.chdir(tmp_path)
    run("registry", "init", "registry", "--person", "ada", "--name", "Ada", "--solo")
    run("registry", "add", "lot", "L1", "product=iMSC")
    return tmp_path


def run(*words):
    done = CliRunner().invoke(app, list(words))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.mark.parametrize(("kind", "number", "text"), CASES)
def test_malformed_input_has_a_code_and_changes_nothing(home, kind, number, text):
    path = home / ("x.csv" if kind == "result" else "x.yaml")
    path.write_text(text)
    before = Registry(home / "registry").head()
    words = {
        "result": ["result", "x.csv"],
        "spec": ["spec", "S1", "x.yaml"],
        "plan": ["plan", "x.yaml", "--code", "P1"],
    }[kind]
    with pytest.raises(ImscopeError) as error:
        run("release", *words)
    assert error.value.code
    assert Registry(home / "registry").head() == before


def test_verify_says_three_things_and_exits_by_them(home):
    found = run("registry", "verify", "--json")
    assert found.exit_code == 0
    content = json.loads(found.stdout)
    names = [
        "integrity",
        "completeness",
        "order",
        "events",
        "head",
        "anchors",
        "unanchored",
        "first_bad",
    ]
    assert list(content) == names
    (home / "registry" / "store" / "ab").mkdir()
    assert run("registry", "verify").exit_code == 0


def test_json_of_chart_and_edit_has_the_fields_of_the_contract(home):
    (home / "t.csv").write_text(
        "lot,order,value\n" + "".join(f"L{i},{i},{5 + i % 3}\n" for i in range(12))
    )
    done = run(
        "release",
        "chart",
        "x",
        "--table",
        "t.csv",
        "--baseline",
        ",".join(f"L{i}" for i in range(10)),
        "--json",
    )
    content = json.loads(done.stdout)
    assert {"attribute", "group", "key", "phases", "points", "status"} <= set(content)
    assert list(content["phases"][0]) == [
        "baseline",
        "m",
        "centre",
        "sd",
        "limit",
        "kind",
        "arl",
        "arl_worst_tenth",
        "false_alarm_10",
    ]
    (home / "c.tsv").write_text("clone\tsite\tref\talt\tother\nc1\tedit\t20\t22\t0\n")
    record = json.loads(run("clones", "edit", "c.tsv", "--locus", "LMNA_R527C", "--json").stdout)[
        "records"
    ][0]
    assert record["verdict"] == "EDIT SEEN (heterozygous)"
    assert len(record["deciding_tests"]) == 6
