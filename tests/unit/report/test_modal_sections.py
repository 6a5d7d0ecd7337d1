import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.analyses.safety.arm_parts import ArmSettings
from imscope.analyses.safety.arm_screen import arms
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.engine.protein import normalise_protein
from imscope.evidence.gene_positions import gene_positions
from imscope.report.payload import render
from imscope.simulate.karyotype import KaryotypeSettings, simulate_karyotype_lot


def _fixture_module():
    path = Path(__file__).parents[2] / "browser" / "fixture_report.py"
    spec = importlib.util.spec_from_file_location("fixture_modal", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def plain():
    return _fixture_module().synthetic_report(200)


def arm_table(gains, reference):
    table = gene_positions()
    genes = table[(table["chromosome"] != "Y") & (np.arange(len(table)) % 12 == 0)]
    knobs = KaryotypeSettings(cells=120)
    places = genes["arm"].to_numpy().astype(str)
    lots = {"a": None, "b": None, "c": None, "d": gains}
    parts = [
        simulate_karyotype_lot(places, knobs, lot=k, gains=g).counts
        for k, g in enumerate(lots.values())
    ]
    obs = pd.DataFrame({"lot": np.repeat(list(lots), 120)})
    source = MemoryBlocks.from_csr(sp.csr_array(sp.vstack(parts, "csr")))
    return arms(Cells(source, genes, obs), settings=ArmSettings(reference=reference))


def page_with(report, **tables):
    return render(replace(report, tables={**report.tables, **tables}))


def test_without_tables_there_is_no_section(plain):
    page = render(plain)
    assert "Karyotype screen" not in page
    assert "Surface protein" not in page


def test_findings_stand_first_and_the_deciding_test_is_named(plain):
    page = page_with(plain, arm_screen=arm_table({"17q": (0.5, 1.5)}, ("a", "b", "c")))
    assert "G-banding" in page
    assert "Lots and regions with a finding" in page
    assert "not resolvable per cell" in page
    assert "the table p53_screen was not made in this run" in page


def test_without_reference_lots_the_page_says_so(plain):
    page = page_with(plain, arm_screen=arm_table(None, ("a",)))
    assert "NOT TESTABLE: needs 3 diploid reference lots" in page


def test_protein_markers_say_what_zero_is(plain):
    rng = np.random.default_rng(0)
    counts = rng.poisson(np.where(rng.random((300, 1)) < 0.5, 200, 4))
    markers = normalise_protein(counts, ["CD73"], np.repeat("b1", 300)).markers
    page = page_with(plain, protein_markers=markers)
    assert "Surface protein" in page
    assert "negative peak" in page
