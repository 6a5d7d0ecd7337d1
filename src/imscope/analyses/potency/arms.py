"""iMSC against primary MSC on outcomes: superiority, non-inferiority and equivalence."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.potency.lot_outcomes import summarise_outcomes
from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.core.names import did_you_mean
from imscope.core.schema import OUTCOME_CLAIMS
from imscope.io.outcomes import Outcomes, check_outcomes
from imscope.stats.contrast import ALPHA, Contrast, compare_arms, least_p

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Question = Literal["superiority", "non-inferiority", "equivalence"]
QUESTIONS: tuple[Question, ...] = ("superiority", "non-inferiority", "equivalence")
LEAST = 2


@dataclass(frozen=True, slots=True)
class ArmSettings:
    """The question, registered before the data.

    Attributes
    ----------
    question
        ``superiority``, ``non-inferiority`` or ``equivalence``.
    margin
        Difference that does not matter, on the scale of the outcome (natural log for outcomes that
        are analysed as logarithms); needed by the last two.
    by
        Column of the groups.
    test, reference
        Names of the groups.
    unit
        ``lot``, or ``donor`` for means over the lots of a donor.
    """

    question: Question = "superiority"
    margin: float | None = None
    by: str = "source_class"
    test: str = "iMSC"
    reference: str = "primary_MSC"
    unit: str = "lot"

    def __post_init__(self) -> None:
        """Refuse a question that is none, and a margin that is no margin."""
        problem = ""
        if self.question not in QUESTIONS:
            problem = f"there is no question {self.question!r}"
        elif self.margin is not None and not self.margin > 0:
            problem = f"a margin of {self.margin:g} is none"
        elif self.question != "superiority" and self.margin is None:
            problem = f"{self.question} needs a margin that was set before the data"
        if problem:
            raise UsageError(
                problem,
                found=f"question {self.question}, margin {self.margin}",
                fix=did_you_mean(self.question, QUESTIONS, "state a margin above zero"),
                code=codes.POTENCY_OPTION,
            )


def compare_outcomes(
    lots: "pd.DataFrame",
    outcomes: "Outcomes | pd.DataFrame",
    *,
    settings: ArmSettings | None = None,
) -> "pd.DataFrame":
    """Compare the outcomes of two groups of lots.

    Parameters
    ----------
    lots
        One row per lot: ``lot``, the column of the groups, and ``donor`` where it is the unit.
    outcomes
        From :func:`imscope.io.outcomes.read_outcomes`, or such a table.
    settings
        Question, margin, groups and unit.

    Returns
    -------
    table
        Table ``outcome_claims``. Tests and interval are those of the claims on uniformity: a side
        is shown when the exact permutation of the studentised difference and Welch's test show it.
        A difference is positive where the test group does better.

    Raises
    ------
    DataError
        A column is missing, or no lot of a group has an outcome.

    References
    ----------
    .. [1] Schuirmann DJ (1987). J Pharmacokinet Biopharm 15:657-680. doi:10.1007/BF01068419

    Examples
    --------
    >>> import pandas as pd
    >>> groups = ["iMSC"] * 4 + ["primary_MSC"] * 4
    >>> lots = pd.DataFrame({"lot": list("abcdefgh"), "source_class": groups})
    >>> values = [5.0, 5.2, 4.9, 5.1, 3.0, 3.3, 2.9, 3.1]
    >>> made = pd.DataFrame({"lot": list("abcdefgh"), "value": values})
    >>> made = made.assign(outcome="IDO", unit="uM", direction="higher")
    >>> compare_outcomes(lots, made)["verdict"].tolist()
    ['SUPERIOR']
    """
    rules = settings or ArmSettings()
    made = outcomes if isinstance(outcomes, Outcomes) else check_outcomes(outcomes)
    needed = ["lot", rules.by, *(["donor"] if rules.unit == "donor" else [])]
    missing = [c for c in needed if c not in lots.columns]
    if missing:
        raise DataError(
            f"the table of lots has no column {missing[0]!r}",
            found=", ".join(map(str, lots.columns)),
            code=codes.POTENCY_COLUMN,
        )
    values = summarise_outcomes(made.table)
    keys = lots[needed].astype({"lot": str}).drop_duplicates("lot")
    both = values[values["limit"] == ""].merge(keys, on="lot", how="inner")
    if both.empty:
        raise DataError(
            "no lot has both a group and an outcome",
            found=f"lots {', '.join(map(str, lots['lot'][:3]))}",
            fix=codes.CODES[codes.OUTCOME_LOTS].fix,
            code=codes.OUTCOME_LOTS,
        )
    return OUTCOME_CLAIMS.frame(
        _claim(str(outcome), part, rules) for outcome, part in both.groupby("outcome", sort=True)
    )


def _claim(outcome: str, part: "pd.DataFrame", rules: ArmSettings) -> dict[str, object]:
    """One outcome: numbers, verdict and sentence."""
    sign = 1.0 if part["direction"].iloc[0] == "higher" else -1.0
    unit = "donor" if rules.unit == "donor" else "lot"
    arms = [
        _units(part[part[rules.by].astype(str) == g], unit) for g in (rules.test, rules.reference)
    ]
    n = [len(a) for a in arms]
    row: dict[str, object] = {
        "outcome": outcome, "question": rules.question, "test_group": rules.test,
        "reference_group": rules.reference, "scale": str(part["scale"].iloc[0]),
        "margin": np.nan if rules.margin is None else rules.margin,
        "n_test": n[0], "n_reference": n[1],
    }  # fmt: skip
    sides = f"{n[0]} {rules.test} {unit}s against {n[1]} {rules.reference} {unit}s"
    if min(n) < LEAST:
        return row | {
            "verdict": "NOT TESTABLE",
            "reason": f"{outcome}: {sides}; {LEAST} each are needed",
        }
    margin = rules.margin or 1.0
    found = compare_arms(sign * arms[0], sign * arms[1], margin=(np.exp(-margin), np.exp(margin)))
    least = least_p(*n)
    p = _p_value(found, sign * arms[0], sign * arms[1], rules)
    row |= {"difference": found.difference, "low": found.low, "high": found.high, "p_value": p,
            "p_least": least}  # fmt: skip
    interval = f"{found.difference:.3g} ({found.low:.3g} to {found.high:.3g})"
    words = f"{outcome}: {sides}, better by {interval}"
    if least > ALPHA:
        why = f"{words}; so few units give no p below {least:.2g}"
        return row | {"verdict": "NOT TESTABLE", "reason": why}
    shown = {"superiority": "SUPERIOR", "non-inferiority": "NON-INFERIOR",
             "equivalence": "EQUIVALENT"}[rules.question]  # fmt: skip
    if rules.question == "superiority" and found.p_lower <= ALPHA:
        return row | {"verdict": "INFERIOR", "reason": f"{words}; the test group does worse"}
    verdict = shown if p <= ALPHA else "INCONCLUSIVE"
    held = "" if rules.margin is None else f", margin {rules.margin:g}"
    tail = (
        "" if p <= ALPHA else f"; {rules.question} is not shown, which does not show the opposite"
    )
    return row | {"verdict": verdict, "reason": f"{words}{held}{tail}"}


def _units(part: "pd.DataFrame", unit: str) -> Floats:
    """One value per lot or donor."""
    if unit == "lot":
        return part["value"].to_numpy(dtype=float)
    return part.groupby(part["donor"].astype(str))["value"].mean().to_numpy(dtype=float)


def _p_value(found: Contrast, test: Floats, reference: Floats, rules: ArmSettings) -> float:
    if rules.question == "superiority":
        return found.p_higher
    if rules.question == "equivalence":
        return found.p_equivalence
    return compare_arms(test + float(rules.margin or 0.0), reference).p_higher
