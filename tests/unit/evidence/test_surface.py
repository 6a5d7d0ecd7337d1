import csv
import os
from importlib.resources import files
from pathlib import Path

import pytest

from imscope.core.errors import DataError
from imscope.evidence.surface import (
    SURFACE,
    antibody_target,
    marker_notes,
    read_antibodies,
    surface_proteins,
)

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
needs_shared = pytest.mark.skipif(
    not (SHARED / "surface").is_dir(), reason="the shared data are not here (IMSCOPE_SHARED_DATA)"
)


def rows(name):
    with (SHARED / "surface" / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


@pytest.mark.parametrize("gene", ["TFRC", "CD81", "CD99", "CD3E", "PDPN", "ENG", "NT5E", "THY1"])
def test_true_surface_proteins_that_one_list_misses(gene):
    assert surface_proteins()[gene].status in SURFACE


@pytest.mark.parametrize(
    ("gene", "status"),
    [("FUT4", "glycan_epitope"), ("B3GAT1", "glycan_epitope"), ("CD247", "intracellular"),
     ("TRAC", "antigen_receptor_chain"), ("TGFB1", "secreted_or_dual"),
     ("IGLON5", "surface_ms_evidence")],
)  # fmt: skip
def test_kinds_of_targets(gene, status):
    assert surface_proteins()[gene].status == status


def test_a_symbol_in_use_replaces_that_of_the_list():
    assert surface_proteins()["ADGRG1"].in_surfy
    assert "GPR56" not in surface_proteins()


def test_the_bundle_is_small():
    path = files("imscope.evidence") / "data" / "surface.tsv.gz"
    assert len(path.read_bytes()) < 300_000


def test_every_note_is_on_a_known_flag():
    flags = {"conflict", "context", "state", "exclusion", "weak", "glycan", "no_gene"}
    assert {n.flag for n in marker_notes().values()} <= flags
    assert all(n.doi == "" or n.doi.startswith("10.") for n in marker_notes().values())


@pytest.mark.parametrize(
    ("name", "gene"),
    [("CD279 (PD-1)", "PDCD1"), ("HLA_DR", "HLA-DRA"), ("CD8a", "CD8A"), ("CD3.1", "CD3E"),
     ("anti-human CD105", "ENG"), ("CD127_IL7Ra", "IL7R"), ("CD16", "FCGR3A"), ("nonsense", "")],
)  # fmt: skip
def test_spellings(name, gene):
    assert antibody_target(name).gene == gene


def test_table_of_antibodies(tmp_path):
    path = tmp_path / "stock.tsv"
    path.write_text("gene\ttotalseq_A\tbd_abseq\nENG\t1\t1\nCD4\t0\t0\n")
    assert read_antibodies(path) == {"ENG": 2, "CD4": 0}
    path.write_text("gene\tclone\nENG\tx\nENG\ty\n")
    assert read_antibodies(path) == {"ENG": 2}
    path.write_text("symbol\nENG\n")
    with pytest.raises(DataError, match="no column 'gene'") as error:
        read_antibodies(path)
    assert error.value.code == "E-SURFACE-TABLE"


@pytest.mark.shared
@needs_shared
def test_status_agrees_with_the_curated_table():
    known = {r["gene"]: r["surface_status"] for r in rows("antibody_availability.tsv")}
    ours = surface_proteins()
    wanted = [g for g, s in known.items() if s in SURFACE]
    assert len(wanted) > 290
    assert [g for g in wanted if ours[g].status not in SURFACE] == []
    never = [g for g, s in known.items() if s == "mapping_error_or_intracellular"]
    assert [g for g in never if g in ours and ours[g].status in SURFACE] == []


@pytest.mark.shared
@needs_shared
def test_names_of_antibodies():
    table = [r for r in rows("antibody_name_to_gene.tsv") if r["genes_for_name"] == "1"]
    found = [
        (r["antibody_name"], r["gene"], antibody_target(r["antibody_name"]).gene) for r in table
    ]
    right = sum(want == got for _, want, got in found)
    wrong = [x for x in found if x[2] not in ("", x[1])]
    assert right / len(found) > 0.85
    assert len(wrong) / len(found) < 0.02, wrong
