import os
from itertools import combinations
from pathlib import Path

import anndata
import numpy as np
import pytest

from imscope.analyses.gates import kernels
from imscope.analyses.gates.search import Bits, Objective, pack_bits, search_gates
from imscope.core.errors import UsageError

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
REAL = SHARED / "cite" / "pbmc_rna_adt" / "pbmc_10x_10k.h5ad"
KINDS = ("pooled", "mean", "min", "blend")


def instance(seed):
    rng = np.random.default_rng(seed)
    n_donors, n_markers = int(rng.integers(1, 4)), int(rng.integers(4, 6))
    n = int(rng.integers(30, 220))
    donor = np.concatenate([np.arange(n_donors).repeat(2), rng.integers(0, n_donors, n)])
    y = rng.random(len(donor)) < rng.uniform(0.05, 0.6)
    y[: 2 * n_donors : 2] = True
    cuts = int(rng.integers(1, 3))
    signal = rng.uniform(0, 1.5, n_markers) * (rng.random(n_markers) < 0.6)
    x = rng.normal(size=(n_markers, len(y))) + signal[:, None] * y + 0.4 * donor
    x = np.round(x, int(rng.integers(0, 3)))
    inside, marker = [], []
    for m in range(n_markers):
        for t in np.quantile(x[m], rng.uniform(0.1, 0.9, cuts)):
            inside += [x[m] > t, x[m] <= t]
            marker += [m, m]
    return np.array(inside), np.array(marker, dtype=np.int32), y, donor


def plain_value(o, tp, fp, p, w):
    """Straight from the formula, one donor at a time."""
    if any(t < o.recall_floor * n - 1e-9 for t, n in zip(tp, p, strict=True)):
        return -1.0
    b2 = o.beta**2
    up = [(1 + b2) * t for t in tp]
    down = [t + wd * f + b2 * n for t, f, n, wd in zip(tp, fp, p, w, strict=True)]
    if o.kind == "pooled":
        return sum(up) / sum(down)
    f = [u / v for u, v in zip(up, down, strict=True)]
    mean, least = sum(f) / len(f), min(f)
    return {"mean": mean, "min": least, "blend": o.blend * mean + (1 - o.blend) * least}[o.kind]


def brute(inside, marker, y, donor, o, w, size):
    d = np.arange(donor.max() + 1)
    masks_t = [(donor == k) & y for k in d]
    masks_n = [(donor == k) & ~y for k in d]
    p = [int(m.sum()) for m in masks_t]
    values = {}
    for gate in combinations(range(len(marker)), size):
        if len(set(marker[list(gate)].tolist())) < size:
            continue
        cells = inside[list(gate)].all(axis=0)
        tp = [int((cells & m).sum()) for m in masks_t]
        fp = [int((cells & m).sum()) for m in masks_n]
        values[gate] = plain_value(o, tp, fp, p, w)
    return values


def check(seed):
    inside, marker, y, donor = instance(seed)
    rng = np.random.default_rng(seed + 10**6)
    o = Objective(
        KINDS[seed % 4],
        blend=float(rng.choice([0.3, 0.5])),
        beta=(1.0, 0.5, 2.0)[seed % 3],
        recall_floor=(0.0, 0.0, 0.3)[seed // 4 % 3],
    )
    w = np.ones(donor.max() + 1) if seed % 2 else rng.uniform(0.2, 4, donor.max() + 1)
    top = (1, 3, 10)[seed // 2 % 3]
    found = search_gates(pack_bits(inside, marker, y, donor), o, top=top, weight=w)
    assert found.gap == 0
    for f in found.by_size:
        values = brute(inside, marker, y, donor, o, w, f.size)
        want = sorted((v for v in values.values() if v >= 0), reverse=True)[:top]
        np.testing.assert_allclose(f.values, want, atol=1e-11)
        for gate, v in zip(f.gates.tolist(), f.values.tolist(), strict=True):
            assert values[tuple(gate)] == pytest.approx(v, abs=1e-12)
        assert len({tuple(g) for g in f.gates.tolist()}) == len(f.gates)


@pytest.mark.parametrize("start", range(0, 520, 40))
def test_equals_brute_force(start):
    for seed in range(start, start + 40):
        check(seed)


def test_words_count_what_booleans_count():
    inside, marker, y, donor = instance(5)
    bits = pack_bits(inside, marker, y, donor)
    n_donors = donor.max() + 1
    for words, starts, cells in (
        (bits.target, bits.target_starts, y),
        (bits.other, bits.other_starts, ~y),
    ):
        pairs = np.zeros((n_donors, len(marker), len(marker)), dtype=np.int32)
        kernels.count_pairs(words, starts, pairs)
        for d in range(n_donors):
            m = (inside & cells & (donor == d)).astype(np.int64)
            np.testing.assert_array_equal(pairs[d], m @ m.T)


def test_time_budget_certifies_a_gap():
    rng = np.random.default_rng(1)
    n, n_markers = 4000, 40
    y = rng.random(n) < 0.15
    x = rng.normal(size=(n_markers, n)) + 0.25 * y
    inside = np.concatenate([np.stack([r > t, r <= t]) for r in x for t in (-0.4, 0.4)])
    bits = pack_bits(inside, np.repeat(np.arange(n_markers), 4).astype(np.int32), y, y * 0)
    o = Objective("pooled", beta=1.0)
    short = search_gates(bits, o, top=1, seconds=1e-9)
    full = search_gates(bits, o, top=1, seconds=300, max_size=3)
    assert short.gap > 0
    for a, b in zip(short.by_size, full.by_size, strict=False):
        assert a.values[0] <= b.values[0] + 1e-12 <= a.values[0] + a.gap + 1e-9


def test_settings_out_of_range():
    for change in ({"beta": 0}, {"blend": 2}, {"recall_floor": -1}, {"kind": "best"}):
        with pytest.raises(UsageError):
            Objective(**change)
    inside, marker, y, donor = instance(2)
    with pytest.raises(UsageError, match="size of 1 to 4"):
        search_gates(pack_bits(inside, marker, y, donor), Objective(), max_size=5)


def test_plain_bodies_agree_with_compiled():
    inside, marker, y, donor = instance(8)
    bits: Bits = pack_bits(inside, marker, y, donor)
    w, p = np.ones(len(bits.positives)), bits.positives.astype(float)
    rule = (w, p, np.zeros(len(p)), Objective("blend").rule)
    args = [p.astype(np.int64), bits.negatives, *rule]
    assert kernels.value_of(*args) == pytest.approx(kernels.value_of.py_func(*args))


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_file(), reason="the shared data are not here (IMSCOPE_SHARED_DATA)")
def test_exact_on_twenty_markers_of_real_cells():
    data = anndata.read_h5ad(REAL)
    y = (data.obs["label"] == "NK cells").to_numpy()
    protein = data.obsm["protein"].to_numpy(dtype=float)
    genes = ["GNLY", "NKG7", "CD3E", "CD14", "MS4A1", "KLRF1"]
    rna = data[:, [g for g in genes if g in data.var_names]].X.toarray()
    x = np.concatenate([protein, rna], axis=1)[:, :20]
    cuts = [np.median(c) if c.max() > 50 else 0 for c in x.T]
    inside = np.concatenate([[c > t, c <= t] for c, t in zip(x.T, cuts, strict=True)])
    marker = np.repeat(np.arange(x.shape[1]), 2).astype(np.int32)
    found = search_gates(pack_bits(inside, marker, y, y * 0), Objective("pooled", beta=1.0), top=1)
    hit, miss = inside[:, y].astype(np.float32), inside[:, ~y].astype(np.float32)
    for f in found.by_size[1:]:
        best = 0.0
        for head in combinations(range(len(marker)), f.size - 2):
            a, b = hit[list(head)].all(axis=0), miss[list(head)].all(axis=0)
            tp, fp = (hit * a) @ hit.T, (miss * b) @ miss.T
            same = np.isin(marker, marker[list(head)])
            value = 2 * tp / (tp + fp + y.sum())
            value[(marker[:, None] == marker) | same[:, None] | same] = 0
            if len(set(marker[list(head)].tolist())) == len(head):
                best = max(best, float(value.max()))
        assert f.values[0] == pytest.approx(best, abs=1e-6)
