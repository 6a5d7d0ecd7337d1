"""Verdicts as sentences: the sides, the quantity and the caveat."""

import re
from typing import Any

import pandas as pd

CLAIMS = {
    "A": ("cells of one {test} {unit}", "differ", "from each other than",
          "cells of one {reference} {unit}", "the variance"),
    "B": ("{test} {unit}s", "differ", "from one another than", "{reference} {unit}s",
          "the variance"),
    "C": ("{test} {unit}s", "drift", "per population doubling than", "{reference} {unit}s",
          "the change"),
}  # fmt: skip
"""Claims between two groups: one side, verb, how compared, the other side, the quantity."""

HOW = {"SUPERIOR": "less", "INFERIOR": "more", "EQUIVALENT": "no more and no less"}
"""What a verdict says of the first side."""

CODE_WORDS = (*HOW, "INCONCLUSIVE", "NOT TESTABLE", "DESCRIPTIVE")
"""Verdicts as they stand in tables; no sentence holds them."""

PLAIN = {
    "n_umi": "UMI per cell",
    "n_genes": "genes per cell",
    "mito_frac": "mitochondrial share",
    "ribo_frac": "ribosomal share",
    "hb_frac": "haemoglobin share",
}
"""Columns whose name is no plain word, in plain words."""

RULES = {
    "n_umi too low": "too few UMI",
    "n_umi too high": "too many UMI",
    "n_genes too low": "too few genes",
    "n_genes too high": "too many genes",
    "mito_frac too high": "too much mitochondrial RNA",
    "doublet": "being called a doublet",
}
"""Rules of quality control, as the cause of a loss."""


def plain(text: object) -> str:
    """Write names of columns and of source classes as words.

    Examples
    --------
    >>> plain("along population_doublings"), plain("primary_MSC"), plain("n_umi too high")
    ('along population doublings', 'primary MSC', 'UMI per cell too high')
    """
    words = str(text)
    for name, said in PLAIN.items():
        words = re.sub(rf"\b{name}\b", said, words)
    declared = ("source_class", "source_tissue", "population_doublings", "donor_age",
                "collected_at", "primary_MSC", "reference_line")  # fmt: skip
    for name in declared:
        words = re.sub(rf"\b{name}\b", name.replace("_", " "), words)
    return words


def sentence(text: object) -> str:
    """Begin with a capital, unless a name stands there, and end with a full stop.

    Examples
    --------
    >>> sentence("cells of A differ"), sentence("iMSC differ less.")
    ('Cells of A differ.', 'iMSC differ less.')
    """
    words = str(text).strip()
    if not words:
        return ""
    first = words.split(maxsplit=1)[0]
    start = words[0].upper() if first.islower() else words[0]  # names keep their own spelling
    return start + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def verdict_sentence(claim: dict[str, Any], samples: pd.DataFrame | None = None, *,
                     unit: str = "unit") -> str:  # fmt: skip
    """One verdict in words.

    Parameters
    ----------
    claim
        Row of the table ``claims``.
    samples
        Table ``samples``: says when all lots of a side come from one donor, line or clone.
    unit
        Word for the replicate unit, such as ``lot``.

    Examples
    --------
    >>> row = {"claim": "A", "test_group": "iMSC", "reference_group": "primary_MSC", "ratio": 0.47,
    ...        "low": 0.39, "high": 0.56, "verdict": "SUPERIOR", "n_test": 4, "n_reference": 4}
    >>> print(verdict_sentence(row, unit="lot").partition(": ")[2])
    0.47 times the variance (95 % interval 0.39 to 0.56), 4 lots against 4.
    """
    verdict, name = str(claim.get("verdict", "")), str(claim.get("claim", ""))
    test, reference = plain(claim.get("test_group", "")), plain(claim.get("reference_group", ""))
    reason = plain(claim.get("reason") or "")
    if name not in CLAIMS:
        if verdict == "NOT TESTABLE":
            return sentence(f"{test} was not compared with {reference}: {reason}")
        return sentence(reason or f"{test} against {reference}: no sentence was given")
    one, verb, than, other, quantity = CLAIMS[name]
    names = {"test": test, "reference": reference, "unit": unit}
    one, other = one.format(**names), other.format(**names)
    if verdict == "NOT TESTABLE":
        why = reason.split(": ", maxsplit=1)[-1]
        return sentence(f"whether {one} {verb} less {than} {other} was not tested: {why}")
    counts = f"{_units(claim.get('n_test'), unit)} against {_count(claim.get('n_reference'))}"
    caveat = _origin(samples, str(claim.get("test_group", "")), unit)
    ratio = _ratio(claim, quantity)
    tail = f"{ratio}, {counts}{caveat}"
    if verdict in HOW:
        return sentence(f"{one} {verb} {HOW[verdict]} {than} {other}: {tail}")
    return sentence(f"whether {one} {verb} less {than} {other} is not decided: {tail}")


def _ratio(claim: dict[str, Any], quantity: str) -> str:
    ratio, low, high = (claim.get(k) for k in ("ratio", "low", "high"))
    if ratio is None or pd.isna(ratio):
        return "no ratio was estimated"
    words = f"{ratio:.2f} times {quantity}"
    if low is None or high is None or pd.isna(low) or pd.isna(high):
        return f"{words}, without interval"
    return f"{words} (95 % interval {low:.2f} to {high:.2f})"


def _count(n: Any) -> str:
    return "an unknown number" if n is None or pd.isna(n) else f"{int(n)}"


def _units(n: Any, unit: str) -> str:
    return f"{_count(n)} {unit}{'' if _count(n) == '1' else 's'}"


def _origin(samples: pd.DataFrame | None, group: str, unit: str) -> str:
    """Say that all units of a side share one origin, and so stand for no other."""
    if samples is None or not group:
        return ""
    columns = [c for c in samples.columns if samples[c].astype(str).eq(group).any()]
    if not columns:
        return ""
    mine = samples[samples[columns[0]].astype(str) == group]
    shared = [c for c in ("clone", "donor") if c != unit and c in mine
              and mine[c].notna().all() and mine[c].nunique() == 1]  # fmt: skip
    if not shared:
        return ""
    return f"; all {group} {unit}s are of one {' and one '.join(shared)}, so others may differ"


def loss_words(rule: object) -> str:
    """Say a rule of quality control as the cause of a loss.

    Examples
    --------
    >>> loss_words("n_umi too low"), loss_words("hb_frac too high")
    ('too few UMI', 'haemoglobin share too high')
    """
    return RULES.get(str(rule), plain(rule))
