import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.identity import describe
from imscope.analyses.subsets import ProgrammeSettings, score
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.schema import CELLS
from imscope.io.genes import map_genes
from imscope.report.heat import HeatRow, heat
from imscope.report.inputs import ReportInput
from imscope.report.payload import render
from imscope.report.sections import identity, programmes
from imscope.simulate import CohortSettings, simulate_cohort

EMPTY = pd.DataFrame({c.name: [] for c in CELLS.columns})


@pytest.fixture(scope="module")
def report():
    made = simulate_cohort(CohortSettings(imsc_lots=2, primary_donors=2, cells=60, genes=3_000))
    counts = sp.csr_array(sp.vstack([s.counts for s in made.samples.values()]))
    obs = pd.concat([s.cells.assign(sample=n) for n, s in made.samples.items()], ignore_index=True)
    obs["arm"] = obs["sample"].str.startswith("iMSC").map({True: "i<MSC>", False: "primary"})
    features, _ = map_genes(made.features["feature_id"].tolist())
    cells = Cells(MemoryBlocks.from_csr(counts), features, obs)
    few = ProgrammeSettings(random_sets=1000)
    parts = [
        score(cells, by=by, unit="sample", settings=few).tables["programme_scores"].assign(by=by)
        for by in ("sample", "arm")
    ]
    samples = obs.groupby("sample", as_index=False)["arm"].first()
    tables = dict(describe(cells).tables)
    tables |= {"programme_scores": pd.concat(parts), "samples": samples}
    results = {"title": "t", "answer": ["a"], "design": {"group": "arm", "unit": "sample"}}
    return ReportInput(results, tables, EMPTY)


def test_heat_map_units_and_tests_are_drawn(report):
    section = programmes.build(report)
    assert [f.key for f in section.figures] == ["programmes", "programme-units"]
    assert section.figures[1].data["sample"].nunique() == 4
    assert "q < 0.05" in section.figures[1].note
    tests = section.context["tests"].frame
    assert set(tests["contrast"]) == {"i<MSC> against primary"}
    assert any(line.startswith("rohart16: placeholder") for line in section.context["absent"])


def test_the_page_escapes_names_and_names_the_surrogate(report):
    page = render(report)
    assert "i&lt;MSC&gt; against primary" in page
    assert "i<MSC>" not in page.partition('<script type="application/json"')[0]
    assert "RNA surrogate" in page
    assert "it cannot prove one" in page


def test_both_sections_stay_away_without_tables():
    bare = ReportInput({"title": "t", "answer": []}, {}, EMPTY)
    assert programmes.build(bare) is None
    assert identity.build(bare) is None


def test_a_share_and_its_interval_stand_in_percent(report):
    cycle = identity.build(report).context["cycle_phases"]
    value, low, high = cycle.frame[["frac", "low", "high"]].iloc[0] * 100
    assert cycle.rows[0][2].text == f"{value:.1f} ({low:.1f} to {high:.1f})"


def test_only_pairs_of_one_donor_are_printed(report):
    section = identity.build(report)
    shown = section.context["donor_match"]
    assert shown is None or (shown.frame["verdict"] != "not compared").all()


def test_a_row_without_spread_takes_the_lightest_colour():
    drawn = heat([HeatRow("x", [0.5, 0.5])], ["a", "b"], ["", ""], title="t", legend="l",
                 simulated=False)  # fmt: skip
    assert str(drawn).count('fill="#FEE838"') == 3  # two cells and the scale
    assert np.isfinite(float(str(drawn).split('height="')[1].split('"')[0]))
