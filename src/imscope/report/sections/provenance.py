"""Where every number comes from: inputs, versions, configuration, steps."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from imscope.core.schema import Column, Table
from imscope.report import typeset
from imscope.report.inputs import ReportInput
from imscope.report.section import Section
from imscope.report.views import TableView, view

PLACE = 200

INPUTS = Table(
    "inputs",
    "Input files.",
    (
        Column("path", "text", "", "file, relative to the sample sheet"),
        Column("size", "text", "", "size of the file"),
        Column("sha256", "text", "", "checksum of its bytes"),
    ),
    open_ended=True,
)
STEPS = Table(
    "steps",
    "Steps of the run.",
    (
        Column("step", "text", "", "step"),
        Column("seconds", "number", "s", "elapsed time"),
        Column("cpu_seconds", "number", "s", "processor time over all threads"),
        Column("peak_mb", "number", "MB", "largest memory of the process so far"),
        Column("cached", "text", "", "whether the result was taken from an earlier run"),
    ),
    open_ended=True,
)  # fmt: skip
VERSIONS = Table(
    "versions",
    "Versions.",
    (
        Column("package", "text", "", "package"),
        Column("version", "text", "", "version used"),
    ),
)


def build(report: ReportInput) -> Section:
    """Print inputs with checksums, steps with time and memory, versions, seeds, configuration."""
    made = report.provenance
    facts = [
        ("Created", made.get("created")),
        ("imscope", report.results.get("imscope_version")),
        ("Schema of results.json", report.results.get("schema_version")),
        ("Configuration (sha256)", made.get("config_hash")),
        ("Run stamp", made.get("run_stamp")),
        ("Threads", made.get("threads")),
    ]
    seeds = made.get("seeds")
    return Section(
        "provenance",
        "Provenance",
        {
            "facts": [(k, str(v)) for k, v in facts if v not in (None, "")],
            "seeds": "" if seeds in (None, {}, []) else _json(seeds),
            "inputs": _inputs(report.results.get("inputs", [])),
            "steps": _steps(made.get("steps", [])),
            "versions": _versions(made.get("versions", {})),
            "config": _json(report.results.get("config", {})),
        },
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, default=str, ensure_ascii=False)


def _inputs(rows: list[Mapping[str, Any]]) -> TableView | None:
    if not rows:
        return None
    frame = pd.DataFrame(
        {
            "path": [str(r.get("path", "")) for r in rows],
            "size": [typeset.size(r.get("bytes")) for r in rows],
            "sha256": [str(r.get("sha256", "")) for r in rows],
        }
    )
    return view(frame, INPUTS, caption=f"Input files ({len(frame)}) with their checksums.")


def _steps(rows: list[Mapping[str, Any]]) -> TableView | None:
    if not rows:
        return None
    frame = pd.DataFrame([dict(r) for r in rows])
    if "cached" in frame.columns:
        frame["cached"] = ["yes" if c else "no" for c in frame["cached"]]
    total = frame["seconds"].sum() if "seconds" in frame.columns else float("nan")
    peak = frame["peak_mb"].max() if "peak_mb" in frame.columns else float("nan")
    return view(
        frame,
        STEPS,
        caption=f"Steps ({len(frame)}): {typeset.number(total)} s in all, "
        f"peak memory {typeset.number(peak)} MB.",
        columns=[c.name for c in STEPS.columns],
        labels={"cpu_seconds": "processor", "peak_mb": "peak memory", "seconds": "elapsed"},
    )


def _versions(versions: Mapping[str, Any]) -> TableView | None:
    if not versions:
        return None
    frame = pd.DataFrame(
        {"package": [str(k) for k in versions], "version": [str(v) for v in versions.values()]}
    )
    return view(frame, VERSIONS, caption=f"Versions used ({len(frame)} packages).")
