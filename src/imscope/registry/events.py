"""Events of the record: canonical bytes, the hash chain, signed checkpoints; no database."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError

PREFIX = b"imscope-event-1\n"
FIELDS = (
    "seq",
    "at",
    "actor",
    "role",
    "session",
    "action",
    "object",
    "before",
    "after",
    "why",
    "v",
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the record with its place in the chain."""

    body: Mapping[str, Any]
    prev: str
    hash: str

    @property
    def seq(self) -> int:
        """Place in the record, from 1."""
        return int(self.body["seq"])


def canonical(content: Any) -> bytes:
    """Bytes of a JSON value in the form of RFC 8785; numbers with a fraction are refused.

    Raises
    ------
    DataError
        A fraction: values enter the record as decimal text beside their unit.

    Examples
    --------
    >>> canonical({"b": 1, "a": "x"})
    b'{"a":"x","b":1}'
    """
    import rfc8785

    _no_fraction(content, "")
    try:
        return bytes(rfc8785.dumps(content))
    except rfc8785.CanonicalizationError as error:
        raise DataError(
            "a value cannot enter the record", found=str(error), code=codes.REG_INPUT
        ) from error


def _no_fraction(value: Any, place: str) -> None:
    if isinstance(value, float):
        raise DataError(
            "a number with a fraction enters the record as decimal text",
            found=f"{place or 'value'} = {value!r}",
            code=codes.REG_INPUT,
        )
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _no_fraction(inner, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for k, inner in enumerate(value):
            _no_fraction(inner, f"{place}[{k}]")


def event_hash(prev: str, body: Mapping[str, Any]) -> str:
    """Hash of an event after the one before it.

    Examples
    --------
    >>> event_hash("", {"seq": 1})[:8]
    'daadd28e'
    """
    return hashlib.sha256(PREFIX + prev.encode() + canonical(body)).hexdigest()


def seal(prev: str, body: Mapping[str, Any]) -> Event:
    """Put an event at the end of the chain."""
    return Event(body, prev, event_hash(prev, body))


def sha256_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def checked_reason(why: str, before: Any, last: str) -> str:
    """Return the reason of a change, or refuse: three words, not the last one repeated.

    Raises
    ------
    DataError
        ``E-REG-WHY``.

    Examples
    --------
    >>> checked_reason("typing error on entry", {"value": "5"}, "")
    'typing error on entry'
    """
    why = why.strip()
    if before is None:
        return why
    if len(re.findall(r"\w+", why)) < 3 or why == last:
        raise DataError(
            "a change needs a reason of at least three words, not the last one repeated",
            found=repr(why),
            fix="say with --why what is changed and for what reason",
            code=codes.REG_WHY,
        )
    return why


def checkpoint_bytes(checkpoint: Mapping[str, Any]) -> bytes:
    """Bytes of a checkpoint that its signature covers."""
    return canonical({k: v for k, v in checkpoint.items() if k != "signature"})


def read_lines(text: str) -> list[dict[str, Any]]:
    """Read JSON lines; a line that is none is an error.

    Raises
    ------
    DataError
        ``E-REG-INPUT``.
    """
    out = []
    for k, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(
                    "a line is not JSON", found=f"line {k}: {error.msg}", code=codes.REG_INPUT
                ) from error
            if not isinstance(row, dict):
                raise DataError("a line is not an object", found=f"line {k}", code=codes.REG_INPUT)
            out.append(row)
    return out


def first_break(events: Iterable[Event]) -> tuple[int, str, str, str] | None:
    """Find the first event that does not fit: its place, object, field and why.

    Parameters
    ----------
    events
        In the order in which they are stored.
    """
    prev, expected = "", 1
    for event in events:
        body = event.body
        place = body.get("seq", expected)
        name = str(body.get("object", ""))
        if place != expected:
            return expected, name, "seq", f"event {expected} is missing or moved; found {place}"
        if event.prev != prev:
            return expected, name, "prev", "does not follow the event before it"
        try:
            good = event_hash(prev, body) == event.hash
        except DataError as error:
            return expected, name, "body", error.problem
        if not good:
            return expected, name, "body", "content does not fit its hash"
        prev, expected = event.hash, expected + 1
    return None
