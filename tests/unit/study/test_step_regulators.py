"""The step of key regulators: off by default; otherwise the tables the report reads."""

import numpy as np
import pandas as pd
import pytest

from imscope.analyses.regulators import Network, activity, rank
from imscope.core.schema import REGULATOR_UNITS
from imscope.simulate import RegulatorSettings, simulate_regulators
from imscope.study.steps.regulators import STEP, RegulatorSection, unit_activities


class Off:
    def section(self, kind):
        return kind()


def test_off_by_default_says_how_to_switch_on():
    result = STEP.work(Off(), {})
    assert not result.tables
    assert "regulators.groups" in result.why("regulator_rank")
    assert RegulatorSection().groups == "off"
    assert set(result.skipped) == {t.name for t in STEP.tables}


@pytest.mark.parametrize("paired", [True, False])
def test_units_of_graded_families(paired):
    from imscope.analyses.regulators import Profiles

    world = simulate_regulators(RegulatorSettings(lots=8, seed=5))
    d = world.differences
    design = np.ones((8, 1)) if paired else np.column_stack([np.ones(8), [0, 1] * 4])
    values = d if paired else d * np.where(design[:, 1:] == 1, 1.0, -1.0)
    genes = np.array(world.genes, dtype=object)
    part = Profiles("subset", "x v y", genes, genes, values, design, tuple("abcdefgh"), paired,
                    np.arange(len(genes), dtype=float), np.full(len(genes), 50.0))  # fmt: skip
    pairs = world.network.set_axis(["regulator", "target", "weight"], axis=1)
    network = Network(pairs, "prior", "none")
    found = activity(part, network)
    table = unit_activities(found, rank(found, network, rewirings=100))
    REGULATOR_UNITS.check(table)
    assert set(table["side"]) == ({"x less y"} if paired else {"x", "y"})
    assert table.groupby("regulator").size().eq(8).all()
    assert pd.notna(table["activity"]).all()
