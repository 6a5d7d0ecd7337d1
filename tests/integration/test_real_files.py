import os
from pathlib import Path

import pytest

from imscope.core.errors import DataError
from imscope.io.counts import read_counts

ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not ROOT.is_dir(), reason="the shared data are not here (IMSCOPE_SHARED_DATA)"
    ),
]


def total(counts):
    n = counts.source.n_cells
    return sum(int(counts.source.read(k, min(k + 5000, n)).data.sum()) for k in range(0, n, 5000))


def test_three_lines():
    path = ROOT / "cell_line_mixture_3lines" / "three_lines_single_cells.h5ad"
    with read_counts(path) as counts:
        assert (counts.where, counts.source.n_cells) == ("X", 499)
        assert counts.features["mapped"].mean() > 0.95
        assert total(counts) == 16_104_462


def test_proteins_of_cite_data_have_their_own_modality():
    with read_counts(ROOT / "cite" / "pbmc_rna_adt" / "pbmc_10x_10k.h5ad") as counts:
        assert counts.modalities["protein"].counts.shape == (counts.source.n_cells, 14)
        assert counts.modalities["protein"].counts.dtype.kind == "i"


def test_fpkm_is_called_by_its_name_and_runs_as_expression():
    path = ROOT / "dynamics" / "myoblast_timecourse_hsmm" / "hsmm.h5ad"
    with pytest.raises(DataError, match="FPKM") as caught:
        read_counts(path)
    assert caught.value.code == "E-MATRIX-NO-COUNTS"
    with read_counts(path, expression=True) as counts:
        assert counts.kind == "expression"
        assert counts.source.read(0, 5).data.dtype.kind == "f"
