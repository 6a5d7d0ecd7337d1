import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from imscope.analyses.screens import PooledSettings, analyse_pooled, fit_nb, size_factors
from imscope.analyses.screens.calibrated import calibrate
from imscope.analyses.screens.compatible import gene_summary
from imscope.analyses.screens.empirical_null import fit_null
from imscope.analyses.screens.formula import build_design
from imscope.core.errors import DataError, UsageError
from imscope.io.guide_counts import assemble, read_guide_counts
from imscope.io.names import read_names
from imscope.simulate import simulate_pooled, simulate_sorted

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", "/nowhere")) / "screens"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")


def sheet(control, treatment, pairs=False):
    names = [*control, *treatment]
    table = pd.DataFrame(
        {"sample": names, "condition": ["control"] * len(control) + ["treatment"] * len(treatment)}
    )
    if pairs:
        table["pair"] = [str(k) for k in range(len(control))] * 2
    return table


def simulated(made):
    t = made.tables["counts"]
    data = assemble(
        "made", t["guide"].tolist(), t["gene"].tolist(), t.iloc[:, 2:].to_numpy(float),
        [str(c) for c in t.columns[2:]],
    )  # fmt: skip
    return data, made.tables["sheet"].astype({"replicate": str})


@pytest.fixture(scope="module")
def growth():
    made = simulate_pooled(genes=800, seed=3)
    return made, *simulated(made)


@pytest.mark.parametrize("method", ["calibrated", "rra", "nb", "drugz", "bagel"])
def test_every_method_finds_what_is_lost(growth, method):
    made, data, table = growth
    lists = {k: tuple(made.tables[k]["gene"]) for k in ("essential", "nonessential")}
    got = analyse_pooled(data, table, settings=PooledSettings(method=method, **lists))
    genes = got.genes.set_index("gene")
    truth = made.tables["truth_genes"].set_index("gene")
    strong = truth.index[truth["log2_fc"] < -2]
    assert set(got.genes["gene"].head(20)) <= set(truth.index[truth["log2_fc"] != 0])
    assert (genes.loc[strong, "log2_fc"] < -0.5).mean() > 0.95
    assert dict(got.qc["sets"])["AUROC of essential against non-essential genes"] > 0.99
    if method in ("calibrated", "rra", "nb"):
        assert (genes.loc[strong, "q_depleted"] < 0.05).mean() > 0.9


def test_the_calibrated_test_is_calibrated():
    share = []
    for seed in range(4):  # the null of one screen has an error of its own
        made = simulate_pooled(genes=1500, seed=seed)
        got = analyse_pooled(*simulated(made)).genes.set_index("gene")
        truth = made.tables["truth_genes"].set_index("gene")
        share.append((got.loc[truth.index[truth["class"] == "inert"], "p_value"] < 0.05).mean())
    assert 0.03 < np.mean(share) < 0.07


def test_shuffled_guides_give_the_random_guide_null(growth):
    _, data, table = growth
    rng = np.random.default_rng(0)
    share = []
    for _ in range(3):
        mixed = data.guides.assign(gene=rng.permutation(data.guides["gene"].to_numpy()))
        p = analyse_pooled(type(data)(data.counts, mixed, data.samples, data.ledger), table).genes[
            "p_value"
        ]
        share.append((p < 0.05).mean())
    assert 0.03 < np.mean(share) < 0.07


def test_sorted_bins_meet_the_truth():
    made = simulate_sorted(seed=2)
    data, table = simulated(made)
    got = analyse_pooled(data, table, settings=PooledSettings(method="bins")).genes.set_index(
        "gene"
    )
    truth = made.tables["truth_genes"].set_index("gene")
    got = got.loc[truth.index]
    hit = truth["is_hit"] == 1
    assert (got.loc[hit, "q_value"] < 0.05).mean() > 0.9
    assert (got.loc[~hit, "p_value"] < 0.05).mean() < 0.08
    slope = np.polyfit(truth.loc[hit, "true_shift_sd"], got.loc[hit, "log2_fc"], 1)[0]
    assert 0.5 < slope < 0.9  # guides reach two thirds of the shift of their gene


def test_missing_counts_and_lost_guides_are_in_the_ledger():
    rng = np.random.default_rng(1)
    counts = rng.poisson(200, (400, 4)).astype(float)
    counts[0, 1] = np.nan
    counts[1] = 1
    names = [f"g{k}" for k in range(400)]
    data = assemble("x", names, ["", *[f"G{k // 4}" for k in range(1, 400)]], counts, list("abcd"))
    got = analyse_pooled(data, sheet("ab", "cd"))
    assert got.tables["screen_ledger"]["n"].tolist()[:2] == [1, 1]
    assert any("W-SCREEN-GENELESS" in w for w in got.warnings)
    assert got.genes["n_guides"].sum() == 398


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"condition": ["control"] * 4}, "no sample has the condition 'treatment'"),
        ({"pair": ["1", "2", "1", "3"]}, "pairs need one control and one treatment"),
    ],
)
def test_a_wrong_sheet_is_named(change, words):
    data = assemble("x", [f"g{k}" for k in range(80)], [f"G{k // 4}" for k in range(80)],
                    np.full((80, 4), 50.0), list("abcd"))  # fmt: skip
    with pytest.raises(DataError, match=words):
        analyse_pooled(data, sheet("ab", "cd").assign(**change))


def test_aliased_columns_are_named():
    table = pd.DataFrame({"drug": [0, 1, 0, 1], "line": ["x", "y", "x", "y"]})
    with pytest.raises(DataError, match=r"line\[y\]"):
        build_design(table, "drug + line")
    with pytest.raises(UsageError, match="no column"):
        build_design(table, "dose")


def test_nb_recovers_the_fold_change_of_a_design():
    rng = np.random.default_rng(0)
    design = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0, 0], [1, 1]], dtype=float)
    true = np.zeros((100, 2))
    true[:5] = (-1.2, 0.8)
    mu = 300 * np.exp(design @ true.T).T
    reads = rng.negative_binomial(10, 10 / (10 + np.repeat(mu, 6, axis=0))).astype(float)
    got = fit_nb(reads, np.ones(6), design, gene=np.arange(600) // 6)
    np.testing.assert_allclose(got.beta[:5].mean(axis=0), (-1.2, 0.8), atol=0.12)
    assert (got.permuted_share < 0.09).all()


def test_controls_decide_where_the_bulk_is_not_inert():
    z = np.concatenate(
        [np.random.default_rng(0).normal(-8, 3, 60), np.random.default_rng(1).normal(0, 1, 30)]
    )
    null = fit_null(z, np.arange(90) >= 60)
    assert abs(null.centre) < 0.7
    assert null.source.startswith("few controls")


def test_the_same_seed_gives_the_same_digits():
    rng = np.random.default_rng(0)
    effect = rng.normal(0, 1, 800)
    arguments = {"abundance": rng.uniform(4, 10, 800), "gene": np.arange(800) // 4}
    one, two = (calibrate(effect, effect * 0, 0, **arguments) for _ in range(2))
    np.testing.assert_array_equal(one.p_low, two.p_low)


def test_normalisation_needs_its_controls():
    with pytest.raises(DataError, match="needs control guides"):
        size_factors(np.ones((4, 2)), method="control")


@pytest.mark.shared
@needs_data
@pytest.mark.parametrize(
    ("folder", "counts", "sides", "reference", "options"),
    [
        ("leukemia_wang2014", "counts.csv",
         (["HL60.initial", "KBM7.initial"], ["HL60.final", "KBM7.final"]),
         "mageck2-0.3.0_rra.gene_summary.txt", {}),
        ("evers_rt112_small", "counts.tsv", (["B1", "B2", "B3"], ["A1", "A2", "A3"]),
         "mageck2-0.3.0_rra.gene_summary.txt", {}),
        ("ipsc_ssea5_crispri_sorted", "counts_sorted_mageck_order.tsv",
         ([f"D9_rep{k}_SSEA5_hi" for k in (1, 2, 3)], [f"D9_rep{k}_SSEA5_low" for k in (1, 2, 3)]),
         "published_mageck.gene_summary.txt", {"paired": True, "normalise": "none"}),
    ],
)  # fmt: skip
def test_rank_aggregation_agrees_with_the_standard_program(
    folder, counts, sides, reference, options
):
    place = SHARED / folder
    paired = options.pop("paired", False)
    if paired:
        options["control_guides"] = read_names(place / "nontargeting_sgrnas.txt")
    got = analyse_pooled(
        read_guide_counts(place / counts), sheet(*sides, pairs=paired),
        settings=PooledSettings(method="rra", **options),
    )  # fmt: skip
    want = pd.read_csv(place / reference, sep="\t").set_index("id")
    have = gene_summary(got.genes).set_index("id").loc[want.index]
    for side in ("neg", "pos"):
        np.testing.assert_allclose(have[f"{side}|score"], want[f"{side}|score"], rtol=1e-4)
        assert spearmanr(have[f"{side}|score"], want[f"{side}|score"])[0] > 0.9999
        p, q = have[f"{side}|p-value"], want[f"{side}|p-value"]
        assert ((p - q).abs() < 0.05 * q + 1.5e-5 + 0.006).all()
        assert (have[f"{side}|goodsgrna"] == want[f"{side}|goodsgrna"]).all()
