"""Two runs side by side: what is the same, what changed, each headline number, its interval."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


class Change(BaseModel):
    """One thing that differs between two runs; empty where one has it not."""

    what: str
    first: str
    second: str


class Number(BaseModel):
    """One headline number of both runs, with its interval."""

    group: str
    measure: str
    first: float | None = None
    first_low: float | None = None
    first_high: float | None = None
    second: float | None = None
    second_low: float | None = None
    second_high: float | None = None
    same_key: bool = False


class Comparison(BaseModel):
    """What two runs share and what they do not.

    Attributes
    ----------
    shared_samples, only_first, only_second
        Names of samples.
    settings, inputs, versions, verdicts
        What differs.
    numbers
        HI2 and biological CV of every group of either run.
    caution
        What must be known before numbers are set side by side.
    """

    shared_samples: list[str]
    only_first: list[str]
    only_second: list[str]
    settings: list[Change]
    inputs: list[Change]
    versions: list[Change]
    verdicts: list[Change]
    numbers: list[Number]
    caution: str


MEASURES = {
    "hi2": ("hi2", "hi2_low", "hi2_high"),
    "bcv_percent": ("bcv_percent", "bcv_low", "bcv_high"),
}


def compare_runs(first: Mapping[str, Any], second: Mapping[str, Any]) -> Comparison:
    """Set the results of two runs side by side.

    Parameters
    ----------
    first, second
        Contents of two ``results.json``.

    Examples
    --------
    >>> run = {"samples": [{"sample": "a"}], "config": {"qc": {"min_umi": 500}}}
    >>> other = {"samples": [{"sample": "a"}], "config": {"qc": {"min_umi": 800}}}
    >>> [c.model_dump() for c in compare_runs(run, other).settings]
    [{'what': 'qc.min_umi', 'first': '500', 'second': '800'}]
    """
    names = [[str(s["sample"]) for s in r.get("samples", [])] for r in (first, second)]
    numbers = _numbers(first, second)
    apart = any(not n.same_key for n in numbers if n.first is not None and n.second is not None)
    caution = (
        "The comparability keys differ: the numbers were made with other genes or weights and must "
        "not be set side by side. Freeze a reference profile to make runs comparable."
        if apart
        else ""
    )
    return Comparison(
        shared_samples=[n for n in names[0] if n in set(names[1])],
        only_first=[n for n in names[0] if n not in set(names[1])],
        only_second=[n for n in names[1] if n not in set(names[0])],
        settings=_changes(_flat(first.get("config", {})), _flat(second.get("config", {}))),
        inputs=_changes(_inputs(first), _inputs(second)),
        versions=_changes(_flat(first.get("versions", {})), _flat(second.get("versions", {}))),
        verdicts=_changes(_verdicts(first), _verdicts(second)),
        numbers=numbers,
        caution=caution,
    )


def _flat(content: object, head: str = "") -> dict[str, str]:
    if not isinstance(content, Mapping):
        return {head: "" if content is None else str(content)}
    out: dict[str, str] = {}
    for key, value in content.items():
        out |= _flat(value, f"{head}.{key}" if head else str(key))
    return out


def _inputs(results: Mapping[str, Any]) -> dict[str, str]:
    """Hash of every input by the name of its file."""
    return {
        str(item.get("path", "")).rpartition("/")[2]: str(item.get("sha256", ""))[:12]
        for item in results.get("inputs", [])
    }


def _verdicts(results: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"claim {v.get('claim')}, {v.get('test_group')} against {v.get('reference_group')}": str(
            v.get("verdict", "")
        )
        for v in results.get("verdicts", [])
    }


def _changes(first: Mapping[str, str], second: Mapping[str, str]) -> list[Change]:
    return [
        Change(what=key, first=first.get(key, ""), second=second.get(key, ""))
        for key in dict.fromkeys((*first, *second))
        if first.get(key, "") != second.get(key, "")
    ]


def _numbers(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Number]:
    rows = [
        {f"{r.get('level')} {r.get('group')}": r for r in results.get("headline", [])}
        for results in (first, second)
    ]
    out = []
    for group in dict.fromkeys((*rows[0], *rows[1])):
        a, b = rows[0].get(group, {}), rows[1].get(group, {})
        same = a.get("comparability_key") == b.get("comparability_key") is not None
        for measure, (value, low, high) in MEASURES.items():
            out.append(
                Number(
                    group=group, measure=measure, same_key=same,
                    first=a.get(value), first_low=a.get(low), first_high=a.get(high),
                    second=b.get(value), second_low=b.get(low), second_high=b.get(high),
                )
            )  # fmt: skip
    return out
