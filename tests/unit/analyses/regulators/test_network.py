"""Networks in every form users have them, and the refusals."""

from pathlib import Path

import pytest

from imscope.analyses.regulators.network import bundled_network, read_network
from imscope.core.errors import DataError

FORMS = {
    "own.tsv": "source\ttarget\tweight\nTP53\tCDKN1A\t1\nTP53\tBIRC5\t-1\n",
    "own.csv": "source,target,mor\nTP53,CDKN1A,1\nTP53,BIRC5,-1\n",
    "signor.tsv": "ENTITYA\tENTITYB\tEFFECT\nTP53\tCDKN1A\tup-regulates quantity\n"
    "TP53\tBIRC5\tdown-regulates quantity by repression\n",
    "own.sif": "TP53 activates CDKN1A\nTP53 inhibits BIRC5\n",
    "signs.tsv": "regulator\ttarget\tsign\nTP53\tCDKN1A\t+\nTP53\tBIRC5\t-\n",
}


@pytest.mark.parametrize("name", sorted(FORMS))
def test_forms_agree(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FORMS[name])
    network = read_network(tmp_path / name, licence="CC BY 4.0")
    found = {(r, t): w for r, t, w in network.pairs.itertuples(index=False)}
    assert found == {("TP53", "CDKN1A"): 1.0, ("TP53", "BIRC5"): -1.0}
    assert network.licence == "CC BY 4.0"


def test_gmt_and_unsigned(tmp_path: Path) -> None:
    (tmp_path / "own.gmt").write_text("TP53\tnote\tCDKN1A\tBAX\n")
    assert read_network(tmp_path / "own.gmt").pairs["weight"].tolist() == [1.0, 1.0]
    (tmp_path / "own.tsv").write_text("ENTITYA\tENTITYB\tEFFECT\nTP53\tBAX\tunknown\n")
    assert read_network(tmp_path / "own.tsv").pairs["weight"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a.tsv", "source\ttarget\tweight\nTrp53\tCdkn1a\t1\nMyc\tCcnd1\t1\n", "SPECIES"),
        ("b.tsv", "source\ttarget\tweight\nxx1\txx2\t1\n", "NETWORK"),
        ("c.tsv", "left\tright\nTP53\tBAX\n", "NETWORK"),
        ("d.sif", "TP53 BAX\n", "NETWORK"),
        ("e.gmt", "\n", "NETWORK"),
    ],
)
def test_refusals(tmp_path: Path, name: str, text: str, code: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as caught:
        read_network(tmp_path / name)
    assert caught.value.code == f"E-REGULATORS-{code}"


def test_unknown_sign_is_an_option() -> None:
    off, on = bundled_network(), bundled_network(unknown_sign=1.0)
    assert (off.pairs["weight"] == 0).sum() > 1000
    assert (on.pairs["weight"] == 0).sum() == 0
