"""The configuration of a run: every key known, every default shown, every value checked.

An unknown key is an error that names the nearest known one, because a misspelt setting that is
silently ignored decides a result nobody asked for.
"""

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.io.config_text import MAX_BYTES, read_yaml
from imscope.io.guard_text import require_regular


class Section(BaseModel):
    """A part of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSection(Section):
    """What the matrices hold."""

    matrix: Literal["counts", "expression"] = Field(
        "counts",
        description="`counts`: whole UMI counts, or no run. `expression`: FPKM or other values; "
        "the run goes on without any answer that needs counts.",
    )


class QcSection(Section):
    """Quality control: limits per sample, or one set for all samples."""

    shared_limits: bool = Field(False, description="One set of limits for all samples.")
    n_mads: float = Field(3.0, gt=0, description="Median absolute deviations to either side.")
    min_umi: int = Field(500, ge=0, description="Floor on UMI per cell.")
    min_genes: int = Field(200, ge=0, description="Floor on genes detected per cell.")
    max_mito_frac: float = Field(
        0.5, gt=0, le=1, description="No MAD limit on the mitochondrial share may exceed this."
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


def run_config_schema() -> dict[str, Any]:
    """JSON Schema of the run configuration.

    Examples
    --------
    >>> run_config_schema()["title"]
    'RunConfig'
    """
    return RunConfig.model_json_schema()


def read_config(path: Path | None) -> RunConfig:
    """Read a configuration file (YAML, TOML or JSON by its ending), or give the defaults.

    Parameters
    ----------
    path
        YAML, TOML or JSON; ``None`` for the defaults.

    Raises
    ------
    UsageError
        The file is missing or not readable, a key is unknown or a value is out of range.

    Examples
    --------
    >>> read_config(None).path.n_components
    50
    """
    return RunConfig() if path is None else parse_config(_load(path), source=str(path))


def parse_config(content: object, *, source: str = "configuration") -> RunConfig:
    """Check a configuration given as nested dictionaries.

    Parameters
    ----------
    content
        Sections by name, each a dictionary of settings; ``None`` for the defaults.
    source
        What an error calls the configuration.

    Raises
    ------
    UsageError
        With the first problem, the nearest known key where one is misspelt.

    Examples
    --------
    >>> parse_config({"path": {"resolution": 2}}).path.resolution
    2.0
    """
    try:
        return RunConfig.model_validate({} if content is None else content)
    except pydantic.ValidationError as error:
        raise _explain(error, source) from None


def _load(path: Path) -> object:
    require_regular(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".json":
            return json.loads(text)
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix in {".yaml", ".yml"}:
            return read_yaml(text)
    except OSError as error:
        problem = f"cannot read the configuration {path}"
        raise UsageError(
            problem, found=error.strerror or str(error), code=codes.FILE_READ
        ) from None
    except (ValueError, RecursionError) as error:  # JSON, TOML and text encoding errors
        raise _unreadable(path, error) from None
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise _unreadable(path, error) from None
        raise
    raise UsageError(
        f"the configuration {path} has an ending imscope does not know",
        found=path.suffix or "no ending",
        fix="use .yaml, .toml or .json",
        code=codes.CONFIG_VALUE,
    )


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"the configuration {path} is not valid {path.suffix[1:].upper()}",
        found=" ".join(str(error).split())[:200],
        fix="correct the file at the place named",
        code=codes.CONFIG_VALUE,
    )


def _explain(error: pydantic.ValidationError, source: str) -> UsageError:
    problems = error.errors()
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _known_keys(first["loc"][:-1])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.5)
        fix = f"did you mean {near[0]!r}?" if near else f"known keys here: {', '.join(known)}"
        return UsageError(
            f"{source} has the unknown key {place!r}{more}", fix=fix, code=codes.CONFIG_KEY
        )
    return UsageError(
        f"{source} has a wrong value for {place!r}{more}"
        if place
        else f"{source} is not a mapping",
        found=repr(first.get("input"))[:120],
        fix=first["msg"],
        code=codes.CONFIG_VALUE,
    )


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: Any = RunConfig
    for part in location:
        model = model.model_fields[str(part)].annotation
    return list(model.model_fields)
