"""Key regulators: grades and their words, dots per lot, signed paths, what cannot be said."""

from imscope.core.schema import REGULATOR_RANK
from imscope.report.dots import DotRow, dots
from imscope.report.inputs import ReportInput
from imscope.report.regulator_graph import chosen_paths, path_graph
from imscope.report.section import Figure, Section
from imscope.report.views import view

PLACE = 115
FAMILIES = 20
CANNOT = (
    "Grades above `associated` need the network or a screen in these cells; without a screen no "
    "regulator is shown to be a cause. Signs of text-mined pairs were not audited. The posterior "
    "was fitted on simulated worlds. Without a programme, reach repeats in part what activity "
    "says. Surface proteins are markers, not regulators. Network: imscope regulons, ExTRI and "
    "NTNU curation, CC BY 4.0."
)


def build(report: ReportInput) -> Section | None:
    """Print the regulators; nothing at all when the run compared no groups."""
    table = report.table("regulator_rank")
    if table is None:
        return None
    own = table[table["kind"] == "regulator"]
    graded = own[own["grade"].fillna("").ne("")]
    first = graded.drop_duplicates("family").head(FAMILIES)
    shown = ["grade", "words", "regulator", "family", "posterior", "q", "reach_z", "screen_z"]
    shown += ["n_units", "lever", "veto", "conflicts", "confounds"]
    markers = table[table["kind"] == "surface"].head(FAMILIES)
    context: dict[str, object] = {
        "families": view(
            first,
            REGULATOR_RANK,
            caption=f"Regulators with a grade: the first {len(first)} families of "
            f"{graded['family'].nunique()}.",
            columns=shown,
            notes=(CANNOT,),
        ),
    }
    if len(markers):
        context["markers"] = view(
            markers,
            REGULATOR_RANK,
            caption=f"Surface markers that differ ({len(markers)} shown).",
            columns=["words", "expression_z", "q", "n_units", "gate"],
        )
    return Section("regulators", "Key regulators", context, tuple(_figures(report)))


def _figures(report: ReportInput) -> list[Figure]:
    """Activity of each unit, and the signed paths."""
    out = []
    units, paths = report.table("regulator_units"), report.table("regulator_paths")
    if units is not None and len(units):
        sides = list(dict.fromkeys(units["side"].astype(str)))
        rows = [
            DotRow(
                str(name),
                {
                    str(side): list(
                        zip(part["unit"].astype(str), part["activity"].astype(float), strict=True)
                    )
                    for side, part in own.groupby("side", sort=False)
                },
            )
            for name, own in units.groupby("regulator", sort=False)
        ]
        title = f"Activity of each regulator in every unit ({len(rows)} families)"
        picture = dots(
            rows, sides, title=title, axis_title="activity (t)", simulated=report.simulated
        )
        note = "One dot per unit, a bar at the mean. The sample size is the dots."
        out.append(Figure("regulator_units", title, picture, units, note=note))
    if paths is not None and len(paths):
        drawn = chosen_paths(paths)
        title = f"Signed paths to the programme ({len(drawn)} of {len(paths)})"
        graph = path_graph(drawn, title=title, simulated=report.simulated)
        note = "Paths of the network, not of these cells: possible ways, no proof."
        out.append(Figure("regulator_paths", title, graph, drawn, note=note))
    return out
