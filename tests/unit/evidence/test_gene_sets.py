import re

import pytest

from imscope.core.errors import DataError
from imscope.evidence.gene_sets import genes_of, load


def test_every_set_is_cited_and_has_unique_symbols():
    sets = load()
    assert len(sets) == 46
    for gene_set in sets.values():
        assert gene_set.citation
        assert gene_set.direction in ("up", "down")
        assert len(set(gene_set.genes)) == len(gene_set.genes)
        assert all(re.fullmatch(r"[A-Z][A-Za-z0-9-]*", g) for g in gene_set.genes)


def test_only_the_placeholder_is_empty():
    assert [s.name for s in load().values() if not s.genes] == ["rohart16"]


def test_an_unknown_set_is_named():
    with pytest.raises(DataError, match="cc_x"):
        genes_of("cc_x")
