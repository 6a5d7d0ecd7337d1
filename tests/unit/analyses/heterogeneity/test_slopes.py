import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress

from imscope.analyses.heterogeneity import compare, drift_table, index_table, read_fractions
from imscope.analyses.heterogeneity.slopes import with_fractions
from imscope.core.errors import DataError

TIMES = (0.0, 4.0, 8.0)


def ageing(sim, seed, *, lots=4, growth=(0.0, 0.05)):
    """Lots whose cells grow apart along a shared programme, faster in the second group."""
    rng = np.random.default_rng(seed)
    p = sim.profile(rng, 150)
    moves = rng.normal(0, 1, (2, 150))
    counts, rows = [], []
    for arm, name in enumerate(("iMSC", "primary_MSC")):
        for lot in range(lots):
            centre = sim.vary(rng, p, 1, 0.2)[0]
            for time in TIMES:
                sd = 0.2 * np.exp(growth[arm] * time)
                counts.append(sim.draw(rng, sim.vary(rng, centre, 60, sd, moves), 3_000))
                row = {"sample": f"{name}{lot}t{time:.0f}", "lot": f"{name}{lot}"}
                row |= {"source_class": name, "platform": "v3", "population_doublings": time}
                rows += [row] * 60
    return np.vstack(counts), pd.DataFrame(rows)


def test_slopes_of_every_measure_are_those_of_the_lots(sim):
    counts, cells = ageing(sim, 0)
    h = sim.cohort(counts, cells)
    samples = cells.drop_duplicates("sample")
    true = np.where(samples["source_class"] == "iMSC", 0.01, 0.03)
    share = 0.05 + true * samples["population_doublings"].to_numpy()
    fractions = dict(zip(samples["sample"], share, strict=True))
    table = drift_table(with_fractions(h, fractions), "source_class", unit="lot")
    table = table.set_index(["measure", "group"])
    index = index_table(h, "sample").set_index("group")
    for measure, column in (("log HI2", "hi2"), ("log HI_c", "hi_c")):
        for group, rows in samples.groupby("source_class"):
            slopes = [
                linregress(
                    lot["population_doublings"], np.log(index.loc[lot["sample"], column])
                ).slope
                for _, lot in rows.groupby("lot")
            ]
            got = table.loc[(measure, group)]
            np.testing.assert_allclose(got["slope"], np.mean(slopes), rtol=1e-9)
            np.testing.assert_allclose(got["sd_units"], np.std(slopes, ddof=1), rtol=1e-9)
    own = table.loc["senescent fraction"]
    np.testing.assert_allclose(own["slope"], [0.03, 0.01], rtol=1e-9)
    np.testing.assert_allclose(own.loc["iMSC", "p_value"], 2 / 70)
    assert table.loc[("log HI2", "primary_MSC"), "low"] > 0.05
    assert table.loc[("log HI_c", "iMSC"), "p_value"] < 0.05


def test_claim_c_says_the_slopes_it_does_not_test(sim):
    counts, cells = ageing(sim, 1)
    fractions = dict.fromkeys(cells["sample"].unique(), 0.1)
    h = sim.cohort(counts, cells)
    table = compare(with_fractions(h, fractions), "source_class", unit="lot").set_index("claim")
    reason = table.loc["C", "reason"]
    for words in (
        "log HI2 changes by",
        "log HI_c changes by",
        "senescent fraction changes by +0.000",
    ):
        assert words in reason


def test_without_times_there_is_no_drift(sim):
    counts, cells = ageing(sim, 2)
    h = sim.cohort(counts, cells.drop(columns="population_doublings"))
    assert drift_table(h, "source_class", unit="lot").empty


def test_a_wrong_table_of_fractions_is_refused():
    assert read_fractions(
        pd.DataFrame({"sample": ["a", "b"], "senescent_fraction": [0.1, np.nan]})
    ) == {"a": 0.1}
    with pytest.raises(DataError, match="give senescent_fraction"):
        read_fractions(pd.DataFrame({"sample": ["a"], "share": [0.1]}))
    with pytest.raises(DataError, match="sample b"):
        read_fractions(pd.DataFrame({"sample": ["a", "b"], "senescent_fraction": [0.1, 12]}))
