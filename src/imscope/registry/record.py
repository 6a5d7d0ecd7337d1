"""The record itself: open it, add events to it, sign, checkpoint; one transaction per event."""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

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
from imscope.registry.rows import hash_at, head_of, read_events, read_settings, write_event

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
        settings = read_settings(self.folder)
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

    def begin(self, genesis: Mapping[str, Any]) -> Event:
        """Write the first event of a new record."""
        if self.head()[0]:
            raise DataError("the record has begun already", code=codes.REG_STATE)
        return self._append("genesis", f"registry:{self.identity}", None, dict(genesis), "")

    def events(self) -> list[Event]:
        """All events in order."""
        with database.transaction(self.engine, write=False) as connection:
            return read_events(connection)

    def state(self) -> State:
        """The present state, folded from the events."""
        return fold(e.body for e in self.events())

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event."""
        with database.transaction(self.engine, write=False) as connection:
            return head_of(connection)

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
                    "first_seq": head_of(connection)[0] + 1,
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
        settings = read_settings(self.folder)
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
            guarded(folder, partial(folder.mkdir, parents=True, exist_ok=True))
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
        if seq and hash_at(connection, seq) != digest:
            state, seq = State(), 0
        for event in read_events(connection, after=seq):
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
            seq, prev = head_of(connection)
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
            write_event(connection, event, state)
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
            seq, prev = head_of(connection)
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
            write_event(connection, seal(prev, body), state)


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


__all__ = ["MEANINGS", "Registry", "now", "registry_place"]
