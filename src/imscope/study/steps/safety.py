"""Step: residual pluripotent and unwanted cells, chromosome arms and p53."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from imscope.analyses.safety import ResidualSettings, arms, p53, residual
from imscope.core.cells import Cells
from imscope.core.errors import DataError, MethodError, UsageError
from imscope.core.result import Result, Status, skip
from imscope.core.schema import (
    ARM_SCREEN,
    OFF_LINEAGE,
    P53_SCREEN,
    RESIDUAL_CELLS,
    RESIDUAL_PLURIPOTENT,
)
from imscope.study.config import Section
from imscope.study.step import Had, Run, Step
from imscope.study.steps.ambient import read_ambient

PRODUCTS = ("iMSC", "primary_MSC")
"""Source classes of finished cells: arms are screened among cells of one type."""


class SafetySection(Section):
    """The safety screens."""

    dose_cells: float | None = Field(
        None, gt=0, description="Cells of a dose; no share is translated to a dose without it."
    )


def work_safety(run: Run, had: Had) -> Result:
    """Search for residual pluripotent and unwanted cells, chromosome arms and p53."""
    if not run.has_counts:
        asked = (RESIDUAL_PLURIPOTENT, OFF_LINEAGE, ARM_SCREEN, P53_SCREEN)
        return skip([t.name for t in asked], "the screen needs UMI counts")
    cells = run.cells(had)
    reference = _pluripotent_sample(run.sheet, cells.obs)
    plain = ResidualSettings(dose=run.section(SafetySection).dose_cells)
    found = residual(
        cells,
        ambient=read_ambient(run, had["ambient"]),
        settings=replace(plain, reference=reference, seed=run.config.seed),
        threads=run.threads,
    )
    candidates = found.tables["residual_cells"]
    called = candidates[candidates["verdict"] == "called"]
    clusters = cells.obs["cluster"].reindex(called["cell"].astype(str)).to_numpy()
    screens, skipped = _screen_karyotype(run, cells)
    tables = {**found.tables, "called": called.assign(cluster=clusters), **screens}
    return Result(tables=tables, skipped=skipped)


def _screen_karyotype(run: Run, cells: Cells) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Screen arms and p53 by lot, among product cells alone where the sheet tells them apart."""
    if "source_class" in cells.obs:
        product = cells.obs["source_class"].astype(str).isin(PRODUCTS).to_numpy()
        if product.any() and not product.all():
            cells = cells.take(np.flatnonzero(product))
    unit = run.design.unit
    try:
        return {
            "arm_screen": arms(cells, unit=unit, threads=run.threads),
            "p53_screen": p53(cells, unit=unit, threads=run.threads),
        }, {}
    except (DataError, MethodError, UsageError) as error:
        why = (Status("NOT TESTABLE", error.problem),)
        return {}, {t.name: why for t in (ARM_SCREEN, P53_SCREEN)}


def _pluripotent_sample(sheet: pd.DataFrame, obs: pd.DataFrame) -> str | None:
    """Find the iPSC sample with the most cells: marker genes are measured in it."""
    if "source_class" not in sheet:
        return None
    mine = sheet.loc[sheet["source_class"].astype(str) == "iPSC", "sample"].astype(str)
    sizes = obs["sample"].astype(str).value_counts().reindex(mine).fillna(0)
    return str(sizes.idxmax()) if len(sizes) and sizes.max() > 0 else None


STEP = Step(
    "safety",
    "safety screens",
    work_safety,
    needs=("qc", "clusters", "ambient"),
    settings=lambda run: run.settings(run.section(SafetySection), sheet=True),
    tables=(RESIDUAL_PLURIPOTENT, OFF_LINEAGE, RESIDUAL_CELLS, ARM_SCREEN, P53_SCREEN),
    share=6.3,
    rank=140,
    section=SafetySection,
)
