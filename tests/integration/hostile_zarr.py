"""zarr stores in which what is inspected and what is read could part company."""

import gzip
import json
import os
import shutil
import struct
import zlib

import numcodecs
import numpy as np
from malformed import CASES, CELLS, Case, secret, zarr

SECRET = b"SECRETS!" * 512


def damaged(name, code, change, version=2):
    def make(folder):
        root = zarr(folder, version)
        change(root, folder)
        return root

    CASES.append(Case(f"zarr{version}_{name}", make, code))


def head_of(where):
    return next(p for p in (where / ".zarray", where / "zarr.json") if p.exists())


def changed(where, **values):
    """Change entries of the metadata of an array."""

    def change(root, _):
        file = head_of(root / where)
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return change


def chunk_of(where):
    files = [p for p in where.rglob("*") if p.is_file() and not p.name.startswith((".z", "zarr."))]
    return files[0]


# ---- links, pipes and other entries ------------------------------------------------------------
def link_chunk(where):
    def change(root, folder):
        chunk = chunk_of(root / where)
        chunk.unlink()
        chunk.symlink_to(secret(folder))

    return change


def link_inside(root, _):
    chunk = chunk_of(root / "X/data")
    chunk.rename(chunk.with_name("kept"))
    chunk.symlink_to("kept")


def link_folder(root, folder):
    (root / "X/data").rename(folder / "elsewhere")
    (root / "X/data").symlink_to(folder / "elsewhere")


def slashed(link):
    """Separator `/`: chunks of a matrix of two dimensions lie in folders below the array."""

    def change(root, folder):
        shutil.rmtree(root / "X")
        (root / "X/0").mkdir(parents=True)
        head = {
            "zarr_format": 2, "shape": [12, 10], "chunks": [12, 10], "order": "C", "dtype": "|u1",
            "compressor": None, "filters": None, "fill_value": 0, "dimension_separator": "/",
        }  # fmt: skip
        (root / "X/.zarray").write_text(json.dumps(head))
        if link == "chunk":
            (root / "X/0/0").symlink_to(secret(folder))
        else:
            (folder / "out").mkdir()
            (folder / "out/0").write_bytes(SECRET[:120])
            (root / "X/0").rmdir()
            (root / "X/0").symlink_to(folder / "out")

    return change


def pipe(where):
    def change(root, _):
        target = root / where
        target.unlink(missing_ok=True)
        os.mkfifo(target)

    return change


for version in (2, 3):
    for where in ("X/data", "X/indptr", "obs/_index"):
        slug = where.replace("/", "_")
        damaged(f"link_chunk_{slug}", "E-ZARR-LINK", link_chunk(where), version)
    damaged("link_inside_the_store", "E-ZARR-LINK", link_inside, version)
    damaged("link_to_folder", "E-ZARR-LINK", link_folder, version)
    head = ".zarray" if version == 2 else "zarr.json"
    damaged("pipe_as_metadata", "E-ZARR-ENTRY", pipe(f"X/data/{head}"), version)
    damaged("pipe_as_chunk", "E-ZARR-ENTRY", pipe("X/data/" + ("0" if version == 2 else "c/0")),
            version)  # fmt: skip
    damaged("pipe_beside", "E-ZARR-ENTRY", pipe("obs/pipe"), version)
damaged("link_slash_chunk", "E-ZARR-LINK", slashed("chunk"))
damaged("link_slash_folder", "E-ZARR-LINK", slashed("folder"))
damaged(
    "link_metadata",
    "E-ZARR-LINK",
    lambda r, f: (
        (r / "X/data/.zarray").rename(f / "head"),
        (r / "X/data/.zarray").symlink_to(f / "head"),
    ),
)


# ---- a store below an array, two sets of metadata ----------------------------------------------
def below(root, folder):
    inner = folder / "inner"
    inner.mkdir()
    shutil.copytree(zarr(inner, 2 if (root / ".zgroup").exists() else 3), root / "X/data/store")


def both(evil, fill=7):
    """Format 3 beside format 2: one of them says that all values are the fill value."""

    def change(root, _):
        node = {
            "zarr_format": 3, "node_type": "array", "shape": [2], "fill_value": fill,
            "data_type": "int32", "attributes": {},
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        }  # fmt: skip
        (root / evil / "zarr.json").write_text(json.dumps(node))

    return change


def both_reversed(root, _):
    head = {"zarr_format": 2, "shape": [2], "chunks": [2], "order": "C", "dtype": "<i4",
            "compressor": None, "filters": None, "fill_value": 7}  # fmt: skip
    (root / "X/data/.zarray").write_text(json.dumps(head))


def consolidated(root, _):
    """Metadata of a member inside those of its group, which say something else."""
    member = json.loads((root / "X/data/zarr.json").read_text())
    member["fill_value"] = 9
    file = root / "X/zarr.json"
    head = json.loads(file.read_text())
    head["consolidated_metadata"] = {
        "kind": "inline", "must_understand": False, "metadata": {"data": member},
    }  # fmt: skip
    file.write_text(json.dumps(head))


for version in (2, 3):
    damaged("store_below_an_array", "E-ZARR-ENTRY", below, version)
for where in ("X/data", "X/indices", "obs/_index", ".", "obs"):
    damaged(f"two_heads_{where.replace('/', '_')}", "E-ZARR-META", both(where))
damaged("two_heads_reversed", "E-ZARR-META", both_reversed, 3)
damaged("consolidated_inside", "E-ZARR-META", consolidated, 3)
damaged(
    "array_and_group_at_once",
    "E-ZARR-META",
    lambda r, _: (r / "X/data/.zgroup").write_text('{"zarr_format": 2}'),
)
damaged(
    "one_array_of_format_3",
    "E-ZARR-META",
    lambda r, f: (
        (f / "v3").mkdir(),
        shutil.rmtree(r / "X/data"),
        shutil.copytree(zarr(f / "v3", 3) / "X/data", r / "X/data"),
    ),
)


# ---- missing chunks that hide ------------------------------------------------------------------
def pieces(root, _):
    """The last chunk of many is missing, and a file of a similar name makes up the number."""
    where = root / "X/data"
    values = np.frombuffer(chunk_of(where).read_bytes(), "<i4")
    chunk_of(where).unlink()
    changed("X/data", chunks=[10])(root, _)
    for k in range(-(-len(values) // 10)):
        part = np.zeros(10, "<i4")
        piece = values[10 * k : 10 * k + 10]
        part[: len(piece)] = piece
        (where / str(k)).write_bytes(part.tobytes())
    last = where / str(k)
    last.rename(where / f"0{k}")


def sharded(absent, *, lie=None, bomb=False):
    """One shard whose index leaves out a chunk, points outside, or holds a chunk that grows."""

    def change(root, _):
        where = root / "X/data"
        values = np.frombuffer(chunk_of(where).read_bytes(), "<i4")
        step = 10
        n = -(-len(values) // step)
        inner = [{"name": "bytes", "configuration": {"endian": "little"}}]
        if bomb:
            inner.append({"name": "gzip", "configuration": {"level": 5}})
        index = [{"name": "bytes", "configuration": {"endian": "little"}}]
        codec = {
            "name": "sharding_indexed",
            "configuration": {"chunk_shape": [step], "codecs": inner, "index_codecs": index},
        }
        grid = {"name": "regular", "configuration": {"chunk_shape": [n * step]}}
        changed("X/data", codecs=[codec], chunk_grid=grid)(root, _)
        body, table = b"", b""
        for k in range(n):
            part = np.zeros(step, "<i4")
            part[: len(values[step * k :][:step])] = values[step * k :][:step]
            piece = gzip.compress(bytes(90 << 20)) if bomb and k == 1 else part.tobytes()
            piece = gzip.compress(piece) if bomb and k != 1 else piece
            place = (len(body), len(piece))
            if k == absent:
                place = ((1 << 64) - 1,) * 2
            if k == 2 and lie:
                place = (lie, 40)
            table += struct.pack("<QQ", *place)
            body += piece
        chunk_of(where).write_bytes(body + table)

    return change


damaged("hidden_missing_chunk", "E-ZARR-CHUNK", pieces)
damaged("missing_inside_a_shard", "E-ZARR-CHUNK", sharded(3), 3)
damaged("shard_points_outside", "E-ZARR-META", sharded(-1, lie=1 << 40), 3)
damaged("shard_with_a_bomb", "E-ZARR-SIZE", sharded(-1, bomb=True), 3)
damaged("shard_cut", "E-ZARR-META", lambda r, f: (
    sharded(-1)(r, f), chunk_of(r / "X/data").write_bytes(b"short")), 3)  # fmt: skip


# ---- sizes -------------------------------------------------------------------------------------
for where in ("X/data", "obs/_index"):
    damaged(f"chunk_of_2_gb_{where[0]}", "E-ZARR-SIZE", changed(where, chunks=[1 << 28]))
grid = {"name": "regular", "configuration": {"chunk_shape": [1 << 29]}}
damaged("chunk_of_2_gb", "E-ZARR-SIZE", changed("X/data", chunk_grid=grid), 3)


def packed(codec, content, where="X/data"):
    def change(root, _):
        changed(where, compressor=codec)(root, _)
        chunk_of(root / where).write_bytes(content)

    return change


ZEROS = bytes(300 << 20)
for codec, content in (
    ({"id": "zstd", "level": 1}, numcodecs.Zstd(1).encode(ZEROS)),
    ({"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
     numcodecs.Blosc("lz4").encode(ZEROS)),
    ({"id": "lz4", "acceleration": 1}, numcodecs.LZ4().encode(ZEROS[: 90 << 20])),
    ({"id": "zlib", "level": 1}, zlib.compress(ZEROS, 1)),
    ({"id": "gzip", "level": 1}, gzip.compress(ZEROS, 1)),
    ({"id": "bz2", "level": 1}, numcodecs.BZ2(9).encode(ZEROS[: 20 << 20])),
    ({"id": "zstd", "level": 1}, b"\x28\xb5\x2f\xfd\xc0\x00" + struct.pack("<Q", 1 << 40) + b"x"),
):  # fmt: skip
    damaged(f"chunk_grows_{codec['id']}_{len(content)}", "E-ZARR-SIZE", packed(codec, content))


def texts(count, dtype="|O"):
    """A column of text whose chunk declares a number of its own."""

    def change(root, _):
        where = root / "obs/_index"
        values = np.array(CELLS, dtype=object)
        raw = bytearray(numcodecs.VLenUTF8().encode(values))
        raw[:4] = struct.pack("<I", count)
        changed("obs/_index", dtype=dtype, filters=[{"id": "vlen-utf8"}])(root, _)
        chunk_of(where).write_bytes(bytes(raw))

    return change


damaged("texts_too_many", "E-ZARR-META", texts((1 << 32) - 1))
damaged("texts_too_few", "E-ZARR-META", texts(3))
damaged("shape_of_text", "E-ZARR-META", changed("X/data", shape="12"))
damaged("shape_fractional", "E-ZARR-META", changed("X/data", shape=[12.5]))
damaged("objects_without_codec", "E-ZARR-CODEC", changed("obs/_index", dtype="|O"))
damaged("two_packers", "E-ZARR-CODEC", changed("X/data", filters=[{"id": "zlib", "level": 1}],
        compressor={"id": "zstd", "level": 1}))  # fmt: skip
damaged("transformers", "E-ZARR-CODEC", changed("X/data", storage_transformers=[{"name": "x"}]), 3)
damaged("chunk_too_long", "E-ZARR-META", lambda r, _: (
    chunk_of(r / "X/data").write_bytes(bytes(1 << 20))))  # fmt: skip
