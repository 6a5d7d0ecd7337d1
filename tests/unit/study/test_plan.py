from types import SimpleNamespace

import pytest

from imscope.core.result import Result
from imscope.core.schema import TABLES
from imscope.study.plan import find_steps, order_steps, run_steps
from imscope.study.step import EVERY, Step
from imscope.study.store import StepStore
from imscope.study.telemetry import Telemetry


def step(name, needs=(), rank=500, work=lambda run, had: Result(), settings=None, **more):
    settings = settings or (lambda run: {"seed": 0})
    return Step(name, name, work, needs=tuple(needs), settings=settings, rank=rank, **more)


def names(steps):
    return [s.name for s in steps]


def test_needs_come_first_then_rank_then_name():
    steps = [step("b"), step("a"), step("first", rank=1, needs=("late",)), step("late", rank=900)]
    assert names(order_steps(steps)) == ["a", "b", "late", "first"]
    assert names(order_steps(reversed(steps))) == ["a", "b", "late", "first"]


def test_a_step_that_needs_all_comes_after_all():
    assert names(order_steps([step("all", EVERY, rank=0), step("x"), step("y", ("x",))])) == [
        "x",
        "y",
        "all",
    ]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([step("a"), step("a")], "one name"),
        ([step("a", ("b",))], "no step b"),
        ([step("a", ("b",)), step("b", ("a",))], "need each other"),
    ],
)
def test_a_plan_that_cannot_run_is_refused(steps, words):
    with pytest.raises(RuntimeError, match=words):
        order_steps(steps)


def test_every_step_of_the_house_is_found_with_a_weight_and_its_own_tables():
    plan = find_steps()
    assert {"qc", "clusters", "heterogeneity", "cells"} <= set(names(plan))
    made = [t.name for s in plan for t in s.tables]
    assert len(made) == len(set(made))
    assert set(made) <= set(TABLES)
    assert all(s.share > 0 for s in plan)
    assert plan[-1].needs == EVERY


def run(plan, tmp_path):
    given = SimpleNamespace(seed=3)
    return run_steps(order_steps(plan), given, {}, StepStore(tmp_path), Telemetry())


def test_a_step_sees_what_it_needs_and_nothing_else(tmp_path):
    seen = {}

    def look(given, had):
        seen[given.seed] = sorted(had)
        return Result(facts={"n": had["a"].fact("n") + 1})

    first = step("a", work=lambda run, had: Result(facts={"n": 1}))
    done = run([first, step("b"), step("c", ("a",), work=look)], tmp_path)
    assert seen == {3: ["a"]}
    assert done["c"].fact("n") == 2


def test_a_changed_setting_computes_the_step_and_those_after_it(tmp_path):
    def plan(k):
        return [
            step("a", settings=lambda run: {"k": k}, work=lambda run, had: Result(facts={"k": k})),
            step("b", ("a",)),
            step("other"),
        ]

    run(plan(1), tmp_path)
    done = run(plan(2), tmp_path)
    assert {n: d.cached for n, d in done.items()} == {"a": False, "b": False, "other": True}
    assert all(d.cached for d in run(plan(2), tmp_path).values())


def test_large_files_stand_beside_the_result(tmp_path):
    def write(given, had, folder):
        (folder / "big.h5ad").write_text("cells")

    done = run([step("cells", files=write)], tmp_path)
    assert [p.name for p in done["cells"].files()] == ["big.h5ad"]
