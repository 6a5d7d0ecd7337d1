import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.evidence.epitopes import epitopes, resolve_term, rna_proxy, spelling

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("IMSCOPE_SHARED_DATA", ROOT.parent / "shared" / "data"))
PANEL = DATA.parent / "spec" / "surface_panel.tsv"
NAMES = [(name, row) for row in epitopes() for name in row.names]


def test_a_spelling_leads_to_one_row_only():
    found = [spelling(name) for name, _ in NAMES]
    assert len(found) == len(set(found))
    assert all(found)


@given(st.sampled_from(NAMES), st.randoms(use_true_random=False))
def test_case_and_signs_never_matter(pair, random):
    name, row = pair
    signs = random.choice(["", " ", "-", "_", "."])
    damaged = signs.join(random.choice([c.lower(), c.upper()]) for c in name if c.isalnum())
    if any(c.upper() != c.lower().upper() for c in name):  # such as the Greek final sigma
        return
    assert rna_proxy(damaged).gene == (row.genes[0] if len(row.genes) == 1 else None)


@pytest.mark.parametrize(
    ("name", "gene"),
    [
        ("CD73", "NT5E"), ("CD90", "THY1"), ("CD106", "VCAM1"), ("CD146", "MCAM"),
        ("CD271", "NGFR"), ("CD317", "BST2"), ("CD371", "CLEC12A"), ("CD142", "F3"),
        ("CD140a", "PDGFRA"), ("CD309", "KDR"), ("NG2", "CSPG4"), ("HLA-DR", "HLA-DRA"),
        ("CD273", "PDCD1LG2"), ("CD44", "CD44"), ("CD97", "ADGRE5"),
    ],
)  # fmt: skip
def test_the_textbook_pairs(name, gene):
    assert resolve_term(name).gene == gene


def test_no_glycan_slips_into_the_map_of_genes():
    names = {spelling(name) for name, _ in NAMES}
    refused = {
        "CD15",
        "CD57",
        "SSEA1",
        "SSEA3",
        "SSEA4",
        "HNK1",
        "STRO1",
        "GD2",
        "TRA160",
        "TRA181",
    }
    assert not names & refused


@pytest.mark.shared
@pytest.mark.skipif(not PANEL.exists(), reason="the shared tables are not here")
def test_the_bundled_map_is_what_the_tool_makes():
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools" / "build_epitope_map.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    surface = DATA / "surface"
    text = tool.build_map(
        surface / "cd_molecules.tsv", surface / "antibody_name_to_gene.tsv", PANEL
    )
    assert tool.OUT.read_text(encoding="utf-8") == text
