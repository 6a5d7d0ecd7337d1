"""A folder of contrasts: planted knock-outs are found, chance stays chance."""

import numpy as np
import pandas as pd
import pytest

from imscope.analyses.regulators import Network, bundled_network, read_contrasts, recover
from imscope.core.errors import DataError


def folder_of(tmp_path, strength):
    network = bundled_network()
    pairs = network.pairs[network.pairs["weight"] != 0]
    genes = sorted(set(pairs["target"]))
    rng = np.random.default_rng(2)
    sizes = pairs.groupby("regulator").size()
    chosen = sorted(sizes[sizes >= 15].index)[:20]
    columns, rows = {"gene": genes}, []
    for name in chosen:
        own = pairs[pairs["regulator"] == name].set_index("target")["weight"].reindex(genes)
        columns[name] = rng.normal(size=len(genes)) - strength * own.fillna(0.0).to_numpy()
        rows.append({"contrast": name, "regulator": name, "sign": -1})
    pd.DataFrame(rows).to_csv(tmp_path / "contrasts.tsv", sep="\t", index=False)
    pd.DataFrame(columns).to_csv(tmp_path / "differences.tsv", sep="\t", index=False)
    return read_contrasts(tmp_path), network


def test_planted_knock_outs_are_found(tmp_path):
    table = recover(*folder_of(tmp_path, 2.0)).set_index("method")
    assert set(table.index) == {"ulm", "zscore", "rank"}
    assert (table["auroc"] > 0.95).all()
    assert (table["auprc"] > 20 * table["base"]).all()
    assert (table["low"] <= table["auroc"]).all()
    assert (table["auroc"] <= table["high"]).all()
    assert (table["percentile"] < 0.05).all()
    assert (table["n_contrasts"] == 20).all()


def test_chance_is_chance(tmp_path):
    table = recover(*folder_of(tmp_path, 0.0))
    assert table["auroc"].between(0.3, 0.7).all()


def test_refusals(tmp_path):
    contrasts, network = folder_of(tmp_path, 0.0)
    other = Network(network.pairs.assign(regulator="GATA1"), "other", "")
    with pytest.raises(DataError, match="no perturbed regulator"):
        recover(contrasts, other)
    (tmp_path / "contrasts.tsv").write_text("contrast\tregulator\nA\tB\n")
    with pytest.raises(DataError, match="no folder of contrasts"):
        read_contrasts(tmp_path)
