"""The comparability plan: question, arms, attributes and margins, fixed before the data."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.decisions.release.equivalence import (
    Variances,
    assurance,
    equivalence_power,
    joint_power,
)

Scale = Literal["identity", "log", "logit"]
CLASSES = ("critical", "monitored", "descriptive")
SCALES = ("identity", "log", "logit")
METHODS = ("tost", "effect size", "prediction", "bound")
UNITS = ("lot", "donor")
DESIGNS = ("unpaired", "paired")
_TOP = {
    *("title", "question", "change", "product", "unit", "design", "alpha", "reference_lots"),
    *("new_lots", "donors", "history", "attributes", "bridging_key"),
}
_ATTRIBUTE = {
    *("attribute", "class", "scale", "unit", "margin", "margin_sd", "margin_source", "method"),
    *("sd", "sd_source", "measured_by"),
}


@dataclass(frozen=True, slots=True)
class PlannedAttribute:
    """One attribute of a plan.

    Attributes
    ----------
    attribute
        Its name.
    risk
        ``critical``, ``monitored`` or ``descriptive``.
    scale
        ``identity``, ``log`` (the margin is a ratio above 1) or ``logit`` (of log odds).
    unit
        Unit of the values.
    margin
        On the scale of the test, or nothing when it is in standard deviations.
    margin_sd
        Margin in standard deviations of units, or nothing.
    margin_source
        Where the margin comes from.
    method
        ``tost``, ``effect size``, ``prediction`` or ``bound``.
    sd
        Expected standard deviation of units on the scale of the test, or nothing.
    """

    attribute: str
    risk: str
    scale: Scale
    unit: str
    margin: float | None
    margin_sd: float | None
    margin_source: str
    method: str
    sd: float | None

    @property
    def planned_margin_sd(self) -> float | None:
        """Margin in expected standard deviations; nothing when it is not known."""
        if self.margin_sd is not None:
            return self.margin_sd
        if self.margin is None or self.sd is None:
            return None
        return self.margin / self.sd


@dataclass(frozen=True, slots=True)
class Plan:
    """A comparability plan; its digest names exactly this text."""

    title: str
    question: str
    change: str
    unit: str
    design: str
    alpha: float
    reference_lots: int
    new_lots: int
    attributes: tuple[PlannedAttribute, ...]
    sha256: str
    body: Mapping[str, Any]

    @property
    def critical(self) -> tuple[PlannedAttribute, ...]:
        """Attributes that make the verdict."""
        return tuple(a for a in self.attributes if a.risk == "critical")


def read_plan(content: Mapping[str, Any]) -> Plan:
    """Check the content of a plan file.

    Parameters
    ----------
    content
        What the YAML or JSON file holds.

    Returns
    -------
    plan
        With the SHA-256 of its canonical text.

    Raises
    ------
    UsageError
        A field is missing, unknown or makes no sense (``E-COMP-PLAN``).

    Examples
    --------
    >>> plan = read_plan({"question": "is the new medium comparable?", "change": "medium",
    ...     "reference_lots": 10, "new_lots": 10, "attributes": [{"attribute": "viability",
    ...     "class": "critical", "unit": "%", "margin": 5, "sd": 3, "margin_source": "clinical"}]})
    >>> plan.attributes[0].method, len(plan.sha256)
    ('tost', 64)
    """
    if not isinstance(content, Mapping):
        raise _wrong("a plan is a list of named fields", type(content).__name__)
    unknown = sorted(set(map(str, content)) - _TOP)
    if unknown:
        raise _wrong(f"the plan has a field {unknown[0]!r} that is not known", ", ".join(unknown))
    rows = content.get("attributes")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise _wrong("the plan names no attributes", repr(rows)[:80])
    attributes = tuple(_attribute(row, k) for k, row in enumerate(rows, 1))
    names = [a.attribute for a in attributes]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise _wrong("an attribute stands twice in the plan", ", ".join(twice))
    if not any(a.risk == "critical" for a in attributes):
        raise _wrong("no attribute of the plan is critical, so there is no verdict", str(names))
    return Plan(
        str(content.get("title", "")),
        _text(content, "question"),
        _text(content, "change"),
        _choice(content, "unit", UNITS, "lot"),
        _choice(content, "design", DESIGNS, "unpaired"),
        _number(content, "alpha", 0.05, 0.0, 0.5),
        _count(content, "reference_lots"),
        _count(content, "new_lots"),
        attributes,
        plan_digest(content),
        dict(content),
    )


def plan_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a plan's content, whatever the order of its fields or the form of its file.

    Examples
    --------
    >>> plan_digest({"a": 1, "b": 2}) == plan_digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(
        content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()


def to_scale(values: ArrayLike, scale: Scale) -> NDArray[np.float64]:
    """Bring values to the scale of a test; what does not fit is NaN.

    Examples
    --------
    >>> to_scale([1.0, 10.0], "log").round(3)
    array([0.   , 2.303])
    """
    x = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            y = np.log(x)
        elif scale == "logit":
            y = np.log(x / (1 - x))
        else:
            y = x
    return np.asarray(np.where(np.isfinite(y), y, np.nan))


def margin_reported(margin: float, scale: Scale) -> float:
    """Give a margin as people read it: a ratio on the log scale, else the number itself."""
    return math.exp(margin) if scale == "log" else margin


def choose_variances(n: int, m: int) -> Variances:
    """Choose Welch's test, or the pooled one where Welch's keeps no error rate: unequal tiny arms.

    Examples
    --------
    >>> choose_variances(6, 6), choose_variances(20, 3)
    ('welch', 'pooled')
    """
    return "welch" if n == m or min(n, m) >= 6 else "pooled"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan can show, said before the lots are made.

    Attributes
    ----------
    attribute, risk
        Which.
    margin_sd
        Margin in expected standard deviations; nothing when not known.
    power
        Chance of EQUIVALENT when nothing changed.
    curve
        Pairs of true shift (standard deviations) and chance of EQUIVALENT.
    assurance
        Chance of EQUIVALENT when the true shift is normal with half a standard deviation.
    reason
        Why something is not known.
    """

    attribute: str
    risk: str
    margin_sd: float | None
    power: float | None
    curve: tuple[tuple[float, float], ...]
    assurance: float | None
    reason: str


def forecast_plan(plan: Plan) -> tuple[tuple[Forecast, ...], tuple[tuple[int, float], ...]]:
    """Compute power, operating characteristic and assurance of a plan.

    Parameters
    ----------
    plan
        With the numbers of lots (or donors, when they are the units) and margins.

    Returns
    -------
    forecasts
        One per attribute.
    joint
        Chance that the first ``k`` critical attributes all pass, assuming independence:
        pairs of ``k`` and the chance.
    """
    forecasts = tuple(_forecast(plan, a) for a in plan.attributes)
    powers = [f.power for f in forecasts if f.risk == "critical"]
    joint = []
    for k in range(1, len(powers) + 1):
        known = [p for p in powers[:k] if p is not None]
        if len(known) == k:
            joint.append((k, math.prod(joint_power(p, 1) for p in known)))
    return forecasts, tuple(joint)


def _forecast(plan: Plan, a: PlannedAttribute) -> Forecast:
    n, m, margin = plan.reference_lots, plan.new_lots, a.planned_margin_sd
    reason = ""
    if a.method in ("prediction", "bound"):
        reason = "no equivalence test is planned for it"
    elif margin is None:
        reason = "the expected standard deviation of units is not stated"
    elif min(n, m) < 2:
        reason = "an arm has fewer than 2 units"
    elif plan.design == "paired" and n != m:
        reason = "pairs need as many new as reference lots"
    if reason or margin is None:
        return Forecast(a.attribute, a.risk, margin, None, (), None, reason)
    variances: Variances = "paired" if plan.design == "paired" else choose_variances(n, m)
    effect = a.method == "effect size"
    shifts = np.linspace(0, 1.5 * margin, 16)
    power = equivalence_power(
        n, m, margin, shift_sd=shifts, alpha=plan.alpha, variances=variances, effect_size=effect
    )
    curve = tuple((float(d), float(p)) for d, p in zip(shifts, power, strict=True))
    sure = None if effect else assurance(n, m, margin, variances=variances)
    return Forecast(a.attribute, a.risk, margin, float(power[0]), curve, sure, "")


def _attribute(row: Any, number: int) -> PlannedAttribute:
    if not isinstance(row, Mapping):
        raise _wrong(f"attribute {number} is not a list of named fields", repr(row)[:80])
    unknown = sorted(set(map(str, row)) - _ATTRIBUTE)
    if unknown:
        raise _wrong(f"attribute {number} has an unknown field", ", ".join(unknown))
    name, risk = _text(row, "attribute"), _choice(row, "class", CLASSES, "critical")
    scale: Scale = _choice(row, "scale", SCALES, "identity")  # type: ignore[assignment]
    method = _choice(row, "method", METHODS, "effect size" if "margin_sd" in row else "tost")
    margin = _number(row, "margin", None, 0.0, math.inf) if "margin" in row else None
    margin_sd = _number(row, "margin_sd", None, 0.0, math.inf) if "margin_sd" in row else None
    if method == "bound" and risk == "critical":
        raise _wrong(
            f"{name}: a share near zero has bounds, not a test; it cannot be critical", name
        )
    wanted = {
        "tost": margin is not None and margin_sd is None,
        "effect size": margin_sd is not None and margin is None,
    }
    if not wanted.get(method, True):
        raise _wrong(
            f"{name}: `tost` needs `margin` (in the attribute's unit), `effect size` needs "
            "`margin_sd`, never both",
            f"margin {margin}, margin_sd {margin_sd}, method {method}",
        )
    if margin is not None and scale == "log":
        if margin <= 1:
            raise _wrong(f"{name}: on the log scale the margin is a ratio above 1", f"{margin:g}")
        margin = math.log(margin)
    source = str(row.get("margin_source", "")).strip()
    if method in ("tost", "effect size") and not source:
        raise _wrong(f"{name}: say where the margin comes from (`margin_source`)", "nothing")
    sd = _number(row, "sd", None, 0.0, math.inf) if "sd" in row else None
    unit = str(row.get("unit", ""))
    return PlannedAttribute(name, risk, scale, unit, margin, margin_sd, source, method, sd)


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(f"`{name}` is missing or empty", repr(value)[:80])
    return value.strip()


def _choice(content: Mapping[str, Any], name: str, allowed: Sequence[str], default: str) -> str:
    value = content.get(name, default)
    if value not in allowed:
        raise _wrong(f"`{name}` is one of {', '.join(allowed)}", repr(value)[:80])
    return str(value)


def _number(
    content: Mapping[str, Any], name: str, default: float | None, low: float, high: float
) -> float:
    value = content.get(name, default)
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not low < float(value) < high:
        raise _wrong(f"`{name}` is a number above {low:g} and below {high:g}", repr(value)[:80])
    return float(value)


def _count(content: Mapping[str, Any], name: str) -> int:
    value = content.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10_000:
        raise _wrong(f"`{name}` is a whole number of units", repr(value)[:80])
    return value


def _wrong(problem: str, found: str) -> UsageError:
    return UsageError(problem, found=found, fix="see the how-to of the plan", code=codes.COMP_PLAN)
