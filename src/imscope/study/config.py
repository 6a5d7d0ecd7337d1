"""The configuration of a run: every key known, every default shown, every value checked.

Read by :mod:`imscope.study.config_file`, which adds the sections that steps declare themselves.
"""

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from imscope.core.schema.quality import MITO_CEILING


class Section(BaseModel):
    """A part of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _words_of_yaml(cls, values: Any) -> Any:
        """Take `off` and `on` as the words they are, where YAML made flags of them."""
        if not isinstance(values, dict):
            return values
        out = dict(values)
        for name, value in values.items():
            known = cls.model_fields.get(str(name))
            if isinstance(value, bool) and known is not None:
                words = ("on", "yes") if value else ("off", "no")
                options = get_args(known.annotation)
                out[name] = next((w for w in words if w in options), value)
        return out


class InputSection(Section):
    """What the matrices hold."""

    matrix: Literal["counts", "expression"] = Field(
        "counts",
        description="`counts`: whole UMI counts, or no run. `expression`: FPKM or other values; "
        "the run goes on without any answer that needs counts.",
    )
    protein_roles: dict[str, Literal["antigen", "isotype", "hashtag", "spike"]] = Field(
        default_factory=dict,
        description="What protein columns are, where their names do not say it, such as "
        "`barcode_7: hashtag`.",
    )


class QcSection(Section):
    """Quality control: limits per sample, or one set for all samples."""

    shared_limits: bool = Field(False, description="One set of limits for all samples.")
    n_mads: float = Field(3.0, gt=0, description="Median absolute deviations to either side.")
    min_umi: int = Field(500, ge=0, description="Floor on UMI per cell.")
    min_genes: int = Field(200, ge=0, description="Floor on genes detected per cell.")
    max_mito_frac: float = Field(
        MITO_CEILING,
        gt=0,
        le=1,
        description="No MAD limit on the mitochondrial share may exceed this.",
    )
    limits: dict[str, tuple[float | None, float | None]] = Field(
        default_factory=dict,
        description="Fixed limits by metric, such as `n_umi: [1000, null]`; they replace the "
        "suggested ones.",
    )
    min_cells_per_gene: int = Field(
        1, ge=1, description="Genes seen in fewer kept cells are set aside."
    )


class DoubletSection(Section):
    """Doublets by simulated neighbours."""

    score: bool = Field(True, description="Score doublets.")
    remove: bool = Field(True, description="Remove the cells called doublets.")
    expected_rate: float | None = Field(
        None, gt=0, lt=0.5, description="Expected share; from the number of cells if not given."
    )


class PathSection(Section):
    """Variable genes, components, neighbours, clusters, map."""

    n_variable_genes: int = Field(2000, ge=50, description="Variable genes kept.")
    n_components: int = Field(50, ge=2, le=200, description="Principal components.")
    n_neighbours: int = Field(15, ge=2, le=200, description="Nearest neighbours per cell.")
    recall: float = Field(0.95, gt=0.5, le=1, description="Audited recall of the neighbours.")
    resolution: float = Field(1.0, gt=0, description="Resolution of the clusters.")
    batch: str | None = Field(
        None, description="Column whose levels are blocks: variable genes are ranked within it."
    )
    align: bool = Field(
        False,
        description="Align batches before neighbours, for the map and clusters only; the "
        "heterogeneity index never sees it.",
    )
    umap: bool = Field(True, description="Compute the map.")


class HeterogeneitySection(Section):
    """The index and the claims."""

    group: str | None = Field(None, description="Column whose levels are compared.")
    unit: str | None = Field(None, description="Column of the replicate unit.")
    by: list[str] = Field(default_factory=list, description="Further columns to report by.")
    margin_low: float = Field(0.8, gt=0, lt=1, description="Equivalence margin, lower ratio.")
    margin_high: float = Field(1.25, gt=1, description="Equivalence margin, upper ratio.")
    adjustment: Literal["sequence", "holm"] = Field(
        "sequence",
        description="Claims in a fixed order, each at full level behind those that were shown; or "
        "Holm's method over all of them.",
    )
    claims: Literal["ABC", "ACB", "BAC", "BCA", "CAB", "CBA"] = Field(
        "ABC", description="Order of the claims, registered before the data."
    )
    reference_profile: Path | None = Field(
        None, description="Frozen genes and weights (.json): runs can then be compared."
    )
    cells_per_library: int = Field(
        2000, ge=50, description="Cells per sample used for coordinated heterogeneity."
    )


class SubsetSection(Section):
    """More than one population: how thoroughly every replicate unit is tested."""

    test: Literal["quick", "full", "off"] = Field(
        "quick",
        description="`quick`: 400 cells and 250 genes per unit, with less power; `full`: the "
        "documented procedure, some ten seconds per unit; `off`.",
    )
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Chance of a wrong split per unit.")


class ReportSection(Section):
    """What the report shows beyond the results."""

    title: str = Field("", description="Title; the sheet's name if not given.")
    panel: list[str] = Field(
        default_factory=list,
        description="Gene symbols the embedding can be coloured by; the top markers and the "
        "identity genes are always there.",
    )
    max_panel_genes: int = Field(200, ge=1, le=1000, description="Genes shipped in the report.")


class RunConfig(Section):
    """Everything `imscope run` can be told, with defaults."""

    seed: int = Field(0, ge=0, description="Seed of every random number.")
    input: InputSection = InputSection()
    qc: QcSection = QcSection()
    doublets: DoubletSection = DoubletSection()
    path: PathSection = PathSection()
    heterogeneity: HeterogeneitySection = HeterogeneitySection()
    subsets: SubsetSection = SubsetSection()
    report: ReportSection = ReportSection()
