"""Words in tables: truth, no value, near names, order."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.core.errors import DataError
from imscope.core.names import (
    FALSE_WORDS,
    MISSING_WORDS,
    TRUE_WORDS,
    did_you_mean,
    is_missing,
    level_name,
    natural_key,
    near_names,
    read_truth,
)


@given(st.lists(st.sampled_from(sorted(TRUE_WORDS | FALSE_WORDS | MISSING_WORDS))))
def test_words_of_yes_and_no_are_read_in_any_case(words):
    want = [w in TRUE_WORDS for w in words]
    assert read_truth([f" {w.upper()} " for w in words], "x").tolist() == want


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([True, False, None], [True, False, False]),
        ([1, 0, 1.0, float("nan")], [True, False, True, False]),
        (pd.array([True, None, False], dtype="boolean"), [True, False, False]),
        (pd.array([1, None, 0], dtype="Int64"), [True, False, False]),
        (np.array(["y", "n", ""], dtype=object), [True, False, False]),
    ],
)
def test_flags_numbers_and_nullable_columns_are_read(values, want):
    assert read_truth(pd.Series(values), "is_reference").tolist() == want


def test_another_word_is_named():
    with pytest.raises(DataError, match="'maybe', 'x'") as error:
        read_truth(["yes", "maybe", "x"], "is_reference")
    assert error.value.code == "E-CELLS-TRUTH"
    assert "is_reference" in error.value.problem


@pytest.mark.parametrize(
    "value", [None, float("nan"), pd.NA, pd.NaT, "", " ", "NA", "n/a", "#REF!", "-"]
)
def test_no_value_in_all_its_forms(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, False, "0", "no", "None of these", "Nadia", "-1"])
def test_values_that_look_empty_and_are_not(value):
    assert not is_missing(value)


def test_near_names_ignore_case_and_say_nothing_when_far():
    assert near_names("DONER", ["Donor", "lot"]) == ["Donor"]
    assert did_you_mean("qqq", ["donor"], "name a column") == "name a column"
    assert did_you_mean("sampel", ["sample", "donor"]) == "did you mean sample?"


@given(st.lists(st.one_of(st.integers(-50, 50), st.text("ab", min_size=1, max_size=3))))
def test_numbers_come_by_size_before_words(values):
    done = sorted(values, key=natural_key)
    numbers = [v for v in done if isinstance(v, int)]
    assert done[: len(numbers)] == sorted(numbers)
    assert done[len(numbers) :] == sorted(v for v in values if isinstance(v, str))


def test_whole_numbers_lose_their_point():
    assert [level_name(v) for v in (3.0, np.float64(2.5), 4, "P3", True)] == [
        "3",
        "2.5",
        "4",
        "P3",
        "True",
    ]
