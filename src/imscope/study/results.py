"""Layout of ``results.json``, as a JSON Schema that other programs can rely on."""

from typing import Any

from imscope.core.schema import (
    CLAIMS,
    DESIGN_TESTS,
    HETEROGENEITY_INDEX,
    QC_LEDGER,
    SAMPLES,
    TABLES,
    Table,
)

SCHEMA_VERSION = "1.1"
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


def results_schema() -> dict[str, Any]:
    """JSON Schema of ``results.json``.

    A number that could not be estimated is ``null``; the record says why in words.

    Examples
    --------
    >>> schema = results_schema()
    >>> schema["properties"]["schema_version"]["const"]
    '1.1'
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
