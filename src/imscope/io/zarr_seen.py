"""A zarr store that hands out only what was inspected: the same metadata, the same chunk files."""

import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from zarr.abc.store import (
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.zarr_check import Inspection

__all__ = ["SeenStore"]


class SeenStore(Store):  # type: ignore[misc]
    """Reading of one inspected store.

    Metadata come from memory, as they were checked. A chunk is opened without following a link and
    must be the file the inspection saw; what it opens to is looked at before it is handed out.

    Parameters
    ----------
    path
        Folder of the store.
    seen
        What the inspection found.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, path: Path, seen: Inspection) -> None:
        super().__init__(read_only=True)
        self._path, self._seen = path, seen

    def __eq__(self, other: object) -> bool:
        """Tell whether both read the same inspected folder."""
        return isinstance(other, SeenStore) and other._seen is self._seen

    def __hash__(self) -> int:
        """Hash of the folder."""
        return hash(self._path)

    def _content(self, key: str) -> bytes | None:
        """Bytes of a key, or None where the store has nothing of that name."""
        if key in self._seen.metadata:
            return self._seen.metadata[key]
        known = self._seen.chunks.get(key)
        if known is None:
            return None
        file = self._path / key
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(stream.fileno())
            if (status.st_ino, status.st_size, status.st_mtime_ns) != known[:3]:
                raise DataError(
                    f"{self._path} was changed while it was read",
                    found=key,
                    fix=codes.CODES[codes.FILE_CHANGED].fix,
                    code=codes.FILE_CHANGED,
                )
            content = stream.read(status.st_size)
        plan = self._seen.plans[known[3]]
        if plan is not None:
            plan.check(content, lambda code, found: self._refuse(key, code, found))
        return content

    def _refuse(self, key: str, code: str, found: str) -> DataError:
        declared = codes.CODES[code]
        return DataError(
            f"{self._path}: {declared.meaning[0].lower()}{declared.meaning[1:].rstrip('.')}",
            found=f"{key}: {found}",
            fix=declared.fix,
            code=code,
        )

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Bytes of a key, or of a part of it."""
        from zarr.core.buffer import default_buffer_prototype

        content = self._content(key)
        if content is None:
            return None
        if isinstance(byte_range, RangeByteRequest):
            content = content[byte_range.start : byte_range.end]
        elif isinstance(byte_range, OffsetByteRequest):
            content = content[byte_range.offset :]
        elif isinstance(byte_range, SuffixByteRequest):
            content = content[max(0, len(content) - byte_range.suffix) :]
        return (prototype or default_buffer_prototype()).buffer.from_bytes(content)

    async def get_partial_values(
        self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]
    ) -> list[Any]:
        """Parts of several keys."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Tell whether a key was seen."""
        return key in self._seen.metadata or key in self._seen.chunks

    async def set(self, key: str, value: Any) -> None:  # noqa: ARG002  the interface of zarr
        """Refuse to write."""
        raise PermissionError(key)

    async def delete(self, key: str) -> None:
        """Refuse to delete."""
        raise PermissionError(key)

    async def list(self) -> AsyncIterator[str]:
        """All keys."""
        for key in (*self._seen.metadata, *self._seen.chunks):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Keys below a prefix."""
        for key in (*self._seen.metadata, *self._seen.chunks):
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Names of the nodes in a group and of its metadata."""
        for name in self._seen.members.get(prefix.strip("/"), ()):
            yield name
