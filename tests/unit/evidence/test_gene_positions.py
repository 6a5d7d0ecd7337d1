from importlib.resources import files

import pytest

from imscope.evidence.gene_positions import (
    RECURRENT_ARMS,
    arms_of,
    bands_of,
    chromosome_arms,
    chromosome_ends,
    gene_positions,
)
from imscope.evidence.gene_sets import genes_of


def test_the_table_is_complete_and_small():
    table = gene_positions()
    assert 20_000 < len(table) < 40_000
    assert table["feature_id"].is_unique
    assert (table["start"] < table["end"]).all()
    ends = table["chromosome"].map(chromosome_ends())
    assert (table["end"] <= ends).all()
    assert set(table["strand"]) == {"+", "-"}
    path = files("imscope.evidence") / "data" / "gene_positions.tsv.gz"
    assert len(path.read_bytes()) < 600_000


def test_arms_and_bands_agree():
    table = gene_positions()
    known = table[table["band"] != ""]
    assert len(known) > 0.6 * len(table)
    assert all(b.startswith(a) for a, b in zip(known["arm"], known["band"], strict=True))
    assert set(RECURRENT_ARMS) < set(chromosome_arms())
    assert len(chromosome_arms()) == 44  # the p arms of 13, 14, 15 and 22 hold no named gene


@pytest.mark.parametrize(
    ("gene", "arm"),
    [("TP53", "17p"), ("BRCA1", "17q"), ("NANOG", "12p"), ("MYC", "8q"), ("XIST", "Xq"),
     ("SOX2", "3q"), ("LIN28A", "1p"), ("DNMT3B", "20q")],
)  # fmt: skip
def test_textbook_places(gene, arm):
    assert arms_of([gene]) == [arm]


def test_the_amplicon_lies_in_its_band():
    assert set(bands_of(sorted(genes_of("amplicon_20q11")))) == {"20q11.21"}
