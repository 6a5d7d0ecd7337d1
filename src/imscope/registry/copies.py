"""Copies of the record: backup and restore, and a bundle that a stranger can verify."""

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.atomic import guarded, write_bytes
from imscope.registry import database
from imscope.registry.events import Event, event_hash, sha256_of
from imscope.registry.record import Registry
from imscope.registry.verify import Verification, read_anchor, verify_events, verify_registry

_STAMP = (2000, 1, 1, 0, 0, 0)
_MOST = 4 * 2**30


def backup_registry(registry: Registry, out: Path) -> Path:
    """Write a verified backup: database, store, keys, anchors and a list of digests, one file.

    Parameters
    ----------
    registry
        Open; others may go on writing.
    out
        New file (.zip).

    Raises
    ------
    DataError
        The registry does not verify, or is kept in PostgreSQL: use its own tools for that one and
        ``registry export``.
    """
    if registry.engine.dialect.name != "sqlite":
        raise DataError(
            "the backup of a PostgreSQL registry is made by pg_dump",
            found=registry.engine.dialect.name,
            fix="back up the folder and the database together, then `imscope registry verify`",
            code=codes.REG_INPUT,
        )
    point = registry.checkpoint()
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "registry.sqlite"
        database.copy_sqlite(registry.engine, copy)
        files = {"registry.sqlite": copy.read_bytes()}
    for path in sorted(registry.folder.rglob("*")):
        name = path.relative_to(registry.folder).as_posix()
        if path.is_file() and not name.startswith(("registry.sqlite", ".")):
            files[name] = path.read_bytes()
    files["backup.json"] = json.dumps(
        {
            "imscope-backup": 1,
            "checkpoint": point,
            "files": {n: sha256_of(c) for n, c in files.items()},
        },
        indent=1,
    ).encode()
    write_bytes(out, _zip(files))
    return out


def restore_registry(source: Path, to: Path) -> Verification:
    """Restore a backup into an empty place and verify it before anything is said.

    Parameters
    ----------
    source
        A backup (.zip).
    to
        A new or empty folder.

    Raises
    ------
    DataError
        The backup is damaged or does not verify, or the place is not empty.
    """
    if to.exists() and any(to.iterdir()):
        raise DataError(
            "a backup is restored into an empty place only", found=str(to), code=codes.REG_LOCKED
        )
    files = _unzip(source)
    try:
        manifest = json.loads(files["backup.json"])
        digests = dict(manifest["files"])
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(source, "no list of digests") from error
    if set(digests) != set(files) - {"backup.json"} or any(
        sha256_of(files[n]) != d for n, d in digests.items()
    ):
        raise _damaged(source, "a file differs from the list of digests")
    guarded(to, lambda: to.mkdir(parents=True, exist_ok=True))
    for name in ("store", "keys", "anchors"):
        (to / name).mkdir(exist_ok=True)
    for name, content in files.items():
        if name != "backup.json":
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, content)
            if name.startswith("keys/"):
                target.chmod(0o600)
    found = verify_registry(Registry(to))
    if not found.holds:
        raise _damaged(source, str(found.first_bad))
    return found


def export_bundle(registry: Registry, lots: Sequence[str], out: Path) -> Path:
    """Write what a third party needs to verify lots offline.

    Holds the whole chain as hashes, the bodies of events of the lots and of people and keys,
    signatures, files and a note for the reader. Objects under a use restriction are refused.

    Parameters
    ----------
    registry
        Open.
    lots
        Codes of lots.
    out
        New file (.zip).
    """
    state = registry.state()
    wanted: set[str] = set()
    for lot in lots:
        state.get("lot", lot)
        item = f"lot:{lot}"
        limits = state.restrictions(item)
        if limits:
            raise DataError(
                "a use restriction forbids the export",
                found="; ".join(limits),
                code=codes.REG_RESTRICTED,
            )
        wanted |= {item, *state.ancestors(item), *state.descendants(item)}
    wanted |= {f"{k}:{n}" for (k, n), r in state.records.items() if r["body"].get("lot") in lots}
    lines, digests = [], set()
    for e in registry.events():
        show = e.body["action"] == "genesis" or e.body["object"] in wanted
        show = show or str(e.body["object"]).startswith(("person:", "spec:", "method:"))
        row: dict[str, Any] = {"prev": e.prev, "hash": e.hash, "seq": e.seq}
        if show:
            row["body"] = e.body
            after = e.body["after"] if isinstance(e.body["after"], dict) else {}
            digests |= {f["sha256"] for f in (after.get("files") or {}).values() if f.get("kept")}
        lines.append(json.dumps(row, sort_keys=True))
    files = {"events.jsonl": ("\n".join(lines) + "\n").encode(), "README.txt": _NOTE.encode()}
    files["checkpoint.json"] = json.dumps(registry.checkpoint(), indent=1).encode()
    files |= {f"files/{d}": registry.fetch(d) for d in sorted(digests)}
    write_bytes(out, _zip(files))
    return out


def verify_bundle(source: Path, against: Sequence[Path] = ()) -> Verification:
    """Verify an export bundle; no registry and no account are needed.

    Parameters
    ----------
    source
        The bundle.
    against
        Anchors from outside.
    """
    files = _unzip(source)
    if "events.jsonl" not in files or "checkpoint.json" not in files:
        raise _damaged(source, "it is no export bundle")
    try:
        rows = [json.loads(x) for x in files["events.jsonl"].decode().splitlines()]
        point = json.loads(files["checkpoint.json"])
        chain = [(int(r["seq"]), str(r["prev"]), str(r["hash"]), r.get("body")) for r in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(source, "the chain cannot be read") from error
    bad = _bundle_break(chain)
    for name, content in files.items():
        if name.startswith("files/") and sha256_of(content) != name[6:]:
            bad = bad or {"seq": 0, "object": name, "field": "content", "why": "file changed"}
    whole = all(body is not None for *_, body in chain)
    if whole and not bad:
        events = [Event(body, prev, digest) for _, prev, digest, body in chain]
        return verify_events(events, [point, *(read_anchor(p) for p in against)])
    return _partial(chain, bad, [point, *(read_anchor(p) for p in against)])


def _bundle_break(chain: list[tuple[int, str, str, Any]]) -> dict[str, Any] | None:
    prev = ""
    for k, (seq, before, digest, body) in enumerate(chain, 1):
        name = str((body or {}).get("object", ""))
        if seq != k or before != prev:
            return {"seq": k, "object": name, "field": "prev", "why": "the chain is broken here"}
        if body is not None and event_hash(before, body) != digest:
            return {
                "seq": k,
                "object": name,
                "field": "body",
                "why": "content does not fit its hash",
            }
        prev = digest
    return None


def _partial(
    chain: list[tuple[int, str, str, Any]],
    bad: Mapping[str, Any] | None,
    anchors: list[Mapping[str, Any]],
) -> Verification:
    """Verdict on a chain of which some bodies are left out."""
    by_seq = {seq: digest for seq, _, digest, _ in chain}
    fits = [by_seq.get(int(a["seq"])) == a["hash"] for a in anchors]
    complete = "broken" if not all(fits) else "not shown"
    if (
        complete != "broken"
        and len(anchors) > 1
        and max(int(a["seq"]) for a in anchors[1:]) == len(chain)
    ):
        complete = "shown"
    if complete == "broken" and bad is None:
        bad = {
            "seq": len(chain),
            "object": "anchor",
            "field": "hash",
            "why": "an anchor names another event",
        }
    head = {"seq": len(chain), "hash": chain[-1][2] if chain else ""}
    shown = tuple(
        {"seq": a["seq"], "hash": a["hash"], "where": "outside", "fits": f}
        for a, f in zip(anchors, fits, strict=True)
    )
    broken = bad is not None and bad["object"] != "anchor"
    return Verification(
        "broken" if broken else "holds",
        complete,
        "holds",
        len(chain),
        head,
        shown,
        len(chain) - max((int(a["seq"]) for a in anchors), default=0),
        bad,
    )


def _zip(files: Mapping[str, bytes]) -> bytes:
    """Bytes of an archive that are the same for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _STAMP), files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _unzip(source: Path) -> dict[str, bytes]:
    """Files of an archive, refused when names lead out of it or it unpacks without bound."""
    try:
        with zipfile.ZipFile(source) as archive:
            rows = archive.infolist()
            names = [r.filename for r in rows]
            unsafe = [n for n in names if n.startswith("/") or ".." in n.split("/") or "\\" in n]
            if unsafe or len(set(names)) != len(names) or sum(r.file_size for r in rows) > _MOST:
                raise _damaged(source, f"unsafe content {unsafe[:1]}")
            return {r.filename: archive.read(r) for r in rows if not r.is_dir()}
    except (OSError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise _damaged(source, str(error)) from error
    except Exception as error:
        if isinstance(error, DataError):
            raise
        raise _damaged(source, type(error).__name__) from error


def _damaged(source: Path, what: str) -> DataError:
    return DataError(
        f"{source} is damaged or not what it should be", found=what, code=codes.REG_TAMPERED
    )


_NOTE = """How to verify this bundle without imscope

events.jsonl holds one event per line in order. `hash` is the SHA-256 of the bytes
"imscope-event-1" + line end + the hash of the event before (nothing for the first) + the event's
body as JSON with sorted keys and no blanks (RFC 8785). Bodies of events that do not concern the
lots are left out; their hashes are not. A signature is Ed25519 over the same form of `signed`, by
the key that stands in the event which enrolled the person. checkpoint.json is signed over itself
without `signature` by `checkpoint_key` of the first event. files/ holds files named by SHA-256.
"""


def rebuild_projection(registry: Registry) -> int:
    """Make the tables of the present state again from the events; returns the rows written."""
    from imscope.registry.rows import projected

    state = registry.state()
    table = database.PROJECTION
    with database.transaction(registry.engine, write=True) as connection:
        connection.execute(sa.delete(table))
        rows = [projected(key, record) for key, record in sorted(state.records.items())]
        if rows:
            connection.execute(sa.insert(table), rows)
    return len(rows)
