import numpy as np

from imscope.evidence.gene_sets import load
from imscope.evidence.stage_panel import (
    ANY,
    CORE,
    CORE_LIBRARY,
    NAMED_HERE,
    SHARED_PLACE,
    TRIPLE,
    stage_markers,
    stage_panel,
)


def test_every_gene_stands_in_a_bundled_set_or_beside_its_source():
    known = {g for s in load().values() for g in s.genes}
    assert set(stage_panel().genes) <= known | NAMED_HERE
    assert set(stage_panel().genes) >= SHARED_PLACE


def test_smooth_muscle_and_pericytes_need_what_stromal_cells_lack():
    markers = stage_markers()
    stromal = {*markers["msc"].core, *markers["msc"].may, *markers["msc_contractile"].core}
    for name, least in (("smooth_muscle", 3), ("pericyte", 2)):
        own = set(markers[name].core) - stromal
        assert len(own) >= 4
        assert markers[name].least == least


def test_libraries_see_core_genes_less_surely():
    cells, libraries = stage_panel(), stage_panel(libraries=True)
    assert (libraries.on[libraries.core] == CORE_LIBRARY).all()
    assert (libraries.core == cells.core).all()
    assert libraries.least == cells.least


def test_core_genes_are_likeliest_and_unknown_has_none():
    panel = stage_panel()
    assert (panel.on[panel.core] == CORE).all()
    assert not panel.core[-1].any()
    assert (panel.on[-1] == ANY).all()
    assert panel.core[:-1].sum(axis=1).min() >= 3


def test_the_mesenchymoangioblast_is_the_only_stage_with_its_triple_as_core():
    with_all = [n for n, m in stage_markers().items() if set(TRIPLE) <= set(m.core)]
    assert with_all == ["mesenchymoangioblast"]
    assert np.isfinite(stage_panel().on).all()
