import numpy as np

from imscope.analyses.heterogeneity import (
    HeterogeneitySettings,
    gene_table,
    index_table,
    programme_table,
    relative_table,
)
from imscope.evidence.gene_sets import load


def lines(sim, seed=0, **columns):
    rng = np.random.default_rng(seed)
    p = sim.profile(rng)
    counts = np.vstack([sim.draw(rng, sim.vary(rng, p, 60, sd), 4_000) for sd in (0.2, 0.4)])
    cells = {"sample": np.repeat(["ref", "lot"], 60), "platform": "v3", **columns}
    return counts, cells


def test_terms_of_the_genes_add_up_and_are_the_textbook(sim):
    counts, cells = lines(sim)
    h = sim.cohort(counts, cells)
    table = gene_table(h, "sample", top=None)
    index = index_table(h, "sample").set_index("group")["hi2"]
    for name, rows in table.groupby("group"):
        np.testing.assert_allclose(rows["hi2"].sum(), index[name], rtol=1e-9)
        np.testing.assert_allclose(rows["share_so_far"].iloc[-1], 1)
        assert (rows["hi2"].diff().dropna() <= 0).all()
    best = table[table["group"] == "lot"].iloc[0]
    gene = int(best["symbol"].removeprefix("GENE"))
    x = counts[60:]
    n = x.sum(1)
    y = x[:, gene] / n
    want = (y.var(ddof=1) - (y * (1 - y) / (n - 1)).mean()) / h.universes[0].reference[gene]
    np.testing.assert_allclose(best["hi2"], want, rtol=1e-9)
    assert len(gene_table(h, "sample", top=5)) == 10


def test_a_programme_that_moves_stands_out(sim):
    rng = np.random.default_rng(1)
    sets = load()
    names = [*sets["hypoxia"].genes, *sets["contractile"].genes, *(f"X{k}" for k in range(200))]
    p = sim.profile(rng, len(names))
    moves = np.zeros((1, len(names)))
    moves[0, : len(sets["hypoxia"].genes)] = 1
    counts = sim.draw(rng, sim.vary(rng, p, 150, 0.5, moves), 5_000)
    h = sim.cohort(counts, {"sample": ["s"] * 150}, names=names)
    table = programme_table(h, "sample").set_index("programme")
    assert table.loc["hypoxia", "low"] > 0
    assert table.loc["hypoxia", "share"] > 10 * abs(table.loc["contractile", "share"])
    assert table.loc["hypoxia", "n_genes"] == len(sets["hypoxia"].genes)


def test_relative_to_the_reference_of_the_run(sim):
    counts, cells = lines(sim, is_reference=np.repeat([True, False], 60))
    table = relative_table(sim.cohort(counts, cells), "sample").set_index("group")
    assert table.loc["ref", "ratio"] == 1
    truth = np.expm1(0.4**2) / np.expm1(0.2**2)
    assert table.loc["lot", "low"] < truth < table.loc["lot", "high"]
    assert table.loc["lot", "reference"] == "ref"


def test_without_a_reference_there_is_no_ratio(sim):
    counts, cells = lines(sim)
    table = relative_table(sim.cohort(counts, cells), "sample")
    assert table["ratio"].isna().all()
    assert set(table["status"]) == {"no reference sample on this platform"}


def test_a_technical_floor_is_taken_off(sim):
    counts, cells = lines(sim)
    h = sim.cohort(counts, cells, settings=HeterogeneitySettings(technical_floor=0.02))
    table = index_table(h, "sample")
    np.testing.assert_allclose(table["hi2_above_floor"], table["hi2"] - 0.02)
