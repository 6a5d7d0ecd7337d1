import numpy as np
import pandas as pd
import pytest

from imscope.core.errors import DataError
from imscope.decisions.release.charts import Baseline, control_chart
from imscope.decisions.release.rules import broken_rule, rule_run_length
from imscope.report.lot_chart import draw_chart


def lots(values, **more):
    n = len(values)
    return pd.DataFrame(
        {"lot": [f"L{i:02}" for i in range(n)], "order": range(n), "value": values, **more}
    )


def first(n, table, name="start"):
    return Baseline(name, tuple(table["lot"][:n]))


@pytest.fixture
def values():
    return np.random.default_rng(4).normal(50, 2, 40)


@pytest.mark.parametrize(
    ("m", "kinds", "status"),
    [(0, [], "RUN CHART ONLY"), (2, [], "RUN CHART ONLY"),
     (6, ["next lot", "self-starting CUSUM"], "NO SIGNAL, NO CLAIM OF CONTROL"),
     (12, ["next lot", "self-starting CUSUM", "EWMA"], "IN CONTROL"),
     (25, ["next lot", "EWMA", "individuals", "plug-in 3 s"], "IN CONTROL")],
)  # fmt: skip
def test_what_a_chart_does_with_how_many_lots(values, m, kinds, status):
    table = lots(values[:30])
    chart = control_chart(table, [first(m, table)] if m else [], attribute="x")
    assert [p.kind for p in chart.phases] == kinds
    assert chart.status == status
    assert [p.lot for p in chart.points] == table["lot"].tolist()


def test_a_shift_signals_with_its_rule_and_is_drawn(values):
    table = lots(np.concatenate([values[:20], values[20:30] + 6]))
    chart = control_chart(table, [first(20, table)], attribute="<b>x</b>")
    assert chart.status == "SIGNAL"
    assert chart.signals[0].order >= 20
    assert "EWMA" in chart.signals[0].rule
    svg = draw_chart(chart)
    assert "<b>" not in svg
    assert svg.count("<path") == len(chart.signals)
    assert svg.count("<circle") == len(chart.points) - len(chart.signals)


def test_phases_are_never_joined(values):
    table = lots(np.concatenate([values[:20], values[20:40] + 30]))
    both = [first(10, table), Baseline("new", tuple(table["lot"][20:30]))]
    chart = control_chart(table, both, attribute="x")
    centres = {p.baseline: p.centre for p in chart.phases}
    assert centres["new"] - centres["start"] == pytest.approx(30, abs=2)
    assert {p.phase for p in chart.points[:20]} == {"start"}
    assert not chart.signals


@pytest.mark.parametrize("column", ["key", "method", "unit"])
def test_mixed_keys_are_refused(values, column):
    table = lots(values[:10])
    table[column] = ["a"] * 5 + ["b"] * 5
    with pytest.raises(DataError, match=column) as error:
        control_chart(table, attribute="x")
    assert error.value.code == "E-CHART-KEY"


def test_a_lot_leaves_the_baseline_only_with_a_deviation(values):
    table = lots(values[:15])
    names = tuple(x for x in table["lot"][:12] if x != "L05")
    with pytest.raises(DataError, match="L05") as error:
        control_chart(table, [Baseline("b", names)], attribute="x")
    assert error.value.code == "E-CHART-EXCLUDED"
    chart = control_chart(table, [Baseline("b", names, {"L05": "deviation D7"})], attribute="x")
    assert chart.phases[0].m == 11
    assert "D7" in chart.points[5].rule


def test_libraries_of_a_lot_are_one_point_and_order_of_rows_does_not_matter(values):
    table = lots(values[:12])
    twice = pd.concat(
        [table.assign(value=table["value"] + 1), table.assign(value=table["value"] - 1)]
    )
    one = control_chart(table, [first(10, table)], attribute="x").content()
    two = control_chart(
        twice.sample(frac=1, random_state=1), [first(10, table)], attribute="x"
    ).content()
    for a, b in zip(one["points"], two["points"], strict=True):
        assert a["value"] == pytest.approx(b["value"])


@pytest.mark.parametrize(
    "spoil",
    [lambda t: t.drop(columns="order"), lambda t: t.iloc[:0], lambda t: t.assign(order=1),
     lambda t: t.assign(value=[np.nan, *t["value"][1:]])],
)  # fmt: skip
def test_bad_tables_are_refused(values, spoil):
    with pytest.raises(DataError):
        control_chart(spoil(lots(values[:6])), attribute="x")


def test_rules_are_off_by_default_and_their_cost_is_named(values):
    assert broken_rule([0, 0, 3.2], "westgard") == ["1_3s"]
    assert broken_rule([2.1, -2.2], "westgard") == ["R_4s"]
    assert broken_rule([1.2] * 4, "westgard") == ["4_1s"]
    assert broken_rule([0.1] * 10, "westgard") == ["10x"]
    assert broken_rule([2.1, 0, 2.2], "western electric") == ["2 of 3 beyond 2 s"]
    assert rule_run_length("western electric") == pytest.approx(93, rel=0.06)
    assert rule_run_length("westgard") == pytest.approx(165, rel=0.08)
    table = lots(values[:25])
    chart = control_chart(table, [first(20, table)], attribute="x", rules="westgard")
    assert "average run length" in chart.words or chart.signals
