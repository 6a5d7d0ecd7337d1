"""Does the record hold: integrity, completeness and order, said apart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.registry import database
from imscope.registry.events import Event, canonical, checkpoint_bytes, first_break
from imscope.registry.fold import STATES, fold
from imscope.registry.keys import signature_fits
from imscope.registry.record import Registry
from imscope.registry.rows import projected


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found; fields as in the JSON of ``registry verify``."""

    integrity: str
    completeness: str
    order: str
    events: int
    head: Mapping[str, Any]
    anchors: tuple[Mapping[str, Any], ...]
    unanchored: int
    first_bad: Mapping[str, Any] | None

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return self.integrity == "holds" and self.order == "holds" and self.completeness != "broken"

    def content(self) -> dict[str, Any]:
        """Return the result as JSON holds it."""
        names = [*("integrity", "completeness", "order", "events", "head", "anchors")]
        names += ["unanchored", "first_bad"]
        return {n: list(v) if isinstance(v := getattr(self, n), tuple) else v for n in names}


def verify_registry(registry: Registry, against: Sequence[Path] = ()) -> Verification:
    """Verify a registry: chain, triggers, projection, files, signatures, anchors.

    Parameters
    ----------
    registry
        Open; no person is needed.
    against
        Anchors from outside: checkpoint files or folders of them, or certificates.

    Returns
    -------
    verification
        With the first bad event, object and field.
    """
    bad: dict[str, Any] | None = None
    try:
        with database.transaction(registry.engine, write=False) as connection:
            table = database.EVENT
            rows = list(connection.execute(sa.select(table).order_by(table.c.seq)))
            lacking = database.missing_triggers(connection)
            stored = [dict(r._mapping) for r in connection.execute(sa.select(database.PROJECTION))]
            files = [dict(r._mapping) for r in connection.execute(sa.select(database.ARTEFACT))]
    except DataError as error:
        bad = {"seq": 0, "object": "database", "field": "file", "why": error.found or error.problem}
        return Verification("broken", "not shown", "holds", 0, {"seq": 0, "hash": ""}, (), 0, bad)
    events: list[Event] = []
    for row in rows:
        try:
            body = json.loads(row.body)
            same = canonical(body).decode() == row.body and body.get("seq") == row.seq
        except (ValueError, DataError, AttributeError):
            same = False
        if not same:
            bad = _bad(int(row.seq), "event", "body", "is not in canonical form")
            break
        events.append(Event(body, row.prev, row.hash))
    bad = bad or _chain(events, registry)
    bad = bad or (
        _bad(0, "database", "triggers", f"missing: {', '.join(lacking)}") if lacking else None
    )
    bad = bad or _projection(events, stored) or _files(registry, events, files)
    inside, outside = (
        _anchors([p for p in [registry.folder / "anchors"] if p.is_dir()]),
        _anchors(against),
    )
    return _verdict(events, bad, inside, outside)


def verify_events(
    events: Sequence[Event], anchors: Sequence[Mapping[str, Any]] = ()
) -> Verification:
    """Verify events alone, as in an export bundle."""
    bad = _chain(list(events), None)
    return _verdict(list(events), bad, [], list(anchors))


def _verdict(
    events: list[Event],
    bad: dict[str, Any] | None,
    inside: list[Mapping[str, Any]],
    outside: list[Mapping[str, Any]],
) -> Verification:
    sound = events[: int(bad["seq"]) - 1] if bad and bad["seq"] else events
    key = _checkpoint_key(sound)
    by_seq = {k: e.hash for k, e in enumerate(events, 1)}
    last, complete = len(events), "not shown"
    shown, covered = [], 0
    for place, anchor in [("beside", a) for a in inside] + [("outside", a) for a in outside]:
        why = ""
        if not _anchor_fits(anchor, key):
            why = "its signature does not fit"
        elif anchor["seq"] > last:
            why = f"events {last + 1} to {anchor['seq']} are missing"
        elif by_seq.get(anchor["seq"]) != anchor["hash"]:
            why = "the event it names has another hash: the record was rewritten or forked"
        if why:
            complete = "broken"
            bad = bad or _bad(min(int(anchor["seq"]), last + 1), "anchor", "hash", why)
        elif place == "outside":
            covered = max(covered, int(anchor["seq"]))
        shown.append(
            {"seq": anchor["seq"], "hash": anchor["hash"], "where": place, "fits": not why}
        )
    if complete != "broken" and covered == last and last > 0:
        complete = "shown"
    order = _order(sound)
    if order and not bad:
        bad = order
    return Verification(
        "holds" if not bad or bad is order or bad["object"] == "anchor" else "broken",
        complete,
        "broken" if order else "holds",
        last,
        {"seq": last, "hash": by_seq.get(last, "")},
        tuple(shown),
        last - covered,
        bad,
    )


def _checkpoint_key(events: list[Event]) -> str:
    after = events[0].body.get("after") if events else None
    return str(after.get("checkpoint_key", "")) if isinstance(after, dict) else ""


def _chain(events: list[Event], registry: Registry | None) -> dict[str, Any] | None:
    broken = first_break(events)
    if broken:
        return _bad(*broken)
    if not events:
        return _bad(0, "registry", "events", "there are no events")
    if registry and events[0].body["after"].get("registry") != registry.identity:
        return _bad(1, "registry", "registry", "the settings name another registry")
    try:
        return _signatures(events)
    except (KeyError, TypeError, AttributeError) as error:
        return _bad(0, "event", str(error), "an event lacks a field")


def _signatures(events: list[Event]) -> dict[str, Any] | None:
    people: dict[str, str] = {}
    for event in events:
        body = event.body
        if body["action"] == "add" and str(body["object"]).startswith("person:"):
            people[str(body["after"]["key"])] = str(body["after"]["printed_name"])
        if body["action"] == "sign":
            signed = body["after"]["signed"]
            fits = signature_fits(signed["key"], canonical(signed), body["after"]["signature"])
            if (
                not fits
                or signed["object"] != body["object"]
                or people.get(signed["key"]) != signed["printed_name"]
            ):
                return _bad(
                    event.seq, str(body["object"]), "signature", "does not fit what it signs"
                )
    return None


def _projection(events: list[Event], stored: list[dict[str, Any]]) -> dict[str, Any] | None:
    state = fold(e.body for e in events)
    want = {key: projected(key, record) for key, record in state.records.items()}
    have = {(r["kind"], r["id"]): r for r in stored}
    for key in sorted(set(want) | set(have)):
        if want.get(key) != have.get(key):
            one, other = want.get(key) or {}, have.get(key) or {}
            field = next((f for f in ("state", "body", "seq") if one.get(f) != other.get(f)), "row")
            return _bad(
                int((one or other).get("seq", 0)),
                ":".join(key),
                field,
                "differs from what the events say",
            )
    return None


def _files(
    registry: Registry, events: list[Event], files: list[dict[str, Any]]
) -> dict[str, Any] | None:
    known = {f["sha256"] for f in files}
    for f in files:
        try:
            registry.fetch(f["sha256"])
        except DataError as error:
            return _bad(int(f["first_seq"]), f"artefact:{f['name']}", "content", error.problem)
    for e in events:
        after = e.body["after"]
        for digest in (after.get("files") or {}).values() if isinstance(after, dict) else ():
            if digest.get("kept") and digest["sha256"] not in known:
                return _bad(e.seq, str(e.body["object"]), "files", "a file is not in the store")
    return None


def _order(events: list[Event]) -> dict[str, Any] | None:
    present: dict[str, str] = {}
    for e in events:
        body = e.body
        if body["action"] == "add":
            present[str(body["object"])] = str(body["after"].get("state", "registered"))
        elif body["action"] == "state":
            now, wish = present.get(str(body["object"]), ""), str(body["after"]["state"])
            if wish not in STATES.get(now, ()) or body["before"] != {"state": now}:
                return _bad(
                    e.seq, str(body["object"]), "state", f"{now} to {wish} is no legal step"
                )
            present[str(body["object"])] = wish
    return None


def _anchors(places: Sequence[Path]) -> list[Mapping[str, Any]]:
    out = []
    for place in places:
        for path in sorted(place.glob("*.json")) if place.is_dir() else [place]:
            out.append(read_anchor(path))
    return out


def read_anchor(path: Path) -> Mapping[str, Any]:
    """Read a checkpoint, or the head that a certificate prints.

    Raises
    ------
    DataError
        The file holds neither.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            "an anchor cannot be read", found=f"{path}: {error}", code=codes.REG_INPUT
        ) from error
    found = content.get("head", content) if isinstance(content, dict) else {}
    if (
        not isinstance(found, dict)
        or not isinstance(found.get("seq"), int)
        or not isinstance(found.get("hash"), str)
    ):
        raise DataError(
            "the file is no checkpoint and no certificate", found=str(path), code=codes.REG_INPUT
        )
    return found


def _anchor_fits(anchor: Mapping[str, Any], key: str) -> bool:
    if "signature" not in anchor:  # the head on a certificate; the certificate is signed itself
        return True
    return anchor.get("key") == key and signature_fits(
        key, checkpoint_bytes(anchor), str(anchor["signature"])
    )


def _bad(seq: int, name: str, field: str, why: str) -> dict[str, Any]:
    return {"seq": seq, "object": name, "field": field, "why": why}


__all__ = ["Verification", "read_anchor", "verify_events", "verify_registry"]
