"""What may be said: plates, pairs, limits of ambient RNA, order of claims, crossed batches."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import imscope
from imscope.analyses.heterogeneity import (
    HeterogeneitySettings,
    compare,
    decompose,
    describe_claims,
    index_result,
    index_table,
)
from imscope.analyses.heterogeneity.arms import choose_arms, make_arm, pairs_of
from imscope.analyses.heterogeneity.crossed import cross_levels, find_crossings
from imscope.analyses.heterogeneity.plates import is_technical, plates_apart
from imscope.analyses.heterogeneity.unequal import ambient_room, unequal_arms
from imscope.core.errors import MethodError
from imscope.io.genes import gene_table


def as_anndata(counts, obs):
    """An AnnData of known genes, since unknown ones are refused at the door."""
    symbols = gene_table()["symbol"].astype(str).drop_duplicates().iloc[: counts.shape[1]]
    obs = obs.reset_index(drop=True)
    obs.index = obs.index.astype(str)
    matrix = sp.csr_matrix(np.asarray(counts, dtype="float32"))
    return anndata.AnnData(matrix, obs=obs, var=pd.DataFrame(index=symbols.to_numpy()))


def row(arm, lot):
    return {"sample": f"{arm}{lot}", "lot": f"{arm}{lot}", "arm": arm, "platform": "v3"}


def study(sim, seed=0, *, noise=(0.2, 0.4), lots=4, cells=30, genes=120, depth=(2_500, 2_500)):
    rng = np.random.default_rng(seed)
    p = sim.profile(rng, genes)
    counts, rows = [], []
    for a, arm in enumerate(("new", "old")):
        for lot in range(lots):
            sd = noise[a] * rng.uniform(0.95, 1.05)
            counts.append(sim.draw(rng, sim.vary(rng, p, cells, sd), depth[a]))
            rows += [
                {"sample": f"{arm}{lot}", "lot": f"{arm}{lot}", "arm": arm, "platform": "v3"}
            ] * cells
    return np.vstack(counts), pd.DataFrame(rows)


def arms_of(h, group="arm"):
    one, other = choose_arms(h, group, test="new", reference="old")[0]
    return make_arm(h, one, "lot"), make_arm(h, other, "lot")


def claim(table, letter="A"):
    return table.set_index("claim").loc[letter]


WORDS = {"test": "new", "reference": "old", "unit": "lot"}


def test_a_plate_is_never_more_uniform(sim):
    counts, cells = study(sim)
    assert claim(compare(sim.cohort(counts, cells), "arm", **WORDS))["verdict"] == "SUPERIOR"
    as_plate = cells.rename(columns={"arm": "plate"})
    a = claim(compare(sim.cohort(counts, as_plate), "plate", **WORDS))
    assert a["verdict"] == "DESCRIPTIVE"
    assert "cannot be told apart from plate" in a["reason"]
    assert np.isfinite(a[["ratio", "low", "high"]].astype(float)).all()
    in_one = cells.assign(batch=np.where(cells["arm"] == "new", "b1", "b2"))
    assert claim(compare(sim.cohort(counts, in_one), "arm", **WORDS))["verdict"] == "DESCRIPTIVE"
    several = cells.assign(batch=cells["lot"].str[-1])
    assert claim(compare(sim.cohort(counts, several), "arm", **WORDS))["verdict"] == "SUPERIOR"
    assert is_technical("library")
    assert not is_technical("donor")


def test_plates_that_differ_threefold_are_pointed_out(sim):
    counts, cells = study(sim, noise=(0.15, 0.45))
    cells["plate"] = np.where(cells["arm"] == "new", "p1", "p2")
    told = plates_apart(sim.cohort(counts, cells))
    assert [n.code for n in told] == ["W-PLATES-DIFFER"]
    assert "plate p2 has" in told[0].message
    assert not plates_apart(sim.cohort(*study(sim)))


def test_units_in_both_arms_are_paired_by_themselves(sim):
    counts, cells = study(sim)
    cells["lot"] = cells["lot"].str[-1]
    h = sim.cohort(counts, cells)
    assert pairs_of(h, arms_of(h)) == [(k, k) for k in range(4)]
    a = claim(compare(h, "arm", **WORDS))
    assert a["method"] == "paired t"
    assert a["n_test"] == 4


def test_limits_of_ambient_rna_change_no_verdict_and_are_said(sim):
    counts, cells = study(sim)
    limit = cells.assign(ambient_high=0.29)
    a = claim(compare(sim.cohort(counts, limit), "arm", **WORDS))
    assert a["verdict"] == "SUPERIOR"
    assert "at most 29 %" in a["reason"]
    warned = index_table(sim.cohort(counts, limit), "lot")["warnings"]
    assert warned.str.contains("at most 29.0 %").all()
    near = study(sim, noise=(0.3, 0.4))[0]
    described = describe_claims(sim.cohort(near, limit)).set_index("test_group")
    assert not described["reason"].str.contains("are more alike").any()
    at_least = limit.assign(ambient_low=np.where(limit["arm"] == "new", 0.08, 0.0))
    refused = claim(compare(sim.cohort(counts, at_least), "arm", **WORDS))
    assert refused["verdict"] == "NOT TESTABLE"
    assert "at least 8.0 % ambient RNA" in refused["reason"]
    unknown = claim(compare(sim.cohort(counts, cells), "arm", **WORDS))
    assert "ambient share not known" in unknown["reason"]
    wells = limit.assign(platform="Smart-seq2")
    assert "ambient" not in claim(compare(sim.cohort(counts, wells), "arm", **WORDS))["reason"]


def test_a_known_difference_of_soup_widens_the_interval(sim):
    counts, cells = study(sim)
    even = cells.assign(ambient_frac=0.01)
    more = cells.assign(ambient_frac=np.where(cells["arm"] == "new", 0.035, 0.01))
    h = sim.cohort(counts, more)
    down, up = ambient_room(h, arms_of(h))
    np.testing.assert_allclose((down, up), ((0.99 / 0.965) ** 2, 1.0))
    wide, plain = (claim(compare(sim.cohort(counts, c), "arm", **WORDS)) for c in (more, even))
    np.testing.assert_allclose(wide["high"] / plain["high"], down)
    np.testing.assert_allclose(wide["low"], plain["low"])


def test_unequal_arms_are_said_beside_the_verdict(sim):
    counts, cells = study(sim, depth=(2_000, 4_000))
    cells["qc_lost"] = np.where(cells["arm"] == "new", 0.03, 0.11)
    h = sim.cohort(counts, cells)
    words = "; ".join(unequal_arms(h, arms_of(h)))
    assert "W-ARMS-UNEQUAL" in words
    assert "median depth 2,000 v 4,000 UMI" in words
    assert "3 v 11 % of cells lost in QC" in words
    assert words.split("; ")[-1] in claim(compare(h, "arm", **WORDS))["reason"]


def test_behind_a_claim_that_is_not_shown_the_next_is_described_only(sim):
    rng = np.random.default_rng(3)
    p = sim.profile(rng, 120)
    programme = rng.normal(0, 1, (1, 120))
    counts, rows = [], []
    for arm, spread in (("new", 0.05), ("old", 0.4)):
        for lot in range(6):
            centre = sim.vary(rng, p, 1, spread, programme)[0]
            counts.append(sim.draw(rng, sim.vary(rng, centre, 40, 0.3), 2_500))
            rows += [
                {"sample": f"{arm}{lot}", "lot": f"{arm}{lot}", "arm": arm, "platform": "v3"}
            ] * 40
    made = np.vstack(counts), pd.DataFrame(rows)
    table = compare(sim.cohort(*made), "arm", **WORDS)
    b = claim(table, "B")
    assert claim(table)["verdict"] not in ("SUPERIOR", "INFERIOR")
    assert b["p_raw"] < 0.05 < b["p_value"]
    assert b["verdict"] == "DESCRIPTIVE"
    assert "claim A comes first" in b["reason"]
    first = HeterogeneitySettings(claim_order=("B", "A", "C"))
    b = claim(compare(sim.cohort(*made, settings=first), "arm", **WORDS), "B")
    assert b["verdict"] == "SUPERIOR"
    assert b["high"] < 1


def test_claim_b_does_not_test_cells_and_depth():
    """Twelve nulls with four times the cells in one arm: none is called, either way."""
    called = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        share = rng.lognormal(0, 1.0, 150)
        counts, rows = [], []
        for arm, cells in (("new", 80), ("old", 20)):
            for lot in range(5):
                centre = share * np.exp(rng.normal(0, 0.06, 150))
                p = centre * rng.gamma(4.0, 0.25, (cells, 150))
                p /= p.sum(axis=1, keepdims=True)
                counts.append(rng.multinomial(2_000, p))
                rows += [
                    {"sample": f"{arm}{lot}", "lot": f"{arm}{lot}", "arm": arm, "platform": "v3"}
                ] * cells
        adata = as_anndata(np.vstack(counts), pd.DataFrame(rows))
        table = imscope.heterogeneity.compare(adata, "arm", **WORDS)
        b = claim(table, "B")
        called += bool(b["low"] > 1 or b["high"] < 1)
    assert called <= 3


def test_donors_that_share_batches_are_fitted_side_by_side(sim):
    rng = np.random.default_rng(5)
    p = sim.profile(rng, 150)
    donor, batch = rng.normal(0, 0.25, (6, 150)), rng.normal(0, 0.2, (4, 150))
    counts, rows = [], []
    for d in range(6):
        for b in range(4):
            q = p * np.exp(donor[d] + batch[b] + rng.normal(0, 0.3, (25, 150)))
            counts.append(sim.draw(rng, q / q.sum(1, keepdims=True), 2_500))
            rows += [
                {"sample": f"{d}{b}", "donor": f"d{d}", "batch": f"b{b}", "platform": "v3"}
            ] * 25
    h = sim.cohort(np.vstack(counts), pd.DataFrame(rows))
    made = decompose(h, ["donor", "batch", "sample"], programmes=False)
    table = made.table.set_index("level")
    assert table.index.tolist() == ["donor", "batch", "sample", "cell"]
    y = np.vstack(counts) / 2_500
    u = h.universes[0]
    means = y.reshape(6, 4, 25, 150).mean(axis=2)
    # textbook two-way layout: interaction from the residual, then donors and batches
    grand = means.mean((0, 1))
    rest = means - means.mean(1, keepdims=True) - means.mean(0, keepdims=True) + grand
    noise = (y.reshape(6, 4, 25, 150).var(axis=2, ddof=1) / 25).mean((0, 1))
    inner = (rest**2).sum((0, 1)) / 15
    donors = (means.mean(1).var(0, ddof=1) - inner / 4)[u.genes] / u.reference[u.genes]
    batches = (means.mean(0).var(0, ddof=1) - inner / 6)[u.genes] / u.reference[u.genes]
    both = (inner - noise)[u.genes] / u.reference[u.genes]
    np.testing.assert_allclose(table.loc["donor", "hi2"], donors.sum(), rtol=1e-6)
    np.testing.assert_allclose(table.loc["batch", "hi2"], batches.sum(), rtol=1e-6)
    np.testing.assert_allclose(table.loc["sample", "hi2"], both.sum(), rtol=1e-6)
    assert any("batch crosses donor" in t for t in made.untestable)
    assert (table["low"] < table["hi2"]).all()


def test_names_that_are_not_shared_are_no_crossing():
    strata = pd.DataFrame({"donor": list("aabb"), "batch": list("1212"), "n_cells": 9})
    assert find_crossings(strata.assign(batch=list("1234")), ["donor", "batch"]) == []
    assert find_crossings(strata.rename(columns={"batch": "passage"}), ["donor", "passage"]) == []
    nesting = cross_levels(strata, ["donor", "batch"], find_crossings(strata, ["donor", "batch"]))
    assert nesting.sizes == (2, 2)


def test_one_line_on_an_anndata_and_the_same_unit_everywhere(sim):
    counts, cells = study(sim)
    obs = cells.assign(line=cells["arm"], clone=cells["lot"]).drop(columns="lot")
    obs.index = [f"c{i}" for i in range(len(obs))]
    adata = as_anndata(counts, obs)
    table = imscope.heterogeneity.index(adata, by="line")
    assert table["n_units"].tolist() == [4, 4]  # clones, not lines
    about = table.attrs["imscope"]
    assert about["table"] == "heterogeneity_index"
    assert about["settings"]["settings_hash"]
    assert {n["subject"] for n in about["notices"]} == {"new", "old"}
    imscope.io.annotate(adata, table)
    assert list(adata.uns["imscope"]["tables"]) == ["heterogeneity_index"]
    claims = imscope.heterogeneity.compare(adata, "arm", test="new", reference="old")
    assert claims["n_test"].tolist()[:2] == [4, 4]


def test_cells_without_a_lot_are_left_out_with_their_count(sim):
    counts, cells = study(sim)
    cells.loc[:9, "arm"] = None
    cells.index = cells.index.astype(str)
    adata = as_anndata(counts, cells)
    table = imscope.heterogeneity.index(adata, by="arm")
    told = [n["message"] for n in table.attrs["imscope"]["notices"]]
    assert any("10 of 240 cells have no arm" in m for m in told)
    assert table["n_cells"].sum() == 230


def test_expression_values_have_no_index_and_no_claim(sim):
    counts, cells = study(sim)
    cells.index = cells.index.astype(str)
    adata = as_anndata(np.log1p(counts / 7.3), cells)
    from imscope.io.open import open_cells

    with open_cells(adata, expression=True) as held:
        table = imscope.heterogeneity.index(held, by="lot")
        assert (table["n_cells"] == 30).all()
        assert table["status"].str.contains("expression values").all()
        with pytest.raises(MethodError, match="needs UMI counts"):
            imscope.heterogeneity.compare(held, "arm")


def test_the_index_says_that_no_floor_is_known(sim):
    result = index_result(sim.cohort(*study(sim)), "lot", "arm")
    codes = [n.code for n in result.notices]
    assert codes.count("W-FLOOR-NONE") == 10
    given = HeterogeneitySettings(technical_floor=0.01)
    told = index_result(sim.cohort(*study(sim), settings=given), "lot").notices
    assert "W-FLOOR-NONE" not in [n.code for n in told]
