"""Content of ``results.json``, and its layout as a JSON Schema other programs can rely on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from imscope import __version__
from imscope.core.result import Notice
from imscope.core.schema import (
    CLAIMS,
    DESIGN_TESTS,
    HETEROGENEITY_INDEX,
    LOTS,
    QC_LEDGER,
    SAMPLES,
    TABLES,
    Table,
)
from imscope.study.answer import answer_lines
from imscope.study.provenance import versions
from imscope.study.step import Run
from imscope.study.store import Finished, canonical, sha256_text
from imscope.study.summary import footer_lines, summary_lines

SCHEMA_VERSION = "1.2"
"""Version of the layout; a change that breaks readers raises the first part."""

HEADLINES = (
    "subset_calls",
    "stage_window_checks",
    "residual_pluripotent",
    "p53_screen",
    "senescence",
)
"""Tables of verdicts that stand in the results in full; empty when the run made none."""

_KINDS = {"text": "string", "integer": "integer", "number": "number", "boolean": "boolean"}


def build_results(
    run: Run, done: Mapping[str, Finished], tables: Mapping[str, pd.DataFrame]
) -> dict[str, Any]:
    """Build the content of ``results.json``: verdicts and headline numbers, nothing timed.

    Parameters
    ----------
    run
        What the steps were given.
    done
        Finished steps by name.
    tables
        Tables of the run folder by name.
    """
    index, claims = tables["heterogeneity_index"], tables["claims"]
    lots, unit = tables["lots"], str(run.design.unit)
    config = run.config.model_dump(mode="json")
    warnings = list_warnings(run, done)
    return {
        "schema_version": SCHEMA_VERSION,
        "imscope_version": __version__,
        "title": run.title,
        "simulated": run.simulated,
        "answer": [
            *([f"WARNING: {run.barred}. No verdict is given."] if run.barred else []),
            *answer_lines(
                tables["samples"],
                index,
                claims,
                ledger=tables["qc_ledger"],
                screens=tables,
                unit=unit,
            ),
        ],
        "summary": summary_lines(
            lots, tables["samples"], claims, unit=unit, barred=str(run.barred or "")
        ),
        "below": footer_lines(
            lots, tables["samples"], gates=any(name.startswith("gate") for name in tables)
        ),
        "lots": as_records(lots),
        "verdicts": as_records(claims),
        "headline": as_records(index),
        "design": {
            "group": run.design.group,
            "unit": run.design.unit,
            "factors": list(run.design.factors),
            "tests": as_records(tables["design_tests"]),
        },
        **{name: as_records(tables[name]) if name in tables else [] for name in HEADLINES},
        "samples": as_records(tables["samples"]),
        "qc": as_records(tables["qc_ledger"]),
        "warnings": [{"code": n.code, "message": n.message, "sample": n.subject} for n in warnings],
        "decomposition": done["heterogeneity"].facts(),
        "skipped": list_skipped(done, tables),
        "neighbours": done["neighbours"].facts(),
        "clusters": done["clusters"].facts(),
        "config": config,
        "config_sha256": sha256_text(canonical(config)),
        "seed": run.config.seed,
        "inputs": list(run.inputs.values()),
        "versions": versions(),
    }


def list_warnings(run: Run, done: Mapping[str, Finished]) -> list[Notice]:
    """What the readers and the steps must tell, in the order of the samples and the steps."""
    found = list(run.notices)
    found += [
        Notice(code, message, sample)
        for sample, info in run.cohort.info.items()
        for code, message in info["notices"]
    ]
    return found + [notice for step in done.values() for notice in step.notices()]


def list_skipped(
    done: Mapping[str, Finished], tables: Mapping[str, pd.DataFrame]
) -> dict[str, str]:
    """Tables this run could not make, and all reasons why."""
    reasons: dict[str, list[str]] = {}
    for step in done.values():
        for name, told in step.skipped().items():
            reasons.setdefault(name, []).extend(s.words or s.code for s in told)
    return {name: "; ".join(why) for name, why in reasons.items() if name not in tables}


def as_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON-like records; what is not a number becomes null."""
    return [{str(k): _plain(v) for k, v in row.items()} for row in frame.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def results_schema() -> dict[str, Any]:
    """JSON Schema of ``results.json``.

    A number that could not be estimated is ``null``; the record says why in words.

    Examples
    --------
    >>> schema = results_schema()
    >>> schema["properties"]["schema_version"]["const"]
    '1.2'
    """
    text = {"type": "string"}
    texts = {"type": "array", "items": text}
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    warning = _record({"code": text, "message": text, "sample": text})
    source = _record({"path": text, "sha256": digest, "bytes": {"type": "integer", "minimum": 0}})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "imscope results",
        **_record(
            {
                "schema_version": {"const": SCHEMA_VERSION},
                "imscope_version": text,
                "title": text,
                "simulated": {"type": "boolean"},
                "answer": texts | {"minItems": 1, "maxItems": 6},
                "summary": texts | {"minItems": 1, "maxItems": 3},
                "below": {"type": "object", "additionalProperties": text},
                "lots": _rows(LOTS),
                "verdicts": _rows(CLAIMS),
                "headline": _rows(HETEROGENEITY_INDEX),
                "design": _record(
                    {
                        "group": {"type": ["string", "null"]},
                        "unit": text,
                        "factors": texts,
                        "tests": _rows(DESIGN_TESTS),
                    }
                ),
                **{name: _rows(TABLES[name]) for name in HEADLINES},
                "samples": _rows(SAMPLES),
                "qc": _rows(QC_LEDGER),
                "warnings": {"type": "array", "items": warning},
                "decomposition": {"type": "object"},
                "skipped": {"type": "object", "additionalProperties": text},
                "neighbours": {"type": "object"},
                "clusters": {"type": "object"},
                "config": {"type": "object"},
                "config_sha256": digest,
                "seed": {"type": "integer"},
                "inputs": {"type": "array", "items": source, "minItems": 1},
                "versions": {"type": "object", "additionalProperties": text},
            }
        ),
    }


def _record(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _rows(table: Table) -> dict[str, Any]:
    """Rows of a declared table as records; a missing value is null."""
    properties = {
        c.name: {"type": [_KINDS[c.kind], "null"], "description": c.meaning} for c in table.columns
    }
    record = {
        "type": "object",
        "properties": properties,
        "required": table.names,
        "additionalProperties": table.open_ended,
    }
    return {"type": "array", "items": record}
