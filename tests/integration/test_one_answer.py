"""One question has one answer, whichever door it is asked at."""

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

import imscope
from imscope.analyses.safety.lots import read_lots
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells, unit_column
from imscope.study.design import summarise_design

SHEET = pd.DataFrame(
    {
        "sample": list("abcdef"),
        "source_class": ["iMSC"] * 3 + ["primary_MSC"] * 3,
        "line": ["L1", "L1", "L2", "P1", "P1", "P2"],
        "clone": ["c1", "c2", "c3", "p1", "p2", "p3"],
    }
)


def small(obs):
    rng = np.random.default_rng(1)
    names = ["NT5E", "THY1", "ENG", "PTPRC", "XIST", "CDKN1A"]
    counts = sp.csr_matrix(rng.poisson(4, (len(obs), len(names))).astype(np.int32))
    return ad.AnnData(counts, obs=obs, var=pd.DataFrame(index=names))


def test_every_functional_question_takes_the_same_unit():
    obs = SHEET.loc[SHEET.index.repeat(5)].reset_index(drop=True)
    obs.index = obs.index.astype(str)
    cells = small(obs)
    assert unit_column(SHEET) == summarise_design(SHEET).unit == "clone"
    by = "source_class"
    assert imscope.identity.describe(cells, by=by).settings["unit"] == "clone"
    scored = imscope.subsets.score(cells, by=by)
    assert scored.settings["unit"] == "clone"
    assert set(scored.tables["programme_scores"]["n_units"]) == {3}
    assert imscope.subsets.split(cells).settings["unit"] == "clone"
    for table in (imscope.safety.arms(cells), imscope.safety.p53(cells)):
        assert table.attrs["imscope"]["settings"]["unit"] == "clone"


def test_words_for_yes_mean_the_same_in_every_room():
    obs = pd.DataFrame({"lot": list("aabb"), "is_reference": ["y", "Yes", "n", "0.0"]})
    source = MemoryBlocks.from_csr(sp.csr_array(np.ones((4, 2))))
    cells = Cells(source, pd.DataFrame({"symbol": ["A", "B"]}), obs)
    assert read_lots(cells, None, ()).reference.tolist() == [True, False]


def test_results_of_one_line_can_be_written_into_the_object():
    obs = pd.DataFrame({"sample": list("ab") * 6}, index=[f"c{k}" for k in range(12)])
    cells = small(obs)
    done = imscope.io.annotate(cells, imscope.subsets.score(cells))
    assert "imscope_isct_positive" in done.obs
    done = imscope.io.annotate(done, imscope.safety.p53(cells))
    assert {"programme_scores", "p53_screen"} <= set(done.uns["imscope"]["tables"])
