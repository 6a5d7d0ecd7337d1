import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

from imscope.analyses.subsets.find import split
from imscope.analyses.subsets.population import fit_population, ward_split
from imscope.analyses.subsets.settings import SubsetSettings
from imscope.analyses.subsets.splitting import draw_half, tail_p
from imscope.cli.main import app
from imscope.core.blocks import MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.errors import DataError, UsageError

GENES = 150


def cells(rng, n=200, *, share=0.0, spread=0.0, depth=3000, shift=None):
    p = np.random.default_rng(99).lognormal(0, 1.0, GENES)
    rate = np.tile(p, (n, 1))
    if spread:
        rate *= np.exp(rng.normal(0, 1, (n, 1)) * rng.normal(0, spread, GENES))
    if share:
        rate[: int(share * n)] *= np.exp(shift)
    rate /= rate.sum(axis=1, keepdims=True)
    return rng.poisson(rate * rng.lognormal(np.log(depth), 0.3, (n, 1)))


def ask(counts, obs=None, unit=None, **options):
    frame = pd.DataFrame(index=[f"c{k}" for k in range(len(counts))]) if obs is None else obs
    features = pd.DataFrame({"symbol": [f"G{k}" for k in range(GENES)]})
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    cells = Cells(source, features, frame)
    return split(cells, unit=unit, settings=SubsetSettings(**options)).tables


def shift(seed=5):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1.5, GENES) * (rng.random(GENES) < 0.3)


def test_identical_cells_are_one_homogeneous_population():
    wrong = 0
    for seed in range(8):
        call = ask(cells(np.random.default_rng(seed)), seed=seed)["subset_calls"].iloc[0]
        wrong += call["n_subsets"] > 1
        assert call["sharing"] != "coordinated" or call["p_shared"] > 0.001
    assert wrong <= 1


def test_a_log_normal_continuum_is_coordinated_but_not_discrete():
    calls = [
        ask(cells(np.random.default_rng(50 + k), spread=0.4), seed=k)["subset_calls"].iloc[0]
        for k in range(5)
    ]
    assert all(c["sharing"] == "coordinated" for c in calls)
    assert sum(c["shape"] == "discrete" for c in calls) <= 1


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_two_populations_are_found_in_both_lots(share):
    rng = np.random.default_rng(7)
    counts = np.vstack([cells(rng, share=share, shift=shift()) for _ in range(2)])
    obs = pd.DataFrame({"lot": np.repeat(["a", "b"], 200)}, index=[f"c{k}" for k in range(400)])
    result = ask(counts, obs, "lot")
    assert result["subset_calls"]["verdict"].tolist() == ["discrete, coordinated"] * 2
    assert (
        result["subset_calls"]["replication"].tolist()
        == ["seen in 2 of 2 units, seen over 2 units together"] * 2
    )
    assert result["subset_splits"]["auc_half"].iloc[0] > 0.95
    first = result["subset_labels"][result["subset_labels"]["group"] == "a"]["subset"].to_numpy()
    truth = np.arange(200) < share * 200
    agreement = max(np.mean((first == s) == truth) for s in set(first))
    assert agreement > 0.97


def test_doublets_that_explain_a_split_are_named_and_not_counted():
    counts = cells(np.random.default_rng(8), share=0.3, shift=shift())
    obs = pd.DataFrame({"doublet_score": (np.arange(200) < 60) * 1.0}, index=map(str, range(200)))
    result = ask(counts, obs)
    assert result["subset_splits"]["explained_by"].iloc[0] == "doublet score"
    assert "explained by doublet score" in result["subset_calls"]["reason"].iloc[0]


def test_too_few_cells_or_counts_are_not_testable_in_words():
    few = ask(cells(np.random.default_rng(9), 60))["subset_calls"].iloc[0]
    assert few["verdict"] == "NOT TESTABLE"
    assert "60 cells with counts" in few["reason"]
    thin = ask(cells(np.random.default_rng(9), 150, depth=300))["subset_calls"].iloc[0]
    assert "UMI per cell, 1000 are needed" in thin["reason"]
    assert np.isnan(thin["p_split"])


def test_the_cap_is_said_and_the_seed_decides():
    counts = cells(np.random.default_rng(10), 160)
    one, two = (ask(counts, max_cells=120, seed=3) for _ in range(2))
    assert "120 of 160 cells were tested" in one["subset_calls"]["reason"].iloc[0]
    pd.testing.assert_frame_equal(one["subset_splits"], two["subset_splits"])


def test_the_fit_gives_back_mean_and_spread():
    rng = np.random.default_rng(11)
    counts = cells(rng, 1500, spread=0.3).astype(float)
    fitted = fit_population(counts, counts.sum(axis=1))
    drawn = fitted.draw(rng)
    assert drawn.mean(axis=0) == pytest.approx(counts.mean(axis=0), rel=0.15)
    common = counts.mean(axis=0) > 10
    ratio = drawn[:, common].std(axis=0) / counts[:, common].std(axis=0)
    assert np.median(ratio) == pytest.approx(1, abs=0.08)


def test_ward_split_of_two_points_and_of_a_normal_line():
    side, between = ward_split(np.repeat([[0.0, 0], [3, 4]], [30, 10], axis=0))
    assert between == pytest.approx(1)
    assert side.sum() == 10
    line = np.random.default_rng(12).normal(size=(3000, 1))
    assert 0.4 < ward_split(line)[1] < 2 / np.pi + 0.01


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_halves_of_counts_are_independent(noise):
    rng = np.random.default_rng(13)
    rate = rng.gamma(1 / noise, noise, 60_000) if noise else 1.0
    counts = rng.poisson(8.0 * rate * np.ones(60_000)).astype(float)
    half, _ = draw_half(counts[:, None], noise, rng)
    other = counts - half[:, 0]
    assert abs(np.corrcoef(half[:, 0], other)[0, 1]) < 0.02


def test_the_tail_is_calibrated():
    rng = np.random.default_rng(14)
    p = [tail_p(rng.normal(), rng.normal(size=10)) for _ in range(4000)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.012)


def test_a_flat_continuum_is_continuous():
    rng = np.random.default_rng(21)
    along = rng.uniform(-1.5, 1.5, (250, 1))
    weight = np.random.default_rng(3).normal(0, 0.4, GENES)
    rate = np.random.default_rng(99).lognormal(0, 1.0, GENES) * np.exp(along * weight)
    rate /= rate.sum(axis=1, keepdims=True)
    call = ask(rng.poisson(rate * 4000))["subset_calls"].iloc[0]
    assert call["verdict"] == "continuous, coordinated"


def test_threads_of_the_linear_algebra_change_no_verdict():
    counts = cells(np.random.default_rng(22), share=0.3, shift=shift())
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            results.append(ask(counts, seed=2))
    for name in ("subset_splits", "subset_calls"):
        pd.testing.assert_frame_equal(results[0][name], results[1][name])


def test_bad_input():
    with pytest.raises(DataError, match="no column 'lot'"):
        ask(cells(np.random.default_rng(0), 120), unit="lot")
    with pytest.raises(UsageError, match="alpha"):
        SubsetSettings(alpha=0.9)


def test_command(tmp_path):
    counts = cells(np.random.default_rng(15), 120, share=0.5, shift=shift())
    obs = pd.DataFrame({"lot": "a"}, index=[f"c{k}" for k in range(120)])
    names = ["NT5E", "THY1", "ENG", "VIM"] + [f"GENE{k}" for k in range(GENES - 4)]
    file = tmp_path / "cells.h5ad"
    matrix = sp.csr_matrix(counts.astype(np.int32))
    ad.AnnData(matrix, obs=obs, var=pd.DataFrame(index=names)).write_h5ad(file)
    done = CliRunner().invoke(app, ["subsets", "test", str(tmp_path), "--unit", "lot", "--json"])
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)["records"][0]
    assert record["group"] == "a"
    assert record["shape"] == "discrete"
    assert record["replication"] == "not testable: one unit"
