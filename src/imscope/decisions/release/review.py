"""What a reviewer reads instead of the whole record: the exceptions."""

from datetime import datetime, timedelta
from typing import Any

from imscope.registry.record import Registry


def exceptions(registry: Registry) -> list[dict[str, Any]]:
    """List corrections, retests, failed signings, clock anomalies, late entries and young keys.

    Parameters
    ----------
    registry
        Open; no person is needed.
    """
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[str, ...], int] = {}
    keys: dict[str, datetime] = {}
    for event in registry.events():
        body = event.body
        after = body["after"] if isinstance(body["after"], dict) else {}
        at = datetime.fromisoformat(str(body["at"]))
        kind = str(body["object"]).partition(":")[0]
        what = []
        if body["action"] == "change":
            what.append(f"changed, was {body['before']}")
        if body["action"] in ("failed signing", "clock anomaly"):
            what.append(str(body["action"]))
        if body["action"] == "add" and kind == "person":
            keys[str(after["key"])] = at
        if body["action"] == "sign" and at - keys[after["signed"]["key"]] < timedelta(hours=24):
            what.append("signed with a key younger than 24 h")
        if body["action"] == "add" and kind == "result":
            what += _result(after, at, seen)
        if body["action"] == "add" and kind in ("spec", "method", "baseline"):
            what.append(f"new {kind}")
        rows += [_row(body, w) for w in what]
    return rows


def _result(after: dict[str, Any], at: datetime, seen: dict[tuple[str, ...], int]) -> list[str]:
    what = []
    if after.get("supersedes"):
        what.append(f"correction of {after['supersedes']}")
    same = tuple(str(after.get(c, "")) for c in ("lot", "attribute", "method"))
    seen[same] = seen.get(same, 0) + 1
    if seen[same] > 1 and not after.get("supersedes"):
        what.append(f"retest number {seen[same]}")
    try:
        measured = datetime.fromisoformat(str(after.get("measured_at", "")))
    except ValueError:
        return what
    if at - measured.replace(tzinfo=measured.tzinfo or at.tzinfo) > timedelta(hours=24):
        what.append(f"entered late, measured {after['measured_at']}")
    return what


def _row(body: Any, what: str) -> dict[str, Any]:
    return {
        "seq": body["seq"],
        "at": body["at"],
        "who": body["actor"],
        "what": what,
        "object": body["object"],
        "why": body["why"],
    }
