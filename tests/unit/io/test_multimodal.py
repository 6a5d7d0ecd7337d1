import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from imscope.core.errors import DataError
from imscope.io.counts import read_counts
from imscope.io.multimodal import read_mudata_file, write_mudata
from imscope.io.raw import Modality


def modality(rng, names):
    counts = rng.poisson(2.0, (30, len(names))).astype(np.int32)
    features = pd.DataFrame({"feature_id": names, "symbol": names})
    return Modality(features, sp.csr_array(counts))


@pytest.fixture
def layers():
    rng = np.random.default_rng(0)
    return {
        "rna": modality(rng, ["NT5E", "THY1", "ENG", "VIM"]),
        "protein": modality(rng, ["CD73", "CD90"]),
        "atac": modality(rng, ["chr1:10-60", "chr2:5-500", "chrX:7-90"]),
    }


@pytest.fixture
def obs():
    names = [f"cell{k}" for k in range(30)]
    return pd.DataFrame({"lot": ["a", "b"] * 15, "day": np.arange(30)}, index=names)


def test_round_trip(tmp_path, layers, obs):
    path = tmp_path / "all.h5mu"
    write_mudata(path, layers, obs, obsm={"protein": {"aligned": np.ones((30, 2))}})
    back = read_mudata_file(path)
    assert list(back.modalities) == ["atac", "protein", "rna"]
    for name, want in layers.items():
        got = back.modalities[name]
        np.testing.assert_array_equal(got.counts.toarray(), want.counts.toarray())
        assert got.features["feature_id"].tolist() == want.features["feature_id"].tolist()
    assert back.obs.index.tolist() == obs.index.tolist()
    assert back.obs["lot"].astype(str).tolist() == obs["lot"].tolist()
    again = tmp_path / "again.h5mu"
    write_mudata(again, back.modalities, back.obs)
    for name, want in layers.items():
        got = read_mudata_file(again).modalities[name].counts.toarray()
        np.testing.assert_array_equal(got, want.counts.toarray())


def test_the_library_and_our_own_reader_open_it(tmp_path, layers, obs):
    path = tmp_path / "all.h5mu"
    write_mudata(path, layers, obs, obsm={"protein": {"aligned": np.full((30, 2), 0.5)}})
    theirs = mudata.read_h5mu(path)
    assert (theirs.mod["protein"].obsm["aligned"] == 0.5).all()
    np.testing.assert_array_equal(theirs.mod["atac"].X.toarray(), layers["atac"].counts.toarray())
    with read_counts(path) as ours:
        assert ours.features["symbol"].tolist() == ["NT5E", "THY1", "ENG", "VIM"]
        assert list(ours.modalities) == ["protein"]


def test_cells_in_another_order_are_brought_together(tmp_path, layers, obs):
    path = tmp_path / "turned.h5mu"
    write_mudata(path, layers, obs)
    data = mudata.read_h5mu(path)
    turned = {"rna": data.mod["rna"].copy(), "prot": data.mod["protein"][::-1][:20].copy()}
    mudata.MuData(turned).write_h5mu(path)
    back = read_mudata_file(path)
    got = back.modalities["protein"].counts.toarray()
    np.testing.assert_array_equal(got[10:], layers["protein"].counts.toarray()[10:])
    assert (got[:10] == 0).all()
    assert any("lacks 10 of 30 cells" in n.message for n in back.notices)


def test_other_files_are_refused(tmp_path, layers, obs):
    with pytest.raises(DataError) as error:
        read_mudata_file(tmp_path / "none.h5mu")
    assert error.value.code == "E-FILE-MISSING"
    plain = tmp_path / "plain.h5mu"
    with h5py.File(plain, "w") as handle:
        handle["X"] = np.ones(3)
    with pytest.raises(DataError) as error:
        read_mudata_file(plain)
    assert error.value.code == "E-MUDATA-KIND"
    whole = tmp_path / "whole.h5mu"
    write_mudata(whole, layers, obs)
    cut = tmp_path / "cut.h5mu"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DataError):
        read_mudata_file(cut)
    outside = tmp_path / "outside.h5mu"
    with h5py.File(outside, "w") as handle:
        handle["mod"] = h5py.ExternalLink(str(whole), "/mod")
    with pytest.raises(DataError):
        read_mudata_file(outside)


def test_modalities_must_have_the_same_cells(tmp_path, layers, obs):
    with pytest.raises(DataError) as error:
        write_mudata(tmp_path / "x.h5mu", layers, obs.iloc[:5])
    assert error.value.code == "E-MUDATA-INPUT"
    assert not list(tmp_path.iterdir())
