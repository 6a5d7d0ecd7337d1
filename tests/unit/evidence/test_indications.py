import pytest

from imscope.core.errors import UsageError
from imscope.evidence.files import load_evidence
from imscope.evidence.gene_sets import load
from imscope.evidence.indications import all_indications, find_indication, indication_panel


@pytest.mark.parametrize(
    "name", ["GVHD", "critical limb ischaemia", "OA", "MI", "wound", "bone", "immunomodulation"]
)
def test_the_indications_asked_for_are_there(name):
    panel = indication_panel(name)
    assert sum(map(abs, panel.values())) == pytest.approx(1)
    assert max(panel.values()) > 0


@pytest.mark.parametrize("indication", all_indications().values(), ids=lambda i: i.name)
def test_programmes_exist_and_have_genes_and_records_exist(indication):
    sets, records = load(), load_evidence().by_id()
    for programme in indication.weights:
        assert sets[programme].genes, programme
    assert set(indication.records) <= set(records)
    assert indication.assays
    assert indication.label == "no clinical validation"


def test_names_and_aliases_are_unique():
    from imscope.evidence.epitopes import spelling

    names = [spelling(n) for i in all_indications().values() for n in (i.name, *i.aliases)]
    assert len(set(names)) == len(names)


def test_a_panel_cannot_be_changed_by_its_reader():
    with pytest.raises(TypeError):
        indication_panel("OA")["ecm_core"] = 1.0


def test_unwanted_programmes_count_against():
    assert indication_panel("OA")["chondro_hypertrophy"] < 0
    assert indication_panel("GVHD")["procoagulant"] < 0
    assert all(
        w < 0 for i in all_indications().values() for p, w in i.weights.items() if "unwanted" in p
    )


def test_an_unknown_indication_names_the_registered_ones():
    with pytest.raises(UsageError, match="immunomodulation") as caught:
        find_indication("headache")
    assert caught.value.code == "E-EVIDENCE-INDICATION"
