"""The pages of the evidence base say what its records say."""

import importlib.util
import re
from pathlib import Path

import pytest

from imscope.evidence.files import load_evidence
from imscope.evidence.records import DOI

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "evidence"


def generator():
    path = ROOT / "tools" / "build_evidence_page.py"
    spec = importlib.util.spec_from_file_location("build_evidence_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["records.md", "regulatory.md", "indications.md"])
def test_a_generated_page_is_current(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == generator().PAGES[name](), f"{name} is stale: run tools/build_evidence_page.py"


def test_every_record_is_on_a_page():
    text = "".join(
        (FOLDER / n).read_text(encoding="utf-8") for n in ("records.md", "regulatory.md")
    )
    for record in load_evidence().records:
        shown = f"`{record.id}`" if record.kind != "regulatory" else record.as_of.isoformat()
        assert shown in text, record.id


def test_the_audit_names_records_and_sources_that_exist():
    text = (FOLDER / "audit.md").read_text(encoding="utf-8")
    records = load_evidence().by_id()
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    named = {i for line in rows for i in re.findall(r"`(\w+)`", line.rsplit("|", 2)[1])}
    assert len(named) >= 20
    assert named <= set(records)
    dois = set(re.findall(rf"doi:({DOI}(?:\(\d\d\))?[\w-]*)", text))
    cited = {r.doi for r in records.values()}
    assert dois
    assert {d.split(")")[0] for d in dois} <= {c.split(")")[0] for c in cited}


def test_the_counts_on_the_page_are_those_of_the_records():
    text = (FOLDER / "index.md").read_text(encoding="utf-8")
    base = load_evidence()
    shown = {i for r in base.records for i in r.seed_items}
    assert f"{len(shown)} have records; {len(base.not_representable)} are requests" in text
    assert "Uniformity alone has not bought efficacy" in text
