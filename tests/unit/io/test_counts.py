import gzip

import anndata
import hdf5plugin
import mudata
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp

from imscope.core.errors import DataError
from imscope.io.counts import read_counts
from imscope.io.genes import gene_classes, gene_table, map_genes

N_CELLS, N_GENES = 40, 30
SYMBOLS = gene_table().query("biotype == 'protein_coding'")["symbol"].unique()[:N_GENES].tolist()
COUNTS = np.random.default_rng(2).poisson(1.5, (N_CELLS, N_GENES)) + 1
CELLS = [f"c{k}" for k in range(N_CELLS)]


def dataset(matrix=COUNTS):
    obs = pd.DataFrame(
        {
            "batch": pd.Categorical(["a", "b"] * (N_CELLS // 2)),
            "age": pd.array([3, None] * (N_CELLS // 2), dtype="Int64"),
            "ok": pd.array([True, None] * (N_CELLS // 2), dtype="boolean"),
            "share": np.linspace(0, 1, N_CELLS),
            "word": [f"w{k}" for k in range(N_CELLS)],
        },
        index=CELLS,
    )
    return anndata.AnnData(
        sp.csr_matrix(matrix.astype(np.float32)), obs, pd.DataFrame(index=SYMBOLS)
    )


def dense(counts):
    parts = [
        counts.source.read(low, min(low + 7, counts.source.n_cells))
        for low in range(0, counts.source.n_cells, 7)
    ]
    return np.vstack(
        [
            sp.csr_array((b.data, b.indices, b.indptr), (b.n_rows, b.n_features)).toarray()
            for b in parts
        ]
    )


def h5ad_csr(folder):
    dataset().write_h5ad(folder / "x.h5ad", compression="gzip")
    return folder / "x.h5ad"


def h5ad_csc(folder):
    adata = dataset()
    adata.X = adata.X.tocsc()
    adata.write_h5ad(folder / "x.h5ad")
    return folder / "x.h5ad"


def h5ad_dense(folder):
    adata = dataset()
    adata.X = adata.X.toarray()
    adata.write_h5ad(folder / "x.h5ad", compression="lzf")
    return folder / "x.h5ad"


def h5ad_zstd(folder):
    dataset().write_h5ad(folder / "x.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    return folder / "x.h5ad"


def zarr_v2(folder, version=2):
    before = anndata.settings.zarr_write_format
    anndata.settings.zarr_write_format = version
    try:
        dataset().write_zarr(folder / "x.zarr")
    finally:
        anndata.settings.zarr_write_format = before
    return folder / "x.zarr"


def zarr_v3(folder):
    return zarr_v2(folder, 3)


def h5mu(folder):
    mudata.MuData({"rna": dataset()}).write(folder / "x.h5mu")
    return folder / "x.h5mu"


def mtx_folder(folder):
    scipy.io.mmwrite(folder / "matrix.mtx", sp.coo_matrix(COUNTS.T))
    (folder / "genes.tsv").write_text("".join(f"{s}\t{s}\n" for s in SYMBOLS))
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress("\r\n".join(CELLS).encode()))
    return folder


def table_by_gene(folder):
    frame = pd.DataFrame(COUNTS.T, index=SYMBOLS, columns=CELLS)
    frame.to_csv(folder / "x.csv.gz")
    return folder / "x.csv.gz"


def table_by_cell(folder):
    text = pd.DataFrame(COUNTS, index=CELLS, columns=SYMBOLS).to_csv(sep=";", lineterminator="\r\n")
    (folder / "x.csv").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n\r\n")
    return folder / "x.csv"


MAKERS = [h5ad_csr, h5ad_csc, h5ad_dense, h5ad_zstd, zarr_v2, zarr_v3, h5mu, mtx_folder,
          table_by_gene, table_by_cell]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", MAKERS, ids=lambda f: f.__name__)
def test_every_format_gives_the_same_counts(make, tmp_path):
    with read_counts(make(tmp_path)) as counts:
        np.testing.assert_array_equal(dense(counts), COUNTS)
        assert counts.obs.index.tolist() == CELLS
        assert counts.features["symbol"].tolist() == SYMBOLS
        assert counts.features["feature_id"].str.startswith("ENSG").all()
        assert counts.kind == "counts"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [h5ad_csr, zarr_v3], ids=lambda f: f.__name__)
def test_columns_of_cells_survive(make, tmp_path):
    want = dataset().obs
    with read_counts(make(tmp_path)) as counts:
        assert counts.obs["batch"].astype(str).tolist() == want["batch"].astype(str).tolist()
        assert counts.obs["age"].isna().tolist() == want["age"].isna().tolist()
        assert counts.obs["ok"].isna().tolist() == want["ok"].isna().tolist()
        assert counts.obs["word"].tolist() == want["word"].tolist()
        np.testing.assert_array_equal(counts.obs["share"], want["share"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", ["layers['counts']", "raw.X"])
def test_counts_are_found_where_they_are(place, tmp_path):
    adata = dataset()
    if place == "raw.X":
        adata.raw = adata.copy()
    else:
        adata.layers["counts"] = adata.X.copy()
    adata.X = np.log1p(adata.X / 3)
    adata.write_h5ad(tmp_path / "x.h5ad")
    with read_counts(tmp_path / "x.h5ad") as counts:
        assert counts.where == place
        np.testing.assert_array_equal(dense(counts), COUNTS)
    with read_counts(tmp_path / "x.h5ad", expression=True) as counts:
        assert (counts.where, counts.kind) == ("X", "expression")
        np.testing.assert_allclose(dense(counts), np.log1p(COUNTS / 3), rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_log_normalised_values_are_called_so(tmp_path):
    scaled = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4)
    dataset(scaled).write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(DataError, match=r"log-normalised values \(each cell scaled to 10,000\)"):
        read_counts(tmp_path / "x.h5ad")


def test_a_current_symbol_goes_before_an_outdated_one():
    features, _ = map_genes(["CTGF", "CCN2"])
    assert features["feature_id"].tolist() == ["CTGF", "ENSG00000118523"]
    assert features["mapped"].tolist() == [False, True]


def test_repeated_symbols_are_numbered_and_not_mapped():
    features, notices = map_genes(["NT5E", "NT5E", "ENG"])
    assert features["feature_id"].tolist()[:2] == ["NT5E~1", "NT5E~2"]
    assert "W-GENES-DUPLICATE" in [n.code for n in notices]


def test_gene_classes_by_known_members():
    names = ["MT-CO1", "RPL13A", "RPS6KA1", "RPS4Y1", "HBA1", "MALAT1", "XIST", "SRY", "CD99"]
    features, _ = map_genes(names)
    members = {
        k: [n for n, m in zip(names, v, strict=True) if m]
        for k, v in gene_classes(features).items()
    }
    assert members["mito"] == ["MT-CO1"]
    assert members["ribo"] == ["RPL13A", "RPS4Y1"]
    assert members["haemoglobin"] == ["HBA1"]
    assert members["malat_neat"] == ["MALAT1"]
    assert members["y_linked"] == ["RPS4Y1", "SRY"]
    assert members["sex_linked"] == ["RPS4Y1", "XIST", "SRY"]
    assert members["lncrna"] == ["MALAT1", "XIST"]
