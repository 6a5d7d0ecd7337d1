"""Composition: how many subsets each unit has, and which shares differ."""

import pandas as pd

from imscope.core.schema import COMPOSITION, DIFFERENTIAL_ABUNDANCE, SUBSET_CALLS, SUBSET_JOINT
from imscope.report.dots import DotRow, dots
from imscope.report.inputs import ReportInput
from imscope.report.section import Figure, Section, natural
from imscope.report.views import view

PLACE = 90


def build(report: ReportInput) -> Section | None:
    """Print the tables; nothing at all when the run made none of them."""
    hill = report.table("composition")
    abundance = report.table("differential_abundance")
    calls = report.table("subset_calls")
    if hill is None and abundance is None and calls is None:
        return None
    context: dict[str, object] = {
        "calls": None,
        "joint": None,
        "hill": None,
        "abundance": None,
        "why_no_abundance": report.why_missing("differential_abundance"),
    }
    if calls is not None:
        shown = ["group", "n_used", "n_subsets", "shape", "sharing", "replication"]
        shown += ["smallest_share", "reason"]
        context["calls"] = view(
            calls,
            SUBSET_CALLS,
            caption=f"More than one population? One verdict per unit ({len(calls)} units).",
            columns=shown,
        )
    joint = report.table("subset_joint")
    if joint is not None:
        context["joint"] = view(
            joint,
            SUBSET_JOINT,
            caption=f"Subsets that all units share ({len(joint)} splits tested).",
            columns=[
                *("node", "n_lots", "n_cells", "share", "share_low", "share_high", "separation"),
                *("p_value", "alpha_node", "smallest_share", "genes", "status", "reason"),
            ],
            merge={"share": ("share_low", "share_high")},
            labels={"smallest_share": "would have been seen from"},
            notes=(
                "An axis from half of the units, a gap in the others. What would have been seen is "
                "a subset of 40 genes, twice as high, implanted in these cells.",
            ),
        )
    if hill is not None:
        context["hill"] = view(
            hill,
            COMPOSITION,
            caption=f"Effective number of subsets at equal coverage ({len(hill)} rows). Only rows "
            "over significant subsets count populations; clusters describe.",
            columns=["group", "order", "n_cells", "coverage", "hill", "low", "high", "basis"],
            merge={"hill": ("low", "high")},
            notes=("Intervals are over cells of the unit and say nothing about other units.",),
        )
    if abundance is not None:
        context["abundance"] = view(
            abundance,
            DIFFERENTIAL_ABUNDANCE,
            caption=f"Shares that differ, with units as replicates ({len(abundance)} rows).",
            merge={"effect": ("low", "high")},
        )
    return Section("composition", "Composition", context, _figures(report))


def _figures(report: ReportInput) -> tuple[Figure, ...]:
    """Draw the share of each cluster in every unit, where the run has groups of units."""
    design = report.results.get("design") or {}
    group, unit = design.get("group"), design.get("unit")
    clusters, samples = report.table("clusters"), report.table("samples")
    if clusters is None or samples is None or not group or not {group, unit} <= set(samples):
        return ()
    shares = unit_shares(clusters, samples, group=str(group), unit=str(unit))
    if shares["unit"].nunique() < 2:
        return ()
    groups = natural(shares["group"])
    rows = [
        DotRow(
            f"cluster {name}",
            {
                str(g): [(u, 100 * v) for u, v in zip(part["unit"], part["frac"], strict=True)]
                for g, part in of_cluster.groupby("group", sort=True)
            },
        )
        for name, of_cluster in (
            (c, shares[shares["cluster"] == c]) for c in natural(shares["cluster"])
        )
    ]
    title = (
        f"Share of each cluster in every {unit} ({len(rows)} clusters, "
        f"n = {shares['unit'].nunique()} {unit}s)"
    )
    axis = f"share of the {unit}'s cells (%)"
    picture = dots(rows, groups, title=title, axis_title=axis, simulated=report.simulated)
    note = f"One dot per {unit}, a bar at the mean of each {group}. The sample size is the dots."
    return (Figure("composition_units", title, picture, shares, note=note),)


def unit_shares(
    clusters: pd.DataFrame, samples: pd.DataFrame, *, group: str, unit: str
) -> pd.DataFrame:
    """Share of each cluster in the cells of every unit.

    Parameters
    ----------
    clusters
        Table ``clusters``: cells per cluster and sample.
    samples
        Table ``samples`` with the design columns.
    group, unit
        Column of the compared groups, column of the replicate units.

    Returns
    -------
    shares
        ``cluster``, ``group``, ``unit``, ``n_cells``, ``frac``; samples without group or unit are
        left out.

    Examples
    --------
    >>> clusters = pd.DataFrame({"cluster": ["0", "1"], "sample": "a", "n_cells": [3, 1]})
    >>> samples = pd.DataFrame({"sample": ["a"], "arm": ["x"], "lot": ["L1"]})
    >>> unit_shares(clusters, samples, group="arm", unit="lot")["frac"].tolist()
    [0.75, 0.25]
    """
    columns = samples[list(dict.fromkeys(["sample", group, unit]))].dropna()
    names = pd.DataFrame(
        {
            "sample": columns["sample"].astype(str),
            "group": columns[group].astype(str),
            "unit": columns[unit].astype(str),
        }
    )
    joined = clusters.astype({"sample": str, "cluster": str})[["sample", "cluster", "n_cells"]]
    joined = joined.merge(names, on="sample")
    counts = joined.groupby(["cluster", "group", "unit"], as_index=False)["n_cells"].sum()
    total = counts.groupby(["group", "unit"])["n_cells"].transform("sum")
    return pd.DataFrame(counts.assign(frac=counts["n_cells"] / total.clip(lower=1)))
