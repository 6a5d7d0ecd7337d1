import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from typer.testing import CliRunner

from imscope.analyses.subsets.ranking import rank
from imscope.cli.main import app
from imscope.core.errors import DataError, UsageError

PANEL = {"angiogenesis": 2.0, "procoagulant": -1.0}


def scores(p=0.01):
    values = {"angiogenesis": (0.1, 0.5, 0.6), "procoagulant": (0.1, 0.1, 0.7)}
    rows = [(str(k), p_, v) for p_, column in values.items() for k, v in enumerate(column)]
    table = pd.DataFrame(rows, columns=["group", "programme", "score"])
    return table.assign(status="ok", p_value=p)


def cells(odds=0.0):
    rows = []
    for subset in "012":
        for unit in "abc":
            for passage in (3, 5):
                share = 1 / (1 + np.exp(-(odds if subset == "1" else 0.0) * (passage - 3)))
                rows.append((subset, unit, passage, round(1e6 * share), 1_000_000))
    return pd.DataFrame(rows, columns=["subset", "unit", "passage", "n_cells", "n_total"])


def value(table, subset, term):
    row = table[(table["subset"] == subset) & (table["term"] == term)]
    return float(row["value"].iloc[0])


def test_terms_by_hand():
    table = rank(PANEL, scores(), cells=cells(-0.4))
    z = stats.norm.isf(0.005)
    assert value(table, "1", "posterior") == pytest.approx(stats.norm.cdf((2 * z + z) / 3))
    assert value(table, "2", "posterior") == pytest.approx(stats.norm.cdf((2 * z - z) / 3))
    assert value(table, "1", "stability") == pytest.approx(np.exp(-0.4), rel=1e-4)
    assert value(table, "0", "stability") == pytest.approx(1)
    assert value(table, "0", "replicates") == pytest.approx(3.5 / 4)
    product = np.prod([value(table, "1", t) for t in table["term"].unique() if t != "total"])
    assert value(table, "1", "total") == pytest.approx(product)


@given(st.floats(0.1, 10))
def test_the_scale_of_weights_does_not_matter(factor):
    one = rank(PANEL, scores(), cells=cells())
    two = rank({k: v * factor for k, v in PANEL.items()}, scores(), cells=cells())
    np.testing.assert_allclose(one["value"], two["value"])


def test_a_veto_puts_the_best_last():
    best = rank(PANEL, scores(), cells=cells())["subset"].iloc[0]
    vetoes = pd.DataFrame({"subset": [best], "reason": ["residual pluripotent cells"]})
    table = rank(PANEL, scores(), cells=cells(), vetoes=vetoes)
    assert best == "1"
    assert table["subset"].iloc[-1] == best
    assert "residual pluripotent cells" in table["reason"].iloc[-1]


def test_conflicts_cost_half_of_their_weight():
    conflicts = pd.DataFrame({"programme": ["angiogenesis"], "reason": ["two reports disagree"]})
    table = rank(PANEL, scores(), cells=cells(), conflicts=conflicts)
    assert value(table, "0", "evidence") == pytest.approx(1 - (2 / 3) / 2)


def test_what_cannot_be_estimated_is_neutral_and_said():
    table = rank({"hypoxia": 1.0}, scores(), cells=cells().drop(columns="passage"))
    rows = table[table["term"].isin(["posterior", "stability"])]
    assert (rows["value"] == 0.5).all()
    assert (rows["status"] == "not estimable").all()


def test_no_weight_or_column_is_refused():
    with pytest.raises(UsageError, match="weights"):
        rank({"angiogenesis": 0.0}, scores(), cells=cells())
    with pytest.raises(DataError, match="n_total"):
        rank(PANEL, scores(), cells=cells().drop(columns="n_total"))


def test_command(tmp_path):
    scores().to_csv(tmp_path / "s.tsv", sep="\t", index=False)
    cells().to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    words = ["subsets", "rank", str(tmp_path / "s.tsv"), "--cells", str(tmp_path / "c.tsv")]
    words += ["--weight", "angiogenesis=2", "--weight", "procoagulant=-1", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    records = json.loads(done.stdout)["records"]
    expected = rank(PANEL, scores(), cells=cells())
    assert [r["subset"] for r in records] == expected["subset"].tolist()
    assert [r["value"] for r in records] == pytest.approx(expected["value"].tolist())
    bad = CliRunner().invoke(app, [*words[:5], "--weight", "angiogenesis"])
    assert isinstance(bad.exception, UsageError)


def links(good, status="SHOWN", correlation=0.8, subset="1"):
    row = {
        "attribute": f"subset_{subset}",
        "outcome": "suppression",
        "correlation": correlation,
        "slope": 1.2,
        "low": 0.3,
        "high": 2.1,
        "n_units": 12,
        "good": good,
        "status": status,
    }
    return pd.DataFrame([row])  # fmt: skip


def test_what_lots_did_in_assays_raises_or_buries_a_subset():
    scores = pd.DataFrame({"group": ["0", "1"], "programme": "angiogenesis",
                           "score": [0.1, 0.4], "status": "ok", "p_value": [0.2, 0.2]})  # fmt: skip
    cells = pd.DataFrame({"subset": ["0", "0", "1", "1"], "unit": ["a", "b"] * 2,
                          "n_cells": 50, "n_total": 100})  # fmt: skip
    plain = rank({"angiogenesis": 1.0}, scores, cells=cells)
    assert "measured here" not in set(plain["term"])
    good = rank({"angiogenesis": 1.0}, scores, cells=cells, measured=links(True))
    bad = rank({"angiogenesis": 1.0}, scores, cells=cells, measured=links(False))
    z = np.arctanh(0.8) * np.sqrt(8)
    assert value(good, "1", "measured here") == pytest.approx(stats.norm.cdf(z))
    assert value(bad, "1", "measured here") == pytest.approx(stats.norm.cdf(-z))
    assert value(good, "0", "measured here") == 0.5
    first = {name: t[t["term"] == "total"]["subset"].iloc[0] for name, t in
             (("plain", plain), ("good", good), ("bad", bad))}  # fmt: skip
    assert first == {"plain": "1", "good": "1", "bad": "0"}
    row = bad[(bad["subset"] == "1") & (bad["term"] == "measured here")].iloc[0]
    assert row["status"] == "contradicted"
    assert "do worse in suppression" in row["reason"]
    assert "slope 1.2 (0.3 to 2.1), 12 lots" in row["basis"]


def test_outcomes_that_were_only_described_do_not_count():
    scores = pd.DataFrame({"group": ["0", "1"], "programme": "angiogenesis",
                           "score": [0.1, 0.4], "status": "ok", "p_value": [0.2, 0.2]})  # fmt: skip
    cells = pd.DataFrame({"subset": ["0", "1"], "unit": "a", "n_cells": 50, "n_total": 100})
    found = rank({"angiogenesis": 1.0}, scores, cells=cells,
                 measured=links(False, status="DESCRIPTIVE"))  # fmt: skip
    assert value(found, "1", "measured here") == 0.5
