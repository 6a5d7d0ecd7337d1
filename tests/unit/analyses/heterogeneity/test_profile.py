"""A frozen reference profile: the same lot has the same digits whatever else is in the run."""

import json
import zlib

import numpy as np
import pandas as pd
import pytest

from imscope.analyses.heterogeneity import (
    freeze_profile,
    index_table,
    read_profile,
    write_profile,
)
from imscope.core.errors import DataError, MethodError

NUMBERS = ["hi2", "hi2_low", "hi2_high", "hi_c", "programmes", "hi2_without_cycle", "hi2_within"]
SAME = [*NUMBERS, "n_units", "interval"]


def lots(sim, seed, names, *, platform="v3"):
    """Lots that differ in level; the lot ``mine`` is always the same cells."""
    counts, rows = [], []
    for name in names:
        rng = np.random.default_rng(0 if name == "mine" else zlib.crc32(f"{seed} {name}".encode()))
        p = sim.profile(np.random.default_rng(1), 120)
        centre = sim.vary(rng, p, 1, 0.0 if name == "mine" else 0.4)[0]
        counts.append(sim.draw(rng, sim.vary(rng, centre, 60, 0.3), 2_500))
        for part in ("p1", "p2"):
            rows += [{"sample": f"{name} {part}", "lot": name, "platform": platform}] * 30
    return np.vstack(counts), pd.DataFrame(rows)


@pytest.fixture
def frozen(sim):
    return freeze_profile(sim.cohort(*lots(sim, 9, ["x", "y", "z"])), "P1")


def test_one_lot_in_five_runs_has_one_set_of_digits(sim, frozen):
    runs = []
    for seed in range(5):
        names = ["mine", *(f"other{k}" for k in range(seed))]
        order = names if seed % 2 else names[::-1]
        h = sim.cohort(*lots(sim, seed, order), profile=frozen)
        row = index_table(h, "lot").set_index("group").loc["mine"]
        runs.append(row)
        assert row["status"] == "ok"
        assert row["comparability_key"] == f"v3|profile {frozen.digest[:12]}"
    for row in runs[1:]:
        assert row[[*NUMBERS, "n_units", "interval"]].equals(
            runs[0][[*NUMBERS, "n_units", "interval"]]
        )


def test_without_a_profile_the_companions_move_the_digits(sim):
    alone = index_table(sim.cohort(*lots(sim, 0, ["mine"])), "lot")["hi2"].iloc[0]
    beside = index_table(sim.cohort(*lots(sim, 0, ["mine", "a", "b"])), "lot")
    assert beside.set_index("group").loc["mine", "hi2"] != alone


def test_a_profile_keeps_through_its_file_and_notices_a_change(sim, frozen, tmp_path):
    path = tmp_path / "p.json"
    write_profile(frozen, path)
    again = read_profile(path)
    assert again.digest == frozen.digest
    assert again == frozen
    content = json.loads(path.read_text())
    content["weights"]["v3"]["share"][0] *= 1.01
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="was changed"):
        read_profile(path)
    path.write_text("{}")
    with pytest.raises(DataError, match="cannot read"):
        read_profile(path)


def test_too_few_lots_another_platform_and_other_genes_are_refused(sim, frozen):
    with pytest.raises(MethodError, match="more independent units"):
        freeze_profile(sim.cohort(*lots(sim, 1, ["x", "y"])), "P2")
    with pytest.raises(MethodError, match="another platform"):
        sim.cohort(*lots(sim, 1, ["x"], platform="v2"), profile=frozen)
    counts, cells = lots(sim, 1, ["x"])
    names = [f"OTHER{k}" for k in range(counts.shape[1])]
    with pytest.raises(MethodError, match="lacks genes"):
        sim.cohort(counts, cells, names=names, profile=frozen)


def test_the_floor_is_frozen_too(sim):
    from dataclasses import replace

    from imscope.analyses.heterogeneity import Floor

    h = sim.cohort(*lots(sim, 9, ["x", "y", "z"]))
    with_it = replace(h, floors=(Floor(0.01, 0.005, 0.015, "from wells"),))
    kept = freeze_profile(with_it, "P3")
    assert kept.digest != freeze_profile(h, "P3").digest
    table = index_table(sim.cohort(*lots(sim, 0, ["mine"]), profile=kept), "lot")
    np.testing.assert_allclose(table["hi2_above_floor"], table["hi2"] - 0.01)
