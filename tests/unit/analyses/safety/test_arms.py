import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.safety.arm_parts import ArmSettings
from imscope.analyses.safety.arm_screen import arms
from imscope.analyses.safety.mosaic import fit_mosaic
from imscope.analyses.safety.shares import sum_lots
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.errors import DataError, UsageError
from imscope.evidence.gene_positions import gene_positions
from imscope.simulate.karyotype import KaryotypeSettings, simulate_karyotype_lot

KNOBS = KaryotypeSettings(cells=300)
REFERENCE = tuple(f"R{i}" for i in range(5))


@pytest.fixture(scope="module")
def genes():
    table = gene_positions()
    table = table[table["chromosome"] != "Y"]
    small = table["band"] == "20q11.21"
    chosen = np.random.default_rng(0).random(len(table)) < 0.1
    return table[chosen | small].reset_index(drop=True)


def joined(genes, lots):
    places = genes["arm"].to_numpy().astype(str)
    parts = [
        simulate_karyotype_lot(places, KNOBS, lot=k, gains=gains).counts
        for k, gains in enumerate(lots.values())
    ]
    obs = pd.DataFrame({"lot": np.repeat(list(lots), KNOBS.cells)})
    return sp.csr_array(sp.vstack(parts, "csr")), obs


@pytest.fixture(scope="module")
def cohort(genes):
    lots = dict.fromkeys(REFERENCE) | {
        "clean": None,
        "mosaic": {"17q": (0.2, 1.5)},
        "clonal": {"8": (1.0, 1.5)},
        "loss": {"1q": (0.3, 0.5)},
    }
    return joined(genes, lots)


@pytest.fixture(scope="module")
def result(genes, cohort):
    counts, obs = cohort
    rules = ArmSettings(reference=REFERENCE)
    return arms(Cells(MemoryBlocks.from_csr(counts), genes, obs), settings=rules, threads=1)


def row(result, lot, region):
    return result[(result["group"] == lot) & (result["region"] == region)].iloc[0]


def test_a_mosaic_gain_is_found_with_its_share(result):
    found = row(result, "mosaic", "17q")
    assert found["verdict"] == "gain"
    assert found["frac_low"] < 0.2 < found["frac_high"]
    assert abs(found["frac"] - 0.2) < 0.05
    assert "karyotyp" in found["reason"] or "G-banding" in found["reason"]


def test_a_gain_in_every_cell_is_found(result):
    found = row(result, "clonal", "8")
    assert found["verdict"] == "gain"
    assert found["frac"] > 0.8
    assert row(result, "clonal", "8q")["verdict"] == "gain"


def test_a_loss_is_a_loss(result):
    found = row(result, "loss", "1q")
    assert (found["verdict"], found["direction"]) == ("loss", "loss")
    assert abs(found["frac"] - 0.3) < 0.08


def test_clean_lots_show_nothing_and_say_what_would_be_seen(result):
    clean = result[result["group"].isin(["clean", *REFERENCE])]
    tested = clean[clean["verdict"] != "not resolvable per cell"]
    assert tested["verdict"].isin(["gain", "loss"]).mean() < 0.02
    big = tested[tested["region"] == "17q"]
    assert ((big["lod_frac"] > 0.01) & (big["lod_frac"] < 0.15)).all()


def test_the_amplicon_is_never_resolved_nor_excluded(result):
    found = result[result["region"] == "20q11.21"]
    assert set(found["verdict"]) == {"not resolvable per cell"}
    assert found["frac"].isna().all()
    quiet = found[found["p_shift"] > 0.01]
    assert quiet["reason"].str.contains("no evidence against").all()


def test_threads_change_nothing(genes, cohort, result):
    counts, obs = cohort
    rules = ArmSettings(reference=REFERENCE)
    two = arms(Cells(MemoryBlocks.from_csr(counts), genes, obs), settings=rules, threads=2)
    pd.testing.assert_frame_equal(two, result)


def test_two_references_are_not_enough(genes, cohort):
    counts, obs = cohort
    rules = ArmSettings(reference=REFERENCE[:2])
    table = arms(Cells(MemoryBlocks.from_csr(counts), genes, obs), settings=rules)
    assert set(table["verdict"]) == {"NOT TESTABLE"}
    assert table["reason"].str.contains("needs 3 diploid reference lots").all()


def test_another_cell_type_is_not_held_against_the_reference(genes, cohort):
    counts, obs = cohort
    here = (obs["lot"] == "clean").to_numpy()
    shifted = np.random.default_rng(0).lognormal(0, 1.5, counts.shape[1])
    wrong = counts[here].copy()
    wrong.data = np.random.default_rng(1).poisson(wrong.data * shifted[wrong.indices])
    both = sp.csr_array(sp.vstack([counts[~here], wrong.astype(np.int32)], "csr"))
    table = pd.concat([obs[~here], obs[here].assign(lot="liver")], ignore_index=True)
    rules = ArmSettings(reference=REFERENCE)
    found = arms(Cells(MemoryBlocks.from_csr(both), genes, table), settings=rules)
    mine = found[(found["group"] == "liver") & (found["region"] != "20q11.21")]
    assert (mine["verdict"] == "NOT TESTABLE").mean() > 0.8
    assert mine["reason"].str.contains("another cell type").any()


def test_bad_input_is_named(genes, cohort):
    counts, obs = cohort
    source = MemoryBlocks.from_csr(counts)
    with pytest.raises(DataError, match="nosuch"):
        arms(Cells(source, genes, obs), settings=ArmSettings(reference=("nosuch",)))
    with pytest.raises(DataError, match="passage"):
        arms(Cells(source, genes, obs), unit="passage")
    with pytest.raises(UsageError):
        ArmSettings(min_reference=2)


def test_variation_is_free_of_counting_noise():
    rng = np.random.default_rng(2)
    mean = np.array([0.5, 0.3, 0.2])
    steady = rng.multinomial(500, mean, 4_000)
    noisy = mean * np.exp(rng.normal(0, [0.0, 0.0, 0.6], (4_000, 3)))
    noisy = rng.multinomial(500, noisy / noisy.sum(axis=1, keepdims=True))
    lots = np.zeros(4_000, dtype=np.int64)
    counted = np.ones(3, dtype=bool)
    still = sum_lots(MemoryBlocks.from_csr(sp.csr_array(steady)), lots, 1, counted=counted)
    moving = sum_lots(MemoryBlocks.from_csr(sp.csr_array(noisy)), lots, 1, counted=counted)
    assert (still.variation == 0.05).all()
    assert 0.2 < moving.variation[2] < 0.5


def test_shares_match_brute_force():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 1)) + 3.0 * (np.arange(400) < 60)[:, None]
    fit = fit_mosaic(z, np.full((1, 1), 3.0), spread=np.array([0.3]))
    best = (-np.inf, 0.0)
    for mu in np.linspace(-0.5, 0.5, 101):
        for frac in np.linspace(0.02, 0.4, 191):
            x = z[:, 0] - mu
            like = np.log((1 - frac) * np.exp(-0.5 * x**2) + frac * np.exp(-0.5 * (x - 3) ** 2))
            best = max(best, (like.sum() - 0.5 * (mu / 0.3) ** 2, frac))
    np.testing.assert_allclose(fit.frac[0], best[1], atol=0.003)
