"""Functional subsets: which clusters hold up in the units, their names, rank by indication."""

import pandas as pd

from imscope.core.schema import SUBSET_NAMES, SUBSET_RANKING, SUBSET_SUPPORT
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import TableView, view

PLACE = 110

SHOWN = 3
"""Subsets printed per indication; all of them, with every term, are in the run folder."""


def build(report: ReportInput) -> Section | None:
    """Print support, names and ranking; nothing when the run tested no subsets."""
    support, names = report.table("subset_support"), report.table("subset_names")
    ranking = report.table("subset_ranking")
    if support is None and ranking is None:
        return None
    context: dict[str, object] = {
        "support": None if support is None else _support(support),
        "names": None if names is None else _names(names),
        "ranking": None if ranking is None else _ranking(ranking),
        "why_no_ranking": report.why_missing("subset_ranking"),
    }
    return Section("subsets", "Functional subsets", context)


def _support(support: pd.DataFrame) -> TableView:
    held = int(support["significant"].sum())
    return view(
        support,
        SUBSET_SUPPORT,
        caption=f"Are the clusters populations of their own? {held} of {len(support)} are, in two "
        "replicate units or more.",
    )


def _names(names: pd.DataFrame) -> TableView:
    given = int((names["name"] != "unnamed").sum())
    return view(
        names,
        SUBSET_NAMES,
        caption=f"Names from programme profiles ({given} of {len(names)} are named).",
        labels={"group": "cluster or shared subset"},
    )


def _ranking(ranking: pd.DataFrame) -> TableView:
    totals = ranking[(ranking["term"] == "total") & (ranking["rank"] <= SHOWN)]
    terms = ranking[ranking["term"] != "total"].assign(
        words=lambda t: t["term"] + " " + t["value"].map("{:.2f}".format)
    )
    keys = ["indication", "subset"] if "indication" in ranking else ["subset"]
    words = terms.groupby(keys, sort=False)["words"].agg("; ".join).rename("terms").reset_index()
    shown = totals.merge(words, on=keys, how="left")
    return view(
        shown,
        SUBSET_RANKING,
        caption=f"Clusters ranked for each indication: the first {SHOWN} of each, with the factors "
        "their total is the product of.",
        columns=[
            "indication",
            "rank",
            "subset",
            "value",
            "terms",
            "status",
            "reason",
            "assays",
            "label",
        ],
        labels={"value": "total", "assays": "to be backed by"},
        notes=(
            "The order proposes what to test in a wet assay. It is no probability that a product "
            "works, and no indication has clinical validation of its panel.",
        ),
    )
