"""Comparability of two processes with few lots: fixed words, donors as units."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError, MethodError
from imscope.decisions.release.charts import history_in_control
from imscope.decisions.release.equivalence import (
    Equivalence,
    Variances,
    effect_size_test,
    equivalence_power,
    equivalence_tests,
    sd_ratio,
    shift_still_called,
)
from imscope.decisions.release.plan import Plan, PlannedAttribute, choose_variances, to_scale
from imscope.decisions.release.tolerance import (
    prediction_factor,
    prediction_interval,
    shift_missed_half,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Verdict = Literal[
    "EQUIVALENT", "NOT SHOWN", "DIFFERENT", "NOT TESTABLE", "CONSISTENT WITH HISTORY", "OUTSIDE"
]
OVERALL = ("COMPARABLE ON THE CRITICAL ATTRIBUTES", "NOT SHOWN", "DIFFERENT", "NOT TESTABLE")
WORDS = (
    "EQUIVALENT",
    "NOT SHOWN",
    "DIFFERENT",
    "NOT TESTABLE",
    "CONSISTENT WITH HISTORY",
    "OUTSIDE",
)
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class AttributeVerdict:
    """What may be said of one attribute. Fields as in the JSON of ``release compare``."""

    attribute: str
    risk: str
    scale: str
    unit: str
    n_reference: int = 0
    n_new: int = 0
    n_donors: int = 0
    estimate: float = _NAN
    low: float = _NAN
    high: float = _NAN
    margin: float = _NAN
    method: str = ""
    p_equivalence: float = _NAN
    p_difference: float = _NAN
    sd_ratio: float = _NAN
    sd_ratio_high: float = _NAN
    power_at_zero: float = _NAN
    shift_missed_half: float = _NAN
    verdict: Verdict = "NOT TESTABLE"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Verdict of a comparison, attribute by attribute."""

    plan: str
    plan_sha256: str
    overall: str
    attributes: tuple[AttributeVerdict, ...]
    warnings: tuple[str, ...]

    def content(self, registered_seq: int | None = None) -> dict[str, Any]:
        """Return the result as JSON holds it; what is not a number becomes null."""
        rows = []
        for a in self.attributes:
            row = {("class" if k == "risk" else k): _plain(v) for k, v in asdict(a).items()}
            rows.append(row)
        return {
            "plan": self.plan,
            "plan_sha256": self.plan_sha256,
            "registered_seq": registered_seq,
            "overall": self.overall,
            "attributes": rows,
            "warnings": list(self.warnings),
        }


def compare_arms(plan: Plan, results: "pd.DataFrame") -> Comparison:
    """Hold the new arm against the reference arm, attribute by attribute, as the plan says.

    Parameters
    ----------
    plan
        Registered before the data.
    results
        One row per lot (or library of a lot) and attribute: columns ``lot``, ``arm``
        (``reference`` or ``new``), ``attribute``, ``value``; ``donor``, ``unit``, ``key``,
        ``method``, ``order`` and ``pair`` where there are such.

    Returns
    -------
    comparison
        With a fixed word for each attribute and one for all.

    Raises
    ------
    DataError
        A column is missing, an arm has another name, a lot stands in both arms.

    Examples
    --------
    >>> import pandas as pd
    >>> from imscope.decisions.release.plan import read_plan
    >>> plan = read_plan({"question": "same?", "change": "medium", "reference_lots": 6,
    ...     "new_lots": 6, "attributes": [{"attribute": "viability", "margin": 5, "sd": 2,
    ...     "margin_source": "clinical"}]})
    >>> values = [90, 92, 91, 93, 89, 91, 91, 92, 90, 92, 90, 91]
    >>> table = pd.DataFrame({"lot": [f"L{i}" for i in range(12)], "attribute": "viability",
    ...     "arm": ["reference"] * 6 + ["new"] * 6, "value": values})
    >>> compare_arms(plan, table).overall
    'COMPARABLE ON THE CRITICAL ATTRIBUTES'
    """
    table = _checked(results)
    found = [_judge(plan, a, table[table["attribute"] == a.attribute]) for a in plan.attributes]
    found = _with_differences(plan, found)
    warnings = _warnings(plan, found)
    return Comparison(
        plan.title or plan.question, plan.sha256, _overall(found), tuple(found), warnings
    )


def _checked(results: "pd.DataFrame") -> "pd.DataFrame":
    missing = [c for c in ("lot", "arm", "attribute", "value") if c not in results.columns]
    if missing:
        raise DataError(
            "the table of results lacks columns",
            found=f"missing: {', '.join(missing)}",
            fix="one row per lot and attribute: lot, arm, attribute, value",
            code=codes.COMP_UNITS,
        )
    arms = set(results["arm"].astype(str))
    if not arms <= {"reference", "new"}:
        raise DataError(
            "an arm is `reference` or `new`", found=", ".join(sorted(arms)), code=codes.COMP_UNITS
        )
    sides = results.groupby("lot", observed=True)["arm"].nunique()
    if (sides > 1).any():
        lot = sides.index[sides > 1][0]
        raise DataError("a lot stands in both arms", found=f"lot {lot}", code=codes.COMP_UNITS)
    return results.sort_values(["attribute", "arm", "lot"], kind="stable")


def _judge(plan: Plan, a: PlannedAttribute, rows: "pd.DataFrame") -> AttributeVerdict:
    empty = AttributeVerdict(a.attribute, a.risk, a.scale, _shown_unit(a))
    try:
        units = _units(plan, a, rows)
    except MethodError as error:
        return replace(
            empty, reason=f"{error.problem} ({error.found})" if error.found else error.problem
        )
    facts = replace(
        empty, n_reference=len(units.reference), n_new=len(units.new), n_donors=units.n_donors
    )
    try:
        return _say(plan, a, units, facts)
    except MethodError as error:
        return replace(
            facts, reason=f"{error.problem} ({error.found})" if error.found else error.problem
        )


@dataclass(frozen=True, slots=True)
class _Units:
    """Values of independent units on the scale of the test."""

    reference: Floats
    new: Floats
    n_donors: int
    paired: bool
    words: str
    in_control: bool | None


def _units(plan: Plan, a: PlannedAttribute, rows: "pd.DataFrame") -> _Units:
    if rows.empty:
        raise MethodError("there are no results for it")
    for column, words, code in (
        ("key", "comparability keys", codes.COMP_KEY),
        ("method", "methods", codes.COMP_KEY),
        ("unit", "units", codes.SPEC_UNIT),
    ):
        if column in rows.columns:
            seen = sorted(set(rows[column].dropna().astype(str)))
            if len(seen) > 1:
                raise MethodError(
                    f"results have different {words}", found=" | ".join(seen), code=code
                )
    rows = rows.assign(y=to_scale(rows["value"], a.scale))
    if rows["y"].isna().any():
        lot = rows.loc[rows["y"].isna(), "lot"].iloc[0]
        raise MethodError(
            f"values do not fit the {a.scale} scale of the plan",
            found=f"{int(rows['y'].isna().sum())} values, first is lot {lot}",
            code=codes.COMP_SCALE,
        )
    return _grouped(plan, rows)


def _grouped(plan: Plan, rows: "pd.DataFrame") -> _Units:
    lots = (
        rows.groupby(["arm", "lot"], observed=True, sort=True)
        .agg(
            y=("y", "mean"),
            **{c: (c, "first") for c in ("donor", "pair", "order") if c in rows.columns},
        )
        .reset_index()
    )
    has_donor = "donor" in lots.columns and lots["donor"].notna().all()
    donors = lots["donor"].astype(str) if has_donor else lots["lot"].astype(str)
    n_donors = int(donors.nunique()) if has_donor else 0
    by_arm = {arm: set(donors[lots["arm"] == arm]) for arm in ("reference", "new")}
    both = by_arm["reference"] & by_arm["new"]
    if plan.design == "paired":
        return _pairs(lots, donors, n_donors)
    if plan.unit == "donor" and not has_donor:
        raise MethodError(
            "the plan takes donors as units and lots have no donor", code=codes.COMP_UNITS
        )
    if has_donor and n_donors > 1 and both:
        raise MethodError(
            "the same donors are in both arms, so the arms are not independent: plan pairs",
            found=", ".join(sorted(both)),
            code=codes.COMP_UNITS,
        )
    shared = has_donor and any(len(by_arm[arm]) < int((lots["arm"] == arm).sum()) for arm in by_arm)
    words = "lots as units"
    if has_donor and n_donors == 1:
        words = "lots as units; it speaks of this donor only"
    elif plan.unit == "donor" or shared:
        words = "donor means as units"
        lots = (
            lots.assign(lot=donors)
            .groupby(["arm", "lot"], observed=True, sort=True)["y"]
            .mean()
            .reset_index()
        )
    values = {
        arm: lots.loc[lots["arm"] == arm, "y"].to_numpy(float) for arm in ("reference", "new")
    }
    control = None
    if "order" in lots.columns and len(values["reference"]) >= 10:
        past = lots[lots["arm"] == "reference"].sort_values(["order", "lot"])
        control = history_in_control(past["y"].to_numpy(float))
    return _Units(values["reference"], values["new"], n_donors, False, words, control)


def _pairs(lots: "pd.DataFrame", donors: "pd.Series", n_donors: int) -> _Units:
    label = lots["pair"].astype(str) if "pair" in lots.columns else donors
    wide = lots.assign(unit=label).pivot_table(
        index="unit", columns="arm", values="y", aggfunc="mean"
    )
    if set(wide.columns) != {"reference", "new"} or wide.isna().any().any():
        lacking = wide.index[wide.isna().any(axis=1)].tolist() or ["all"]
        raise MethodError(
            "every pair needs a reference and a new lot",
            found=f"lacking one: {', '.join(map(str, lacking[:5]))}",
            code=codes.COMP_UNITS,
        )
    return _Units(
        wide["reference"].to_numpy(float),
        wide["new"].to_numpy(float),
        n_donors,
        True,
        "pairs as units",
        None,
    )


def _say(
    plan: Plan, a: PlannedAttribute, units: _Units, facts: AttributeVerdict
) -> AttributeVerdict:
    n, m = len(units.reference), len(units.new)
    if a.method == "bound":
        top = float(np.max(units.new)) if m else _NAN
        return replace(
            facts,
            method="exact upper bounds of single lots",
            reason=f"near zero, no equivalence test; largest new value {top:.4g}",
        )
    if m == 0:
        raise MethodError("there is no new lot yet")
    few = m < 3 and not units.paired
    if a.method == "prediction" or few:
        return _against_history(units, facts)
    if (not units.paired and n < 3) or (units.paired and n < 3):
        raise MethodError("fewer than 3 units in an arm", found=f"{n} reference, {m} new")
    return _tested(plan, a, units, facts)


def _against_history(units: _Units, facts: AttributeVerdict) -> AttributeVerdict:
    n, m = len(units.reference), len(units.new)
    if units.paired or n < 6:
        raise MethodError(
            "one or two new lots can only be held against a history of 6 or more",
            found=f"{n} historic, {m} new",
        )
    found = prediction_interval(units.reference, m)
    outside = int(((units.new < found.low) | (units.new > found.high)).sum())
    missed = shift_missed_half(n, m, prediction_factor(n, m))
    back = np.exp if facts.scale == "log" else np.asarray
    return replace(
        facts,
        estimate=float(back(units.new.mean() - found.centre)),
        low=float(back(found.low - found.centre)),
        high=float(back(found.high - found.centre)),
        method=f"95 % prediction interval for {m} new lot{'s' if m > 1 else ''}, {units.words}",
        shift_missed_half=float(back(missed * found.sd)),
        verdict="OUTSIDE" if outside else "CONSISTENT WITH HISTORY",
        reason=f"{outside} of {m} outside; a shift of {missed:.1f} SD would stay inside half of "
        "the time, and the interval alone shows no comparability",
    )


def _tested(
    plan: Plan, a: PlannedAttribute, units: _Units, facts: AttributeVerdict
) -> AttributeVerdict:
    n, m = len(units.reference), len(units.new)
    variances: Variances = "paired" if units.paired else choose_variances(n, m)
    if a.method == "effect size":
        if units.paired:
            raise MethodError(
                "the effect-size test is not built for pairs: state a margin in units"
            )
        test, margin = (
            effect_size_test(units.reference, units.new, a.margin_sd or 0, alpha=plan.alpha),
            None,
        )
        margin_sd = a.margin_sd or 0.0
    else:
        margin = a.margin or 0.0
        test = equivalence_tests(
            units.reference, units.new, margin, alpha=plan.alpha, variances=variances
        )
        margin_sd = margin / test.sd
    effect = margin is None
    power = equivalence_power(
        n, m, margin_sd, alpha=plan.alpha, variances=variances, effect_size=effect
    )[0]
    missed = shift_still_called(n, m, margin_sd, variances=variances, effect_size=effect) * test.sd
    ratio, ratio_high = sd_ratio(units.reference, units.new)
    allowed, why = _may_be_equivalent(a, units, margin_sd, float(power))
    shown = test.p_equivalence <= plan.alpha
    outside = margin is not None and (test.low > margin or test.high < -margin)
    verdict: Verdict = (
        "DIFFERENT" if outside else "EQUIVALENT" if shown and allowed else "NOT SHOWN"
    )
    reason = f"{units.words}" + (f"; {why}" if why else "")
    if outside:
        reason += "; the interval lies wholly outside the margin"
    return _filled(
        facts,
        test,
        verdict,
        reason,
        margin=margin if margin is not None else a.margin_sd or 0,
        power=float(power),
        missed=missed,
        ratio=(ratio, ratio_high),
    )


def _filled(
    facts: AttributeVerdict,
    test: Equivalence,
    verdict: Verdict,
    reason: str,
    *,
    margin: float,
    power: float,
    missed: float,
    ratio: tuple[float, float],
) -> AttributeVerdict:
    as_ratio = facts.scale == "log"

    def back(v: float) -> float:
        return float(np.exp(v)) if as_ratio else v

    effect = test.method.startswith("effect")
    return replace(
        facts,
        estimate=back(test.estimate),
        low=back(test.low),
        high=back(test.high),
        margin=margin if effect else back(margin),
        method=test.method,
        p_equivalence=test.p_equivalence,
        p_difference=test.p_difference,
        sd_ratio=ratio[0],
        sd_ratio_high=ratio[1],
        power_at_zero=power,
        shift_missed_half=back(missed),
        verdict=verdict,
        reason=reason,
    )


def _may_be_equivalent(
    a: PlannedAttribute, units: _Units, margin_sd: float, power: float
) -> tuple[bool, str]:
    """Whether so few units may be called equivalent at all, and why not."""
    n, m = len(units.reference), len(units.new)
    if min(n, m) >= 6:
        return True, ""
    if units.paired:
        planned = power
        if a.planned_margin_sd is not None:
            planned = float(equivalence_power(n, n, a.planned_margin_sd, variances="paired")[0])
        good = planned >= 0.5
        return good, "" if good else f"{n} pairs had a planned power of {planned:.0%}, below 50 %"
    if m >= 3 and n >= 10:
        if units.in_control is None:
            return (
                False,
                "historic lots have no order, so it is not shown that they were in control",
            )
        return units.in_control, "" if units.in_control else "the chart of the history signals"
    good = (a.planned_margin_sd or margin_sd) >= 3
    return good, "" if good else f"{n} against {m} units can show margins of 3 SD or more only"


def _with_differences(plan: Plan, found: list[AttributeVerdict]) -> list[AttributeVerdict]:
    """Add DIFFERENT where a difference holds after Holm's adjustment over all tested attributes."""
    from statsmodels.stats.multitest import multipletests

    tested = [k for k, a in enumerate(found) if np.isfinite(a.p_difference)]
    if not tested:
        return found
    adjusted = multipletests([found[k].p_difference for k in tested], method="holm")[1]
    for k, p in zip(tested, adjusted, strict=True):
        if p > plan.alpha:
            continue
        a = found[k]
        if a.verdict == "EQUIVALENT":
            found[k] = replace(a, reason=f"{a.reason}; different but within the margin")
        elif a.verdict == "NOT SHOWN":
            found[k] = replace(
                a, verdict="DIFFERENT", reason=f"{a.reason}; a difference is shown (Holm p {p:.2g})"
            )
    return found


def _overall(found: list[AttributeVerdict]) -> str:
    critical = [a.verdict for a in found if a.risk == "critical"]
    if "DIFFERENT" in critical:
        return "DIFFERENT"
    if "NOT TESTABLE" in critical:
        return "NOT TESTABLE"
    if all(v == "EQUIVALENT" for v in critical):
        return "COMPARABLE ON THE CRITICAL ATTRIBUTES"
    return "NOT SHOWN"


def _warnings(plan: Plan, found: list[AttributeVerdict]) -> tuple[str, ...]:
    out = []
    if len(plan.critical) > 5:
        out.append(
            f"{len(plan.critical)} critical attributes: the chance that all pass falls with each"
        )
    for a in found:
        if a.risk != "critical" and a.verdict in ("DIFFERENT", "OUTSIDE"):
            out.append(f"{a.attribute} ({a.risk}): {a.verdict}; it does not make the verdict")
        if (a.n_reference and a.n_reference < plan.reference_lots) or (
            a.n_new and a.n_new < plan.new_lots
        ):
            out.append(
                f"{a.attribute}: {a.n_reference} and {a.n_new} units, planned were "
                f"{plan.reference_lots} and {plan.new_lots}"
            )
    return tuple(out)


def _shown_unit(a: PlannedAttribute) -> str:
    return {"log": "ratio", "logit": "log odds"}.get(a.scale, a.unit)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def not_testable(plan: Plan, reason: str) -> Comparison:
    """Make the comparison that may not be computed, with its reason.

    Parameters
    ----------
    plan
        The plan.
    reason
        Such as data that were there before the plan, with the event.
    """
    rows: Mapping[str, Any] = {"reason": reason}
    found = tuple(
        AttributeVerdict(a.attribute, a.risk, a.scale, _shown_unit(a), **rows)
        for a in plan.attributes
    )
    return Comparison(plan.title or plan.question, plan.sha256, "NOT TESTABLE", found, (reason,))


__all__ = ["OVERALL", "WORDS", "AttributeVerdict", "Comparison", "compare_arms", "not_testable"]
