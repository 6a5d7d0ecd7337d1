"""One step of a run: its name, what it reads, what decides it, and the work; and what it is given.

A step lives in a file of its own under ``study/steps`` and is found there, so that a new analysis
adds a file and changes none.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.core.cells import Cells, Modality
from imscope.core.result import Notice, Result
from imscope.core.row_kind import decide_rows
from imscope.core.schema import Table
from imscope.core.views import select_rows
from imscope.study.config import RunConfig, Section
from imscope.study.design import Design
from imscope.study.ingest import Cohort, read_modality
from imscope.study.store import Finished

Had = Mapping[str, Finished]
"""The finished steps a step has asked for, by name: ``had["qc"].array("keep")``."""

EVERY = ("*",)
"""Needs of a step that reads all steps which do not read all themselves."""


@dataclass(frozen=True, eq=False)
class Run:
    """What every step may read besides the steps it needs.

    Attributes
    ----------
    cohort
        All samples as one matrix, before quality control.
    sheet
        Sample sheet, one row per sample.
    design
        Group, replicate unit and factors of the sheet.
    config
        Settings of the run.
    raw_paths
        Raw matrices with empty droplets, by sample.
    inputs
        Identity of every input file, by path.
    title, simulated
        Of the report.
    threads
        Threads to use; changes no digit.
    notices
        What must be told about the sheet and about the samples as a whole.
    barred
        Why no question between groups may be answered; empty where they may.
    sheet_file
        The sample sheet.
    """

    cohort: Cohort
    sheet: pd.DataFrame
    design: Design
    config: RunConfig
    raw_paths: Mapping[str, Path]
    inputs: Mapping[str, Mapping[str, Any]]
    title: str = ""
    simulated: bool = False
    threads: int | None = None
    notices: tuple[Notice, ...] = ()
    barred: str = ""
    sheet_file: Path | None = None

    @cached_property
    def samples(self) -> list[str]:
        """Sample names in the order of the sheet."""
        return [str(s) for s in self.sheet["sample"]]

    @property
    def has_counts(self) -> bool:
        """Whether the values are UMI counts."""
        return self.cohort.kind == "counts"

    def settings(self, *sections: Any, sheet: bool = False, groups: bool = False) -> dict[str, Any]:
        """What decides a step besides the counts: seed, sections, sheet, group and unit."""
        found: dict[str, Any] = {"seed": self.config.seed}
        for s in sections:
            value = s.model_dump(mode="json") if hasattr(s, "model_dump") else asdict(s)
            found[type(s).__name__] = value
        if sheet:
            found["sheet"] = self.sheet.astype(str).to_dict("list")
        if groups:
            found |= {"unit": self.design.unit, "group": self.design.group}
        return found

    def section[S: Section](self, kind: type[S]) -> S:
        """One part of the configuration, by its class."""
        parts = [getattr(self.config, name) for name in type(self.config).model_fields]
        return next((p for p in parts if isinstance(p, kind)), kind())

    def rows(self, had: Had) -> NDArray[np.int64]:
        """Rows of the cohort that quality control kept."""
        return np.flatnonzero(had["qc"].array("keep")).astype(np.int64)

    def cells(self, had: Had) -> Cells:
        """The kept cells: counts, design of their samples, cluster, doublet call, protein.

        Needs ``qc``; with ``clusters`` among the needs the cells have a column ``cluster``.
        """
        rows = self.rows(had)
        names = ["sample", *(f for f in self.design.factors if f != "library")]
        obs = self.sheet[names].iloc[self.cohort.codes[rows]].reset_index(drop=True)
        obs.index = pd.Index(self.cohort.cells["cell"].to_numpy()[rows].astype(str))
        if "clusters" in had:
            obs["cluster"] = had["clusters"].array("labels").astype(str)
        if np.isfinite(had["qc"].array("doublet_score")[rows]).all():
            obs["doublet"] = had["qc"].array("doublet_called")[rows]
        protein = self._protein(rows)
        cells = Cells(
            select_rows(self.cohort.source, rows),
            self.cohort.features,
            obs,
            kind="counts" if self.has_counts else "expression",
            modalities={} if protein is None else {"protein": protein},
            name="the run",
        )
        return replace(cells, rows=decide_rows(cells.source, obs, cells.kind)[0])

    def _protein(self, rows: NDArray[np.int64]) -> Modality | None:
        """Surface protein of the kept cells, when every sample holds the same panel."""
        parts = self.cohort.modalities.get("protein", {})
        if set(parts) != set(self.samples):
            return None
        read = [read_modality(parts[s]) for s in self.samples]
        first = read[0].features
        ids = first["feature_id"].tolist()
        if any(m.features["feature_id"].tolist() != ids for m in read):
            return None
        return Modality(first, sp.csr_array(sp.vstack([m.counts for m in read])[rows]))


def no_settings(run: Run) -> dict[str, Any]:
    """Only the seed decides."""
    return run.settings()


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes
    ----------
    name
        As its folder is called and later steps refer to it.
    label
        As the user sees it.
    work
        Called with the run and the finished steps it needs; what it returns is written.
    needs
        Names of the steps it reads; it can read no others.
    settings
        What decides its result besides the counts and the steps it reads.
    tables
        Declared tables it may add to the run folder.
    share
        Rough seconds on the demonstration cohort; only the time left is told from it.
    rank
        Place among steps that could run next; by name where it is equal.
    section
        Its part of the configuration, under its name; for steps whose settings are in no other.
    files
        Writes large files straight into a folder, beside the result, for the run folder.
    """

    name: str
    label: str
    work: Callable[[Run, Had], Result]
    needs: tuple[str, ...] = ()
    settings: Callable[[Run], Mapping[str, Any]] = no_settings
    tables: tuple[Table, ...] = ()
    share: float = 1.0
    rank: int = 500
    section: type[Section] | None = None
    files: Callable[[Run, Had, Path], None] | None = None
