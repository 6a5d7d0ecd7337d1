"""Names of features: placeholders pass, antigens keep their names, strangers are refused."""

import numpy as np
import pytest

from imscope.core.errors import DataError
from imscope.io.gene_names import choose_names, refuse_unmapped


def judge(names):
    roles = np.full(len(names), "gene", dtype=object)
    refuse_unmapped(names, np.zeros(len(names), dtype=bool), roles, "cells.h5ad")


@pytest.mark.parametrize("pattern", ["G{}", "GENE{}", "gene_{}"])
def test_placeholders_pass(pattern):
    judge([pattern.format(k) for k in range(100)])


@pytest.mark.parametrize("pattern", ["{}", "{}_s_at", "what_{}"])
def test_strangers_are_refused(pattern):
    with pytest.raises(DataError, match="no genes imscope knows"):
        judge([pattern.format(k) for k in range(100)])


def test_a_panel_of_antigens_keeps_its_names():
    names, genes = ["CD3", "CD8", "CD45RA", "CD25"], ["CD3E", "CD8A", "PTPRC", "IL2RA"]
    found = choose_names(names, None, {"gene": genes})
    assert found.names == names
    assert choose_names(["0", "1", "2", "3"], None, {"gene": genes}).names == genes
