import numpy as np
import pandas as pd
import pytest

from imscope.analyses.safety import ResidualSettings, residual
from imscope.analyses.subsets import stage
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.views import concat_blocks
from imscope.report.inputs import ReportInput
from imscope.report.payload import render
from imscope.report.sections import safety, stages
from imscope.simulate import TimecourseSettings, simulate_timecourse


@pytest.fixture(scope="module")
def report():
    made = simulate_timecourse(
        TimecourseSettings(
            days=(0, 1, 2, 3, 14), lots=1, cells=50, genes=1200, empty_droplets=0, spike_frac=0.04
        )
    )
    source = concat_blocks([MemoryBlocks.from_csr(s.counts) for s in made.samples.values()])
    sample = np.repeat(list(made.samples), [len(s.cells) for s in made.samples.values()])
    obs = pd.DataFrame({"sample": sample}).merge(made.sheet, on="sample")
    cells = Cells(source, made.features, obs)
    tables = {**stage(cells).tables, **residual(cells, settings=ResidualSettings(dose=1e8)).tables}
    cells = pd.DataFrame(
        {"cell": [f"c{k}" for k in range(len(obs))], "sample": sample, "cluster": "1"}
    ).assign(
        day=obs["day"], umap_1=0.0, umap_2=0.0, n_umi=1, n_genes=1, mito_frac=0.0, doublet_score=0.0
    )
    return ReportInput({"simulated": True, "title": "t"}, tables, cells)


def test_the_map_is_in_order_of_days_and_the_window_is_drawn(report):
    section = stages.build(report)
    keys = [f.key for f in section.figures]
    assert keys == ["stages", "stage_window"]
    picture = str(section.figures[0].picture)
    places = [picture.index(f"day {d:g}, ") for d in (0, 1, 2, 3, 14)]
    assert places == sorted(places)
    assert "SIMULATED DATA" in picture


def test_safety_prints_bounds_dose_and_the_sentence(report):
    context = safety.build(report).context
    assert "not a release limit test" in context["statement"]
    last = next(w for w in context["doses"] if w.startswith("d14_L1"))
    assert "in a dose of" in last
    assert "at most" in last
    assert "2,995" in context["reach"]


def test_both_sections_are_on_the_page_and_absent_without_tables(report):
    empty = ReportInput({}, {}, report.cells)
    assert stages.build(empty) is None
    assert safety.build(empty) is None
    only = ReportInput({}, {"stage_fractions": report.tables["stage_fractions"]}, report.cells)
    assert stages.build(only).context["why_no_window"].startswith("Not shown")


def test_the_page_holds_them(report):
    page = render(ReportInput({**FIXTURE_RESULTS, **report.results}, report.tables, report.cells))
    assert "not a release limit test" in page
    assert "mesenchymoangioblast window" in page


FIXTURE_RESULTS = {
    "imscope_version": "0", "schema_version": "1", "answer": [], "claims": [], "headline": [],
    "warnings": [], "config": {}, "inputs": [],
}  # fmt: skip
