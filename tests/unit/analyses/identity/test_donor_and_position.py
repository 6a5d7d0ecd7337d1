import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.identity.donor import DONOR_GENES, Y_GENES, check_donors, sex_table
from imscope.analyses.identity.fractions import Groups
from imscope.analyses.identity.hox import hox_table
from imscope.analyses.identity.isct import check_isct
from imscope.analyses.identity.rates import presence
from imscope.core.blocks import MemoryBlocks
from imscope.engine.panel_counts import PanelCounts, read_panel
from imscope.evidence.gene_sets import load
from imscope.io.raw import Modality

HOX = load()["hox_position"].genes


def bulk(rows, symbols, total=2e6):
    """One pseudobulk per row; counts per gene as given."""
    counts = sp.csc_array(np.array(rows, dtype=float))
    n = len(rows)
    groups = Groups(
        [f"s{k}" for k in range(n)], np.arange(n), np.array([f"s{k}" for k in range(n)])
    )
    return PanelCounts(tuple(symbols), counts, np.full(n, total)), groups


@pytest.mark.parametrize(
    ("y", "xist", "call"),
    [(600, 0, "male"), (0, 300, "female"), (0, 0, "no Y"), (400, 150, "mixed"),
     (45, 0, "not estimable")],
)  # fmt: skip
def test_sex_of_the_donor(y, xist, call):
    genes = [*Y_GENES, "XIST"]
    panel, groups = bulk([[y, *[0] * 8, xist]], genes)
    row = sex_table(panel, groups, sheet=pd.Series(["F"])).iloc[0]
    assert row["call"] == call
    said = {"male": "contradicts", "mixed": "contradicts", "not estimable": "not compared"}
    assert row["agreement"] == said.get(call, "agrees")


def test_a_lost_y_is_named_beside_a_swap():
    panel, groups = bulk([[0] * 10], [*Y_GENES, "XIST"])
    row = sex_table(panel, groups, sheet=pd.Series(["male"])).iloc[0]
    assert row["agreement"] == "contradicts"
    assert "lost Y" in row["reason"]


def donors(rows, donor, kind=None):
    symbols = [*Y_GENES, "GSTM1", "ERAP2"]
    panel, groups = bulk(rows, symbols)
    return check_donors(
        panel,
        groups,
        donor=pd.Series(donor),
        kind=None if kind is None else pd.Series(kind),
    )


MALE, FEMALE = [600, *[0] * 8], [0] * 9


def test_one_donor_cannot_have_and_lack_a_gene():
    rows = [[*MALE, 100, 80], [*MALE, 0, 90], [*FEMALE, 0, 90]]
    table = donors(rows, ["d1", "d1", "d2"]).set_index(["first", "second"])
    assert table.loc[("s0", "s1"), "verdict"] == "contradicts"
    assert table.loc[("s0", "s1"), "genes"] == "GSTM1"
    assert table.loc[("s0", "s2"), "genes"] == "Y genes, GSTM1"
    assert table.loc[("s0", "s2"), "verdict"] == "agrees"


def test_silence_in_another_kind_of_cell_is_no_difference():
    rows = [[*MALE, 100, 80], [*MALE, 0, 90]]
    row = donors(rows, ["d1", "d1"], ["iPSC", "iMSC"]).iloc[0]
    assert (row["verdict"], row["n_compared"]) == ("agrees", 1)
    assert "one donor is not shown" in row["reason"]


def test_presence_is_decided_by_the_poisson_interval():
    total = np.array([1e6])
    got = [int(presence(np.array([[float(k)]]), total, limit=5.0)[0, 0]) for k in range(14)]
    # by the exact interval: 0 of 3.69 expected at most, 12 reaches down to 6.2
    assert got == [0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 1, 1]


def test_the_position_code_finds_the_same_site():
    arm = [50.0 if g.startswith(("HOXA", "HOXD")) else 0.0 for g in HOX]
    leg = [50.0 if g.startswith("HOXC") or g == "HOXA10" else 0.0 for g in HOX]
    panel, groups = bulk([arm, leg, arm, [0.0] * len(HOX)], HOX)
    table = hox_table(panel, groups).set_index("group")
    assert table.loc["s0", "nearest"] == "s2"
    assert table.loc["s0", "similarity"] == 1
    assert table.loc["s3", "n_present"] == 0
    assert table.loc["s3", "status"] == "ok"
    assert len(table.loc["s0", "code"]) == len(HOX) == 39


def test_a_shallow_code_is_refused():
    panel, groups = bulk([[0.0] * len(HOX)], HOX, total=1e5)
    assert hox_table(panel, groups)["reason"].iloc[0].startswith("0 of 39")


def surface(n=400, spoiled=0):
    rng = np.random.default_rng(0)
    symbols = ["NT5E", "THY1", "ENG", "PTPRC", "CD34", "CD14", "ITGAM", "CD79A", "CD19", "HLA-DRA"]
    counts = np.hstack([rng.poisson(30, (n, 3)), np.zeros((n, 7), dtype=int)])
    panel = PanelCounts(tuple(symbols), sp.csc_array(counts.astype(float)), np.full(n, 2e4))
    names = ["CD73", "CD90_TotalSeqB", "CD105", "CD45", "Isotype_IgG1"]
    protein = rng.poisson([80, 90, 70, 1, 1], (n, 5))
    protein[:spoiled, 0] = 0
    features = pd.DataFrame({"feature_id": names, "symbol": names})
    groups = Groups(["a"], np.zeros(n, dtype=np.int64), np.full(n, "a", dtype=object))
    return panel, groups, Modality(features, sp.csr_array(protein))


def test_protein_overrides_rna():
    panel, groups, protein = surface(spoiled=60)
    rna = check_isct(panel, groups).set_index("antigen")
    assert set(rna["source"]) == {"RNA surrogate"}
    assert rna.loc["CD73", "verdict"] == "consistent"
    both = check_isct(panel, groups, protein=protein).set_index("antigen")
    assert both.loc["CD73", ["source", "verdict"]].tolist() == ["protein", "fails"]
    assert both.loc["CD90", ["source", "verdict"]].tolist() == ["protein", "meets"]
    assert both.loc["CD34", "source"] == "RNA surrogate"


def test_a_protein_without_isotype_is_not_judged_unless_a_cutoff_is_given():
    panel, groups, protein = surface()
    bare = Modality(protein.features.iloc[:4], protein.counts[:, :4])
    table = check_isct(panel, groups, protein=bare).set_index("antigen")
    assert table.loc["CD73", "verdict"] == "not estimable"
    assert "isotype" in table.loc["CD73", "reason"]
    given = check_isct(panel, groups, protein=bare, cutoffs={"CD73": 10.0}).set_index("antigen")
    assert given.loc["CD73", "verdict"] == "meets"


def test_rna_too_thin_for_the_rule_is_refused():
    panel, groups, _ = surface()
    thin = np.random.default_rng(1).binomial(panel.counts.toarray().astype(int), 0.02)
    table = check_isct(PanelCounts(panel.symbols, sp.csc_array(thin * 1.0), panel.depth), groups)
    row = table.set_index("antigen").loc["CD73"]
    assert row["verdict"] == "not estimable"
    assert "would show a count" in row["reason"]


def test_share_has_the_wilson_interval():
    from statsmodels.stats.proportion import proportion_confint

    from imscope.stats.shares import share_over_units

    called = np.arange(60) < 9
    got = share_over_units(called, np.full(60, "a", dtype=object))
    np.testing.assert_allclose((got.low, got.high), proportion_confint(9, 60, method="wilson"))


def test_counts_of_some_genes_are_those_of_the_matrix():
    rng = np.random.default_rng(2)
    dense = rng.poisson(1, (11_000, 20))
    names = [*DONOR_GENES, "A", "B", "C", "D"][:20]
    features = pd.DataFrame({"feature_id": names, "symbol": names})
    panel = read_panel(
        MemoryBlocks.from_csr(sp.csr_array(dense)), features, ["A", "XIST", "nowhere"], threads=2
    )
    np.testing.assert_array_equal(panel.of(["XIST", "A"])[:, 0], dense[:, names.index("XIST")])
    np.testing.assert_array_equal(panel.depth, dense.sum(axis=1))
    assert panel.found(["A", "XIST", "nowhere"]) == ["A", "XIST"]
