"""Rows of the record in the database, and the settings beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.registry import database
from imscope.registry.events import Event, canonical
from imscope.registry.fold import State, apply


def read_settings(folder: Path) -> dict[str, Any]:
    """Settings of a registry; what is wrong is said."""
    path = folder / "registry.json"
    if not path.is_file():
        raise DataError(
            f"there is no registry in {folder}",
            found="no registry.json",
            fix="`imscope registry init`, or --registry DIR",
            code=codes.REG_LOCKED,
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            "registry.json cannot be read", found=str(error), code=codes.REG_TAMPERED
        ) from error
    need = {"registry", "schema", "imscope", "url", "solo", "checkpoint_key"}
    if not isinstance(content, dict) or not need <= set(content):
        raise DataError("registry.json lacks fields", found=str(path), code=codes.REG_TAMPERED)
    return content


def hash_at(connection: sa.Connection, seq: int) -> str:
    """Hash of one event; empty when there is none."""
    table = database.EVENT
    row = connection.execute(sa.select(table.c.hash).where(table.c.seq == seq)).first()
    return str(row[0]) if row else ""


def read_events(connection: sa.Connection, after: int = 0) -> list[Event]:
    """Events in order, those after a number only."""
    table = database.EVENT
    rows = connection.execute(
        sa.select(table.c.body, table.c.prev, table.c.hash)
        .where(table.c.seq > after)
        .order_by(table.c.seq)
    )
    try:
        return [Event(json.loads(body), prev, digest) for body, prev, digest in rows]
    except json.JSONDecodeError as error:
        raise DataError(
            "an event of the record is damaged", found=str(error), code=codes.REG_TAMPERED
        ) from error


def head_of(connection: sa.Connection) -> tuple[int, str]:
    """Number and hash of the last event."""
    table = database.EVENT
    row = connection.execute(
        sa.select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
    ).first()
    return (int(row[0]), str(row[1])) if row else (0, "")


def write_event(connection: sa.Connection, event: Event, state: State) -> None:
    """Write an event and what it changes of the projection, in the same transaction."""
    row = {
        "seq": event.seq,
        "body": canonical(event.body).decode(),
        "prev": event.prev,
        "hash": event.hash,
    }
    connection.execute(sa.insert(database.EVENT).values(row))
    apply(state, event.body)
    table = database.PROJECTION
    for key, record in state.records.items():
        if record["seq"] == event.seq:
            kind, name = key
            connection.execute(sa.delete(table).where(table.c.kind == kind, table.c.id == name))
            connection.execute(sa.insert(table).values(projected(key, record)))


def projected(key: tuple[str, str], record: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the projection."""
    body = canonical(record["body"]).decode()
    return {
        "kind": key[0],
        "id": key[1],
        "state": record["state"],
        "body": body,
        "seq": record["seq"],
    }
