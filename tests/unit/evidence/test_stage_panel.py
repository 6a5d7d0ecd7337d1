import numpy as np

from imscope.evidence.gene_sets import load
from imscope.evidence.stage_panel import ANY, CORE, TRIPLE, stage_markers, stage_panel


def test_every_gene_stands_in_a_bundled_set():
    known = {g for s in load().values() for g in s.genes}
    assert set(stage_panel().genes) <= known


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
