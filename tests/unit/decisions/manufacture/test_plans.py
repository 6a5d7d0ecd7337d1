"""Plans: what is read, what is refused with its line, and the arithmetic behind the doses."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from imscope.core.errors import DataError, UsageError
from imscope.decisions.manufacture import (
    TEMPLATES,
    compare_plans,
    find_levers,
    plan_campaign,
    plan_dose,
    read_plan,
    read_template,
    run_plan,
    simulate_lots,
    template_text,
    variant_fraction,
)
from imscope.decisions.manufacture.literals import read_quantity


def simple(**changes):
    """A plan without noise or loss: 1e6 cells, three passages of the same kind."""
    passage = {"seed_per_cm2": 1000, "limit_per_cm2": 1e9, "harvest_per_cm2": 8000, "t_max_d": 60}
    plan = {
        "process": {
            "name": "simple",
            "source": {"kind": "marrow", "volume_ml": 10, "msc_per_ml": 1e5},
            "passages": [dict(passage) for _ in range(3)],
            "growth": {"doubling_d": 2.0},
            "cryo": {"vial_cells": 1},
            "cost": {"reagents_per_lot": 1000},
        },
        "demand": {"doses": 10, "dose_cells": 1e8},
    }
    for path, value in changes.items():
        at = plan
        *parents, last = path.split("__")
        for name in parents:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        at[last] = value
    return plan


def test_closed_form_without_loss_or_noise():
    lots = simulate_lots(read_plan(simple()), 3)
    np.testing.assert_allclose(lots.doublings, 9.0, rtol=1e-6)  # three times eightfold
    assert lots.doses.tolist() == [np.floor(1e6 * 8**3 / 1e8)] * 3
    np.testing.assert_allclose(lots.cost / lots.doses, 1000 / 5.0, rtol=1e-9)
    np.testing.assert_allclose(lots.days, 3 * 3 * 2.0 + 1, rtol=1e-4)  # nine doublings of 2 d
    assert lots.released.all()


def test_logistic_growth_is_that_of_the_differential_equation():
    k, x0, td, lag, days = 40_000.0, 2_000.0, 1.5, 1.0, 4.0
    passage = {"seed_per_cm2": x0, "limit_per_cm2": k, "lag_d": lag, "t_max_d": days}
    plan = simple(process__passages=[passage], process__growth={"doubling_d": td})
    from scipy.integrate import solve_ivp

    mu = np.log(2) / td
    want = solve_ivp(lambda t, x: mu * x * (1 - x / k), (0, days - lag), [x0], rtol=1e-9).y[0, -1]
    lots = simulate_lots(read_plan(plan), 1)
    assert 2 ** lots.doublings[0] == pytest.approx(want / x0, rel=1e-6)
    assert lots.days[0] == pytest.approx(days + 1)


def test_vessels_attachment_and_losses_take_their_share():
    whole = simulate_lots(read_plan(simple()), 1).steps["passage 3"][0]
    for change in (
        {"process__passages__0__attach_frac": 0.5, "process__passages__0__harvest_per_cm2": 4000},
        {"process__passages__0__recovery_frac": 0.5},
        {"process__passages__0__area_max_cm2": 500},
        {"process__source__attach_frac": 0.5},
    ):
        half = simulate_lots(read_plan(simple(**change)), 1).steps["passage 3"][0]
        assert half == pytest.approx(whole / 2, rel=1e-6), change


def test_microcarriers_and_volumes_are_area_and_ml():
    beads = {"vessel": "microcarrier", "carrier_g_per_l": 10, "carrier_cm2_per_g": 300,
             "volume_max_ml": 100}  # fmt: skip
    passage = {"seed_per_cm2": 1000, "limit_per_cm2": 1e9, "harvest_per_cm2": 8000, "t_max_d": 60}
    lots = simulate_lots(read_plan(simple(process__passages=[passage | beads])), 1)
    assert lots.steps["passage 1"][0] == pytest.approx(8000 * 300, rel=1e-6)  # 100 ml hold 300 cm2
    suspended = {"vessel": "aggregate", "seed_per_ml": 1e4, "limit_per_ml": 1e10,
                 "harvest_per_ml": 4e4, "t_max_d": 60, "volume_max_ml": 50}  # fmt: skip
    lots = simulate_lots(read_plan(simple(process__passages=[suspended])), 1)
    assert lots.steps["passage 1"][0] == pytest.approx(50 * 4e4, rel=1e-6)


def test_senescence_slows_and_stops_release():
    old = {"doubling_d": 2.0, "lifespan_pd": 6, "senescence_width_pd": 1}
    lots = simulate_lots(read_plan(simple(process__growth=old)), 2)
    assert lots.days[0] > 20
    assert lots.senescent[0] == pytest.approx(1 / (1 + np.exp(-(lots.doublings[0] - 6))))
    strict = simple(process__growth=old, process__release={"senescent_limit_frac": 0.1})
    assert not simulate_lots(read_plan(strict), 2).released.any()


def test_chance_of_release_is_a_product():
    release = {"contamination_per_open": 0.1, "open_operations": 1, "potency_pass_frac": 0.5}
    lots = simulate_lots(read_plan(simple(process__release=release)), 40_000, seed=1)
    assert lots.chance[0] == pytest.approx(0.9**4 * 0.5)
    assert lots.released.mean() == pytest.approx(0.9**4 * 0.5, abs=0.01)
    assert lots.failed["sterility"] == pytest.approx(1 - 0.9**4)


def test_lots_of_one_donor_share_its_growth():
    plan = simple(
        process__source__lots_per_source=4,
        process__growth={"doubling_d": 2.0, "donor_cv": 0.3}, process__passages=[
            {"seed_per_cm2": 1000, "limit_per_cm2": 1e9, "harvest_per_cm2": 8e8, "t_max_d": 8}],
    )  # fmt: skip
    lots = simulate_lots(read_plan(plan), 400)
    grown = lots.doublings.reshape(-1, 4)
    assert np.ptp(grown, axis=1).max() == pytest.approx(0, abs=1e-9)
    assert grown[:, 0].std() > 0.2


def test_same_seed_same_digits_whatever_the_pieces(monkeypatch):
    from imscope.decisions.manufacture import lots as module

    plan = read_template("cord-bank")
    one, two = simulate_lots(plan, 3000, seed=3), simulate_lots(plan, 3000, seed=3)
    np.testing.assert_array_equal(one.doses, two.doses)
    assert not np.array_equal(one.doses, simulate_lots(plan, 3000, seed=4).doses)
    monkeypatch.setattr(module, "CHUNK", 1000)
    assert simulate_lots(plan, 3000, seed=3).doses.mean() == pytest.approx(
        one.doses.mean(), rel=0.1
    )


@settings(max_examples=25)
@given(st.floats(0.3, 0.95), st.floats(0.05, 0.9))
def test_more_failures_never_give_more_doses(keep, factor):
    high = simple(process__release={"potency_pass_frac": keep})
    low = simple(process__release={"potency_pass_frac": keep * factor})
    a, b = (simulate_lots(read_plan(p), 400, seed=5).doses.sum() for p in (high, low))
    assert b <= a


@settings(max_examples=25)
@given(st.floats(1e7, 1e9), st.floats(1.0, 5.0))
def test_a_larger_dose_never_costs_less(dose, factor):
    small, large = (
        plan_campaign(p, simulate_lots(p, 200))
        for p in (read_plan(simple(demand={"dose_cells": d})) for d in (dose, dose * factor))
    )
    assert large.cost_per_dose_mean >= small.cost_per_dose_mean


def test_campaign_counts_lots_donors_and_weeks():
    plan = read_plan(
        simple(
            process__release={"potency_pass_frac": 0.5},
            process__source__lots_per_source=2,
            process__source__donor_eligible_frac=0.5,
            demand={"doses": 100, "dose_cells": 1e8, "probability": 0.9},
        )
    )
    lots = simulate_lots(plan, 40_000)
    campaign = plan_campaign(plan, lots)
    from scipy.stats import binom

    need = next(n for n in range(20, 100) if binom.sf(19, n, 0.5) >= 0.9)  # 20 lots of 5 doses
    assert abs(campaign.lots_needed - need) <= 1
    assert campaign.sources_needed == -(-campaign.lots_needed // 2)
    assert campaign.approached == pytest.approx(campaign.sources_needed / 0.5)
    assert campaign.p_target == pytest.approx(0.9, abs=0.05)
    assert campaign.cost_per_dose_mean == pytest.approx(1000 / 2.5, rel=0.02)
    turn = (float(lots.days[0]) + 2) / 7
    assert campaign.weeks_all == pytest.approx(
        (campaign.lots_needed - 1) * turn + (lots.days[0] + 14) / 7
    )


def test_a_horizon_allows_so_many_lots():
    plan = read_plan(simple(demand={"doses": 10, "dose_cells": 1e8, "horizon_weeks": 8}))
    campaign = plan_campaign(plan, simulate_lots(plan, 100))
    turn, first = (19 + 2) / 7, (19 + 14) / 7
    assert campaign.lots == int((8 - first) / turn) + 1
    short = read_plan(simple(demand={"doses": 10, "dose_cells": 1e8, "horizon_weeks": 2}))
    none = plan_campaign(short, simulate_lots(short, 100))
    assert (none.lots, none.p_target) == (0, 0.0)


def test_cost_is_a_ratio_of_sums():
    plan = read_plan(simple(process__release={"potency_pass_frac": 0.2}))
    lots = simulate_lots(plan, 5000)
    want = lots.cost.sum() / lots.doses.sum()
    campaign = plan_campaign(plan, lots)
    assert campaign.cost_per_dose_mean == pytest.approx(want)
    low, middle, high = campaign.cost_per_dose
    assert low <= middle <= high


def test_levers_name_what_matters():
    doubling = {"value": "lognormal(2.0, 0.3)", "source": "test", "status": "user"}
    wash = {"value": "uniform(0.79, 0.81)", "source": "test", "status": "user"}
    plan = simple(
        process__growth={"doubling_d": doubling}, process__dsp={"recovery_frac": wash},
        process__passages=[{"seed_per_cm2": 1000, "limit_per_cm2": 1e9, "harvest_per_cm2": 9e8,
                            "t_max_d": 12}], demand={"dose_cells": 1e5},
    )  # fmt: skip
    levers = find_levers(read_plan(plan), power=9)
    assert [v.parameter for v in levers] == [
        "process.growth.doubling_d",
        "process.dsp.recovery_frac",
    ]
    assert levers[0].total_effect > 0.95
    assert levers[0].low > levers[0].high  # slower growth gives fewer doses
    assert levers[1].low < levers[1].high
    assert levers[0].cost_low < levers[0].cost_high
    assert find_levers(read_plan(simple()), power=5) == []


def test_variants_grow_by_their_advantage():
    t = np.linspace(0, 40, 5)
    f = variant_fraction(1e-4, 0.3, t)
    ratio = f / (1 - f)
    np.testing.assert_allclose(ratio, 1e-4 / (1 - 1e-4) * np.exp(0.3 * t), rtol=1e-9)
    assert variant_fraction(0.0, 1.0, 10) == 0


@pytest.mark.parametrize(
    ("text", "median", "mean"),
    [
        ("lognormal(2, 0.5)", 2.0, 2 * np.sqrt(1.25)),
        ("normal(5, 1)", 5.0, 5.0),
        ("uniform(1, 3)", 2.0, 2.0),
        ("triangular(0, 1, 2)", 1.0, 1.0),
        ("beta(10, 17)", 0.5865, 10.5 / 18),
        (7, 7.0, 7.0),
        ("1e6", 1e6, 1e6),
    ],
)
def test_distributions_have_their_quantiles(text, median, mean):
    q = read_quantity(text, "x")
    assert q.median == pytest.approx(median, rel=1e-3)
    assert q.mean == pytest.approx(mean, rel=1e-9)
    if not q.fixed:
        draws = q.draw((np.arange(20_000) + 0.5) / 20_000)
        assert draws.mean() == pytest.approx(mean, rel=5e-3)
        assert np.median(draws) == pytest.approx(median, rel=1e-3)


def test_a_column_of_a_file_is_a_distribution(tmp_path):
    (tmp_path / "td.csv").write_text("donor,td\na,2\nb,3\nc,4\n")
    q = read_quantity("empirical(td.csv:td)", "x", folder=tmp_path)
    assert (q.median, q.mean, q.at(1.0)) == (3.0, 3.0, 4.0)
    with pytest.raises(DataError, match="there is no column 'tdd'"):
        read_quantity("empirical(td.csv:tdd)", "x", folder=tmp_path)


BAD = [
    ("process:\n  nam: x\n", "process.nam is not a key", 2, "did you mean name"),
    ("process: 3\n", "process should be a section", 1, ""),
    ("demand: {}\n", "process is missing", None, ""),
]


@pytest.mark.parametrize(("text", "problem", "line", "fix"), BAD)
def test_wrong_keys_are_named_with_their_line(tmp_path, text, problem, line, fix):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_plan(path)
    assert problem in error.value.problem
    assert line is None or f"line {line}" in error.value.problem
    assert fix in error.value.fix


CHANGES = [
    ({"process__growth__doubling_d": -1}, "should lie between"),
    ({"process__growth__doubling_d": "lognormal(2, 0.3)"}, "distribution without a source"),
    ({"process__growth__doubling_d": {"value": 2, "source": "x", "status": "Z"}}, "needs a status"),
    ({"process__growth__doubling_d": "lognormal(2)"}, "takes 2 numbers"),
    ({"process__growth__doubling_d": "lognorml(2, 1)"}, "no distribution"),
    ({"process__growth__doubling_d": "fast"}, "neither a number"),
    ({"process__growth": {}}, "needs doubling_d"),
    ({"process__passages__0__harvest_per_cm2": 900}, "not below the density at harvest"),
    ({"process__passages__0__lag_d": -2}, "should lie between"),
    ({"process__passages__0__attach_frac": 1.5}, "should lie between 0 and 1"),
    ({"process__passages__0__seed_per_ml": 5}, "has another unit"),
    ({"process__passages__0__vessel": "planr"}, "none of the choices"),
    ({"process__passages": []}, "should be a list"),
    ({"process__source__tissue_g": 5}, "does not belong to marrow"),
    ({"process__differentiation": {"yield_cells_per_ipsc": 1, "days": 2}}, "has no place"),
    ({"demand": {"doses": 10}}, "needs a dose"),
    ({"demand": {"cells_per_kg": 1e6}}, "is missing: the dose is per kg"),
    ({"demand__doses": 0}, "whole number"),
    ({"process__cost__currency": 3}, "should be text"),
    ({"process__growth__from": "nowhere.json"}, "names a file that is not there"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "problem"), CHANGES)
def test_plans_that_contradict_themselves_are_refused(tmp_path, change, problem):
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(simple(**change)))
    with pytest.raises(DataError, match="plan.yaml") as error:
        read_plan(path)
    assert problem in error.value.problem
    assert "line " in error.value.problem


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "\t", "x: " + "[" * 300 + "]" * 300, "a: 1\na: 2\n", "- 1\n- 2\n", ""]
)
def test_files_that_are_no_plan_end_in_one_error(tmp_path, text):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(DataError):
        read_plan(path)


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_templates_are_plans_with_sources(name):
    plan = read_plan(yaml.safe_load(template_text(name)))
    assert all(q.source for q in plan.quantities())
    result = run_plan(plan, n_lots=2000, power=4)
    content = result.content()
    json.dumps(content, allow_nan=False)
    assert content["doses_per_lot"]["p95"] > 0
    for table_name, table in result.tables().items():
        assert len(table), table_name
        assert set(table["process"]) == {plan.name}


def test_a_template_that_is_not_there_is_pointed_to_the_nearest():
    with pytest.raises(UsageError, match="no template") as error:
        template_text("cord")
    assert "cord-bank" in error.value.fix


def test_tables_hold_what_the_lots_show():
    result = run_plan(read_template("imsc-wcb"), n_lots=3000, power=4)
    t, lots = result.tables(), result.lots
    steps = t["manufacture_steps"]
    assert steps["order"].tolist() == list(range(1, len(steps) + 1))
    assert steps.loc[0, "cells_p50"] == pytest.approx(np.median(lots.steps["start"]))
    assert (steps["cells_p5"] <= steps["cells_p95"]).all()
    doses = t["manufacture_doses"]
    assert doses["frac"].sum() == pytest.approx(1.0)
    assert (doses["high"] > doses["low"]).all()
    costs = t["manufacture_costs"]
    assert costs["cost"].sum() == pytest.approx(lots.cost.mean())
    assert costs["per_dose"].sum() == pytest.approx(lots.cost.mean() / lots.doses.mean())
    assert {"media", "labour", "bank"} <= set(costs["part"])
    plan = t["manufacture_schedule"]
    assert plan["end_d"].iloc[-1] / 7 == pytest.approx(result.campaign.weeks_first[1], rel=0.05)
    assert (plan["start_d"].iloc[1:].to_numpy() == plan["end_d"].iloc[:-1].to_numpy()).all()
    inputs = t["manufacture_inputs"].set_index("parameter")
    assert inputs.loc["process.expansion[1].fold", ["status", "median"]].tolist() == ["V", 4.0]
    assert inputs.loc["process.expansion[1].fold", "value"] == "lognormal(4, 0.25)"
    assert "doi:" in inputs.loc["process.expansion[1].fold", "source"]
    levers = t["manufacture_levers"]
    assert (levers["total_effect"].diff().dropna() <= 0).all()
    assert (levers["first_order"] <= 1).all()
    assert levers[["low", "high", "cost_low", "cost_high"]].notna().all().all()


def test_processes_stand_side_by_side():
    results, table = compare_plans(
        [read_template("cord-bank"), read_template("imsc-wcb")], n_lots=2000, power=4
    )
    assert table["process"].tolist() == [r.plan.name for r in results]
    first, content = table.iloc[0], results[0].content()
    for column, value in {
        "doses_p5": content["doses_per_lot"]["p5"], "doses_mean": content["doses_per_lot"]["mean"],
        "p_release": content["p_release"], "lots_needed": content["lots_needed"],
        "sources_needed": content["sources_needed"], "cost_p50": content["cost_per_dose"]["p50"],
        "weeks": content["weeks"]["p50"], "pdl_at_dose": content["pdl_at_dose"]["p50"],
        "senescent_frac": content["senescent_frac"]["p50"], "currency": "EUR",
    }.items():  # fmt: skip
        assert first[column] == value
    assert first["levers"].count(",") == 4


def test_bank_supply_counts_vials():
    result = run_plan(read_template("imsc-wcb"), n_lots=1000, power=3)
    bank = result.content()["bank"]
    assert bank["lots"] == 180 * 180
    assert bank["doses"] == pytest.approx(180 * 180 * result.lots.doses.mean())
    assert bank["years"] == pytest.approx(bank["lots"] / result.campaign.lots_per_year)


@pytest.mark.parametrize(
    ("weight", "low", "high"), [(50, 5e7, 1e8), (70, 7e7, 1.4e8), (100, 1e8, 2e8), (120, 1e8, 2e8)]
)
def test_doses_per_kg_and_their_caps(weight, low, high):
    assert plan_dose(per_kg=1e6, weight=weight, cap=1e8).dose_cells == low
    assert plan_dose(per_kg=2e6, weight=weight, cap=2e8).dose_cells == high


def test_cells_to_thaw_and_whole_vials():
    dose = plan_dose(fixed=1e8, recovery=0.8, vial_cells=5e7)
    assert (dose.cells_to_thaw, dose.vials, dose.capped) == (1.25e8, 3, False)
    for wrong in (
        {},
        {"per_kg": 1e6},
        {"fixed": 1e8, "per_kg": 1e6},
        {"fixed": -1},
        {"fixed": 1, "recovery": 0},
    ):
        with pytest.raises(UsageError):
            plan_dose(**wrong)


FIT = {
    "growth": [
        {"subset": "A", "rate_per_day": 0.5, "low": 0.45, "high": 0.55, "identified": True},
        {"subset": "B", "rate_per_day": 0.3, "low": 0.25, "high": 0.35, "identified": True},
    ],
    "conversion": [{"from": "A", "to": "B", "rate_per_day": 0.05, "low": 0.04, "high": 0.06}],
}


def bridged(tmp_path, fit=FIT, **growth):
    (tmp_path / "fit.json").write_text(json.dumps(fit))
    section = {"from": "fit.json", "start_composition": {"A": 0.5, "B": 0.5}} | growth
    passage = {"seed_per_cm2": 1000, "limit_per_cm2": 1e9, "harvest_per_cm2": 9e8, "t_max_d": 6}
    plan = simple(process__growth=section, process__passages=[passage, dict(passage)])
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(plan))
    return path


def test_the_bridge_takes_rates_and_reports_the_composition(tmp_path):
    lots = simulate_lots(read_plan(bridged(tmp_path)), 4000)
    from scipy.linalg import expm

    rate = np.array([[0.5 - 0.05, 0.05], [0.0, 0.3]])
    x = np.array([0.5, 0.5]) @ expm(rate * 12)
    want = x / x.sum()
    mean, low, high = lots.composition["A"]
    assert mean == pytest.approx(want[0], abs=0.03)
    assert low < mean < high
    assert lots.doublings.std() > 0.05  # the uncertainty of the rates is in the lots


def test_the_bridge_takes_a_senescence_curve(tmp_path):
    curve = [{"passage": p, "median": m, "low": m / 2, "high": min(2 * m, 0.95)}
             for p, m in ((3, 0.05), (5, 0.2), (7, 0.6))]  # fmt: skip
    (tmp_path / "forecast.json").write_text(json.dumps({"curve": curve}))
    plan = simple(process__senescence={"from": "forecast.json", "passage_start": 3})
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    lots = simulate_lots(read_plan(tmp_path / "plan.yaml"), 4000)
    assert np.median(lots.senescent) == pytest.approx(0.2, abs=0.02)  # three passages: 3, 4, 5
    assert lots.senescent.std() > 0.02


@pytest.mark.parametrize(
    ("fit", "problem"),
    [
        ({"growth": []}, "no result of"),
        ({"growth": [FIT["growth"][0] | {"relative": True}]}, "relative rates only"),
        ({"growth": [FIT["growth"][0] | {"identified": False}, FIT["growth"][1]]}, "not identify"),
        ({"growth": FIT["growth"][:1]}, "start_composition"),
    ],
)
def test_a_fit_that_cannot_bear_it_is_refused(tmp_path, fit, problem):
    with pytest.raises(DataError, match="plan.yaml") as error:
        simulate_lots(read_plan(bridged(tmp_path, fit)), 10)
    assert problem in str(error.value)


def test_notices_tell_what_must_be_known():
    result = run_plan(simple(process__cost={}), n_lots=500, power=3)
    assert [n.code for n in result.notices] == ["W-PLAN"]
    assert "no price" in result.notices[0].message
    nothing = run_plan(simple(demand={"doses": 5, "dose_cells": 1e15}), n_lots=500, power=3)
    assert "no lot gave a released dose" in nothing.notices[0].message
    content = nothing.content()
    assert (content["cost_per_dose"]["p50"], content["lots_needed"]) == (None, None)
    assert any("no number of lots" in s for s in nothing.sentences())


def test_sentences_name_sides_and_quantity():
    lines = run_plan(simple(), n_lots=500, power=3).sentences()
    assert lines[0].startswith("simple: a lot gives 5 released doses")
    assert "10 doses with a chance of 95 %: 2 lots from 2 donors" in lines[1]
    assert isinstance(pd.DataFrame({"words": lines}), pd.DataFrame)
