import numpy as np
import pandas as pd
import pytest

from imscope.analyses.heterogeneity import index_table, relative_table, with_floor
from imscope.core.errors import DataError, MethodError


def overdispersed(sim, rng, n, cv, n_genes=200):
    """Wells of one RNA whose capture differs by ``cv`` from gene to gene and well to well."""
    p = sim.profile(rng, n_genes)
    q = p * rng.gamma(1 / cv**2, cv**2, (n, n_genes))
    return sim.draw(rng, q / q.sum(1, keepdims=True), 3_000)


def test_the_floor_is_the_index_of_wells_that_cannot_differ(sim):
    rng = np.random.default_rng(0)
    counts = overdispersed(sim, rng, 160, 0.2)
    cells = pd.DataFrame({"sample": np.repeat(["wells", "cells"], 80), "platform": "v3"})
    cells["is_pool"] = cells["sample"] == "wells"
    h = with_floor(sim.cohort(counts, cells), "is_pool=true")
    floor = h.floors[0]
    assert floor.low < 0.04 < floor.high  # the squared CV of capture, all genes alike
    table = index_table(h, "sample").set_index("group")
    np.testing.assert_allclose(table.loc["wells", "hi2_above_floor"], 0, atol=1e-12)
    np.testing.assert_allclose(
        table["hi2_above_floor"], table["hi2"] - floor.hi2, rtol=0, atol=1e-12
    )
    assert "W-FLOOR: technical floor HI2" in table.loc["cells", "warnings"]


def test_spike_ins_give_a_floor_and_are_no_genes(sim):
    rng = np.random.default_rng(1)
    spikes = overdispersed(sim, rng, 100, 0.25, 40)[:, :40]
    genes = sim.draw(rng, np.tile(sim.profile(rng, 150), (100, 1)), 4_000)
    names = [f"ERCC-{k:05d}" for k in range(40)] + [f"GENE{k}" for k in range(150)]
    h = sim.cohort(np.hstack([spikes, genes]), {"sample": ["s"] * 100}, names=names)
    assert not h.features["symbol"].str.startswith("ERCC-").any()
    floor = with_floor(h, "spike-ins").floors[0]
    held = h.universes[0].reference[h.universes[0].genes].sum()
    assert floor.low < 0.0625 * held < floor.high


def test_no_control_is_an_error_in_words(sim):
    rng = np.random.default_rng(2)
    counts = overdispersed(sim, rng, 60, 0.2)
    h = sim.cohort(counts, {"sample": ["s"] * 60})
    with pytest.raises(MethodError, match="no technical floor"):
        with_floor(h, "spike-ins")
    with pytest.raises(DataError, match="no sample has sample = 'wells'"):
        with_floor(h, "sample=wells")


def test_a_reference_line_or_a_named_group_is_the_reference(sim):
    rng = np.random.default_rng(3)
    p = sim.profile(rng)
    counts = np.vstack([sim.draw(rng, sim.vary(rng, p, 60, sd), 4_000) for sd in (0.2, 0.3, 0.4)])
    cells = {
        "sample": np.repeat(["line", "a", "b"], 60),
        "source_class": np.repeat(["reference_line", "iMSC", "iMSC"], 60),
    }
    h = sim.cohort(counts, cells)
    auto = relative_table(h, "sample").set_index("group")
    assert (auto["reference"] == "line").all()
    assert auto.loc["line", "ratio"] == 1
    named = relative_table(h, "sample", reference="a").set_index("group")
    assert named.loc["a", "ratio"] == 1
    assert named.loc["b", "ratio"] < auto.loc["b", "ratio"]
    with pytest.raises(DataError, match="values: a, b, line"):
        relative_table(h, "sample", reference="c")
