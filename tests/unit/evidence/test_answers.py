import pytest

from imscope.core.errors import MethodError, UsageError
from imscope.evidence.answers import evidence_notes, genes_to_score, show_evidence
from imscope.evidence.epitopes import require_rna_proxy, resolve_term, rna_proxy

GLYCANS = ("Stro-1", "SSEA-3", "SSEA-4", "TRA-1-60", "TRA-1-81", "HNK-1", "CD57", "CD15", "SSEA-1")


@pytest.mark.parametrize(
    ("spellings", "name", "gene"),
    [
        (("cd73", "CD73", "NT5E", "nt5e", "Cd-73"), "CD73", "NT5E"),
        (("CD105", "endoglin", "ENG"), "CD105", "ENG"),
        (("PD-L1", "CD274", "pdl1"), "CD274", "CD274"),
        (("Notch1", "NOTCH1", "Notch 1"), "NOTCH1", "NOTCH1"),
        (("Stro1", "STRO-1", "stro 1"), "Stro-1", None),
        (("HNK1", "cd57", "Leu-7"), "HNK-1", None),
        (("immunomodulation", "Immunomodulation"), "immunomodulation", None),
    ],
)
def test_any_spelling_finds_the_same_term(spellings, name, gene):
    answers = [show_evidence(s) for s in spellings]
    assert {a.term for a in answers} == {name}
    assert {a.rna_proxy for a in answers} == {gene}
    assert len({a.records for a in answers}) == 1


@pytest.mark.parametrize("marker", GLYCANS)
def test_an_epitope_without_gene_is_refused_with_the_reason(marker):
    proxy = rna_proxy(marker)
    assert proxy.gene is None
    assert "RNA" in proxy.reason
    answer = show_evidence(marker)
    assert answer.rna_proxy is None
    assert any("No RNA proxy" in r.public()["note"] for r in answer.records)
    with pytest.raises(MethodError, match="cannot be scored from RNA") as caught:
        require_rna_proxy(marker)
    assert caught.value.code == "E-EVIDENCE-NO-PROXY"


def test_the_gene_of_an_enzyme_or_carrier_stays_a_gene():
    for gene in ("B3GAT1", "FUT4", "PODXL"):
        assert require_rna_proxy(gene) == gene


def test_a_name_of_several_genes_has_no_proxy():
    assert resolve_term("CD32").gene is None
    assert "FCGR2A, FCGR2B, FCGR2C" in rna_proxy("CD32").reason


@pytest.mark.parametrize(
    ("term", "readout", "signs"),
    [
        ("CD105", "chondrogenic capacity", {"up", "none"}),
        ("CD146", "function of marrow stromal cells", {"up", "none"}),
        ("CD106", "overall fitness of the subset", {"up", "down"}),
        ("CD317", "preferred subset", {"up", "down"}),
        ("CD371", "preferred subset", {"up", "none", "down"}),
    ],
)
def test_both_sides_of_a_conflict_are_shown(term, readout, signs):
    answer = show_evidence(term)
    assert answer.conflict
    sides = [r for r in answer.records if r.readout == readout]
    assert {r.direction for r in sides} == signs
    assert all(r.where for r in sides)
    assert sum(len(r.conflicts) > 0 for r in sides) >= 2


def test_no_record_averages_a_conflict_away():
    contract = show_evidence("CD105").content()
    dois = {r["doi"]: r["direction"] for r in contract["records"] if "cartilage" in r["claim"]}
    assert dois["10.3389/fcell.2021.716907"] in {"up", "conflict"}
    assert dois["10.1016/j.joca.2015.11.018"] == "none"


def test_a_term_on_which_sources_agree_is_no_conflict():
    assert not show_evidence("CD166").conflict
    assert not show_evidence("Luo 2020").conflict


def test_the_misprint_is_explained_from_both_sides():
    printed, meant = show_evidence("CD371"), show_evidence("CD317")
    assert printed.rna_proxy == "CLEC12A"
    assert meant.rna_proxy == "BST2"
    for answer in (printed, meant):
        notes = " ".join(r.note for r in answer.records)
        assert "Misprint" in notes
        assert "BST2" in notes
        dois = {r.doi for r in answer.records}
        assert {"10.1016/j.stemcr.2015.05.005", "10.3389/fimmu.2022.903796"} <= dois


def test_an_unknown_term_names_the_nearest():
    with pytest.raises(UsageError, match="CD105") as caught:
        show_evidence("CD1055")
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="no near name"):
        show_evidence("§§§")


@pytest.mark.parametrize("name", ["rohart16", "Rohart 16", "msc_24_gene_panel", "24-gene panel"])
def test_a_placeholder_is_never_scored(name):
    with pytest.raises(MethodError, match="not bundled") as caught:
        genes_to_score(name)
    assert caught.value.code == "E-EVIDENCE-PLACEHOLDER"
    placeholder = [r for r in show_evidence(name).records if r.status == "placeholder"]
    assert len(placeholder) == 1
    assert not placeholder[0].genes
    assert "Placeholder" in placeholder[0].public()["note"]


def test_a_programme_with_a_list_is_scored():
    assert genes_to_score("Mesenchymoangioblast") == ("APLNR", "PDGFRA", "KDR")
    with pytest.raises(UsageError, match="no programme"):
        genes_to_score("nothing of the kind")


def test_a_record_from_memory_says_so():
    record = next(r for r in show_evidence("CD166").records if r.grade == "unchecked")
    assert record.public()["note"].startswith("Source: ")
    assert "Unchecked" in record.public()["note"]


def test_notes_of_a_run_put_conflicts_first_and_skip_the_unknown():
    notes = evidence_notes(["cc_s", "not a term at all", "CD105"])
    assert notes["term"].unique().tolist() == ["CD105", "cc_s"]
    assert notes["conflict"].tolist() == sorted(notes["conflict"], reverse=True)
    assert evidence_notes([]).empty


def test_a_gene_without_a_record_of_its_own_brings_what_names_or_holds_it():
    assert "cd146_preterm" in [r.id for r in show_evidence("NES").records]
    held = show_evidence("RUNX2")
    assert held.rna_proxy == "RUNX2"
    assert [r.id for r in held.records] == ["programme_osteo_priming"]
