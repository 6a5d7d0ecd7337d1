"""Step: key regulators of one group of cells, where the configuration names the groups."""

import pandas as pd
from pydantic import Field

from imscope.analyses.regulators import (
    Activity,
    ActivitySettings,
    Ranking,
    activity,
    bundled_network,
    contrast_profiles,
    rank,
)
from imscope.core.errors import ImscopeError
from imscope.core.result import Result, skip
from imscope.core.schema import (
    REGULATOR_ACTIVITY,
    REGULATOR_PATHS,
    REGULATOR_RANK,
    REGULATOR_UNITS,
)
from imscope.study.config import Section
from imscope.study.step import Had, Run, Step

TABLES = (REGULATOR_ACTIVITY, REGULATOR_RANK, REGULATOR_PATHS, REGULATOR_UNITS)
FAMILIES = 20
"""Families the report shows."""


class RegulatorSection(Section):
    """Key regulators."""

    groups: str = Field(
        "off", description="`cluster`, or a column of the sheet, whose groups are compared; `off`."
    )
    subset: str = Field("", description="Group of interest; by default the last.")
    reference: str = Field("", description="Group to compare with; by default all others.")


def work_regulators(run: Run, had: Had) -> Result:
    """Score and rank the regulators of the group the configuration names."""
    asked = run.section(RegulatorSection)
    names = [t.name for t in TABLES]
    if asked.groups == "off":
        return skip(names, "no groups are named in the configuration (regulators.groups)")
    cells, network = run.cells(had), bundled_network()
    try:
        part = contrast_profiles(
            cells,
            asked.groups,
            subset=asked.subset or None,
            reference=asked.reference or None,
            unit=run.design.unit,
            threads=run.threads,
        )[-1]
        found = activity(part, network, settings=ActivitySettings(seed=run.config.seed))
    except ImscopeError as error:
        return skip(names, error)
    ranking = rank(found, network, seed=run.config.seed)
    return Result(
        {
            "regulator_activity": found.table,
            "regulator_rank": ranking.table,
            "regulator_paths": ranking.paths,
            "regulator_units": unit_activities(found, ranking),
        },
        facts={"contrast": part.contrast, "network": network.name, "licence": network.licence},
    )


def unit_activities(found: Activity, ranking: Ranking) -> pd.DataFrame:
    """Activity per unit of the first families that have a grade."""
    table = ranking.table
    graded = table[table["grade"].ne("") & table["regulator"].eq(table["family"])]
    place = {n: k for k, n in enumerate(found.regulators)}
    side, _, rest = found.profiles.contrast.partition(" v ")
    last = found.profiles.design[:, -1]
    words = [f"{side} less {rest}" if found.profiles.paired else side if v else rest for v in last]
    return REGULATOR_UNITS.frame(
        {"regulator": name, "unit": unit, "side": words[k],
         "activity": float(found.by_unit[k, place[name]])}
        for name in graded["regulator"].head(FAMILIES)
        for k, unit in enumerate(found.units)
    )  # fmt: skip


STEP = Step(
    "regulators",
    "key regulators",
    work_regulators,
    needs=("qc", "clusters"),
    settings=lambda run: run.settings(run.section(RegulatorSection), sheet=True, groups=True),
    tables=TABLES,
    share=2.0,
    rank=400,
    section=RegulatorSection,
)
