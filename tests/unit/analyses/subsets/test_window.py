import numpy as np
import pandas as pd
import pytest

from imscope.analyses.subsets.route import stage_route
from imscope.analyses.subsets.stage_calls import StageCalls
from imscope.analyses.subsets.stage_settings import StageSettings
from imscope.analyses.subsets.window import mesenchymoangioblast_window, peak_of
from imscope.core.errors import DataError

STAGES = (
    *("streak", "mesoderm", "mesenchymoangioblast", "endothelial_core", "primitive_mesenchyme"),
    *("neural_crest", "cardiac", "trophoblast", "msc", "unknown"),
)


def calls_of(stages, sample=None, scored=True):
    n = len(stages)
    cells = pd.DataFrame({"sample": sample if sample is not None else ["s"] * n, "stage": stages})
    ok = np.full(len(STAGES), scored)
    return StageCalls(
        cells, np.zeros((n, len(STAGES))), STAGES, ("stage",) * len(STAGES),
        np.ones(len(STAGES)), ok, StageSettings(), (),
    )  # fmt: skip


def series(shares, n=300):
    stages, day = [], []
    for d, share in shares.items():
        k = round(share * n)
        stages += ["mesenchymoangioblast"] * k + ["msc"] * (n - k)
        day += [d] * n
    return calls_of(stages, sample=[f"d{d}" for d in day]), pd.Series(day)


TRUE = {0: 0.0, 1: 0.2, 2: 0.5, 3: 0.125, 4: 0.0, 6: 0.0}


def test_peak_and_rules_of_the_published_course():
    window = mesenchymoangioblast_window(*series(TRUE))
    check = window.checks.iloc[0]
    assert abs(check["peak_day"] - 2) < 0.25
    assert check["low"] <= 2 <= check["high"] + 0.2
    assert (check["peak_rule"], check["gone_rule"], check["alarm"]) == ("pass", "pass", "")
    assert window.days.set_index("day").loc[3.0, "of_peak"] == pytest.approx(0.25, abs=0.02)


def test_arrested_and_never_present_raise_their_alarm():
    stay = mesenchymoangioblast_window(*series({**TRUE, 4: 0.3, 6: 0.3})).checks.iloc[0]
    assert (stay["gone_rule"], stay["alarm"]) == ("fail", "arrested")
    never = mesenchymoangioblast_window(*series(dict.fromkeys(TRUE, 0.0))).checks.iloc[0]
    assert never["alarm"] == "never present"
    assert np.isnan(never["peak_day"])


def test_a_late_peak_fails_the_rule_and_is_no_arrest():
    late = mesenchymoangioblast_window(
        *series({0: 0, 1: 0, 2: 0.1, 3: 0.2, 4: 0.5, 5: 0.12, 6: 0.0})
    ).checks.iloc[0]
    assert abs(late["peak_day"] - 4) < 0.3
    assert (late["peak_rule"], late["alarm"]) == ("fail", "")


def test_one_day_and_peaks_at_the_edge_have_words_but_no_number():
    one = mesenchymoangioblast_window(*series({2: 0.4})).checks.iloc[0]
    assert np.isnan(one["peak_day"])
    assert "one day only" in one["reason"]
    edge = mesenchymoangioblast_window(*series({2: 0.4, 3: 0.1, 4: 0})).checks.iloc[0]
    assert np.isnan(edge["peak_day"])
    assert "on the first day" in edge["reason"]
    assert edge["peak_rule"] == "not testable"


def test_each_series_is_judged_by_itself():
    calls, day = series(TRUE)
    half = pd.Series(np.where(np.arange(len(day)) % 2, "C1", "C2"))
    checks = mesenchymoangioblast_window(calls, day, series=half).checks
    assert set(checks["series"]) == {"C1", "C2"}


def test_missing_days_are_refused():
    calls, day = series(TRUE)
    with pytest.raises(DataError, match="missing or not a number"):
        mesenchymoangioblast_window(calls, day.where(day > 0))
    with pytest.raises(DataError, match="every cell needs a day"):
        mesenchymoangioblast_window(calls, day.head(2))


def test_peak_by_the_parabola_formula():
    x = np.array([0.0, 1.0, 2.5, 4.0])
    y = 3 - (x - 1.4) ** 2
    assert peak_of(x, y) == pytest.approx(1.4)
    assert np.isnan(peak_of(x, x))
    assert np.isnan(peak_of(x, np.zeros(4)))


@pytest.mark.parametrize(
    ("stages", "route"),
    [
        (["mesoderm"] * 60 + ["neural_crest"] * 2, "mesoderm"),
        (["mesoderm"] * 2 + ["neural_crest"] * 60, "neural crest"),
        (["mesoderm"] * 30 + ["neural_crest"] * 30, "both"),
        (["msc"] * 60, "not told"),
    ],
)
def test_routes(stages, route):
    calls = calls_of(stages)
    row = stage_route(calls, calls.cells["sample"].to_numpy()).iloc[0]
    assert row["route"] == route
    assert np.isnan(row["posterior_mesoderm"]) == (route == "not told")
    assert row["cardiac"].startswith("none found: 0 of")
