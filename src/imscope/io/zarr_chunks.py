"""What one packed chunk of a zarr array opens to, found out before it is opened."""

import bz2
import lzma
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.h5_storage import zstd_size

PACKERS = frozenset({"blosc", "zstd", "gzip", "zlib", "lz4", "bz2", "lzma"})
SAME_SIZE = frozenset(
    {"shuffle", "delta", "crc32", "crc32c", "bytes", "transpose", "bitround", "fletcher32"}
)
TEXT = frozenset({"vlen-utf8", "vlen-bytes"})
CODECS = PACKERS | SAME_SIZE | TEXT | {"sharding_indexed"}
SLACK = 64
"""Bytes a checksum may add."""
TEXT_CHUNK = 128 * 2**20
"""Bytes of text one chunk may open to."""
CHUNK = 256 * 2**20
ALWAYS = 64 * 2**20
"""Bytes; smaller things may be packed as well as they like."""


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """How every chunk of one array is stored.

    Attributes
    ----------
    place
        Array in the store, for messages.
    shape, chunks
        Of the array and of its chunks, in values.
    item
        Bytes of one value; 0 for text of variable length.
    packer
        Name of the codec that packs, or empty.
    widens
        Most bytes per byte that a filter may add.
    """

    place: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    item: int
    packer: str
    widens: int = 1

    @property
    def values(self) -> int:
        """Values of one chunk."""
        return math.prod(self.chunks)

    @property
    def unpacked(self) -> int:
        """Most bytes one chunk may open to."""
        if not self.item:
            return TEXT_CHUNK
        return self.values * self.item * self.widens + SLACK

    def check(self, raw: bytes, fail: Callable[[str, str], DataError]) -> None:
        """Refuse a chunk that opens to more than the metadata say."""
        if not self.packer:
            if self.item and len(raw) > self.unpacked:
                raise fail(codes.ZARR_META, f"a chunk of {len(raw):,} bytes, not {self.unpacked:,}")
            content: bytes | None = raw
        else:
            content = self._opened(raw, fail)
        if not self.item and content is not None:
            count = int.from_bytes(content[:4], "little")
            if count != self.values:
                raise fail(codes.ZARR_META, f"a chunk of {self.values:,} texts declares {count:,}")

    def _opened(self, raw: bytes, fail: Callable[[str, str], DataError]) -> bytes | None:
        """Content of a chunk of text; None for numbers, of which only the size is looked at."""
        size = declared(self.packer, raw)
        if size is not None and not 0 <= size <= self.unpacked:
            raise fail(
                codes.ZARR_SIZE,
                f"a chunk declares {size:,} bytes unpacked, allowed are {self.unpacked:,}",
            )
        if size is not None and self.item:
            return None
        if self.packer in ("gzip", "zlib") and self.item and len(raw) * 1032 < ALWAYS:
            return None
        try:
            content = b"".join(_bounded(self.packer, raw, self.unpacked + 1))
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError) as error:
            raise fail(codes.ZARR_META, f"a chunk does not unpack: {error}") from error
        if len(content) > self.unpacked:
            raise fail(codes.ZARR_SIZE, f"a chunk opens to more than {self.unpacked:,} bytes")
        return content


def declared(packer: str, raw: bytes) -> int | None:
    """Bytes a packed chunk says it opens to, or None where it does not say."""
    if packer == "blosc":
        return int.from_bytes(raw[4:8], "little") if len(raw) >= 16 else -1
    if packer == "lz4":
        return int.from_bytes(raw[:4], "little") if len(raw) >= 4 else -1
    if packer == "zstd":
        size = zstd_size(raw[:32])
        return size if size >= 0 else None
    return None


def _bounded(packer: str, raw: bytes, limit: int) -> Iterator[bytes]:
    """Unpack at most ``limit`` bytes."""
    if packer in ("gzip", "zlib"):
        left, rest = limit, raw
        while rest and left > 0:
            opener = zlib.decompressobj(wbits=47)
            piece = opener.decompress(rest, left)
            yield piece
            left -= len(piece)
            if not opener.eof:
                return
            rest = opener.unused_data
        return
    if packer == "bz2":
        yield bz2.BZ2Decompressor().decompress(raw, limit)
        return
    if packer == "lzma":
        yield lzma.LZMADecompressor(memlimit=ALWAYS).decompress(raw, limit)
        return
    if packer == "zstd":
        import pyarrow as pa

        with pa.input_stream(pa.py_buffer(raw), compression="zstd") as stream:
            yield stream.read(limit)
        return
    import numcodecs

    codec: Any = numcodecs.get_codec({"id": packer})
    yield bytes(codec.decode(raw))  # its declared size was looked at before
