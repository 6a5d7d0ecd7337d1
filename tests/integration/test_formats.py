"""The same cells in every format give the same answer."""

import gzip

import anndata
import numpy as np
import pandas as pd
import scipy.io
from driving import command

from imscope.io.counts import read_counts


def counts_of(path):
    with read_counts(path) as data:
        block = data.source.read(0, data.source.n_cells)
        matrix = np.zeros((block.n_rows, block.n_features), dtype=np.int64)
        rows = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
        matrix[rows, block.indices] = block.data
        return matrix, data.features, list(data.obs.index)


def write_formats(source, folder):
    """Write one 10x file again as a matrix folder, a dense table, h5ad and zarr."""
    matrix, features, cells = counts_of(source)
    tenx = folder / "tenx"
    tenx.mkdir()
    with gzip.open(tenx / "matrix.mtx.gz", "wb") as handle:
        scipy.io.mmwrite(handle, scipy.sparse.coo_array(matrix.T))
    with gzip.open(tenx / "barcodes.tsv.gz", "wt") as handle:
        handle.writelines(f"{c}\n" for c in cells)
    with gzip.open(tenx / "features.tsv.gz", "wt") as handle:
        for gene, symbol in zip(features["feature_id"], features["symbol"], strict=True):
            handle.write(f"{gene}\t{symbol}\tGene Expression\n")
    frame = pd.DataFrame(matrix, index=cells, columns=features["feature_id"].astype(str))
    frame.to_csv(folder / "dense.csv.gz")
    annotated = anndata.AnnData(
        scipy.sparse.csr_matrix(matrix),
        obs=pd.DataFrame(index=cells),
        var=pd.DataFrame(index=features["feature_id"].astype(str)),
    )
    annotated.write_h5ad(folder / "cells.h5ad", compression="gzip")
    annotated.write_zarr(folder / "cells.zarr")
    return ["tenx", "dense.csv.gz", "cells.h5ad", "cells.zarr"]


def test_five_formats_agree(cohort, tmp_path):
    source = next((cohort.parent / "counts").glob("iMSC_L1*.h5"))
    names = write_formats(source, tmp_path)
    lines = [f"s{i},{name}\n" for i, name in enumerate(names)] + [f"s9,{source}\n"]
    sheet = tmp_path / "samples.csv"
    sheet.write_text("sample,path\n" + "".join(lines))
    done = command("run", sheet, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    samples = pd.read_parquet(tmp_path / "out" / "tables" / "samples.parquet")
    for column in ("n_cells_in", "n_cells", "median_umi", "median_genes", "mito_frac"):
        assert samples[column].nunique() == 1, samples[["sample", column]]
    index = pd.read_parquet(tmp_path / "out" / "tables" / "heterogeneity_index.parquet")
    hi2 = index.loc[index["level"] == "sample", "hi2"]
    np.testing.assert_allclose(hi2, hi2.iloc[0], rtol=1e-9)
