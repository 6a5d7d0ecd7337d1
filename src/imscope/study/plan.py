"""The order of the steps after ingest: what each is called, reads and is addressed by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imscope.study import stages
from imscope.study.design import Design
from imscope.study.functions import (
    work_identity,
    work_programmes,
    work_protein,
    work_safety,
    work_stages,
)
from imscope.study.heterogeneity import work_heterogeneity
from imscope.study.stages import Context, settings_of
from imscope.study.subsets import work_subsets

Work = Callable[[Context, Mapping[str, Path], Path], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step.

    Attributes
    ----------
    label
        As the user sees it.
    name
        As its folder is called and later steps refer to it.
    what
        Settings that decide its result, besides the counts.
    needs
        Names of the steps it reads.
    work
        Called with the context, the folders of finished steps by name, and an empty folder.
    """

    label: str
    name: str
    what: Mapping[str, Any]
    needs: tuple[str, ...]
    work: Work


def plan_stages(
    context: Context, design: Design, inputs: Mapping[str, Mapping[str, Any]]
) -> tuple[Stage, ...]:
    """List the steps after ingest in their order.

    Parameters
    ----------
    context
        Cohort, sheet and configuration.
    design
        Group and replicate unit.
    inputs
        Identity of every input file, by path.
    """
    config = context.config
    seed = {"seed": config.seed}
    sheet = {"sheet": context.sheet.astype(str).to_dict("list")}
    path = settings_of(config.path, config.qc) | seed | sheet
    raw = {"raw": {s: inputs[str(p)]["sha256"] for s, p in sorted(context.raw_paths.items())}}
    groups = {"unit": design.unit, "group": design.group}
    return (
        Stage(
            "quality control",
            "qc",
            settings_of(config.qc, config.doublets) | seed,
            (),
            lambda c, _, f: stages.work_qc(c, f),
        ),
        Stage(
            "components",
            "components",
            path,
            ("qc",),
            lambda c, at, f: stages.work_components(c, at["qc"], f),
        ),
        Stage(
            "neighbours",
            "neighbours",
            path,
            ("components",),
            lambda c, at, f: stages.work_neighbours(c, at["components"], f),
        ),
        Stage(
            "clusters and map",
            "clusters",
            path,
            ("neighbours",),
            lambda c, at, f: stages.work_clusters(c, at["neighbours"], f),
        ),
        Stage(
            "markers",
            "markers",
            {},
            ("qc", "components", "clusters"),
            lambda c, at, f: stages.work_markers(c, at["qc"], at["components"], at["clusters"], f),
        ),
        Stage(
            "ambient",
            "ambient",
            raw | seed,
            ("qc", "clusters"),
            lambda c, at, f: stages.work_ambient(c, at["qc"], at["clusters"], f),
        ),
        Stage(
            "programmes",
            "programmes",
            seed | sheet | groups,
            ("qc", "clusters"),
            lambda c, at, f: work_programmes(c, design, at["qc"], at["clusters"], f),
        ),
        Stage(
            "stages",
            "stages",
            seed | sheet,
            ("qc", "clusters", "ambient"),
            lambda c, at, f: work_stages(c, design, at, f),
        ),
        Stage(
            "identity and cycle",
            "identity",
            seed | sheet,
            ("qc", "clusters"),
            lambda c, at, f: work_identity(c, design, at["qc"], at["clusters"], f),
        ),
        Stage(
            "surface protein",
            "protein",
            seed | sheet | groups,
            ("qc", "clusters"),
            lambda c, at, f: work_protein(c, design, at["qc"], at["clusters"], f),
        ),
        Stage(
            "safety screens",
            "safety",
            seed | sheet,
            ("qc", "clusters", "ambient"),
            lambda c, at, f: work_safety(c, design, at, f),
        ),
        Stage(
            "subsets",
            "subsets",
            settings_of(config.subsets) | seed | sheet | groups,
            ("qc", "clusters", "programmes", "safety"),
            lambda c, at, f: work_subsets(c, design, at, f),
        ),
        Stage(
            "heterogeneity",
            "heterogeneity",
            settings_of(config.heterogeneity) | seed | sheet | groups,
            ("qc", "ambient", "identity"),
            lambda c, at, f: work_heterogeneity(c, design, at, f),
        ),
    )
