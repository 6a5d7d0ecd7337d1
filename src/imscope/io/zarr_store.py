"""AnnData and MuData in zarr folders (format 2 and 3), inspected as plain files before use."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError, ImscopeError
from imscope.io.notice import Notice
from imscope.io.raw import RawCounts

_CODECS = frozenset(
    re.split(
        " ",
        "blosc zstd gzip zlib lz4 bz2 lzma shuffle delta crc32c crc32 bytes transpose "
        "sharding_indexed vlen-utf8 vlen-bytes bitround fletcher32",
    )
)
_MATRIX_PARTS = ("data", "indices", "indptr")
_ABSURD = 1 << 41  # bytes one array may declare
_META_BYTES = 64 * 2**20


def read_zarr(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Inspect a zarr folder, then read names and find the counts.

    Raises
    ------
    DataError
        The store is unsafe, incomplete or damaged, or holds no counts.
    """
    from imscope.io.h5ad import read_annotated, read_mudata

    notices = inspect_zarr(path)
    import zarr

    with _zarr_errors(path):
        top = zarr.open_group(str(path), mode="r", use_consolidated=False)
        read = read_mudata if "mod" in top and "X" not in top else read_annotated
        raw = read(
            top,
            path,
            expression=expression,
            guard=lambda: _zarr_errors(path),
            max_bytes=max_bytes,
            kind="zarr",
        )
    raw.notices.extend(notices)
    return raw


def inspect_zarr(path: Path) -> list[Notice]:
    """Walk a store as files: links, codecs, sizes, and chunks that should be there.

    A chunk that is missing reads as the fill value, silently. For the arrays of a matrix that is
    refused; for a column of a table, where a writer may leave out a chunk of zeros, it is told.

    Raises
    ------
    DataError
        The first problem.
    """
    root = path.resolve()
    notices, arrays = [], 0
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            entry = Path(folder) / name
            if entry.is_symlink() and not entry.resolve().is_relative_to(root):
                raise DataError(
                    f"{path}: a symbolic link leads out of the store",
                    found=str(entry.relative_to(path)),
                    fix="copy the linked data into the store",
                    code=codes.ZARR_LINK,
                )
        here = Path(folder)
        place = str(here.relative_to(path))
        head = _head(path, here, files)
        if head is None:
            continue
        folders.clear()  # below an array there are only chunks
        arrays += 1
        missing, total = _check_array(path, place, here, head)
        if missing and _in_matrix(path, here):
            raise DataError(
                f"{path}: chunks of {place} are missing; they would be read as zeros",
                found=f"{missing} of {total} chunks",
                fix="copy the store again, or write it with `write_empty_chunks=True`",
                code=codes.ZARR_CHUNK,
            )
        if missing and here.name != "mask" and head["shape"]:
            notices.append(
                Notice(
                    codes.W_ZARR_CHUNK, f"{place}: {missing} of {total} chunks hold its fill value"
                )
            )
    if not arrays:
        raise DataError(f"{path} is not a zarr store with data", code=codes.ZARR_FORMAT)
    return notices


@contextmanager
def _zarr_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except ImscopeError:
        raise
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else ""
        raise DataError(
            f"{path} is damaged",
            found=f"{type(error).__name__}: {text[:300]}",
            fix="copy it again and compare checksums",
            code=codes.ZARR_META,
        ) from error


def _head(path: Path, here: Path, files: list[str]) -> dict[str, Any] | None:
    """Metadata of an array, or None for a group."""
    for name in (".zarray", "zarr.json", ".zgroup", ".zattrs"):
        if name not in files:
            continue
        file = here / name
        try:
            if file.stat().st_size > _META_BYTES:
                raise ValueError("metadata larger than 64 MB")
            content = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise TypeError("not an object")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise _meta(path, str(file.relative_to(path)), str(error)) from error
        if name == ".zarray" or content.get("node_type") == "array":
            return content
    return None


def _meta(path: Path, place: str, found: str) -> DataError:
    return DataError(
        f"{path}: the metadata of {place} are wrong",
        found=found,
        fix="write the store again",
        code=codes.ZARR_META,
    )


def _in_matrix(path: Path, here: Path) -> bool:
    parts = here.relative_to(path).parts
    if here.name in _MATRIX_PARTS and (parts[0] in ("X", "raw", "layers", "mod", "obsm")):
        return True
    return parts[-1] == "X" or (len(parts) >= 2 and parts[-2] == "layers")


def _check_array(path: Path, place: str, here: Path, head: dict[str, Any]) -> tuple[int, int]:
    """Check one array; return how many of how many chunks are missing."""
    try:
        shape = [int(n) for n in head["shape"]]
        if "zarr_format" in head and int(head["zarr_format"]) == 3:
            grid = head["chunk_grid"]
            chunks = [int(n) for n in grid["configuration"]["chunk_shape"]]
            names = [c["name"] for c in _flat_codecs(head["codecs"])]
            key = head.get("chunk_key_encoding", {})
            mark = key.get("configuration", {}).get("separator", "/")
            prefix = "c" + mark if key.get("name", "default") == "default" else ""
            size = 8
        else:
            chunks = [int(n) for n in head["chunks"]]
            coded = [head.get("compressor"), *(head.get("filters") or [])]
            names = [c["id"] for c in coded if c]
            mark, prefix = head.get("dimension_separator", "."), ""
            size = 8
            if str(head["dtype"])[:2] in ("|O", "O") and "pickle" in names:
                raise _codec(path, place, "pickle")
    except ImscopeError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _meta(path, place, f"{type(error).__name__}: {error}") from error
    bad = next((n for n in names if n.removeprefix("numcodecs.") not in _CODECS), None)
    if bad is not None:
        raise _codec(path, place, bad)
    if len(shape) != len(chunks) or any(n < 0 for n in shape) or any(n < 1 for n in chunks):
        raise _meta(path, place, f"shape {shape}, chunks {chunks}")
    values, per_chunk = 1, 1
    for n, c in zip(shape, chunks, strict=True):
        values, per_chunk = values * n, per_chunk * c
    if values * size > _ABSURD or per_chunk * size > 1 << 34:
        raise DataError(
            f"{path}: {place} declares an absurd size",
            found=f"shape {shape}, chunks {chunks}",
            fix="the metadata are wrong: write the store again",
            code=codes.ZARR_SIZE,
        )
    if not values:
        return 0, 0
    counts = [-(-n // c) for n, c in zip(shape, chunks, strict=True)]
    return _missing(here, counts, prefix, mark)


def _missing(here: Path, counts: list[int], prefix: str, mark: str) -> tuple[int, int]:
    total = 1
    for n in counts:
        total *= n
    if total > 5_000_000:
        return 0, total
    there = {
        str(p.relative_to(here)) for p in here.rglob("*") if p.is_file() and p.stat().st_size > 0
    }
    if not counts:
        name = "c" if prefix else "0"
        return int(name not in there), 1
    wanted = (
        (prefix + mark.join(map(str, index))) for index in product(*(range(n) for n in counts))
    )
    return sum(name not in there for name in wanted), total


def _flat_codecs(chain: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for codec in chain:
        yield codec
        inner = codec.get("configuration") or {}
        for key in ("codecs", "index_codecs"):
            yield from _flat_codecs(inner.get(key, []))


def _codec(path: Path, place: str, name: str) -> DataError:
    return DataError(
        f"{path}: {place} uses a codec imscope does not allow",
        found=str(name),
        fix="write it with zstd, blosc, gzip or no compression",
        code=codes.ZARR_CODEC,
    )
