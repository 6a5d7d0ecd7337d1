"""Specifications as data: criteria, the verdict of each, the verdict of a lot. No database."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError, UsageError

KINDS = ("at least", "at most", "range", "equals", "absent", "report")
ROLES = ("release", "characterisation")
STATUSES = ("exploratory", "characterisation", "validated")
VERDICTS = ("MET", "NOT MET", "OPEN", "NOT APPLICABLE")
RELATIONS = ("=", "<", ">", "not detected")
ROUNDING = "reported value at the decimals of the limit, half away from zero"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion: an attribute measured by one method version, with its limits as text.

    Attributes
    ----------
    attribute, method
        Both bind a result; another method is another criterion.
    kind
        ``at least``, ``at most``, ``range``, ``equals``, ``absent`` or ``report``.
    low, high, text
        Limits as decimal text, or the text that is required.
    unit
        Of the limits.
    role
        ``release`` accepts validated methods only.
    interval
        The interval of the result must clear the limit too.
    """

    attribute: str
    method: str
    kind: str
    low: str = ""
    high: str = ""
    text: str = ""
    unit: str = ""
    role: str = "release"
    interval: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """One result as reported; numbers are decimal text."""

    attribute: str
    method: str
    value: str
    unit: str = ""
    relation: str = "="
    lod: str = ""
    low: str = ""
    high: str = ""
    status: str = "validated"
    measured_at: str = ""
    valid: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdict of one criterion with everything shown beside it."""

    attribute: str
    method: str
    kind: str
    limits: str
    value: str
    unit: str
    verdict: str
    reason: str
    n_tests: int
    role: str
    corrected: tuple[str, ...] = ()

    def row(self) -> dict[str, Any]:
        """Return the row as JSON holds it."""
        return {**asdict(self), "corrected": list(self.corrected)}


def read_specification(content: Mapping[str, Any]) -> tuple[str, tuple[Criterion, ...]]:
    """Check the content of a specification file.

    Parameters
    ----------
    content
        ``product``, and ``criteria``: a list of records with the fields of :class:`Criterion`.

    Returns
    -------
    product, criteria
        Name of the product and its criteria.

    Raises
    ------
    UsageError
        A field is missing or unknown, or limits make no sense (``E-SPEC-LIMITS``).

    Examples
    --------
    >>> read_specification({"product": "iMSC", "criteria": [{"attribute": "viability",
    ...     "method": "dye 1", "kind": "at least", "low": "70", "unit": "%"}]})[1][0].low
    '70'
    """
    rows = content.get("criteria") if isinstance(content, Mapping) else None
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise _wrong("a specification holds `product` and a list of `criteria`", repr(rows)[:80])
    criteria = tuple(_criterion(row, k) for k, row in enumerate(rows, 1))
    pairs = [(c.attribute, c.method) for c in criteria]
    if len(set(pairs)) != len(pairs):
        raise _wrong("an attribute stands twice with the same method", str(pairs)[:80])
    return str(content.get("product", "")), criteria


def _criterion(row: Any, number: int) -> Criterion:
    known = set(Criterion.__dataclass_fields__)
    if not isinstance(row, Mapping) or not set(map(str, row)) <= known:
        raise _wrong(f"criterion {number} has unknown fields", repr(row)[:120])
    values: dict[str, Any] = {}
    for name, value in row.items():
        values[str(name)] = value if isinstance(value, bool) else str(value)
    try:
        c = Criterion(**values)
    except TypeError as error:
        raise _wrong(f"criterion {number} lacks a field", str(error)) from error
    if c.kind not in KINDS or c.role not in ROLES or not isinstance(c.interval, bool):
        raise _wrong(f"criterion {number}: kind or role is not known", f"{c.kind}, {c.role}")
    need = {"at least": (True, False), "at most": (False, True), "range": (True, True)}
    low, high = need.get(c.kind, (False, False))
    if bool(c.low) != low or bool(c.high) != high or (c.kind == "equals") != bool(c.text):
        raise _wrong(
            f"criterion {number}: `{c.kind}` and the limits given do not fit", repr(row)[:120]
        )
    if low and high and _decimal(c.low, "low") >= _decimal(c.high, "high"):
        raise _wrong(
            f"criterion {number}: the lower limit is not below the upper", f"{c.low}, {c.high}"
        )
    for text in (c.low, c.high):
        if text:
            _decimal(text, c.attribute)
    return c


def judge(criterion: Criterion, results: Sequence[Measured]) -> Judged:
    """Judge one criterion by all results of its attribute and method.

    Every result counts as a test performed. The verdict rests on valid results only: it is MET when
    all of them meet the limits, and no further test removes one that does not.

    Parameters
    ----------
    criterion
        What is demanded.
    results
        All results of the lot, of any attribute.

    Returns
    -------
    judged
        ``MET``, ``NOT MET``, ``OPEN`` or, for ``report``, ``NOT APPLICABLE``.

    Raises
    ------
    DataError
        Units differ (``E-SPEC-UNIT``).

    Examples
    --------
    >>> c = Criterion("viability", "dye 1", "at least", low="70", unit="%")
    >>> judge(c, [Measured("viability", "dye 1", "69.5", "%")]).verdict
    'MET'
    >>> judge(c, [Measured("viability", "dye 1", "69.4", "%")]).verdict
    'NOT MET'
    >>> judge(c, []).verdict
    'OPEN'
    """
    mine = [
        r for r in results if (r.attribute, r.method) == (criterion.attribute, criterion.method)
    ]
    valid = [r for r in mine if r.valid]
    for r in valid:
        if criterion.unit != r.unit:
            raise DataError(
                f"{criterion.attribute}: units of criterion and result differ",
                found=f"{criterion.unit!r} and {r.unit!r}",
                code=codes.SPEC_UNIT,
            )
    limits = _limits_shown(criterion)
    found = [_one(criterion, r) for r in valid]
    if not found:
        others = sorted({r.method for r in results if r.attribute == criterion.attribute})
        reason = "no valid result" + (f"; measured by {', '.join(others)} only" if others else "")
        pair = ("OPEN", reason)
    else:
        pair = min(found, key=lambda f: ("NOT MET", "OPEN", "MET", "NOT APPLICABLE").index(f[0]))
    last = valid[-1] if valid else None
    shown = f"{'' if last.relation == '=' else last.relation + ' '}{last.value}" if last else ""
    corrected = tuple(
        f"{r.value} {r.unit}: {r.reason or 'invalidated'}" for r in mine if not r.valid
    )
    return Judged(
        criterion.attribute,
        criterion.method,
        criterion.kind,
        limits,
        shown,
        criterion.unit,
        pair[0],
        pair[1],
        len(mine),
        criterion.role,
        corrected,
    )


def _one(c: Criterion, r: Measured) -> tuple[str, str]:
    if c.kind == "report":
        return "NOT APPLICABLE", "reported only"
    if c.role == "release" and r.status != "validated":
        return "OPEN", f"the method is {r.status}, not validated"
    if c.kind == "equals":
        return ("MET", "") if r.value.strip() == c.text.strip() else ("NOT MET", f"not {c.text!r}")
    if c.kind == "absent":
        if r.relation != "not detected":
            return "NOT MET", "detected"
        return (
            ("MET", f"limit of detection {r.lod}") if r.lod else ("OPEN", "no limit of detection")
        )
    if r.relation == "not detected":
        r = Measured(**{**_fields(r), "relation": "<", "value": r.lod or r.value})
    value = _decimal(r.value, c.attribute)
    for limit, side in ((c.low, 1), (c.high, -1)):
        if limit:
            verdict = _side(c, r, value, Decimal(limit), side)
            if verdict[0] != "MET":
                return verdict
    return "MET", ""


def _side(c: Criterion, r: Measured, value: Decimal, limit: Decimal, side: int) -> tuple[str, str]:
    """One limit: ``side`` 1 for a lower, -1 for an upper one."""
    step = (
        Decimal(1).scaleb(int(limit.as_tuple().exponent))
        if limit.as_tuple().exponent != 0
        else Decimal(1)
    )
    rounded = value.quantize(step, rounding=ROUND_HALF_UP) if int(step.adjusted()) <= 0 else value
    words = f"{value} is {rounded} at the decimals of the limit" if rounded != value else ""
    if r.relation == "=":
        inside = (rounded - limit) * side >= 0
        if not inside:
            return "NOT MET", words or f"outside {limit}"
        ends = r.low if side == 1 else r.high
        if c.interval:
            if not ends:
                return "OPEN", "the method demands an interval and there is none"
            if (_decimal(ends, c.attribute) - limit) * side < 0:
                return "OPEN", f"the interval ({ends}) straddles the limit"
        return "MET", words
    censored_side = -1 if r.relation == "<" else 1
    beyond = (value - limit) * side >= 0
    if censored_side == side:  # `> v` against a lower limit, `< v` against an upper one
        return (
            ("MET", "") if beyond else ("OPEN", f"{r.relation} {value} does not tell about {limit}")
        )
    strictly = (value - limit) * side <= 0
    return (
        ("NOT MET", "")
        if strictly
        else ("OPEN", f"{r.relation} {value} does not tell about {limit}")
    )


def lot_verdict(judged: Sequence[Judged], spec: str) -> str:
    """Verdict of a lot against its specification; missing data never pass.

    Parameters
    ----------
    judged
        All criteria.
    spec
        Name and version of the specification.

    Examples
    --------
    >>> lot_verdict([], "iMSC v1")
    'INCOMPLETE'
    """
    release = [j.verdict for j in judged if j.role == "release" and j.kind != "report"]
    if "NOT MET" in release:
        return "DOES NOT MEET"
    if not release or "OPEN" in release:
        return "INCOMPLETE"
    return f"MEETS ALL CRITERIA OF {spec}"


def _limits_shown(c: Criterion) -> str:
    shown = {
        "at least": f"at least {c.low}",
        "at most": f"at most {c.high}",
        "equals": c.text,
        "range": f"{c.low} to {c.high}",
        "absent": "not detected",
        "report": "report",
    }
    return f"{shown[c.kind]} {c.unit}".strip()


def _fields(r: Measured) -> dict[str, Any]:
    return asdict(r)


def _decimal(text: str, name: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise DataError(f"{name}: a number is needed", found=repr(text), code=codes.SPEC_LIMITS)
    return value


def _wrong(problem: str, found: str) -> UsageError:
    return UsageError(
        problem, found=found, fix="see the how-to of the registry", code=codes.SPEC_LIMITS
    )
