from decimal import ROUND_HALF_UP, Decimal
from itertools import product

import pytest

from imscope.core.errors import DataError, UsageError
from imscope.decisions.release.criteria import (
    Criterion,
    Measured,
    judge,
    lot_verdict,
    read_specification,
)

CASES = list(
    product(
        ("at least", "at most", "range"),
        ("69.4", "69.5", "70", "70.04", "80.05", "80.4", "80.6", "99"),
        ("70", "70.0"),
        ("=", "<", ">"),
    )
)


def textbook(kind, value, limit, relation):
    """Written out anew: what a reader of the rules would say."""
    low = Decimal(limit) if kind != "at most" else None
    high = Decimal(limit) + 10 if kind == "range" else Decimal(limit) if kind == "at most" else None
    places = Decimal(1) if "." not in limit else Decimal("0.1")
    v = Decimal(value)
    r = v.quantize(places, rounding=ROUND_HALF_UP)
    if relation == "=":
        return "MET" if (low is None or r >= low) and (high is None or r <= high) else "NOT MET"
    if relation == "<":  # the truth is somewhere below v
        if low is not None:
            return "NOT MET" if v <= low else "OPEN"
        return "MET" if v <= high else "OPEN"
    if high is not None and v >= high:
        return "NOT MET" if low is None or v >= low else "OPEN"
    if high is not None:
        return "OPEN"
    return "MET" if v >= low else "OPEN"


@pytest.mark.parametrize(("kind", "value", "limit", "relation"), CASES)
def test_against_a_textbook_table(kind, value, limit, relation):
    low = limit if kind != "at most" else ""
    high = str(Decimal(limit) + 10) if kind == "range" else limit if kind == "at most" else ""
    c = Criterion("x", "m", kind, low=low, high=high, unit="%")
    got = judge(c, [Measured("x", "m", value, "%", relation)]).verdict
    assert got == textbook(kind, value, limit, relation)


def test_censoring_absence_text_and_status():
    absent = Criterion("residual", "rna 1", "absent")
    assert (
        judge(
            absent, [Measured("residual", "rna 1", "", relation="not detected", lod="0.001")]
        ).verdict
        == "MET"
    )
    assert (
        judge(absent, [Measured("residual", "rna 1", "", relation="not detected")]).verdict
        == "OPEN"
    )
    below = Criterion("residual", "rna 1", "at most", high="0.001")
    low = Measured("residual", "rna 1", "", relation="not detected", lod="0.0005")
    high = Measured("residual", "rna 1", "", relation="not detected", lod="0.01")
    assert judge(below, [low]).verdict == "MET"
    assert judge(below, [high]).verdict == "OPEN"
    text = Criterion("karyotype", "g band", "equals", text="46,XY")
    assert judge(text, [Measured("karyotype", "g band", "46,XY")]).verdict == "MET"
    assert judge(text, [Measured("karyotype", "g band", "47,XY,+8")]).verdict == "NOT MET"
    assert (
        judge(text, [Measured("karyotype", "g band", "46,XY", status="characterisation")]).verdict
        == "OPEN"
    )


def test_interval_must_clear_the_limit_where_the_method_demands_it():
    c = Criterion("x", "m", "at most", high="5", interval=True)
    assert judge(c, [Measured("x", "m", "4", high="4.9")]).verdict == "MET"
    assert judge(c, [Measured("x", "m", "4", high="5.1")]).verdict == "OPEN"
    assert judge(c, [Measured("x", "m", "4")]).verdict == "OPEN"


def test_no_further_test_removes_a_failed_one():
    c = Criterion("x", "m", "at least", low="70")
    bad, good = Measured("x", "m", "60"), Measured("x", "m", "90")
    found = judge(c, [bad, good, good])
    assert (found.verdict, found.n_tests) == ("NOT MET", 3)
    struck = Measured("x", "m", "60", valid=False, reason="wrong tube, deviation D1")
    found = judge(c, [struck, good])
    assert (found.verdict, found.n_tests) == ("MET", 2)
    assert found.corrected == ("60 : wrong tube, deviation D1",)


def test_another_method_and_another_unit_are_not_the_same():
    c = Criterion("x", "m 1", "at least", low="70", unit="%")
    found = judge(c, [Measured("x", "m 2", "90", "%")])
    assert found.verdict == "OPEN"
    assert "m 2" in found.reason
    with pytest.raises(DataError, match="units"):
        judge(c, [Measured("x", "m 1", "0.9", "fraction")])


def test_missing_data_never_pass():
    c = Criterion("x", "m", "at least", low="70")
    met, missing = (
        judge(c, [Measured("x", "m", "90")]),
        judge(Criterion("y", "m", "at least", low="1"), []),
    )
    assert lot_verdict([met], "v1") == "MEETS ALL CRITERIA OF v1"
    assert lot_verdict([met, missing], "v1") == "INCOMPLETE"
    assert lot_verdict([judge(c, [Measured("x", "m", "1")]), missing], "v1") == "DOES NOT MEET"


@pytest.mark.parametrize(
    "rows",
    [
        None,
        [],
        "x",
        [{"attribute": "x"}],
        [{"attribute": "x", "method": "m", "kind": "at least"}],
        [{"attribute": "x", "method": "m", "kind": "range", "low": "5", "high": "4"}],
        [{"attribute": "x", "method": "m", "kind": "at least", "low": "nan"}],
        [{"attribute": "x", "method": "m", "kind": "at least", "low": "5", "colour": "red"}],
        [{"attribute": "x", "method": "m", "kind": "equals"}],
    ],
)
def test_bad_specifications_are_refused(rows):
    with pytest.raises((UsageError, DataError)) as error:
        read_specification({"criteria": rows})
    assert error.value.code == "E-SPEC-LIMITS"
