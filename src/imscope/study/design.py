"""What a sample sheet's design can and cannot test, said before any work starts.

The sample size is the number of lots or donors. A factor that changes only together with another
cannot be told apart from it, whatever the number of cells.
"""

from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
from imscope.analyses.heterogeneity.verdicts import smallest_p
from imscope.core.cells import unit_column, unit_names
from imscope.core.schema import DESIGN_FACTORS, DESIGN_LEVELS, DESIGN_TESTS

NOT_A_FACTOR: Final = ("library", "pair", "collected_at", "is_reference")
GROUPS: Final = ("source_class", "condition", "source_tissue", "line", "donor")
MIN_UNITS: Final = 3
"""Units per arm below which a comparison is refused: 3 v 3 is the smallest exact test under 5 %."""


@dataclass(frozen=True, slots=True)
class Design:
    """The design of a sample sheet.

    Attributes
    ----------
    levels
        Table ``design_levels``.
    tests
        Table ``design_tests``.
    group
        Column whose levels are compared, or ``None`` when no column has two levels.
    unit
        Column that holds the replicate unit (``"sample"`` when nothing better is given).
    factors
        Design columns in use, coarse to fine as the sheet gives them.
    """

    levels: pd.DataFrame
    tests: pd.DataFrame
    group: str | None
    unit: str
    factors: tuple[str, ...]


def summarise_design(
    sheet: pd.DataFrame,
    *,
    group: str | None = None,
    unit: str | None = None,
    adjustment: Literal["sequence", "holm"] = "sequence",
) -> Design:
    """Summarise levels, replication, confounding and testable questions.

    Parameters
    ----------
    sheet
        One row per sample, column ``sample`` and any of the known design factors.
    group
        Column whose levels are to be compared; found if not given.
    unit
        Column of the replicate unit; found if not given.
    adjustment
        How several claims are adjusted for: it decides the smallest probability of a design.

    Returns
    -------
    design
        Tables and the columns found.

    Examples
    --------
    >>> sheet = pd.DataFrame(
    ...     {
    ...         "sample": list("abcd"),
    ...         "source_class": ["iMSC", "iMSC", "primary_MSC", "primary_MSC"],
    ...         "batch": ["1", "1", "2", "2"],
    ...     }
    ... )
    >>> design = summarise_design(sheet)
    >>> design.group, design.unit
    ('source_class', 'sample')
    >>> design.levels.set_index("factor").loc["source_class", "confounded_with"]
    'batch'
    """
    factors = tuple(
        name
        for name in DESIGN_FACTORS
        if name in sheet and sheet[name].notna().any() and sheet[name].nunique() > 0
    )
    unit = unit_column(sheet, unit)
    if group is None:
        group = next(
            (g for g in GROUPS if g in factors and g != unit and sheet[g].nunique() > 1), None
        )
    levels = DESIGN_LEVELS.check(_levels(sheet, factors))
    tests = DESIGN_TESTS.check(_tests(sheet, factors, group, unit, adjustment))
    return Design(levels, tests, group, unit, factors)


def arms(sheet: pd.DataFrame, group: str, unit: str) -> dict[str, int]:
    """Replicate units per level of the group column."""
    filled = sheet.dropna(subset=[group])
    names = pd.Series(unit_names(filled, unit), index=filled.index)
    counts = names.groupby(filled[group], sort=True).nunique()
    return {str(k): int(v) for k, v in counts.items()}


def _levels(sheet: pd.DataFrame, factors: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for name in factors:
        counts = sheet.groupby(name, sort=True)["sample"].nunique()
        low, high = int(counts.min()), int(counts.max())
        twins = [
            other
            for other in factors
            if other != name and other not in NOT_A_FACTOR and _same_partition(sheet, name, other)
        ]
        rows.append(
            {
                "factor": name,
                "n_levels": len(counts),
                "levels": ", ".join(str(v) for v in counts.index[:12])
                + (f", and {len(counts) - 12} more" if len(counts) > 12 else ""),
                "samples_per_level": str(low) if low == high else f"{low} to {high}",
                "confounded_with": ", ".join(twins) if len(counts) > 1 else "",
            }
        )
    frame = pd.DataFrame(rows, columns=DESIGN_LEVELS.names)
    text = [name for name in DESIGN_LEVELS.names if name != "n_levels"]
    return frame.astype(dict.fromkeys(text, "str")).astype({"n_levels": "int64"})


def _same_partition(sheet: pd.DataFrame, a: str, b: str) -> bool:
    """Whether two factors split the samples in the same way (more than one level each)."""
    both = sheet[[a, b]].dropna()
    if both[a].nunique() < 2 or both[b].nunique() < 2:
        return False
    pairs = both.drop_duplicates()
    return len(pairs) == both[a].nunique() == both[b].nunique()


def _determines(sheet: pd.DataFrame, fine: str, coarse: str) -> bool:
    """Whether each level of ``fine`` occurs with only one level of ``coarse``."""
    both = sheet[[fine, coarse]].dropna()
    return bool(len(both)) and bool((both.groupby(fine)[coarse].nunique() <= 1).all())


def _tests(
    sheet: pd.DataFrame,
    factors: tuple[str, ...],
    group: str | None,
    unit: str,
    adjustment: Literal["sequence", "holm"],
) -> pd.DataFrame:
    rows = [
        (
            "How varied are the cells of each sample?",
            "DESCRIPTIVE ONLY",
            len(sheet),
            "one number with an interval per sample; it speaks of these samples, not of others",
        )
    ]
    if group is None:
        rows.append(
            (
                "Is one kind of product more uniform than another?",
                "NOT TESTABLE",
                0,
                "no design column has two levels: add source_class or condition to the sheet",
            )
        )
    else:
        rows += _group_tests(sheet, factors, group, unit, adjustment)
    rows.append(_drift_test(sheet, factors, unit))
    names = ["question", "status", "n_test", "reason"]
    return pd.DataFrame(rows, columns=names).astype({"n_test": "int64"})


def _group_tests(
    sheet: pd.DataFrame,
    factors: tuple[str, ...],
    group: str,
    unit: str,
    adjustment: Literal["sequence", "holm"],
) -> list[tuple[str, str, int, str]]:
    counts = arms(sheet, group, unit)
    smallest = min(counts.values())
    sizes = ", ".join(f"{k} {v}" for k, v in counts.items())
    problems = []
    if smallest < MIN_UNITS:
        problems.append(f"needs at least {MIN_UNITS} {unit}s per {group}; here: {sizes}")
    if "platform" in factors and sheet["platform"].nunique() > 1:
        apart = _determines(sheet, group, "platform")
        problems.append(
            f"{group} and platform cannot be told apart"
            if apart
            else "platforms differ: compared only within one platform"
        )
    least = 0.0
    if smallest >= MIN_UNITS:
        settings = HeterogeneitySettings(adjustment=adjustment)
        least = smallest_p(*sorted(counts.values())[:2], settings=settings)
        if least > settings.alpha:
            problems.append(
                f"{sizes}: no probability below {least:.2f} can occur with Holm's method"
            )
    aliased = [
        f
        for f in ("batch", "operator", "condition", "source_tissue")
        if f in factors and f != group and sheet[f].nunique() > 1 and _determines(sheet, f, group)
    ]
    caution = f"; {', '.join(aliased)} changes only between groups" if aliased else ""
    status = "NOT TESTABLE" if problems else "TESTABLE"
    floor = f"; the smallest probability these units can give is {least:.2g}" if least else ""
    reason = "; ".join(problems) or f"{sizes} ({unit}s per {group})" + floor + caution
    a = ("A: are the cells within a lot more alike in one group?", status, smallest, reason)
    b_reason = reason if problems else f"{reason}; about 16 per arm give 80 % power: read with care"
    b = ("B: are the lots of one group more alike?", status, smallest, b_reason)
    return [a, b]


def _drift_test(
    sheet: pd.DataFrame, factors: tuple[str, ...], unit: str
) -> tuple[str, str, int, str]:
    question = "C: does a lot drift over passages?"
    clock = next((c for c in ("population_doublings", "passage") if c in factors), None)
    if clock is None:
        why = "the sheet has neither passage nor population_doublings"
        return question, "NOT TESTABLE", 0, why
    per_unit = sheet.dropna(subset=[clock]).groupby(unit)[clock].nunique()
    n = int((per_unit >= 2).sum())
    if n < MIN_UNITS:
        why = f"{n} {unit}s were measured at two or more values of {clock}; needs {MIN_UNITS}"
        return question, "NOT TESTABLE", n, why
    return question, "TESTABLE", n, f"{n} {unit}s measured at two or more values of {clock}"
