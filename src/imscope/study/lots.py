"""One row per lot from the tables of a run: values, places among reference lots, status words."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
from imscope.core.result import Notice
from imscope.core.schema import LOTS

REFERENCE = ("primary_MSC", "reference_line")
"""Source classes whose lots others are placed among."""

PRODUCTS = ("iMSC", *REFERENCE, "")
"""Source classes in which pluripotent cells are out of place."""

QUESTIONS = {
    "cells": "cells",
    "depth": "depth",
    "bcv": "uniformity of cells",
    "identity": "identity",
    "subsets": "subsets",
    "s_g2m": "cell cycle",
    "senescent": "senescence",
    "residual": "residual pluripotent cells",
    "karyotype": "karyotype screen",
    "ambient": "ambient RNA",
}
"""Questions of the table by the first part of their status columns."""

Tables = Mapping[str, pd.DataFrame]


def lot_table(tables: Tables, notices: Iterable[Notice] = ()) -> pd.DataFrame:
    """Put the headline numbers of every lot into one row.

    Parameters
    ----------
    tables
        Tables of the run by name; ``samples`` must be there, each other one may be missing.
    notices
        Warnings of the run; those that name the lot or one of its samples are counted.

    Returns
    -------
    lots
        Table ``lots``, in the order of the sample sheet.
    """
    samples = lots_of(tables["samples"])
    told = list(notices)
    index = _sample_index(tables)
    rows = []
    for lot, mine in samples.groupby("lot_name", sort=False):
        names = {str(lot), *mine["sample"].astype(str)}
        source = str(mine["source"].iloc[0])
        n = sum(notice.subject in names for notice in told)
        rows.append(
            {"lot": str(lot), "source": source, "n_samples": len(mine)}
            | _size(mine)
            | _uniformity(index, samples, mine, source)
            | _identity(_of(tables, "isct_panel", names))
            | _subsets(_of(tables, "subset_calls", names))
            | _cycle(_of(tables, "cycle_phases", names))
            | _senescence(_of(tables, "senescence", names))
            | _residual(_of(tables, "residual_pluripotent", names), source)
            | _karyotype(_of(tables, "arm_screen", names))
            | _ambient(mine)
            | {"n_warnings": n, "warnings_status": "check" if n else "ok"}
        )
    return LOTS.frame(rows)


def lots_of(samples: pd.DataFrame) -> pd.DataFrame:
    """Samples with the columns ``lot_name`` and ``source``; a sample without lot is its own."""
    out = samples.assign(lot_name=samples["sample"].astype(str), source="")
    if "lot" in samples:
        out["lot_name"] = samples["lot"].astype("str").where(samples["lot"].notna(), out["sample"])
    if "source_class" in samples:
        out["source"] = (
            samples["source_class"].astype("str").where(samples["source_class"].notna(), "")
        )
    return out


def not_measured(lots: pd.DataFrame) -> list[str]:
    """Questions that have no answer, each with the lots it has none for.

    Examples
    --------
    >>> from imscope.core.schema import LOTS
    >>> row = dict.fromkeys((f"{q}_status" for q in QUESTIONS), "ok")
    >>> not_measured(LOTS.frame([{"lot": "L1", **row, "karyotype_status": "not tested"}]))
    ['karyotype screen (no lot)']
    """
    said = []
    for key, words in QUESTIONS.items():
        missing = lots.loc[lots[f"{key}_status"] == "not tested", "lot"].astype(str)
        if len(missing) == len(lots):
            said.append(f"{words} (no lot)")
        elif len(missing):
            said.append(f"{words} (not in {', '.join(missing)})")
    return said


def _of(tables: Tables, name: str, names: set[str]) -> pd.DataFrame:
    frame = tables.get(name)
    if frame is None or "group" not in frame:
        return pd.DataFrame()
    return frame[frame["group"].astype(str).isin(names)]


def _size(mine: pd.DataFrame) -> dict[str, Any]:
    cells, depth = int(mine["n_cells"].sum()), float(mine["median_umi"].min())
    return {
        "n_cells": cells,
        "cells_status": "measured" if cells else "not tested",
        "median_umi": depth,
        "depth_status": "measured" if depth > 0 else "not tested",
    }


def _sample_index(tables: Tables) -> pd.DataFrame:
    """Index of single samples that has a value."""
    index = tables.get("heterogeneity_index")
    if index is None:
        return pd.DataFrame({"group": [], "bcv_percent": []})
    rows = index[(index["level"] == "sample") & index["bcv_percent"].notna()]
    return rows.assign(group=rows["group"].astype(str))


def _uniformity(
    index: pd.DataFrame, samples: pd.DataFrame, mine: pd.DataFrame, source: str
) -> dict[str, Any]:
    """Largest value of the lot's samples and its place among the comparable reference lots."""
    own = index[index["group"].isin(mine["sample"].astype(str))]
    if own.empty:
        return {"bcv_status": "not tested"}
    top = own.iloc[int(own["bcv_percent"].to_numpy().argmax())]
    is_reference = samples["source"].isin(REFERENCE) & ~samples["sample"].isin(mine["sample"])
    others = samples.loc[is_reference, ["sample", "lot_name"]].astype(str)
    keys = index["comparability_key"] == top["comparability_key"]
    peers = index[keys].merge(others, left_on="group", right_on="sample")
    values = peers.groupby("lot_name")["bcv_percent"].max()
    n, below = len(values), int((values < top["bcv_percent"]).sum())
    status = "measured" if source in REFERENCE or not n else "check" if below == n else "ok"
    which = f"the {n} others" if source in REFERENCE else f"{n}"
    if not n:
        place = "no reference to compare with"
    elif below in (0, n):
        place = f"{'above' if below else 'below'} all {which}".replace("all the", "the")
    else:
        place = f"above {below} of {which}"
    if mine["ambient_frac"].max() > HeterogeneitySettings().ambient_warn:
        status = "open"
    ends = {"bcv_low": float(top["bcv_low"]), "bcv_high": float(top["bcv_high"])}
    return {"bcv_percent": float(top["bcv_percent"]), **ends, "bcv_place": place,
            "bcv_status": status}  # fmt: skip


def _identity(rows: pd.DataFrame) -> dict[str, Any]:
    if rows.empty:
        return {"identity_status": "not tested"}
    against = rows[rows["verdict"].isin(["fails", "against"])]
    agree = rows["verdict"].isin(["meets", "consistent"])
    words = f"{int(agree.sum())} of {len(rows)}"
    if len(against):
        names = ", ".join(dict.fromkeys(against["antigen"].astype(str)))
        return {"identity": f"{words}; against: {names}", "identity_status": "check"}
    if not agree.any():
        return {"identity": words, "identity_status": "not tested"}
    return {"identity": words, "identity_status": "ok" if agree.all() else "open"}


def _subsets(rows: pd.DataFrame) -> dict[str, Any]:
    rows = rows[rows["n_subsets"] > 0] if len(rows) else rows
    if rows.empty:
        return {"subsets_status": "not tested"}
    top = rows.iloc[int(rows["n_subsets"].to_numpy().argmax())]
    return {"subsets": f"{int(top['n_subsets'])}, {top['shape']}", "subsets_status": "measured"}


def _cycle(rows: pd.DataFrame) -> dict[str, Any]:
    rows = rows[rows["phase"] == "S+G2M"] if len(rows) else rows
    return _share(rows, "s_g2m")


def _senescence(rows: pd.DataFrame) -> dict[str, Any]:
    found = _share(rows, "senescent")
    if found["senescent_status"] == "measured" and (rows["status"] != "ok").any():
        found["senescent_status"] = "open"
    return found


def _share(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    """Share over the cells of all samples of a lot."""
    rows = rows[rows["frac"].notna()] if len(rows) else rows
    if rows.empty or not rows["n_cells"].sum():
        return {f"{name}_status": "not tested"}
    share = (rows["frac"] * rows["n_cells"]).sum() / rows["n_cells"].sum()
    return {f"{name}_frac": float(share), f"{name}_status": "measured"}


def _residual(rows: pd.DataFrame, source: str) -> dict[str, Any]:
    if rows.empty or rows["upper_95"].isna().all():
        return {"residual_status": "not tested"}
    called = int(rows["n_called"].sum())
    if source not in PRODUCTS:
        status = "measured"
    elif called:
        status = "check"
    else:  # without a limit of blank the rates are assumed: no clean verdict
        status = "open" if rows[["upper_95", "limit_of_blank"]].isna().any(axis=None) else "ok"
    return {
        "residual_called": called,
        "residual_upper": float(rows["upper_95"].max()),
        "residual_lod": float(rows["limit_of_detection"].max()),
        "residual_status": status,
    }


def _karyotype(rows: pd.DataFrame) -> dict[str, Any]:
    tested = rows[rows["verdict"] != "NOT TESTABLE"] if len(rows) else rows
    if tested.empty:
        return {"karyotype_status": "not tested"}
    found = tested[tested["verdict"].isin(["gain", "loss"])]
    reach = f"{len(tested)} of {len(rows)} regions tested"
    if len(found):
        names = ", ".join(f"{v} of {r}" for v, r in zip(found["verdict"], found["region"],
                                                         strict=True))  # fmt: skip
        return {"karyotype": f"{names}; {reach}", "karyotype_status": "check"}
    whole = len(tested) == len(rows)
    return {"karyotype": f"none found; {reach}", "karyotype_status": "ok" if whole else "open"}


def _ambient(mine: pd.DataFrame) -> dict[str, Any]:
    if mine["ambient_frac"].isna().all():
        return {"ambient_status": "not tested"}
    share = float(mine["ambient_frac"].max())
    high = share > HeterogeneitySettings().ambient_warn
    known = mine["ambient_frac"].notna().all()
    return {"ambient_frac": share, "ambient_status": "check" if high else "ok" if known else "open"}
