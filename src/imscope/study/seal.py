"""A seal on finished steps, made with a key that only this user's account holds.

It tells a step this account computed from one that was put there. The key never leaves its file
and decides no result: without it steps are only computed again.
"""

import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

_BYTES = 32


def seal(digest: str) -> str:
    """Seal of a digest, as hex.

    Examples
    --------
    >>> seal("a") == seal("a"), seal("a") == seal("b"), len(seal("a"))
    (True, False, 64)
    """
    return hmac.new(_key(), digest.encode(), hashlib.sha256).hexdigest()


def key_file() -> Path:
    """Where the key of this account is kept."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state else Path.home() / ".local" / "state"
    return base / "imscope" / "steps.key"


@cache
def _key() -> bytes:
    """The key; made at first use. Where none can be kept, one for this process alone."""
    try:
        path = key_file()
        if not path.exists():
            _make(path)
        found = path.read_bytes()
    except (OSError, RuntimeError):
        return secrets.token_bytes(_BYTES)
    return found if len(found) == _BYTES else secrets.token_bytes(_BYTES)


def _make(path: Path) -> None:
    """Write a new key; of processes that start together, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(secrets.token_bytes(_BYTES))
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
