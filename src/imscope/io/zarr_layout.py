"""Layout of a zarr array by its metadata: shape, chunks, names of chunk files, codecs."""

from dataclasses import dataclass
from typing import Any

from imscope.io.zarr_chunks import CODECS, PACKERS, TEXT, ChunkPlan


class BadCodec(Exception):  # noqa: N818  carries a name, becomes an error where the file is known
    """A codec that is not allowed."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the chunks of an array are named and stored; ``shard`` if one file holds many."""

    plan: ChunkPlan
    mark: str
    prefix: str
    shard: "ChunkPlan | None" = None
    index_checked: bool = True
    index_at_end: bool = True


def layout_v2(head: dict[str, Any], place: str) -> Layout:
    """Layout by the metadata of format 2."""
    import numpy as np

    dtype = head["dtype"]
    kind = np.dtype([tuple(part) for part in dtype] if isinstance(dtype, list) else dtype)
    coded = [*(head.get("filters") or []), head.get("compressor")]
    names = [str(c["id"]) for c in coded if c]
    if kind.kind == "O" and not set(names) & TEXT:
        raise BadCodec(next((n for n in names if n not in CODECS), "objects without a text codec"))
    mark = str(head.get("dimension_separator", "."))
    if mark not in (".", "/"):
        raise ValueError(f"separator {mark!r}")
    shape, chunks = _whole(head["shape"]), _whole(head["chunks"])
    item = 0 if kind.kind == "O" else kind.itemsize
    return Layout(_plan(place, shape, chunks, item, names), mark, "")


def layout_v3(head: dict[str, Any], place: str) -> Layout:
    """Layout by the metadata of format 3, shards included."""
    if head.get("storage_transformers"):
        raise BadCodec("storage transformers")
    if head["chunk_grid"]["name"] != "regular":
        raise BadCodec(f"chunk grid {head['chunk_grid']['name']!r}")
    shape = _whole(head["shape"])
    chunks = _whole(head["chunk_grid"]["configuration"]["chunk_shape"])
    key = head.get("chunk_key_encoding", {"name": "default"})
    name = key.get("name") if isinstance(key, dict) else key
    if name not in ("default", "v2"):
        raise BadCodec(f"chunk keys {name!r}")
    told = (key.get("configuration") or {}) if isinstance(key, dict) else {}
    mark = str(told.get("separator", "/" if name == "default" else "."))
    if mark not in (".", "/"):
        raise ValueError(f"separator {mark!r}")
    prefix = "c" if name == "default" else ""
    item = _item_v3(head["data_type"])
    codecs = head["codecs"]
    sharded = [c for c in codecs if _name(c) == "sharding_indexed"]
    if not sharded:
        return Layout(_plan(place, shape, chunks, item, [_name(c) for c in codecs]), mark, prefix)
    if len(codecs) != 1:
        raise BadCodec("sharding together with other codecs")
    inner = sharded[0]["configuration"]
    index = [_name(c) for c in inner["index_codecs"]]
    at = inner.get("index_location", "end")
    if index not in (["bytes"], ["bytes", "crc32c"]) or at not in ("start", "end"):
        raise BadCodec(f"a shard index of {', '.join(index)}")
    if (inner["index_codecs"][0].get("configuration") or {}).get("endian", "little") != "little":
        raise BadCodec("a shard index of big-endian numbers")
    pieces = _whole(inner["chunk_shape"])
    if len(pieces) != len(chunks) or min((*pieces, 1)) < 1:
        raise ValueError(f"chunks {pieces} in shards {chunks}")
    if any(c % p for c, p in zip(chunks, pieces, strict=True)):
        raise ValueError(f"chunks {pieces} do not fill shards {chunks}")
    if any(_name(c) == "sharding_indexed" for c in inner["codecs"]):
        raise BadCodec("shards inside shards")
    plan = _plan(place, shape, pieces, item, [_name(c) for c in inner["codecs"]])
    whole = ChunkPlan(place, shape, chunks, item, "")
    return Layout(whole, mark, prefix, plan, len(index) == 2, at == "end")


def _plan(
    place: str, shape: tuple[int, ...], chunks: tuple[int, ...], item: int, names: list[str]
) -> ChunkPlan:
    plain = [n.removeprefix("numcodecs.") for n in names]
    bad = next((n for n in plain if n not in CODECS), None)
    if bad is not None:
        raise BadCodec(bad)
    packers = [n for n in plain if n in PACKERS]
    if len(packers) > 1:
        raise BadCodec(f"{' and '.join(packers)} one upon the other")
    if bool(set(plain) & TEXT) != (item == 0):
        raise ValueError(f"codecs {plain} for values of {item} bytes")
    if packers and any(n not in ("crc32", "crc32c", "fletcher32") for n in
                       plain[plain.index(packers[0]) + 1 :]):  # fmt: skip
        raise BadCodec(f"{plain[-1]} after {packers[0]}")
    wide = 8 if "delta" in plain else 1
    return ChunkPlan(place, shape, chunks, item, packers[0] if packers else "", wide)


def _item_v3(kind: Any) -> int:
    """Bytes of one value; 0 for text of variable length."""
    import numpy as np

    if isinstance(kind, dict):
        told = kind.get("configuration") or {}
        if "length_bytes" in told:
            length = int(told["length_bytes"])
            if length < 1:
                raise ValueError(f"data type {kind}")
            return length
        if str(kind.get("name", "")).startswith(("numpy.datetime64", "numpy.timedelta64")):
            return 8
        raise ValueError(f"data type {kind}")
    if kind in ("string", "bytes", "variable_length_bytes"):
        return 0
    if str(kind).startswith("r") and str(kind)[1:].isdecimal():
        return max(1, int(str(kind)[1:]) // 8)
    found = np.dtype(str(kind))
    if found.kind not in "biufc":
        raise ValueError(f"data type {kind}")
    return found.itemsize


def _name(codec: Any) -> str:
    return str(codec["name"] if isinstance(codec, dict) else codec)


def _whole(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or any(type(v) is not int for v in values):
        raise ValueError(f"{values!r} is no list of whole numbers")
    return tuple(values)
