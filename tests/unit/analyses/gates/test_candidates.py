from imscope.analyses.gates.candidates import candidate_markers, handling_warning


def by_feature(table):
    return table.set_index("feature")


def test_rna_needs_the_surface_and_proteins_do_not():
    t = by_feature(candidate_markers(["GAPDH", "TFRC"], ["home-made 7", "CD71"]))
    assert t["status"].to_dict() == {
        "GAPDH": "excluded", "TFRC": "allowed", "home-made 7": "allowed", "CD71": "allowed",
    }  # fmt: skip
    assert "not known" in t.loc["home-made 7", "reason"]


def test_sugars_and_splice_forms_only_as_protein():
    t = candidate_markers(["FUT4", "B3GAT1"], ["CD15", "CD57", "CD45RA", "CD45RO"])
    assert t.loc[t["modality"] == "rna", "status"].tolist() == ["excluded"] * 2
    assert t.loc[t["modality"] == "protein", "status"].tolist() == ["allowed"] * 4
    assert t["target"].tolist()[-2:] == ["splice_form"] * 2


def test_a_complex_needs_all_its_chains():
    alone = by_feature(candidate_markers(["ITGAL"]))
    both = by_feature(candidate_markers(["ITGAL", "ITGB2"]))
    assert alone.loc["ITGAL", "status"] == "excluded"
    assert "ITGB2" in alone.loc["ITGAL", "reason"]
    assert set(both["status"]) == {"allowed"}


def test_conflicts_are_flagged_and_exclusion_is_offered():
    t = by_feature(candidate_markers(["ENG", "PTPRC", "PECAM1", "THY1"]))
    assert t["never_alone"].tolist() == [True, False, False, False]
    assert t["always_offered"].tolist() == [False, True, True, False]
    assert t["status"].tolist() == ["flagged", "allowed", "allowed", "flagged"]


def test_antibodies_given_by_the_user(tmp_path):
    stock = tmp_path / "stock.tsv"
    stock.write_text("gene\nENG\n")
    t = by_feature(candidate_markers(["ENG", "TFRC"], ["CD71"], antibodies=stock))
    assert t["status"].tolist() == ["flagged", "excluded", "allowed"]
    assert t["antibodies"].tolist() == [1, 0, 0]
    assert by_feature(candidate_markers(["TFRC"])).loc["TFRC", "antibodies"] == -1


def test_detachment_is_mentioned():
    assert "protease" in by_feature(candidate_markers(["NGFR"])).loc["NGFR", "reason"]
    assert handling_warning("TFRC") == ""


def test_nothing_measured():
    assert len(candidate_markers()) == 0
