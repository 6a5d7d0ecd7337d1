"""Drawings of screens, from their tables."""

import math

import numpy as np
import pandas as pd

from imscope.report.inputs import ReportInput
from imscope.report.plate_map import plate_maps
from imscope.report.scatter import Curve, Point, scatter
from imscope.report.section import Figure

MOST, LABELLED, LOUD = 3000, 12, 0.05


def _thin(table: pd.DataFrame, loud: pd.Series) -> pd.DataFrame:
    """Every loud row, and evenly spaced ones of the rest, at most 3,000."""
    rest = table[~loud]
    room = max(MOST - int(loud.sum()), 500)
    step = max(1, math.ceil(len(rest) / room))
    return pd.concat([table[loud].head(MOST), rest.iloc[::step]])


def pooled_figures(report: ReportInput) -> list[Figure]:
    """Rank plot, volcano, guides of the first genes, Lorenz curves, sides, precision and recall."""
    genes = report.table("screen_genes")
    out: list[Figure] = []
    if genes is None:
        return out
    one = genes
    if "contrast" in genes:
        one = genes[genes["contrast"] == genes["contrast"].iloc[0]]
    known = (
        one.dropna(subset=["log2_fc"]).sort_values("log2_fc", kind="stable").reset_index(drop=True)
    )
    known = known.assign(place=np.arange(1, len(known) + 1))
    has_p = bool(known["p_value"].notna().any())
    q = known["q_value"] if has_p else pd.Series(1.0, index=known.index)
    loud = q < LOUD
    ends = set(known.head(LABELLED // 2)["gene"]) | set(known.tail(LABELLED // 2)["gene"])
    shown = _thin(known, loud | known["gene"].isin(ends))
    points = [
        Point(
            float(r["place"]),
            float(r["log2_fc"]),
            f"{r['gene']}: {r['log2_fc']:.2f}",
            (0 if r["log2_fc"] < 0 else 5) if r["q_value"] < LOUD else -1,
            label=r["gene"] in ends,
        )
        for r in shown.to_dict(orient="records")
    ]
    out.append(
        Figure(
            "screens-rank",
            "Genes by effect",
            scatter(
                points,
                title="Genes by effect",
                x_title="rank of the gene",
                y_title="effect (log2 or shift in sd)",
                simulated=report.simulated,
                guides=(("y", 0.0),),
            ),
            shown[["gene", "place", "log2_fc", "q_value"]],
            note="Coloured: q below 0.05, all drawn; of the others an even choice.",
        )
    )
    if has_p:
        first = set(known.nsmallest(LABELLED, "p_value")["gene"])
        points = [
            Point(
                float(r["log2_fc"]),
                float(-math.log10(max(r["p_value"], 1e-300))),
                f"{r['gene']}: {r['log2_fc']:.2f}, p {r['p_value']:.2g}",
                (0 if r["log2_fc"] < 0 else 5) if r["q_value"] < LOUD else -1,
                label=r["gene"] in first,
            )
            for r in shown.dropna(subset=["p_value"]).to_dict(orient="records")
        ]
        out.append(
            Figure(
                "screens-volcano",
                "Effect and evidence",
                scatter(
                    points,
                    title="Effect and evidence",
                    x_title="effect (log2 or shift in sd)",
                    y_title="-log10 p (two-sided)",
                    simulated=report.simulated,
                    guides=(("x", 0.0),),
                ),
                shown[["gene", "log2_fc", "p_value", "q_value"]],
            )
        )
    out += _guide_figures(report, one)
    lorenz = report.table("screen_lorenz")
    if lorenz is not None:
        curves = [
            Curve(g["guides_frac"].tolist(), g["reads_frac"].tolist(), k)
            for k, (_, g) in enumerate(lorenz.groupby("sample"))
        ]
        curves.append(Curve([0, 1], [0, 1], 7, True))
        out.append(
            Figure(
                "screens-lorenz",
                "Evenness of reads (Lorenz curves)",
                scatter(
                    [],
                    title="Lorenz curves",
                    x_title="share of guides, fewest reads first",
                    y_title="share of reads",
                    simulated=report.simulated,
                    curves=curves,
                ),
                lorenz,
                note="The nearer to the dashed line, the more even the reads.",
            )
        )
    recall = report.table("screen_recall")
    if recall is not None:
        out.append(
            Figure(
                "screens-recall",
                "Known genes: precision and recall",
                scatter(
                    [],
                    title="Precision and recall",
                    x_title="recall of essential genes",
                    y_title="precision",
                    simulated=report.simulated,
                    curves=[Curve(recall["recall"].tolist(), recall["precision"].tolist())],
                ),
                recall,
            )
        )
    return out


def _guide_figures(report: ReportInput, genes: pd.DataFrame) -> list[Figure]:
    guides = report.table("screen_guides")
    if guides is None:
        return []
    out = []
    top = genes.head(LABELLED)["gene"].tolist()
    mine = guides[guides["gene"].isin(top) & guides["log2_fc"].notna()]
    if len(mine):
        place = {g: len(top) - k for k, g in enumerate(top)}
        sample = guides["log2_fc"].dropna().sort_values()
        grey = sample.iloc[:: max(1, len(sample) // 400)]
        points = [Point(float(v), 0.0, "guides of all genes") for v in grey]
        points += [
            Point(
                float(r["log2_fc"]),
                float(place[r["gene"]]),
                f"{r['gene']}: {r['guide']}",
                0 if r["log2_fc"] < 0 else 5,
                4.0,
            )
            for r in mine.to_dict(orient="records")
        ]
        points += [
            Point(
                float(mine.loc[mine["gene"] == g, "log2_fc"].mean()),
                float(place[g]),
                g,
                7,
                2.5,
                True,
            )
            for g in top
            if (mine["gene"] == g).any()
        ]
        out.append(
            Figure(
                "screens-guides",
                "Guides of the first genes",
                scatter(
                    points,
                    title="Guides of the first genes",
                    x_title="effect of the guide",
                    y_title="gene (bottom: all guides)",
                    simulated=report.simulated,
                    guides=(("x", 0.0),),
                ),
                mine[["gene", "guide", "log2_fc"]],
                note="Black: mean of the gene. Guides that disagree are a reason for doubt.",
            )
        )
    both = guides.dropna(subset=["control_mean", "treatment_mean"])
    if len(both):
        both = both.iloc[:: max(1, len(both) // 2000)]
        points = [
            Point(
                math.log2(r["control_mean"] + 1),
                math.log2(r["treatment_mean"] + 1),
                r["guide"],
                4 if r["control_type"] else -1,
            )
            for r in both.to_dict(orient="records")
        ]
        out.append(
            Figure(
                "screens-sides",
                "Reads of guides on both sides",
                scatter(
                    points,
                    title="Reads of guides",
                    x_title="log2 reads, control side",
                    y_title="log2 reads, other side",
                    simulated=report.simulated,
                ),
                both[["guide", "gene", "control_mean", "treatment_mean"]],
                note="Coloured: controls.",
            )
        )
    return out


def cell_figures(report: ReportInput) -> list[Figure]:
    """Uniformity of targets, and the volcano of all pairs."""
    out = []
    table = report.table("screen_uniformity")
    if table is not None and table["hi2_ratio"].notna().any():
        known = table.dropna(subset=["hi2_ratio"]).sort_values("hi2_ratio").reset_index(drop=True)
        colours = {"SUPERIOR": 2, "INFERIOR": 5, "EQUIVALENT": 0}
        points, curves = [], []
        for k, r in known.iterrows():
            y = float(int(str(k)) + 1)
            c = colours.get(str(r["verdict"]), 7)
            points.append(
                Point(
                    float(r["hi2_ratio"]),
                    y,
                    f"{r['target']}: {r['verdict']}",
                    c,
                    4.0,
                    str(r["verdict"]) in ("SUPERIOR", "INFERIOR"),
                )
            )
            curves.append(Curve([float(r["hi2_low"]), float(r["hi2_high"])], [y, y], c))
        out.append(
            Figure(
                "screens-uniformity",
                "Heterogeneity of each target over non-targeting cells",
                scatter(
                    points,
                    title="Uniformity",
                    x_title="HI2 ratio (below 1: more uniform)",
                    y_title="target, sorted",
                    simulated=report.simulated,
                    curves=curves,
                    log_x=False,
                    guides=(("x", 1.0),),
                ),
                known,
                note="Lines: 95 % intervals with guides as units. Blue: equivalent.",
            )
        )
    effects = report.table("screen_effects")
    if effects is not None:
        loud = effects["q_value"] < LOUD
        shown = _thin(effects, loud)
        names = set(effects.head(LABELLED).index)
        points = [
            Point(
                float(r["effect"]),
                float(-math.log10(max(r["p_value"], 1e-300))),
                f"{r['gene']} in {r['target']}: {r['effect']:.2f}",
                (0 if r["effect"] < 0 else 5) if r["q_value"] < LOUD else -1,
                label=k in names,
            )
            for k, r in zip(shown.index, shown.to_dict(orient="records"), strict=True)
        ]
        out.append(
            Figure(
                "screens-pairs",
                "Effects of targets on genes",
                scatter(
                    points,
                    title="Effects",
                    x_title="log2 fold change",
                    y_title="-log10 p",
                    simulated=report.simulated,
                ),
                shown,
            )
        )
    return out


def plate_figures(report: ReportInput) -> list[Figure]:
    """Plates before and after, curves with intervals, the rescue map."""
    out = []
    wells = report.table("plate_wells")
    if wells is not None:
        for column, words in (("raw", "before"), ("value", "after")):
            plates = []
            for (plate, replicate), g in list(wells.groupby(["plate", "replicate"]))[:4]:
                rows = [
                    (
                        int(r["row"]),
                        int(r["column"]),
                        float(r[column]),
                        f"{r['well']} {r['role']} {r['compound']}: {r[column]:.4g}",
                    )
                    for r in g.to_dict(orient="records")
                ]
                plates.append((f"{plate}/{replicate}", rows))
            out.append(
                Figure(
                    f"screens-plates-{words}",
                    f"Plates {words} normalisation",
                    plate_maps(
                        plates, title=f"Plates {words} normalisation", simulated=report.simulated
                    ),
                    wells[["plate", "replicate", "well", "role", column]],
                    note="Each plate on its own scale; four are drawn, the data hold all.",
                )
            )
    out += _curve_figures(report)
    rescue = report.table("plate_rescue")
    if rescue is not None:
        shown = rescue.dropna(subset=["rescue_frac"])
        colours = {"rescue": 2, "toxic": 5, "different state": 1, "worsens": 3, "weak rescue": 4}
        first = set(shown[shown["hit"]].head(LABELLED)["compound"])
        points = [
            Point(
                float(r["rescue_frac"]),
                float(min(max(r["off_axis_z"], -4), 15)),
                f"{r['compound']}: {r['verdict']}",
                colours.get(str(r["verdict"]), -1),
                1.5 + 3.0 * float(np.nan_to_num(r["viability"], nan=1.0)),
                r["compound"] in first,
            )
            for r in shown.to_dict(orient="records")
        ]
        out.append(
            Figure(
                "screens-rescue",
                "Rescue map",
                scatter(
                    points,
                    title="Rescue map",
                    x_title="rescue fraction (0 patient, 1 corrected)",
                    y_title="off-axis z",
                    simulated=report.simulated,
                    guides=(("y", 3.0), ("x", 0.0), ("x", 1.0)),
                ),
                shown,
                note="Size: cells over vehicle. Green: rescue; orange: another state; red: toxic.",
            )
        )
    return out


def _curve_figures(report: ReportInput) -> list[Figure]:
    table = report.table("plate_curves")
    if table is None:
        return []
    wells = report.table("plate_wells")
    points_of = report.table("curve_points")
    if wells is not None:
        points_of = wells[wells["role"] == "sample"][["compound", "dose_um", "value"]]
    out = []
    for k, r in enumerate(table.head(6).to_dict(orient="records")):
        mine = pd.DataFrame()
        if points_of is not None:
            mine = points_of[(points_of["compound"] == r["compound"]) & (points_of["dose_um"] > 0)]
        if not len(mine):
            continue
        x = np.geomspace(mine["dose_um"].min(), mine["dose_um"].max(), 80)
        y = r["front"] + (r["back"] - r["front"]) / (1 + (r["ec50_um"] / x) ** r["slope"])
        spots = [
            Point(float(a), float(b), r["compound"], 0, 3.0)
            for a, b in zip(mine["dose_um"], mine["value"], strict=True)
        ]
        curves = [Curve(x.tolist(), y.tolist(), 5)]
        marks = tuple(
            ("x", float(v))
            for v in (r["ec50_low"], r["ec50_high"])
            if math.isfinite(v) and x[0] <= v <= x[-1]
        )
        words = f"{r['compound']}: EC50 {r['ec50_um']:.3g} uM ({r['place']})"
        out.append(
            Figure(
                f"screens-curve-{k + 1}",
                words,
                scatter(
                    spots,
                    title=words,
                    x_title="dose (uM)",
                    y_title="response",
                    simulated=report.simulated,
                    curves=curves,
                    log_x=True,
                    guides=marks,
                ),
                mine,
                note="Dashed: ends of the 95 % profile interval of the EC50.",
            )
        )
    return out
