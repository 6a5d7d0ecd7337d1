"""The answer in at most six lines, made from the tables and from nothing else."""

from collections.abc import Mapping

import pandas as pd


def answer_lines(
    samples: pd.DataFrame,
    index: pd.DataFrame,
    claims: pd.DataFrame,
    *,
    ledger: pd.DataFrame,
    screens: Mapping[str, pd.DataFrame] | None = None,
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
        lines.append(" ".join(_verdict(row) for row in judged.itertuples()))
    if len(described):
        lines.append(_against_pools(described))
    found = _screens(samples, screens or {})
    if found:
        lines.append(found)
    if len(refused):
        lines.append(_refusals(refused))
    return lines


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
    return _sentence(f"Screens found {', '.join(said)}: characterisation, not a release test")


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
        spread = f"HI2 ratio {rows['ratio'].min():.2f} to {rows['ratio'].max():.2f}"
        if below.all():
            which = "each sample is" if len(rows) > 1 else f"{rows['test_group'].iloc[0]} is"
            said.append(f"{which} more uniform than the {pool} ({spread})")
            continue
        parts = [f"{int(below.sum())} of {len(rows)} samples are more uniform than the {pool}"]
        if above.any():
            parts.append(f"{', '.join(rows.loc[above, 'test_group'].astype(str))} less")
        rest = int((~below & ~above).sum())
        if rest:
            parts.append(f"{rest} cannot be told apart from it")
        said.append(f"{', '.join(parts)} ({spread})")
    return _sentence("; ".join(said)) + " This describes these samples and no others."


def _verdict(row: object) -> str:
    claim, verdict = getattr(row, "claim", ""), getattr(row, "verdict", "")
    return f"Claim {claim}: {verdict}. {_sentence(getattr(row, 'reason', ''))}"


def _sentence(text: object) -> str:
    words = str(text).strip()
    if not words:
        return ""
    first = words.split(maxsplit=1)[0]
    start = words[0].upper() if first.islower() else words[0]  # names keep their own spelling
    return start + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def _refusals(refused: pd.DataFrame) -> str:
    by_reason: dict[str, list[str]] = {}
    for row in refused.itertuples():
        by_reason.setdefault(str(row.reason).rstrip("."), []).append(str(row.claim))
    said = [f"{', '.join(sorted(set(c)))} ({why})" for why, c in by_reason.items()]
    more = f"; and {len(said) - 3} more, see the claims" if len(said) > 3 else ""
    return f"Not testable here: {'; '.join(said[:3])}{more}."


def _losses(samples: pd.DataFrame, ledger: pd.DataFrame) -> str:
    cells = ledger[ledger["unit"] == "cells"]
    lost = cells.groupby("rule", sort=False)["n_lost"].sum()
    lost = lost[lost > 0].sort_values(ascending=False, kind="stable")
    total = int(samples["n_cells_in"].sum() - samples["n_cells"].sum())
    if total == 0:
        sentence = "No cell was removed"
    else:
        most = ", ".join(f"{rule} {int(n):,}" for rule, n in lost.head(3).items())
        share = 100 * total / int(samples["n_cells_in"].sum())
        sentence = f"Quality control removed {total:,} cells ({share:.1f} %), most by {most}"
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
