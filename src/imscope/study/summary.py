"""The first screen in words: at most three sentences above the lots, and what stands below them."""

import pandas as pd

from imscope.study.lots import QUESTIONS, lots_of, not_measured
from imscope.study.verdicts import plain, sentence, verdict_sentence

REASONS = {
    "bcv": "its cells differ more from each other than those of all reference lots",
    "identity": "surface markers disagree ({identity})",
    "residual": "{residual_called} cells look pluripotent",
    "karyotype": "the screen of chromosome arms found {karyotype}",
    "ambient": "{ambient:.1f} % ambient RNA, which makes cells look alike",
    "warnings": "warnings ({n_warnings})",
}
"""What a status word ``check`` means, by the first part of its column; the gravest first in order
of ``GRAVE``."""

GRAVE = ("karyotype", "residual", "identity", "ambient", "bcv", "warnings")


def summary_lines(
    lots: pd.DataFrame, samples: pd.DataFrame, claims: pd.DataFrame, *, unit: str = "unit",
    barred: str = "",
) -> list[str]:  # fmt: skip
    """Write at most three sentences: the verdicts between groups, and the lot to look at first.

    Parameters
    ----------
    lots, samples, claims
        Tables of these names.
    unit
        Word for the replicate unit.
    barred
        Why no question between groups may be answered; empty where they may.
    """
    judged = claims[claims["claim"].isin(["A", "B"])] if len(claims) else claims
    rows = [{str(k): v for k, v in row.items()} for row in judged.to_dict("records")]
    if barred:
        said = [sentence(f"no groups may be compared: {plain(barred)}")]
    elif rows:
        said = [
            verdict_sentence(row, None if i else samples, unit=unit)
            for i, row in enumerate(rows[:2])
        ]
    else:
        said = ["No two groups were compared in this run."]
    return [*said, worst_lot(lots)]


def worst_lot(lots: pd.DataFrame) -> str:
    """Name the lot with the gravest findings, or say that none is outside a limit."""
    checks = [
        (row, [key for key in GRAVE if row[f"{key}_status"] == "check"])
        for row in lots.to_dict("records")
    ]
    flagged = [(row, keys) for row, keys in checks if keys]
    if not flagged:
        missing = sorted(_untested(lots))
        caveat = f"; not measured in every lot: {', '.join(missing)}" if missing else ""
        return f"No lot is outside a limit that was measured{caveat}."
    row, keys = min(flagged, key=lambda found: (GRAVE.index(found[1][0]), -len(found[1])))
    told = {str(k): v for k, v in row.items()} | {"ambient": 100 * row["ambient_frac"]}
    why = "; ".join(REASONS[key].format(**told) for key in keys)
    more = f" ({len(flagged)} of {len(lots)} lots need a look)" if len(flagged) > 1 else ""
    return sentence(f"look first at lot {row['lot']}{more}: {why}")


def footer_lines(lots: pd.DataFrame, samples: pd.DataFrame, *, gates: bool) -> dict[str, str]:
    """Say below the lots which may be compared, where the gate is and what was not measured."""
    missing = not_measured(lots)
    return {
        "Not measured": "; ".join(missing) if missing else "every question has an answer",
        "Which lots may be compared": _comparable(samples),
        "Gate": "designed, see the section on gates" if gates
        else "none designed in this run; imscope gates design makes one",
    }  # fmt: skip


def _untested(lots: pd.DataFrame) -> set[str]:
    return {w for key, w in QUESTIONS.items() if (lots[f"{key}_status"] == "not tested").any()}


def _comparable(samples: pd.DataFrame) -> str:
    """Group lots by platform and gene universe; only lots of one group may be compared."""
    known = lots_of(samples)
    known = known[known["comparability_key"].astype(str) != ""]
    if known.empty:
        return "none: the heterogeneity index was not estimated"
    names = known.groupby("comparability_key", sort=False)["lot_name"].unique()
    if len(names) == 1:
        n = len(names.iloc[0])
        return f"all {n} with one another" if n > 1 else "there is only one"
    return "; ".join(f"{', '.join(part)} among themselves" for part in names) + "; no others"
