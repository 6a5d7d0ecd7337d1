"""The gate file: JSON with a version, checked on reading, written whole or not at all."""

from pathlib import Path
from typing import Annotated, Any
from typing import Literal as OneOf

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from imscope.analyses.gates.gate import MAX_LITERALS, Gate, Landmarks, Literal, Scale
from imscope.core import codes
from imscope.core.errors import DataError, ImscopeError

Number = Annotated[float, Field(allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LandmarkModel(_Model):
    """Peaks of one marker in one batch."""

    negative: Number = Field(description="Negative peak, transformed scale; becomes 0.")
    positive: Number = Field(description="Positive peak, transformed scale; becomes 1.")
    method: str = Field("two peaks", description="How the peaks were found.")


class LiteralModel(_Model):
    """One condition on one marker."""

    marker: str = Field(min_length=1, description="Name of the marker.")
    sign: OneOf["+", "-"] = Field(description="`+`: above the threshold; `-`: not above it.")
    cut: Number | None = Field(None, description="Threshold in aligned units; RNA: counts.")
    percentile: Annotated[float, Field(ge=0, le=100)] | None = Field(
        None, description="Share of the negative peak at or under the threshold, percent."
    )
    raw_cuts: dict[str, Number] = Field(
        default_factory=dict, description="Threshold in raw units, by batch."
    )


class ScaleModel(_Model):
    """What the thresholds are measured in."""

    modality: OneOf["protein", "rna"] = Field("protein", description="What was measured.")
    transform: OneOf["log1p", "asinh", "none"] = Field(
        "log1p", description="Applied to raw values before alignment."
    )
    cofactor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        5.0, description="Divisor before `asinh`, raw units."
    )
    default_cut: Number = Field(0.5, description="Threshold of a literal without one.")
    landmarks: dict[str, dict[str, LandmarkModel]] = Field(
        default_factory=dict, description="Peaks per marker and batch."
    )


class GateModel(_Model):
    """One gate."""

    literals: list[LiteralModel] = Field(
        min_length=1, max_length=MAX_LITERALS, description="All must hold."
    )
    notes: dict[str, str | float | None] = Field(
        default_factory=dict, description="Figures of the design, such as purity; not applied."
    )


class GateFile(_Model):
    """Gates that share one scale, best first."""

    format: OneOf["imscope-gates"] = Field("imscope-gates", description="Names the format.")
    version: OneOf[1] = Field(1, description="Version of the format.")
    target: str = Field("", description="What the gates were designed to sort.")
    scale: ScaleModel = Field(description="What the thresholds are measured in.")
    gates: list[GateModel] = Field(min_length=1, description="Best first.")


def gates_schema() -> dict[str, Any]:
    """JSON Schema of the gate file.

    Examples
    --------
    >>> sorted(gates_schema()["properties"])
    ['format', 'gates', 'scale', 'target', 'version']
    """
    return GateFile.model_json_schema()


def write_gates(
    path: str | Path,
    gates: list[Gate],
    *,
    target: str = "",
    notes: list[dict[str, str | float | None]] | None = None,
) -> None:
    """Write gates of one scale, best first.

    Parameters
    ----------
    path
        The JSON file.
    gates
        At least one; all on the scale of the first.
    target
        What they were designed to sort.
    notes
        Figures per gate that travel along and are not applied.

    Raises
    ------
    DataError
        The file cannot be written, or the gates are on different scales.

    Examples
    --------
    >>> import tempfile
    >>> from imscope.analyses.gates.gate import parse_gate
    >>> path = Path(tempfile.mkdtemp()) / "gate.json"
    >>> write_gates(path, [parse_gate("CD73+ CD45-")])
    >>> [str(g) for g in read_gates(path)]
    ['CD73+ CD45-']
    """
    from imscope.io.atomic import write_text

    if not gates or any(g.scale != gates[0].scale for g in gates):
        raise DataError(
            "a gate file holds gates of one scale",
            found=f"{len(gates)} gates",
            code=codes.GATE_FILE,
        )
    texts = notes if notes is not None else [{} for _ in gates]
    content = GateFile(
        target=target,
        scale=_scale_model(gates[0].scale),
        gates=[
            GateModel(literals=[_literal_model(x) for x in g.literals], notes=n)
            for g, n in zip(gates, texts, strict=True)
        ],
    )
    write_text(Path(path), content.model_dump_json(indent=1) + "\n")


def read_gates(path: str | Path) -> list[Gate]:
    """Read a gate file.

    Parameters
    ----------
    path
        JSON file as :func:`write_gates` writes it.

    Returns
    -------
    gates
        Best first.

    Raises
    ------
    DataError
        The file is missing, no JSON, or does not meet the schema.
    """
    path = Path(path)
    try:
        if path.stat().st_size > 64_000_000:
            raise ValueError(f"{path.stat().st_size:,} bytes are too many")
        content = GateFile.model_validate_json(path.read_bytes())
        scale = _scale(content.scale)
        return [Gate(tuple(_literal(x) for x in g.literals), scale) for g in content.gates]
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "the file"
        raise _damaged(
            path, f"{error.error_count()} problems, first at {where}: {first['msg']}"
        ) from None
    except ImscopeError as error:
        raise _damaged(path, f"{error.problem}: {error.found}") from None
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, found: str) -> DataError:
    return DataError(
        f"{path} is not a gate file",
        found=found,
        fix="write it again with `imscope gates design --out`",
        code=codes.GATE_FILE,
    )


def _literal_model(x: Literal) -> LiteralModel:
    return LiteralModel(
        marker=x.marker,
        sign=x.sign,
        cut=x.cut,
        percentile=x.percentile,
        raw_cuts={str(k): float(v) for k, v in x.raw_cuts.items()},
    )


def _literal(x: LiteralModel) -> Literal:
    return Literal(x.marker, x.sign, x.cut, x.percentile, dict(x.raw_cuts))


def _scale_model(s: Scale) -> ScaleModel:
    marks = {
        m: {
            b: LandmarkModel(negative=v.negative, positive=v.positive, method=v.method)
            for b, v in x.items()
        }
        for m, x in s.landmarks.items()
    }
    return ScaleModel(
        modality=s.modality,
        transform=s.transform,
        cofactor=s.cofactor,
        default_cut=s.default_cut,
        landmarks=marks,
    )


def _scale(s: ScaleModel) -> Scale:
    marks = {
        m: {b: Landmarks(v.negative, v.positive, v.method) for b, v in x.items()}
        for m, x in s.landmarks.items()
    }
    return Scale(s.modality, s.transform, s.cofactor, s.default_cut, marks)
