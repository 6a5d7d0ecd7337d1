import pickle

import pytest

from imscope.core.errors import DataError, ImscopeError, MethodError, UsageError


@pytest.mark.parametrize("kind", [ImscopeError, DataError, MethodError, UsageError])
def test_parts_and_class_survive_the_trip_between_processes(kind):
    error = kind("no column", found="a, b", fix="name one", code="E-X")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (back.problem, back.found, back.fix, back.code) == (
        "no column",
        "a, b",
        "name one",
        "E-X",
    )
    assert str(back) == str(error)


def test_the_message_has_a_line_for_each_part_given():
    assert str(DataError("bad", found="3 of 4", code="E-X")) == "bad\n  found: 3 of 4\n  code: E-X"
    assert str(DataError("bad")) == "bad"


@pytest.mark.parametrize(("kind", "code"), [(DataError, 1), (MethodError, 1), (UsageError, 2)])
def test_exit_codes(kind, code):
    assert kind("x").exit_code == code
    assert issubclass(kind, ValueError)
    with pytest.raises(ImscopeError):
        raise kind("x")
