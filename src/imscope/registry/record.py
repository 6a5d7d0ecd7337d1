"""The record itself: open it, add events to it, sign, checkpoint; one transaction per event."""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imscope import __version__
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.atomic import guarded, write_bytes, write_text
from imscope.registry import database, keys
from imscope.registry.events import (
    VERSION,
    Event,
    canonical,
    checked_reason,
    checkpoint_bytes,
    seal,
    sha256_of,
)
from imscope.registry.fold import (
    KINDS,
    ROLES,
    State,
    apply,
    check_link,
    check_state,
    fold,
)

MEANINGS = (
    *("performed", "reviewed", "approved", "released", "rejected", "withdrawn"),
    "audit trail reviewed",
)
ROLE_FOR = {
    "performed": "analyst",
    "reviewed": "reviewer",
    "audit trail reviewed": "reviewer",
    "approved": "reviewer",
    "released": "releaser",
    "rejected": "releaser",
    "withdrawn": "releaser",
}
APART = (("performed", "reviewed"), ("reviewed", "released"), ("reviewed", "rejected"))
CHECKPOINT_EVERY = 100
Clock = Callable[[], datetime]


def now() -> datetime:
    """The time of this machine, UTC."""
    return datetime.now(UTC)


class Registry:
    """A registry that is open.

    Parameters
    ----------
    folder
        Folder of the registry: database or its address, store, keys, anchors.
    actor
        Person who writes; reading needs none.
    clock
        Gives the time; the machine's by default.
    """

    def __init__(self, folder: Path, *, actor: str = "", clock: Clock = now) -> None:
        self.folder, self.actor, self.clock = Path(folder), actor, clock
        self.session = uuid.uuid4().hex[:12]
        self._known: tuple[State, int, str] = (State(), 0, "")
        settings = _settings(self.folder)
        self.identity, self.solo = str(settings["registry"]), bool(settings["solo"])
        if int(settings["schema"]) > database.SCHEMA:
            raise DataError(
                "the registry was written by a newer imscope",
                found=f"layout {settings['schema']}, this imscope reads {database.SCHEMA}",
                fix=f"install imscope {settings['imscope']} or later",
                code=codes.REG_NEWER,
            )
        url = str(settings["url"]) or f"sqlite:///{self.folder / 'registry.sqlite'}"
        if not settings["url"] and not (self.folder / "registry.sqlite").is_file():
            raise DataError(
                "the database of the registry is missing",
                found=str(self.folder),
                code=codes.REG_LOCKED,
            )
        self.engine = database.engine_for(url)

    def events(self) -> list[Event]:
        """All events in order."""
        with database.transaction(self.engine, write=False) as connection:
            return _read_events(connection)

    def state(self) -> State:
        """The present state, folded from the events."""
        return fold(e.body for e in self.events())

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event."""
        with database.transaction(self.engine, write=False) as connection:
            return _head(connection)

    def add(self, kind: str, code: str, body: Mapping[str, Any], why: str = "") -> Event:
        """Add an object; its code is never used again.

        Raises
        ------
        DataError
            The kind is not known, the code is empty or in use, the actor may not.
        """
        if kind not in KINDS or not code.strip() or len(code) > 200 or "\n" in code or ":" in kind:
            raise DataError(
                "an object has a known kind and a code as on the tube",
                found=f"{kind}:{code!r}",
                fix=f"kinds: {', '.join(KINDS)}",
                code=codes.REG_CODE,
            )

        def check(state: State) -> None:
            if (kind, code) in state.records:
                raise DataError(
                    f"{kind} {code!r} is in the registry already",
                    found=f"since event {state.records[kind, code]['seq']}",
                    code=codes.REG_CODE,
                )

        return self._append(
            "add", f"{kind}:{code}", None, {"state": "registered", **body}, why, check
        )

    def link(self, parent: str, child: str, amount: str = "", unit: str = "") -> Event:
        """Say that one object comes from another; both as ``kind:code``."""

        def check(state: State) -> None:
            check_link(state, parent, child)
            if parent in state.parents.get(child, []):
                raise DataError(
                    "this link is there already", found=f"{parent} -> {child}", code=codes.REG_CODE
                )

        body = {"parent": parent, "child": child, "amount": amount, "unit": unit}
        return self._append("link", child, None, body, "", check)

    def change(self, kind: str, code: str, fields: Mapping[str, Any], why: str) -> Event:
        """Change fields of an object; the old values stay in the event, with the reason."""
        if kind in ("result", "certificate", "plan", "baseline"):
            raise DataError(
                f"a {kind} is never changed: add a new one that replaces it",
                found=code,
                code=codes.CERT_SIGNED,
            )
        old = self.state().get(kind, code)["body"]
        before = {k: old.get(k) for k in fields}
        return self._append("change", f"{kind}:{code}", before, dict(fields), why)

    def move(self, lot: str, wish: str, why: str, *, within: State | None = None) -> Event:
        """Take a lot to its next state."""
        state = within or self.state()
        present = state.get("lot", lot)["state"]
        check_state(present, wish)
        needed = {"reviewed": "reviewed", "released": "released", "rejected": "rejected"}.get(wish)
        if needed and not _signed_as(state, f"lot:{lot}", needed):
            raise DataError(
                f"lot {lot} becomes {wish!r} only by a signature that means {needed!r}",
                found=f"it is {present!r}",
                fix="`imscope release sign`",
                code=codes.REG_STATE,
            )
        return self._append("state", f"lot:{lot}", {"state": present}, {"state": wish}, why)

    def sign(
        self, target: str, content: bytes, *, meaning: str, why: str, passphrase: str
    ) -> Event:
        """Sign content as the actor; the signature is carried whole in its event.

        Parameters
        ----------
        target
            What is signed, as ``kind:code``.
        content
            Exactly the bytes that are signed for.
        meaning
            One of :data:`MEANINGS`.
        why
            Reason in words.
        passphrase
            Of the actor's key.

        Raises
        ------
        DataError
            Wrong role, same person in two parts, locked account, wrong passphrase; failures are
            events too.
        """
        if meaning not in MEANINGS:
            raise DataError(
                "a signature has one of the fixed meanings",
                found=meaning,
                fix=", ".join(MEANINGS),
                code=codes.SIGN_CONTENT,
            )
        state = self.state()
        person = state.get("person", self._actor(state))["body"]
        self._may_sign(state, person, target, meaning)
        seq, digest = self.head()
        moment = self.clock()
        signed = {
            "type": "imscope-signature-1",
            "object": target,
            "object_sha256": sha256_of(content),
            "meaning": meaning,
            "printed_name": person["printed_name"],
            "role": ROLE_FOR[meaning],
            "why": why,
            "at": _stamp(moment),
            "utc_offset": datetime.now().astimezone().strftime("%z"),
            "registry": self.identity,
            "head_seq": seq,
            "head_hash": digest,
            "key": person["key"],
        }
        path = self.folder / "keys" / f"{self.actor}.json"
        if keys.public_of(path) != person["key"]:
            raise DataError(
                "the key is not the one of this person", found=self.actor, code=codes.SIGN_KEY
            )
        try:
            value = keys.sign(path, passphrase, canonical(signed))
        except DataError as error:
            body = {"person": self.actor, "meaning": meaning, "at": _stamp(moment)}
            self._append("failed signing", target, None, body, error.problem)
            raise
        return self._append("sign", target, None, {"signed": signed, "signature": value}, why)

    def enrol(self, name: str, printed_name: str, roles: tuple[str, ...], passphrase: str) -> Event:
        """Enrol a person with roles and a new key; only an administrator does, after the first."""
        bad = [r for r in roles if r not in ROLES]
        if bad or not name.isidentifier() or not printed_name.strip():
            raise DataError(
                "a person has a short name, a printed name and known roles",
                found=f"{name!r}, {printed_name!r}, {', '.join(roles)}",
                fix=f"roles: {', '.join(ROLES)}",
                code=codes.SIGN_ROLE,
            )
        state = self.state()
        people = [i for k, i in state.records if k == "person"]
        if (
            people
            and "administrator" not in state.get("person", self._actor(state))["body"]["roles"]
        ):
            raise DataError(
                "only an administrator enrols people", found=self.actor, code=codes.SIGN_ROLE
            )
        if name in people:
            raise DataError("this person is enrolled already", found=name, code=codes.REG_CODE)
        public = keys.new_key(self.folder / "keys" / f"{name}.json", passphrase)
        if not people:
            self.actor = name
        body = {
            "printed_name": printed_name,
            "roles": list(roles),
            "key": public,
            "algorithm": "Ed25519",
        }
        return self._append("add", f"person:{name}", None, {"state": "active", **body}, "")

    def keep(self, content: bytes, name: str) -> str:
        """Put a file into the store by its content; returns its SHA-256."""
        digest = sha256_of(content)
        place = self.folder / "store" / digest[:2]
        guarded(place, lambda: place.mkdir(parents=True, exist_ok=True))
        if not (place / digest).exists():
            write_bytes(place / digest, content)
        with database.transaction(self.engine, write=True) as connection:
            seen = connection.execute(
                sa.select(database.ARTEFACT.c.sha256).where(database.ARTEFACT.c.sha256 == digest)
            ).first()
            if seen is None:
                row = {
                    "sha256": digest,
                    "bytes": len(content),
                    "name": name,
                    "first_seq": _head(connection)[0] + 1,
                }
                connection.execute(sa.insert(database.ARTEFACT).values(row))
        return digest

    def fetch(self, digest: str) -> bytes:
        """Content of a file in the store, checked.

        Raises
        ------
        DataError
            ``E-REG-TAMPERED``: it is missing or changed.
        """
        path = self.folder / "store" / digest[:2] / digest
        content = path.read_bytes() if path.is_file() else b""
        if sha256_of(content) != digest:
            raise DataError(
                "a file of the store is missing or changed",
                found=digest[:16],
                code=codes.REG_TAMPERED,
            )
        return content

    def checkpoint(self, extra: Path | None = None) -> dict[str, Any]:
        """Sign the head with the key of the registry and write it beside the database.

        Parameters
        ----------
        extra
            A further folder, out of reach of whoever administers the database.
        """
        seq, digest = self.head()
        settings = _settings(self.folder)
        point: dict[str, Any] = {
            "type": "imscope-checkpoint-1",
            "registry": self.identity,
            "seq": seq,
            "hash": digest,
            "at": _stamp(self.clock()),
            "key": settings["checkpoint_key"],
        }
        secret = (self.folder / "keys" / "checkpoint.secret").read_text(encoding="utf-8").strip()
        point["signature"] = keys.sign(
            self.folder / "keys" / "checkpoint.json", secret, checkpoint_bytes(point)
        )
        for folder in [self.folder / "anchors", *([extra] if extra else [])]:
            guarded(folder, lambda f=folder: f.mkdir(parents=True, exist_ok=True))
            name = f"{self.identity[:8]}-{seq:08d}.json"
            write_text(folder / name, json.dumps(point, indent=1, sort_keys=True) + "\n")
        return point

    def _actor(self, state: State) -> str:
        people = [i for k, i in state.records if k == "person"]
        if not self.actor or (people and self.actor not in people):
            raise DataError(
                "writing needs a person who is enrolled",
                found=f"{self.actor or 'no name given'}; enrolled: {', '.join(people) or 'nobody'}",
                fix="--as NAME, or IMSCOPE_ACTOR",
                code=codes.REG_ACTOR,
            )
        if people and not (self.folder / "keys" / f"{self.actor}.json").is_file():
            raise DataError(
                "the key of this person is not here", found=self.actor, code=codes.REG_ACTOR
            )
        return self.actor

    def _may_sign(self, state: State, person: Mapping[str, Any], target: str, meaning: str) -> None:
        needed = ROLE_FOR[meaning]
        if needed not in person["roles"]:
            raise DataError(
                f"{meaning!r} is signed by a {needed}",
                found=f"{self.actor}: {', '.join(person['roles'])}",
                code=codes.SIGN_ROLE,
            )
        recent = self.clock() - timedelta(minutes=15)
        failures = [
            r
            for (kind, _), r in state.records.items()
            if kind == "failure"
            and r["body"].get("person") == self.actor
            and datetime.fromisoformat(r["body"]["at"]) > recent
        ]
        if len(failures) >= 5:
            raise DataError(
                "the account is locked for 15 minutes",
                found=f"{len(failures)} failures",
                code=codes.SIGN_LOCKED,
            )
        if self.solo:
            return
        lot = _lot_of(state, target)
        for one, other in APART:
            for mine, theirs in ((one, other), (other, one)):
                if meaning == mine and _signed_as(state, lot, theirs, person["key"]):
                    raise DataError(
                        "the same person cannot take both parts on one lot",
                        found=f"{self.actor} signed {theirs!r} of {lot}",
                        code=codes.SIGN_SAME_PERSON,
                    )

    def _present(self, connection: sa.Connection) -> State:
        """State at the head; only events that came since the last look are read."""
        state, seq, digest = self._known
        self._known = (State(), 0, "")  # whatever fails now, nothing half-applied is used again
        if seq and _hash_at(connection, seq) != digest:
            state, seq = State(), 0
        for event in _read_events(connection, after=seq):
            apply(state, event.body)
            seq, digest = event.seq, event.hash
        return state

    def _append(
        self,
        action: str,
        target: str,
        before: Any,
        after: Any,
        why: str,
        check: Callable[[State], None] | None = None,
    ) -> Event:
        with database.transaction(self.engine, write=True) as connection:
            state = self._present(connection)
            actor = self._actor(state)
            if check is not None:
                check(state)
            why = checked_reason(why, before, state.last_why)
            moment = self.clock()
            self._clock_ok(connection, state, moment, actor)
            seq, prev = _head(connection)
            roles = (
                state.records.get(("person", actor), {})
                .get("body", {})
                .get("roles", ["administrator"])
            )
            event = seal(
                prev,
                {
                    "seq": seq + 1,
                    "at": _stamp(moment),
                    "actor": actor,
                    "role": ",".join(roles),
                    "session": self.session,
                    "action": action,
                    "object": target,
                    "before": before,
                    "after": after,
                    "why": why,
                    "v": VERSION,
                },
            )
            _write(connection, event, state)
        self._known = (state, event.seq, event.hash)
        if event.seq % CHECKPOINT_EVERY == 0:
            self.checkpoint()
        return event

    def _clock_ok(
        self, connection: sa.Connection, state: State, moment: datetime, actor: str
    ) -> None:
        if not state.last_at:
            return
        behind = (datetime.fromisoformat(state.last_at) - moment).total_seconds()
        if behind > 300:
            raise DataError(
                "the clock is behind the record",
                found=f"{behind:.0f} s before the last event",
                code=codes.REG_CLOCK,
            )
        if behind > 2:
            seq, prev = _head(connection)
            body = {
                "seq": seq + 1,
                "at": _stamp(moment),
                "actor": actor,
                "role": "",
                "session": self.session,
                "action": "clock anomaly",
                "object": "clock:machine",
                "before": None,
                "after": {"behind_ms": round(behind * 1000)},
                "why": "",
                "v": VERSION,
            }
            _write(connection, seal(prev, body), state)


def init_registry(
    folder: Path,
    *,
    person: str,
    printed_name: str,
    passphrase: str,
    solo: bool = False,
    url: str = "",
) -> Registry:
    """Make a registry with its first person and key.

    Parameters
    ----------
    folder
        New or empty folder.
    person, printed_name
        Short name and name as it is printed beside a signature.
    passphrase
        Of the person's key, at least 8 characters.
    solo
        For research by one person: all roles in one hand; every certificate says so.
    url
        Address of a PostgreSQL database; SQLite in the folder if not given.

    Raises
    ------
    DataError
        The folder is in use or lies on a network file system.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise DataError(
            "the folder of a new registry must be empty", found=str(folder), code=codes.REG_LOCKED
        )
    if len(passphrase) < 8:
        raise DataError(
            "a passphrase has at least 8 characters",
            found=f"{len(passphrase)}",
            code=codes.SIGN_PASSPHRASE,
        )
    guarded(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
    kind = database.on_network(folder)
    if kind and not url:
        raise DataError(
            "SQLite cannot be trusted on a network file system", found=kind, code=codes.REG_NETFS
        )
    for name in ("store", "keys", "anchors"):
        (folder / name).mkdir()
    secret = uuid.uuid4().hex
    (folder / "keys" / "checkpoint.secret").touch(mode=0o600)
    (folder / "keys" / "checkpoint.secret").write_text(secret, encoding="utf-8")
    public = keys.new_key(folder / "keys" / "checkpoint.json", secret)
    settings = {
        "registry": uuid.uuid4().hex,
        "schema": database.SCHEMA,
        "imscope": __version__,
        "url": url,
        "solo": solo,
        "checkpoint_key": public,
    }
    write_text(folder / "registry.json", json.dumps(settings, indent=1) + "\n")
    engine = database.engine_for(url or f"sqlite:///{folder / 'registry.sqlite'}")
    database.create_tables(engine)
    engine.dispose()
    registry = Registry(folder, actor=person)
    genesis = {k: settings[k] for k in ("registry", "schema", "imscope", "solo", "checkpoint_key")}
    registry._append("genesis", f"registry:{settings['registry']}", None, genesis, "")
    roles = (
        ("analyst", "reviewer", "releaser", "administrator", "auditor")
        if solo
        else ("administrator",)
    )
    registry.enrol(person, printed_name, roles, passphrase)
    return registry


def _settings(folder: Path) -> dict[str, Any]:
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


def _hash_at(connection: sa.Connection, seq: int) -> str:
    table = database.EVENT
    row = connection.execute(sa.select(table.c.hash).where(table.c.seq == seq)).first()
    return str(row[0]) if row else ""


def _read_events(connection: sa.Connection, after: int = 0) -> list[Event]:
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


def _head(connection: sa.Connection) -> tuple[int, str]:
    table = database.EVENT
    row = connection.execute(
        sa.select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
    ).first()
    return (int(row[0]), str(row[1])) if row else (0, "")


def _write(connection: sa.Connection, event: Event, state: State) -> None:
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


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _signed_as(state: State, target: str, meaning: str, key: str = "") -> bool:
    """Whether a lot carries a signature of this meaning, on itself or its certificate."""
    return any(
        r["body"]["meaning"] == meaning
        and (not key or r["body"]["key"] == key)
        and (r["body"]["object"] == target or _lot_of(state, r["body"]["object"]) == target)
        for (kind, _), r in state.records.items()
        if kind == "signature"
    )


def _lot_of(state: State, target: str) -> str:
    kind, _, name = target.partition(":")
    if kind in ("certificate", "result", "deviation"):
        lot = state.records.get((kind, name), {}).get("body", {}).get("lot", "")
        return f"lot:{lot}"
    return target


def registry_place(given: Path | None) -> Path:
    """Where the registry is: the option, ``IMSCOPE_REGISTRY``, or ``./registry``."""
    return given or Path(os.environ.get("IMSCOPE_REGISTRY", "registry"))


__all__ = ["MEANINGS", "Registry", "init_registry", "now", "projected", "registry_place"]
