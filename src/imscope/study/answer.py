"""The answer in at most six lines, made from the tables and from nothing else."""

from collections.abc import Mapping

import pandas as pd

from imscope.study.verdicts import loss_words, plain, sentence, verdict_sentence


def answer_lines(
    samples: pd.DataFrame,
    index: pd.DataFrame,
    claims: pd.DataFrame,
    *,
    ledger: pd.DataFrame,
    screens: Mapping[str, pd.DataFrame] | None = None,
    unit: str = "unit",
) -> list[str]:
    """Write the answer of a run.

    Parameters
    ----------
    samples
        Table ``samples``.
    index
        Table ``heterogeneity_index``.
    claims
        Table ``claims``.
    ledger
        Table ``qc_ledger``.
    screens
        Tables ``residual_pluripotent`` and ``arm_screen``, where the run has them.
    unit
        Word for the replicate unit.

    Returns
    -------
    lines
        At most six lines: what was read and lost, how uniform it is, what the groups say, how
        samples stand against their pool, what screens found, what cannot be tested.
    """
    lines = [f"{_read(samples)} {_losses(samples, ledger)}", _uniformity(index)]
    described = claims[(claims["verdict"] == "DESCRIPTIVE") & (claims["claim"] == "D")]
    refused = claims[claims["verdict"] == "NOT TESTABLE"]
    judged = claims[(claims["verdict"] != "NOT TESTABLE") & (claims["claim"] != "D")]
    if len(judged):
        lines.append(" ".join(_verdicts(judged, samples, unit)))
    if len(described):
        lines.append(_against_pools(described))
    found = _screens(samples, screens or {})
    if found:
        lines.append(found)
    if len(refused):
        lines.append(_refusals(refused))
    return lines


ASKED = {
    "A": "cells within lots",
    "B": "lots among one another",
    "C": "drift per population doubling",
}
"""What a claim between two groups is about."""


def _screens(samples: pd.DataFrame, screens: Mapping[str, pd.DataFrame]) -> str:
    """Say what a screen found; nothing when it found nothing, which proves nothing."""
    said = []
    residual = screens.get("residual_pluripotent")
    if residual is not None and "source_class" in samples:  # of products, not of iPSC
        early = samples["source_class"].astype(str).isin(["iPSC", "intermediate"])
        residual = residual[~residual["group"].isin(samples.loc[early, "sample"])]
    if residual is not None and (residual["n_called"] > 0).any():
        hit = residual[residual["n_called"] > 0]
        known = hit["upper_95"].dropna()
        plural = "" if len(hit) == 1 else "s"
        most = f", at most {100 * known.max():.2g} % of a sample's cells" if len(known) else ""
        said.append(f"cells with a pluripotent profile in {len(hit)} sample{plural}{most}")
    arms = screens.get("arm_screen")
    if arms is not None:
        for row in arms[arms["verdict"].isin(["gain", "loss"])].itertuples():
            said.append(f"{row.verdict} of {row.region} in {row.group}")
    if not said:
        return ""
    return sentence(f"Screens found {', '.join(said)}: characterisation, not a release test")


def _read(samples: pd.DataFrame) -> str:
    cells, kept = int(samples["n_cells_in"].sum()), int(samples["n_cells"].sum())
    parts = [f"{len(samples)} samples"]
    for column, word in (("lot", "lots"), ("donor", "donors"), ("platform", "platforms")):
        if column in samples and samples[column].nunique() > 0:
            n = samples[column].nunique()
            parts.append(f"{n} {word if n > 1 else word[:-1]}")
    return f"{', '.join(parts)}: {kept:,} of {cells:,} cells kept after quality control."


def _uniformity(index: pd.DataFrame) -> str:
    rows = index[index["level"] == "sample"] if "level" in index else index
    rows = rows[rows["bcv_percent"].notna() & ~rows["status"].str.startswith("not")]
    if rows.empty:
        why = sorted(set(index["status"]))
        reasons = "; ".join(w.removeprefix("not estimable: ") for w in why)
        return f"Heterogeneity could not be estimated: {reasons}."
    if "warnings" in rows:  # a sample full of ambient RNA is never called the most uniform
        soup = rows["warnings"].fillna("").str.contains("W-AMBIENT-HIGH", regex=False)
        if soup.all():
            names = ", ".join(rows["group"].astype(str).head(4))
            return f"Uniformity cannot be read: ambient RNA makes cells of {names} look alike."
        rows = rows[~soup]
    rows = rows.sort_values("bcv_percent", kind="stable")
    low, high = rows.iloc[0], rows.iloc[-1]
    if len(rows) == 1:
        return f"Biological CV of {low['group']}: {_bcv(low)}."
    keys = rows["comparability_key"].nunique() if "comparability_key" in rows else 1
    if keys > 1:
        per_key = [
            f"{_range(part['bcv_percent'])} % ({_platform(key)})"
            for key, part in rows.groupby("comparability_key", sort=True)
        ]
        return (
            "Biological CV of single samples, to be read within one platform only: "
            f"{'; '.join(per_key)}."
        )
    return (
        f"Biological CV of single samples runs from {_bcv(low)} in {low['group']} "
        f"to {_bcv(high)} in {high['group']}."
    )


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.0f}", f"{values.max():.0f}"
    return low if low == high else f"{low} to {high}"


def _platform(key: object) -> str:
    return str(key).split("|")[0].strip()


def _bcv(row: pd.Series) -> str:
    if pd.isna(row.get("bcv_low")) or pd.isna(row.get("bcv_high")):
        return f"{row['bcv_percent']:.0f} %"
    return f"{row['bcv_percent']:.0f} % ({row['bcv_low']:.0f} to {row['bcv_high']:.0f})"


def _against_pools(described: pd.DataFrame) -> str:
    """One sentence per pool: how many of its samples are more uniform than all of them together."""
    said = []
    for pool, rows in described.groupby("reference_group", sort=True):
        below = rows["high"] < 1
        above = rows["low"] > 1
        spread = f"{rows['ratio'].min():.2f} to {rows['ratio'].max():.2f} times the variance"
        if below.all():
            one = str(rows["test_group"].iloc[0])
            which = (
                f"cells of all {len(rows)} samples judged" if len(rows) > 1 else f"cells of {one}"
            )
            said.append(f"{which} are more alike than those of {_pool(pool)} ({spread})")
            continue
        parts = [
            f"cells of {int(below.sum())} of {len(rows)} samples judged are more alike than "
            f"those of {_pool(pool)}"
        ]
        if above.any():
            parts.append(
                f"those of {', '.join(rows.loc[above, 'test_group'].astype(str))} less alike"
            )
        rest = int((~below & ~above).sum())
        if rest:
            parts.append(f"{rest} cannot be told apart from it")
        said.append(f"{', '.join(parts)} ({spread})")
    return sentence("; ".join(said)) + " This describes these samples and no others."


def _pool(name: object) -> str:
    """Name a pool of samples by what they share."""
    words = str(name).removeprefix("pool of ")
    if words in ("platform not stated", "all samples"):
        return "all samples together"
    return f"all {words} samples together"


def _verdicts(judged: pd.DataFrame, samples: pd.DataFrame, unit: str) -> list[str]:
    return [
        verdict_sentence({str(k): v for k, v in row.items()}, samples, unit=unit)
        for row in judged.to_dict("records")
    ]


def _refusals(refused: pd.DataFrame) -> str:
    """Say what could not be compared, and why; questions of one reason stand together."""
    by_reason: dict[str, list[str]] = {}
    for row in refused.itertuples():
        why = plain(row.reason).split("; with these units", maxsplit=1)[0].rstrip(".")
        if row.claim in ASKED:  # the words before the colon say what the claim is about
            why = why.split(": ", maxsplit=1)[-1] if ": " in why else why
        about = ASKED.get(str(row.claim), f"{row.test_group} against {row.reference_group}")
        by_reason.setdefault(why, []).append(plain(about))
    said = [f"{', '.join(dict.fromkeys(asked))} ({why})" for why, asked in by_reason.items()]
    more = f"; and {len(said) - 3} more, see the claims" if len(said) > 3 else ""
    return f"Not compared: {'; '.join(said[:3])}{more}."


def _losses(samples: pd.DataFrame, ledger: pd.DataFrame) -> str:
    cells = ledger[ledger["unit"] == "cells"]
    lost = cells.groupby("rule", sort=False)["n_lost"].sum()
    lost = lost[lost > 0].sort_values(ascending=False, kind="stable")
    total = int(samples["n_cells_in"].sum() - samples["n_cells"].sum())
    if total == 0:
        sentence = "No cell was removed"
    else:
        most = ", ".join(f"{loss_words(rule)} ({int(n):,})" for rule, n in lost.head(3).items())
        share = 100 * total / int(samples["n_cells_in"].sum())
        sentence = f"Quality control removed {total:,} cells ({share:.1f} %), most for {most}"
    ambient = samples[samples["ambient_frac"].notna()]
    high = ambient[ambient["ambient_frac"] > 0.05]
    if len(high):
        names = ", ".join(high["sample"].astype(str).head(4))
        sentence += (
            f"; ambient RNA above 5 % in {names}: such samples look more uniform than they are"
        )
    elif ambient.empty:
        sentence += "; ambient RNA could not be estimated"
    return sentence + "."
