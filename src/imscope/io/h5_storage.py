"""How the bytes of one HDF5 dataset are stored; part of the program that inspects a file.

Loaded by :mod:`imscope.io.h5_inspect` in its own process; imports nothing of imscope. What counts
is what a reader would hold in memory: text that is stored once and pointed at a million times,
chunks far larger than their dataset, packed chunks that open to more than they declare.
"""

import os
import zlib
from dataclasses import dataclass, field
from typing import Any

ALWAYS_CHECKED = 64 * 2**20
"""Bytes; smaller datasets may compress as well as they like, up to the total below."""
TOTAL = 384 * 2**20
"""Bytes a whole file may open to however small it is; beyond, `TOTAL_RATIO` decides."""
TOTAL_RATIO = 200
CHUNK = 256 * 2**20
"""Bytes of the largest chunk: it is unpacked as a whole."""
TEXT = 256 * 2**20
"""Bytes of text, with what an object in memory costs, however small the file is."""
OBJECT = 64
"""Bytes one text costs in memory beside its letters."""
READ_ALL = 128 * 2**20
"""Bytes of numbers read here in full; of larger files only the ends."""
UNPACK_ALL = 48 * 2**20
SLAB = 4 * 2**20
RATIO = {"deflate": 1_100, "other": 50_000}
BUILT_IN = {1: "deflate", 2: "shuffle", 3: "fletcher32", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}
PLUGINS = {32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32015: "zstd", 32026: "blosc2"}


class Refused(Exception):  # noqa: N818  carries a finding, not a failure of this program
    """The file must not be opened."""

    def __init__(self, code: str, place: str, found: str) -> None:
        self.finding = {"code": code, "place": place, "found": found}
        super().__init__(code)


@dataclass
class Budget:
    """What the file may still open to, over all its datasets and attributes."""

    descriptor: int
    size: int
    logical: int = 0
    text: int = 0
    read: int = 0
    unpacked: int = 0
    seen: set[int] = field(default_factory=set)

    def add_logical(self, place: str, amount: int) -> None:
        """Count bytes of numbers and fixed-length text."""
        self.logical += amount
        if self.logical > max(TOTAL, TOTAL_RATIO * self.size):
            raise Refused(
                "E-H5-SIZE", place, f"{self.size:,} bytes on disk, over {self.logical:,} unpacked"
            )

    def add_text(self, place: str, amount: int) -> None:
        """Count bytes of text of variable length."""
        self.text += amount
        if self.text > max(TEXT, 4 * self.size):
            raise Refused(
                "E-H5-SIZE", place, f"{self.size:,} bytes on disk, over {self.text:,} of text"
            )


def check_dataset(h5py: Any, data: Any, place: str, budget: Budget, *, plugins: bool) -> None:
    """Refuse storage elsewhere, foreign filters, absurd sizes and parts never written."""
    plan = data.id.get_create_plist()
    if plan.get_external_count():
        raise Refused("E-H5-EXTERNAL-DATA", place, f"stored in {plan.get_external(0)[0]!r}")
    layout = plan.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        raise Refused("E-H5-VIRTUAL", place, "a virtual dataset")
    filters = [plan.get_filter(k) for k in range(plan.get_nfilters())]
    numbers = [f[0] for f in filters]
    unknown = [n for n in numbers if n not in BUILT_IN and n not in PLUGINS]
    if unknown:
        raise Refused("E-H5-FILTER", place, f"filter number {unknown[0]}")
    if data.shape is None:
        return
    values = 1
    for n in data.shape:
        values *= n
    if not values:
        return
    size, stored = values * data.dtype.itemsize, data.id.get_storage_size()
    packed = set(numbers) & set(PLUGINS)
    ratio = RATIO["other"] if packed else RATIO["deflate"]
    far = not filters or size > ratio * max(stored, 1)
    if size > ALWAYS_CHECKED and far and size > budget.size:
        raise Refused("E-H5-SIZE", place, f"shape {data.shape} but {stored} bytes stored")
    if stored == 0 and layout != h5py.h5d.COMPACT:
        raise Refused("E-H5-CHUNK", place, f"shape {data.shape} but nothing stored")
    budget.add_logical(place, size)
    if layout == h5py.h5d.CHUNKED:
        check_chunks(data, place, size, filters, budget)
    if packed and not plugins:
        raise Refused("E-H5-FILTER", place, "the plugins that unpack it are not installed")
    read_pieces(data, place, size, budget)


def check_chunks(
    data: Any, place: str, size: int, filters: list[tuple[Any, ...]], budget: Budget
) -> None:
    """All chunks are there, none is absurdly large, and each opens to what it declares."""
    item = data.dtype.itemsize
    if has_objects(data.dtype):
        item *= 2  # a text is stored as 16 bytes of address, and held as 8
    expected, per_chunk = 1, item
    for n, c in zip(data.shape, data.chunks, strict=True):
        expected *= -(-n // c)
        per_chunk *= c
    if per_chunk > CHUNK or per_chunk > max(ALWAYS_CHECKED, 4 * size):
        raise Refused("E-H5-SIZE", place, f"chunks {data.chunks} for shape {data.shape}")
    there = data.id.get_num_chunks()
    if there < expected:
        raise Refused("E-H5-CHUNK", place, f"{there} of {expected} chunks are there")
    numbers = [f[0] for f in filters]
    for number, _, told, _ in filters:
        _check_told(place, number, told, per_chunk, item)
    outer = [n for n in numbers if n != 3]  # a checksum adds its bytes at the end
    if set(numbers) & set(PLUGINS) and (
        outer[-1] not in PLUGINS or sum(n in PLUGINS for n in outer) > 1
    ):
        raise Refused("E-H5-FILTER", place, "filters in an order no writer uses")
    if not outer:
        return
    last = outer[-1]
    told = next(f[2] for f in filters if f[0] == last)
    base = data.file.userblock_size

    def look(chunk: Any) -> None:
        _check_chunk(budget, place, last, told, per_chunk, chunk, base)

    if last in PLUGINS or last == 1:
        data.id.chunk_iter(look)


def _check_told(place: str, number: int, told: tuple[int, ...], per_chunk: int, item: int) -> None:
    """Filters that take the number of values from their own settings must have it right."""
    place_of_count = {5: 2, 6: 2}.get(number)
    if place_of_count is None:
        return
    if len(told) <= place_of_count or told[place_of_count] * item != per_chunk:
        raise Refused("E-H5-SIZE", place, f"filter number {number} declares another size")


def _check_chunk(
    budget: Budget,
    place: str,
    last: int,
    told: tuple[int, ...],
    per_chunk: int,
    chunk: Any,
    base: int,
) -> None:
    """Compare the size one stored chunk declares, or opens to, with the size of a chunk."""
    if chunk.filter_mask:
        return
    if last == 1:
        # the library lets a deflated chunk grow without looking at the size of a chunk
        if chunk.size * 1032 < ALWAYS_CHECKED or budget.unpacked > UNPACK_ALL:
            return
        budget.unpacked += chunk.size
        opener = zlib.decompressobj()
        raw = os.pread(budget.descriptor, chunk.size, base + chunk.byte_offset)
        try:
            opened = len(opener.decompress(raw, per_chunk + 64))
        except zlib.error as error:
            raise Refused("E-H5-DAMAGED", place, str(error)) from error
        if opened > per_chunk + 16:  # a checksum below it adds four bytes
            raise Refused("E-H5-SIZE", place, f"a chunk opens to more than {per_chunk:,} bytes")
        return
    head = os.pread(budget.descriptor, 64, base + chunk.byte_offset)
    declared = declared_size(last, told, head)
    # compounds may hold text and numbers; a chunk then declares something below twice its memory
    if declared is not None and not per_chunk // 2 <= declared <= per_chunk + 4:
        raise Refused(
            "E-H5-SIZE", place, f"a chunk of {per_chunk:,} bytes declares {declared:,} unpacked"
        )


def declared_size(number: int, told: tuple[int, ...], head: bytes) -> int | None:
    """Bytes a packed chunk says it opens to; -1 if it does not say, None if it is not packed."""
    if number == 32015:
        return zstd_size(head)
    if number == 32001 or (number == 32026 and head[2:9] != b"b2frame"):
        return int.from_bytes(head[4:8], "little") if len(head) >= 16 else -1
    if number == 32026:
        return int.from_bytes(head[30:38], "big", signed=True) if len(head) >= 38 else -1
    if number == 32008 and (len(told) < 5 or told[4] == 0):
        return None
    return int.from_bytes(head[:8], "big") if len(head) >= 12 else -1


def zstd_size(head: bytes) -> int:
    """Size a zstd frame declares in its head, or -1."""
    if head[:4] != b"\x28\xb5\x2f\xfd" or len(head) < 6:
        return -1
    flag = head[4]
    single, kind = bool(flag & 0x20), flag >> 6
    start = 5 + (not single) + (0, 1, 2, 4)[flag & 3]
    width = (1 if single else 0, 2, 4, 8)[kind]
    if not width:
        return -1
    value = int.from_bytes(head[start : start + width], "little")
    return value + 256 if width == 2 else value


def has_objects(dtype: Any) -> bool:
    """Tell whether values of this type hold parts of variable length."""
    if dtype.subdtype is not None:
        return has_objects(dtype.subdtype[0])
    if dtype.names:
        return any(has_objects(dtype[name]) for name in dtype.names)
    return bool(dtype.kind == "O")


def object_bytes(values: Any) -> int:
    """Bytes that parts of variable length take in memory."""
    if values.dtype.names:
        return sum(object_bytes(values[name]) for name in values.dtype.names)
    if values.dtype.kind != "O":
        return 0
    return sum(OBJECT + _length(v) for v in values.ravel())


def _length(value: Any) -> int:
    if isinstance(value, bytes | str):
        return len(value)
    if hasattr(value, "dtype"):
        return int(value.nbytes) + (object_bytes(value) if value.dtype.kind == "O" else 0)
    return 0


def read_pieces(data: Any, place: str, size: int, budget: Budget) -> None:
    """Read text in full and numbers as far as the budget goes, here, where a crash does no harm."""
    shape = data.shape
    if not shape:
        value = data[()]
        if has_objects(data.dtype):
            budget.add_text(place, OBJECT + _length(value))
        return
    row = size // shape[0]
    text = has_objects(data.dtype)
    if text and row // 16 > 1_000_000:
        raise Refused("E-H5-SIZE", place, f"shape {shape} of text")
    if not text and data.dtype.kind not in "biufScV":
        return
    if not text and budget.read + size > READ_ALL:
        for low in {0, shape[0] - 1}:
            data[(low, *(slice(0, 4096 if k == 0 else 1) for k in range(len(shape) - 1)))]
        return
    budget.read += 0 if text else size
    low, step = 0, 64 if text else max(1, SLAB // max(1, row))
    while low < shape[0]:
        piece = data[low : low + step]
        if text:
            used = object_bytes(piece)
            budget.add_text(place, used)
            each = max(1, used // max(1, len(piece)))
            step = max(1, min(4 * step, SLAB // each))
        low += max(1, len(piece))
