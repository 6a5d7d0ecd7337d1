"""Activity with units as replicates: planted truth, nulls, invariance, refusals, real data."""

import os
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from imscope.analyses.regulators import (
    ActivitySettings,
    Network,
    activity,
    axis_profiles,
    bundled_network,
    contrast_profiles,
)
from imscope.analyses.regulators.families import find_families
from imscope.core.errors import DataError, UsageError
from imscope.io import open_cells

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", "/none"))
NETWORK = bundled_network()
FAST = ActivitySettings(draws=200)


def cohort(
    n_lots: int = 6, planted: str = "STAT1", shift: float = 1.2, *, lots: int = 99
) -> object:
    """Pools of cells of lots and two subsets; the targets of one regulator differ."""
    rng = np.random.default_rng(4)
    genes = sorted(set(NETWORK.pairs["target"]))[::2] + [f"ENSG00000{k:06d}" for k in range(900)]
    base = rng.lognormal(3, 1.2, len(genes))
    own = NETWORK.pairs[NETWORK.pairs["regulator"] == planted].set_index("target")["weight"]
    effect = own.reindex(genes).fillna(0.0).to_numpy() * shift
    rows, obs = [], []
    for lot in range(n_lots):
        lot_effect = rng.normal(0, 0.3, len(genes))
        for subset in ("rest", "top"):
            add = effect if subset == "top" and lot < lots else 0.0
            mean = base * np.exp(lot_effect + rng.normal(0, 0.15, len(genes)) + add)
            rows.append(rng.poisson(mean))
            obs.append({"lot": f"L{lot}", "subset": subset, "passage": lot, "row_kind": "pool"})
    names = [f"r{k}" for k in range(len(rows))]
    frame = pd.DataFrame(obs, index=names)
    return anndata.AnnData(
        np.array(rows, dtype="int32"), frame, pd.DataFrame(index=pd.Index(genes))
    )


def run(data: object, settings: ActivitySettings = FAST, **more: object) -> object:
    part = contrast_profiles(open_cells(data, bulk=True), "subset", unit="lot")[0]
    return activity(part, NETWORK, settings=settings, **more)


def test_planted_regulator_is_first_and_every_column_is_filled() -> None:
    table = run(cohort()).table
    first = table.iloc[0]
    assert first["regulator"] == "STAT1"
    assert first["q_value"] < 0.01
    assert first["status"] == "ok"
    assert first["low"] < first["effect"] < first["high"]
    assert first["low"] > 0
    assert first["p_value"] == max(first["p_unit"], first["p_random"])
    assert first["p_exact"] == pytest.approx(2 / 64)
    assert first["sign_agreement"] > 0.7
    assert first["family"] == "STAT1"
    assert first["n_signed"] <= first["n_detected"] <= first["n_targets"]
    assert first["n_units"] == 6
    assert first["contrast"] == "top v rest"
    assert first["axis"] == "subset"
    assert first["network"] == "imscope regulons"
    assert np.isfinite(first["conditional"])
    assert first["circular"] == 0
    assert table["status"].str.startswith("not scored").any()


def test_subset_planted_in_one_lot_is_not_called() -> None:
    table = run(cohort(lots=1)).table.set_index("regulator")
    assert table.loc["STAT1", "q_value"] > 0.1


def test_fewer_than_three_units_are_described() -> None:
    table = run(cohort(2)).table
    assert table["p_value"].isna().all()
    assert table["q_value"].isna().all()
    assert table["status"].str.startswith("described: 2 units").any()


def test_circular_labels_are_said() -> None:
    targets = NETWORK.pairs.query("regulator == 'STAT1'")["target"]
    row = run(cohort(), labels=set(targets)).table.set_index("regulator").loc["STAT1"]
    assert row["circular"] > 0.5
    assert row["status"].startswith("circular")


def test_order_of_genes_and_rows_changes_nothing() -> None:
    data = cohort()
    rng = np.random.default_rng(0)
    other = data[rng.permutation(data.n_obs), rng.permutation(data.n_vars)].copy()
    one, two = run(data).table, run(other).table
    pd.testing.assert_frame_equal(one, two, rtol=1e-9, atol=1e-9)


def test_aliases_are_found() -> None:
    data = cohort()
    pairs = NETWORK.pairs.assign(target=NETWORK.pairs["target"].replace({"CCN2": "CTGF"}))
    part = contrast_profiles(open_cells(data, bulk=True), "subset", unit="lot")[0]
    other = activity(part, Network(pairs, NETWORK.name, ""), settings=FAST).table
    one = activity(part, NETWORK, settings=FAST).table
    pd.testing.assert_frame_equal(one, other)


def test_axis_of_units() -> None:
    part = axis_profiles(open_cells(cohort(6), bulk=True), "passage", unit="lot")
    found = activity(part, NETWORK, settings=FAST)
    assert found.table["axis"].eq("passage").all()
    assert found.table["n_units"].eq(6).all()
    values = pd.DataFrame({"unit": ["L0", "L1", "L2"], "hi2": [1.0, 1.0, 1.0]})
    cells = open_cells(cohort(6), bulk=True)
    with pytest.raises(DataError, match="different numbers"):
        axis_profiles(cells, "hi2", values, unit="lot")


def test_refusals() -> None:
    cells = open_cells(cohort(), bulk=True)
    with pytest.raises(DataError, match="no group 'tob'"):
        contrast_profiles(cells, "subset", subset="tob", unit="lot")
    with pytest.raises(DataError, match="one group"):
        contrast_profiles(cells, "row_kind", unit="lot")
    part = contrast_profiles(cells, "subset", unit="lot")[0]
    alien = Network(
        NETWORK.pairs.assign(target=[f"g{k}" for k in range(len(NETWORK.pairs))]), "x", ""
    )
    with pytest.raises(DataError, match="few targets"):
        activity(part, alien)
    with pytest.raises(UsageError):
        ActivitySettings(draws=3)


def test_units_too_small_are_dropped_and_named() -> None:
    data = cohort(4)
    data.X[0] = 0
    part = contrast_profiles(open_cells(data, bulk=True), "subset", unit="lot")[0]
    assert part.units == ("L1", "L2", "L3")
    assert "L0" in part.dropped[0]


def test_families_take_the_strongest() -> None:
    import scipy.sparse as sp

    weights = sp.csr_array(np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]))
    by_unit = np.random.default_rng(0).normal(size=(3, 3))
    assert find_families(weights, ("A", "B", "C"), np.array([1.0, -2.0, 0.5]), by_unit) == [
        "B", "B", "C",
    ]  # fmt: skip


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data are absent")
def test_known_directions_of_ipsc_to_imsc() -> None:
    path = SHARED / "ipsc_to_imsc_to_osteogenic/pseudobulk_by_stage.h5ad"
    with open_cells(path, bulk=True) as cells:
        part = contrast_profiles(cells, "stage", subset="iMSC", reference="iPSC", unit="line")[0]
    table = activity(part, NETWORK, settings=FAST).table.set_index("regulator")
    assert (table.loc[["POU5F1", "SOX2", "NANOG"], "high"] < 0).all()
    assert (table.loc[["SMAD3", "TWIST1", "SRF"], "effect"] > 0).all()
    assert table.loc["POU5F1", "q_value"] < 0.01
