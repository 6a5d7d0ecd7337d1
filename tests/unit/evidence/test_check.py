import datetime as dt
import json
import re

import jsonschema
import pytest

from imscope.core.errors import DataError
from imscope.evidence.check import check_evidence
from imscope.evidence.files import bundled_files, load_evidence, read_content
from imscope.evidence.records import evidence_file_schema
from imscope.io.genes import gene_table

TODAY = dt.date(2026, 12, 31)
GOOD = {
    "id": "lab_a",
    "terms": ["CD999lab"],
    "kind": "marker",
    "claim": "A marker of ours goes with growth.",
    "direction": "up",
    "readout": "growth",
    "doi": "10.1000/abc.1",
    "assay": "flow cytometry",
    "grade": "stated",
    "as_of": "2026-01-31",
    "genes": ["ENG"],
}
OTHER = {**GOOD, "id": "lab_b", "direction": "down", "conflicts": ["lab_a"]}


def checked(tmp_path, *records, **more):
    path = tmp_path / "lab.json"
    path.write_text(json.dumps({"records": list(records), **more}), encoding="utf-8")
    return check_evidence(path, today=TODAY)


def test_the_bundled_records_have_no_problem():
    found = check_evidence(today=TODAY)
    assert [p.line() for p in found.problems] == []
    assert found.n_records == len(load_evidence().records)


def test_good_records_of_a_user_pass(tmp_path):
    a = {**GOOD, "conflicts": ["lab_b"]}
    assert checked(tmp_path, a, OTHER).problems == ()


DAMAGES = {
    "id twice": ([GOOD, GOOD], "used 2 times"),
    "id of a bundled record": ([{**GOOD, "id": "cd105_identity"}], "used 2 times"),
    "id with a space": ([{**GOOD, "id": "Lab A"}], "id: string should match"),
    "DOI with address": ([{**GOOD, "doi": "https://doi.org/10.1000/abc"}], "neither a bare DOI"),
    "DOI without suffix": ([{**GOOD, "doi": "10.1000/"}], "neither a bare DOI"),
    "DOI with space": ([{**GOOD, "doi": "10.1000/ab c"}], "neither a bare DOI"),
    "DOI with a trailing full stop": ([{**GOOD, "doi": "10.1000/abc."}], "neither a bare DOI"),
    "PMID of letters": ([{**GOOD, "doi": "PMID:abc"}], "neither a bare DOI"),
    "no source": ([{**GOOD, "doi": ""}], "only grade own may do without"),
    "unknown grade": ([{**GOOD, "grade": "proven"}], "grade: input should be"),
    "unknown direction": ([{**GOOD, "direction": "sideways"}], "direction: input should be"),
    "unknown kind": ([{**GOOD, "kind": "rumour"}], "kind: input should be"),
    "no such day": ([{**GOOD, "as_of": "2026-02-30"}], "as_of: "),
    "day in the future": ([{**GOOD, "as_of": "2027-01-01"}], "lies in the future"),
    "empty claim": ([{**GOOD, "claim": "  "}], "claim: string should have at least 1"),
    "no terms": ([{**GOOD, "terms": []}], "terms: tuple should have at least 1"),
    "term of signs": ([{**GOOD, "terms": ["--"]}], "neither a letter nor a digit"),
    "missing claim": ([{k: v for k, v in GOOD.items() if k != "claim"}], "claim is missing"),
    "misspelt key": ([{**GOOD, "spcies": "mouse"}], "did you mean 'species'"),
    "conflict with itself": ([{**GOOD, "conflicts": ["lab_a"]}], "contradicts itself"),
    "conflict with no record": ([{**GOOD, "conflicts": ["lab_z"]}], "which is no record"),
    "one-sided conflict": ([GOOD, OTHER], "does not name it in turn"),
    "conflict not declared": (
        [GOOD, {**OTHER, "conflicts": []}],
        "neither names the other under conflicts",
    ),
    "conflict with bundled, not declared, other spelling": (
        [{**GOOD, "terms": ["endoglin"], "readout": "Chondrogenic capacity"}],
        "'cd105_chondro_none' says none",
    ),
    "item out of range": ([{**GOOD, "seed_items": [59]}], "seed_items.0: "),
    "gene for a glycan": ([{**GOOD, "terms": ["SSEA4"]}], "has no RNA proxy"),
    "placeholder with genes": ([{**GOOD, "status": "placeholder"}], "may not list genes"),
    "placeholder for a set with genes": (
        [{**GOOD, "terms": ["cc_s"], "genes": [], "status": "placeholder"}],
        "the gene set cc_s has genes",
    ),
    "value without unit": ([{**GOOD, "kind": "dose", "value": 3}], "has no unit"),
    "value that is no number": ([{**GOOD, "value": "many"}], "value: "),
    "record that is a text": (["CD105 is good"], "valid dictionary"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_seeded_damage_is_caught(tmp_path, name):
    records, words = DAMAGES[name]
    found = checked(tmp_path, *records)
    assert not found.passed
    errors = [p.line() for p in found.problems if p.level == "error"]
    assert len(errors) == 1, errors
    assert words.lower() in errors[0].lower()
    assert errors[0].startswith("lab.json: ")


def test_an_unknown_symbol_is_flagged_and_does_not_fail(tmp_path):
    found = checked(tmp_path, {**GOOD, "genes": ["VCAM2"]})
    assert found.passed
    assert [p.level for p in found.problems] == ["warning"]
    assert "did you mean VCAM1?" in found.problems[0].message


def test_an_unknown_key_of_the_file_is_an_error(tmp_path):
    assert "unknown key 'recrods'" in checked(tmp_path, GOOD, recrods=[]).problems[0].line()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "records: [unclosed"),
        ("a.json", "{"),
        ("a.yaml", "- just\n- a list\n"),
        ("a.yaml", "records: many\n"),
        ("a.txt", "records: []\n"),
        ("a.yaml", "records: !!python/object/apply:os.getcwd []\n"),
    ],
)
def test_a_file_that_is_no_evidence_is_refused(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    if "!!python" in text:  # read as plain text, never as an object
        assert check_evidence(path, today=TODAY).n_records == 0
        return
    with pytest.raises(DataError) as caught:
        check_evidence(path, today=TODAY)
    assert caught.value.code == "E-EVIDENCE-FILE"


def test_yaml_and_json_read_alike(tmp_path):
    import yaml

    path = tmp_path / "lab.yaml"
    path.write_text(yaml.safe_dump({"records": [GOOD]}), encoding="utf-8")
    assert check_evidence(path, today=TODAY).problems == ()
    from_yaml = load_evidence(path).by_id()["lab_a"]
    other = tmp_path / "lab.json"
    other.write_text(json.dumps({"records": [GOOD]}), encoding="utf-8")
    assert load_evidence(other).by_id()["lab_a"] == from_yaml


def test_a_users_contradiction_is_seen_from_the_bundled_side(tmp_path):
    path = tmp_path / "lab.json"
    record = {**GOOD, "terms": ["CD166"], "conflicts": ["cd166_weak"]}
    path.write_text(json.dumps({"records": [record]}), encoding="utf-8")
    assert load_evidence(path).by_id()["cd166_weak"].conflicts == ("lab_a",)
    assert load_evidence().by_id()["cd166_weak"].conflicts == ()


def test_loading_refuses_broken_and_doubled_records(tmp_path):
    path = tmp_path / "lab.json"
    for record in ({**GOOD, "grade": "sure"}, {**GOOD, "id": "cd105_identity"}):
        path.write_text(json.dumps({"records": [record]}), encoding="utf-8")
        with pytest.raises(DataError) as caught:
            load_evidence(path)
        assert caught.value.code == "E-EVIDENCE-RECORD"


def test_the_published_schema_accepts_the_bundled_files_and_refuses_damage():
    schema = evidence_file_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    plain = [json.loads(r.model_dump_json()) for r in load_evidence().records]
    jsonschema.validate({"records": plain}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"records": [{**GOOD, "grade": "proven"}]}, schema)


def test_all_58_items_have_a_record_or_a_reason():
    base = load_evidence()
    shown = {i for r in base.records for i in r.seed_items}
    excused = {u.item for u in base.not_representable}
    assert shown | excused == set(range(1, 59))
    assert not shown & excused
    assert all(u.reason for u in base.not_representable)
    own_words = [r for r in base.records if r.doi == "10.3389/fcell.2021.716907"]
    assert len({i for r in own_words for i in r.seed_items}) >= 30


def test_every_file_holds_one_kind():
    kinds = {f.name: {r["kind"] for r in read_content(f)["records"]} for f in bundled_files()}
    assert len(kinds) == 11
    assert kinds.pop("products_trials.yaml") == {"product", "trial"}
    assert all(len(k) == 1 for k in kinds.values())


def test_genes_of_records_and_epitopes_are_current_symbols():
    from imscope.evidence.epitopes import epitopes

    symbols = set(gene_table()["symbol"])
    named = {g for r in load_evidence().records for g in r.genes}
    assert named <= symbols, named - symbols
    rows = {g for e in epitopes() for g in e.genes}
    assert len(rows - symbols) <= 25, sorted(rows - symbols)


def test_dates_and_sources_are_there():
    for record in load_evidence().records:
        assert record.as_of <= TODAY
        assert record.where or record.grade == "own", record.id
        assert not re.search(r"\[[svmx]\]", record.claim + record.note)
