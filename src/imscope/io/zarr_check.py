"""Walk a zarr store as plain files and check everything that would be read.

Regular files and folders only; one metadata format throughout; no codec, size or shape that a
count matrix would not have; below an array nothing but its chunks; and every chunk there. A chunk
that is missing reads as the fill value, silently: for the arrays of a matrix that is refused, for a
column of a table, where a writer may leave out a chunk of zeros, it is told.
"""

import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError, ImscopeError
from imscope.io.notice import Notice
from imscope.io.zarr_chunks import ALWAYS, CHUNK, ChunkPlan
from imscope.io.zarr_layout import BadCodec, Layout, layout_v2, layout_v3

_MATRIX_PARTS = ("data", "indices", "indptr")
_V2 = (".zarray", ".zgroup", ".zattrs", ".zmetadata")
_V3 = "zarr.json"
_META_BYTES = 16 * 2**20
_ALL_META_BYTES = 256 * 2**20
_ENTRIES = 3_000_000
_DEPTH = 48
_TOTAL = 384 * 2**20
_TOTAL_RATIO = 200
_TEXT_COST = 64
_ABSENT = (1 << 64) - 1


@dataclass
class Inspection:
    """What a store consists of, as far as it may be read.

    Attributes
    ----------
    metadata
        Key to content of every metadata file.
    chunks
        Key to inode, size, time and number of the plan of every chunk file.
    plans
        How chunks are stored; None where they were looked at during the inspection.
    members
        Names in each group.
    notices
        What must be told.
    """

    metadata: dict[str, bytes] = field(default_factory=dict)
    chunks: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    plans: list[ChunkPlan | None] = field(default_factory=list)
    members: dict[str, list[str]] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    formats: set[int] = field(default_factory=set)
    arrays: int = 0
    entries: int = 0
    logical: int = 0
    stored: int = 0


def inspect_zarr(path: Path) -> Inspection:
    """Inspect a store.

    Parameters
    ----------
    path
        Its folder.

    Raises
    ------
    DataError
        The first problem.
    """
    seen = Inspection()
    try:
        _walk(path, path, seen, 0)
    except OSError as error:
        raise DataError(
            f"{path} could not be read", found=f"{error.filename}: {error.strerror}",
            code=codes.FILE_READ,
        ) from error  # fmt: skip
    if not seen.arrays:
        raise DataError(f"{path} is not a zarr store with data", code=codes.ZARR_FORMAT)
    if len(seen.formats) > 1:
        raise _meta(path, ".", "format 2 and format 3 in one store")
    if seen.logical > max(_TOTAL, _TOTAL_RATIO * seen.stored):
        raise _size(path, ".", f"{seen.stored:,} bytes stored, {seen.logical:,} unpacked")
    return seen


def _entries(path: Path, here: Path, seen: Inspection) -> tuple[list[str], dict[str, Any]]:
    """Names of folders, and files with their status; anything else is refused."""
    folders, files = [], {}
    with os.scandir(here) as found:
        for entry in found:
            seen.entries += 1
            if seen.entries > _ENTRIES:
                raise _size(path, _place(path, here), f"more than {_ENTRIES:,} files")
            status = entry.stat(follow_symlinks=False)
            place = _place(path, Path(entry.path))
            if stat.S_ISLNK(status.st_mode):
                raise DataError(
                    f"{path}: an entry of the store is a symbolic link",
                    found=place,
                    fix="copy the linked data into the store",
                    code=codes.ZARR_LINK,
                )
            if stat.S_ISDIR(status.st_mode):
                folders.append(entry.name)
            elif stat.S_ISREG(status.st_mode):
                files[entry.name] = status
            else:
                raise _entry(path, place, "neither a file nor a folder")
    return sorted(folders), files


def _walk(path: Path, here: Path, seen: Inspection, depth: int) -> None:
    place = _place(path, here)
    if depth > _DEPTH:
        raise _entry(path, place, f"nested deeper than {_DEPTH}")
    folders, files = _entries(path, here, seen)
    head = _head(path, here, files, seen)
    seen.members[place.strip(".") if place == "." else place] = [
        *folders, *(n for n in files if n in (*_V2, _V3))
    ]  # fmt: skip
    if head is not None:
        seen.arrays += 1
        _check_array(path, here, head, (folders, files), seen)
        return
    for name in folders:
        _walk(path, here / name, seen, depth + 1)


def _head(path: Path, here: Path, files: dict[str, Any], seen: Inspection) -> Any:
    """Keep and check the metadata of one node; return those of an array."""
    found = [n for n in _V2 if n in files]
    place = _place(path, here)
    if _V3 in files and found:
        raise _meta(path, place, f"{found[0]} beside {_V3}: two sets of metadata")
    if ".zarray" in files and ".zgroup" in files:
        raise _meta(path, place, "an array and a group at once")
    head = None
    for name in (*found, *([_V3] if _V3 in files else [])):
        content = _parsed(path, here / name, files[name].st_size, seen)
        if name == _V3:
            seen.formats.add(3)
            node = content.get("node_type")
            if node not in ("array", "group") or content.get("zarr_format") != 3:
                raise _meta(path, place, f"node_type {node!r}")
            if node == "group" and content.get("consolidated_metadata") and here != path:
                raise _meta(path, place, "metadata of other nodes inside those of a group")
            head = content if node == "array" else None
        elif name in (".zarray", ".zgroup"):
            seen.formats.add(2)
            if content.get("zarr_format") != 2:
                raise _meta(path, place, f"{name} of format {content.get('zarr_format')!r}")
            head = content if name == ".zarray" else head
    return head


def _parsed(path: Path, file: Path, size: int, seen: Inspection) -> dict[str, Any]:
    place = _place(path, file)
    if size > _META_BYTES or sum(map(len, seen.metadata.values())) + size > _ALL_META_BYTES:
        raise _meta(path, place, f"{size:,} bytes of metadata")
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        raw = stream.read(_META_BYTES + 1)
    try:
        content = json.loads(raw.decode("utf-8"))
        if not isinstance(content, dict):
            raise TypeError("not an object")
    except (ValueError, TypeError, RecursionError) as error:
        raise _meta(path, place, str(error)[:200]) from error
    seen.metadata[place] = raw
    return content


def _check_array(
    path: Path,
    here: Path,
    head: dict[str, Any],
    inside: tuple[list[str], dict[str, Any]],
    seen: Inspection,
) -> None:
    place = _place(path, here)
    try:
        layout = layout_v3(head, place) if head.get("zarr_format") == 3 else layout_v2(head, place)
    except ImscopeError:
        raise
    except BadCodec as error:
        raise _codec(path, place, str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _meta(path, place, f"{type(error).__name__}: {error}") from error
    plan, shard = layout.plan, layout.shard
    if (
        len(plan.shape) != len(plan.chunks)
        or min((*plan.shape, 0)) < 0
        or min((*plan.chunks, 1)) < 1
    ):
        raise _meta(path, place, f"shape {plan.shape}, chunks {plan.chunks}")
    item = plan.item or _TEXT_COST
    size, per_chunk = math.prod(plan.shape) * item, plan.values * item
    if per_chunk > (1 << 33 if shard else CHUNK) or (
        not shard and per_chunk > max(ALWAYS, 4 * size)
    ):
        raise _size(path, place, f"shape {plan.shape}, chunks {plan.chunks}")
    counts = [-(-n // c) for n, c in zip(plan.shape, plan.chunks, strict=True)]
    stored, valid = _chunks(path, here, inside, layout, counts, seen)
    seen.stored += stored
    seen.logical += size
    if not math.prod(plan.shape):
        return
    if size > ALWAYS and size > 50_000 * max(1, stored):
        raise _size(path, place, f"shape {plan.shape}, but {stored:,} bytes stored")
    total = math.prod(counts)
    missing = total - valid
    if shard:
        absent, inner = _shards(path, here, layout, counts, seen)
        missing, total = missing + absent, max(total, inner)
    _tell(path, here, missing, total, plan, seen)


def _tell(
    path: Path, here: Path, missing: int, total: int, plan: ChunkPlan, seen: Inspection
) -> None:
    place = _place(path, here)
    if missing and _in_matrix(path, here):
        raise DataError(
            f"{path}: chunks of {place} are missing; they would be read as zeros",
            found=f"{missing} of {total} chunks",
            fix="copy the store again, or write it with `write_empty_chunks=True`",
            code=codes.ZARR_CHUNK,
        )
    if missing and here.name != "mask" and plan.shape:
        seen.notices.append(
            Notice(codes.W_ZARR_CHUNK, f"{place}: {missing} of {total} chunks hold its fill value")
        )


def _chunks(
    path: Path,
    here: Path,
    inside: tuple[list[str], dict[str, Any]],
    layout: Layout,
    counts: list[int],
    seen: Inspection,
) -> tuple[int, int]:
    """Note the chunk files of an array; return their bytes and how many there are."""
    number = len(seen.plans)
    seen.plans.append(None if layout.shard else layout.plan)
    stored = valid = 0
    for relative, status in _below(path, here, inside, len(counts) + 1, seen):
        if not _is_chunk(relative, layout, counts):
            continue
        stored += status.st_size
        if status.st_size:
            valid += 1
        key = _place(path, here / relative)
        seen.chunks[key] = (status.st_ino, status.st_size, status.st_mtime_ns, number)
    return stored, valid


def _below(
    path: Path, here: Path, inside: tuple[list[str], dict[str, Any]], depth: int, seen: Inspection
) -> Iterator[tuple[str, Any]]:
    """All files below an array; hidden nodes are refused."""
    stack = [("", *inside)]
    while stack:
        start, folders, files = stack.pop()
        if start:
            hidden = next((n for n in (*_V2, _V3) if n in files), None)
            if hidden is not None:
                raise _entry(path, _place(path, here / start / hidden), "a store below an array")
        for name, status in files.items():
            yield start + name, status
        for name in folders:
            inner = f"{start}{name}/"
            if inner.count("/") > depth + 1:
                raise _entry(path, _place(path, here / inner), "nested deeper than its chunks")
            stack.append((inner, *_entries(path, here / inner, seen)))


def _is_chunk(relative: str, layout: Layout, counts: list[int]) -> bool:
    """Tell whether a file below an array is named as one of its chunks."""
    if not counts:
        return relative == (layout.prefix or "0")
    rest = relative
    if layout.prefix:
        start = layout.prefix + layout.mark
        if not relative.startswith(start):
            return False
        rest = relative[len(start) :]
    parts = rest.split(layout.mark)
    return len(parts) == len(counts) and all(
        p.isascii() and p.isdecimal() and str(int(p)) == p and int(p) < n
        for p, n in zip(parts, counts, strict=True)
    )


def _shards(
    path: Path, here: Path, layout: Layout, counts: list[int], seen: Inspection
) -> tuple[int, int]:
    """Read the index of every shard; return how many of how many chunks inside are missing."""
    plan, whole = layout.shard or layout.plan, layout.plan
    per = [c // p for c, p in zip(whole.chunks, plan.chunks, strict=True)]
    n = math.prod(per)
    if n > 4_000_000 or math.prod(counts) > 1_000_000:
        raise _size(path, whole.place, f"{n:,} chunks in a shard")
    if math.prod(plan.chunks) * (plan.item or _TEXT_COST) > CHUNK:
        raise _size(path, whole.place, f"chunks {plan.chunks} in shards")
    length = 16 * n + (4 if layout.index_checked else 0)
    absent = total = 0
    for shard in product(*(range(k) for k in counts)):
        name = layout.mark.join([*([layout.prefix] if layout.prefix else []), *map(str, shard)])
        key = _place(path, here / name)
        known = seen.chunks.get(key)
        if known is None or not known[1]:
            continue
        if known[1] < length:
            raise _meta(path, key, f"a shard of {known[1]:,} bytes has no room for its index")
        a, b = _shard(path, key, known, layout, length, shard, per)
        absent, total = absent + a, total + b
    return absent, total


def _shard(
    path: Path,
    key: str,
    known: tuple[int, int, int, int],
    layout: Layout,
    length: int,
    shard: tuple[int, ...],
    per: list[int],
) -> tuple[int, int]:
    import numpy as np

    plan = layout.shard or layout.plan
    handle = os.open(path / key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(handle)
        if (status.st_ino, status.st_size, status.st_mtime_ns) != known[:3]:
            raise DataError(f"{path} was changed while it was read", code=codes.FILE_CHANGED)
        raw = os.pread(handle, length, known[1] - length if layout.index_at_end else 0)
        index = np.frombuffer(raw[: 16 * math.prod(per)], dtype="<u8").reshape(-1, 2)
        absent = total = 0
        for number, inner in enumerate(product(*(range(k) for k in per))):
            first = [
                (s * k + i) * c for s, k, i, c in zip(shard, per, inner, plan.chunks, strict=True)
            ]
            if any(f >= n for f, n in zip(first, plan.shape, strict=True)):
                continue  # beyond the edge of the array
            total += 1
            offset, size = int(index[number, 0]), int(index[number, 1])
            if offset == _ABSENT and size == _ABSENT:
                absent += 1
                continue
            if offset + size > known[1]:
                raise _meta(path, key, f"a chunk at byte {offset:,} of a shard ends outside it")
            piece = os.pread(handle, size, offset)
            plan.check(piece, lambda code, found: _refused(path, key, code, found))
        return absent, total
    finally:
        os.close(handle)


def _refused(path: Path, place: str, code: str, found: str) -> DataError:
    declared = codes.CODES[code]
    return DataError(
        f"{path}: {declared.meaning[0].lower()}{declared.meaning[1:].rstrip('.')}",
        found=f"{place}: {found}",
        fix=declared.fix,
        code=code,
    )


def _in_matrix(path: Path, here: Path) -> bool:
    parts = here.relative_to(path).parts
    if here.name in _MATRIX_PARTS and (parts[0] in ("X", "raw", "layers", "mod", "obsm")):
        return True
    return bool(parts) and (parts[-1] == "X" or (len(parts) >= 2 and parts[-2] == "layers"))


def _place(path: Path, here: Path) -> str:
    return here.relative_to(path).as_posix()


def _meta(path: Path, place: str, found: str) -> DataError:
    return DataError(
        f"{path}: the metadata of {place} are wrong",
        found=found,
        fix="write the store again",
        code=codes.ZARR_META,
    )


def _entry(path: Path, place: str, found: str) -> DataError:
    return _refused(path, place, codes.ZARR_ENTRY, found)


def _size(path: Path, place: str, found: str) -> DataError:
    return DataError(
        f"{path}: {place} declares an absurd size",
        found=found,
        fix="the metadata are wrong or hostile: write the store again",
        code=codes.ZARR_SIZE,
    )


def _codec(path: Path, place: str, name: str) -> DataError:
    return DataError(
        f"{path}: {place} uses a codec imscope does not allow",
        found=name,
        fix="write it with zstd, blosc, gzip or no compression",
        code=codes.ZARR_CODEC,
    )
