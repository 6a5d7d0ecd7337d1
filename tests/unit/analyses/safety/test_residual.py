import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.safety import CallRule, ResidualSettings, residual
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.errors import DataError, MethodError, UsageError
from imscope.core.schema import OFF_LINEAGE, RESIDUAL_CELLS, RESIDUAL_PLURIPOTENT
from imscope.engine.ambient import AmbientResult
from imscope.evidence.gene_sets import load

GENES = load()["residual_psc_msc_safe"].genes
FEATURES = pd.DataFrame({"symbol": [*GENES, "OTHER"]})


def library(seed, n=3000, spike=0.0, soup=0.002, depth=5000):
    rng = np.random.default_rng(seed)
    size = np.maximum(rng.lognormal(np.log(depth), 0.3, n), 300)
    psc = rng.random(n) < spike
    rate = np.full(len(GENES), 20 / len(GENES))
    own = psc[:, None] * rate * rng.gamma(2, 0.5, (n, len(GENES)))
    counts = rng.poisson(size[:, None] / 1e4 * (own + soup * rate))
    rest = np.maximum(size - counts.sum(axis=1), 0).astype(int)
    return np.column_stack([counts, rest]), psc


def source_of(counts):
    return MemoryBlocks.from_csr(sp.csr_array(counts))


def search(counts, obs=None, **options):
    obs = pd.DataFrame({"sample": ["a"] * len(counts)}) if obs is None else obs
    return residual(Cells(source_of(counts), FEATURES, obs), threads=1, **options)


def groups_of(found):
    return found.tables["residual_pluripotent"]


def listed_in(found):
    cells = found.tables["residual_cells"]
    return cells[cells["lineage"] == "pluripotent"]


def test_a_spike_is_found_and_covered():
    counts, psc = library(1, spike=0.01)
    found = search(counts)
    row = groups_of(found).iloc[0]
    assert row["low"] <= 0.01 <= row["high"]
    called = listed_in(found).query("verdict == 'called'")["cell"].astype(int)
    assert psc[called].all()
    assert row["n_called"] == len(called) > 0.8 * psc.sum()
    assert row[["dose", "cells_in_dose", "cells_in_dose_estimate"]].isna().all()
    dosed = groups_of(search(counts, settings=ResidualSettings(dose=2e6))).iloc[0]
    assert dosed["cells_in_dose"] == pytest.approx(row["upper_95"] * 2e6)
    assert dosed["cells_in_dose_estimate"] == pytest.approx(row["frac"] * 2e6)


def test_soup_alone_is_never_called():
    row = groups_of(search(library(2)[0])).iloc[0]
    assert row["n_called"] == 0
    assert row["frac"] == 0
    assert row["upper_95"] > 1 - 0.05 ** (1 / 3000)
    assert row["false_positive_rate"] < 1e-5


def test_heavy_soup_is_told_from_cells_when_its_profile_is_known():
    counts, _ = library(3, soup=0.15)
    rate = np.append(np.full(len(GENES), 20 / len(GENES)), 1e4 - 20) / 1e4
    known = AmbientResult(0.15, 0.1, 0.2, "from empty droplets", rate, 9)
    row = groups_of(search(counts, ambient={"a": known})).iloc[0]
    assert row["n_called"] == 0
    assert row["n_ambient"] > 0
    assert row["sensitivity"] < groups_of(search(library(3)[0])).iloc[0]["sensitivity"]


def test_doublets_are_listed_and_not_called():
    counts, psc = library(4, spike=0.01)
    obs = pd.DataFrame({"sample": ["a"] * len(counts), "doublet": psc})
    found = search(counts, obs)
    row = groups_of(found).iloc[0]
    assert row["n_called"] == 0
    assert row["n_doublet_candidates"] > 0
    assert (listed_in(found)["verdict"] == "doublet").all()
    assert row["n_cells"] == (~psc).sum()
    assert "doublets not known" not in row["reason"]


def test_a_pluripotent_reference_replaces_the_assumed_rates():
    one, _ = library(5, spike=0.01)
    psc, _ = library(6, n=300, spike=1.0)
    obs = pd.DataFrame({"sample": ["lot"] * len(one) + ["iPSC"] * len(psc)})
    both = np.vstack([one, psc])
    free, told = search(both, obs), search(both, obs, settings=ResidualSettings(reference="iPSC"))
    row, wide = (groups_of(f).set_index("group").loc["lot"] for f in (told, free))
    assert (row["status"], row["reason"][:21]) == ("ok", "marker rates measured")
    width = [r["sensitivity_high"] - r["sensitivity_low"] for r in (row, wide)]
    assert width[0] < width[1]
    with pytest.raises(DataError, match="fewer than 20 cells"):
        search(both, obs, settings=ResidualSettings(reference="nobody"))


def test_ten_clean_libraries_give_a_limit_of_blank():
    counts, _ = library(7, n=4000)
    obs = pd.DataFrame({"sample": np.repeat([f"b{k}" for k in range(10)], 400)})
    clean = tuple(f"b{k}" for k in range(10))
    some = groups_of(search(counts, obs, settings=ResidualSettings(blanks=clean[:9])))
    assert some["limit_of_blank"].isna().all()
    assert some["reason"].str.contains("needs 10 clean libraries").all()
    every = groups_of(search(counts, obs, settings=ResidualSettings(blanks=clean)))
    assert (every["limit_of_blank"] == 0).all()


def test_too_few_genes_and_too_little_depth_give_words():
    counts, _ = library(8, n=200)
    other = pd.DataFrame({"symbol": ["POU5F1", *["X"] * (len(FEATURES) - 1)]})
    found = residual(Cells(source_of(counts), other, pd.DataFrame(index=range(200))))
    row = groups_of(found).iloc[0]
    assert row["reason"].startswith("1 of 14 marker genes")
    assert np.isnan(row["frac"])
    assert np.isnan(row["upper_95"])
    assert len(listed_in(found)) == 0
    shallow = np.minimum(counts, 1) * 20
    assert groups_of(search(shallow)).iloc[0]["reason"].startswith("sensitivity")


def test_tables_are_as_declared_and_threads_do_not_matter():
    counts, _ = library(9, n=6000, spike=0.002)
    obs = pd.DataFrame({"sample": ["a"] * 6000})
    one = residual(Cells(source_of(counts), FEATURES, obs), threads=1)
    two = residual(Cells(source_of(counts), FEATURES, obs), threads=2)
    pd.testing.assert_frame_equal(groups_of(one), groups_of(two))
    RESIDUAL_PLURIPOTENT.check(groups_of(one))
    RESIDUAL_CELLS.check(one.tables["residual_cells"])
    assert "release limit test" in one.facts["statement"]


def test_wrong_input_is_refused():
    counts, _ = library(10, n=50)
    values = Cells(
        source_of(counts * 0.5), FEATURES, pd.DataFrame(index=range(50)), kind="expression"
    )
    with pytest.raises(MethodError, match="needs UMI counts"):
        residual(values)
    with pytest.raises(DataError, match="no column 'lot'"):
        search(counts, by="lot")
    with pytest.raises(DataError, match="has gaps"):
        search(counts, pd.DataFrame({"sample": [None] + ["a"] * 49}))
    with pytest.raises(UsageError, match="dose"):
        ResidualSettings(dose=0)
    with pytest.raises(UsageError, match="rule"):
        ResidualSettings(rule=CallRule(min_genes=0))


def test_unwanted_cells_of_one_lineage_are_called_and_diffuse_genes_are_not():
    rng = np.random.default_rng(11)
    names = [*load()["unwanted_cardiac"].genes, *load()["unwanted_blood"].genes, "OTHER"]
    counts = rng.poisson(0.002, (800, len(names)))
    counts[:, names.index("RUNX1")] = rng.poisson(1.5, 800)
    counts[:, -1] = 6000
    counts[:8, :4] = rng.poisson(4, (8, 4)) + 1
    features, obs = pd.DataFrame({"symbol": names}), pd.DataFrame(index=range(800))
    found = residual(Cells(source_of(counts), features, obs))
    rows = OFF_LINEAGE.check(found.tables["off_lineage"]).set_index("lineage")
    assert rows.loc["cardiac", "n_called"] == 8
    assert rows.loc["blood", "n_called"] == 0
    assert rows.loc["neural", "reason"].startswith("0 of 6")
