"""HDF5 files made to reach outside themselves or to open to far more than they are."""

import struct
import zlib

import h5py
import hdf5plugin
import numpy as np
from malformed import (
    CASES,
    CELLS,
    COUNTS,
    GENES,
    Case,
    add_h5,
    csr,
    edit,
    h5ad,
    replace,
    secret,
    tenx,
)

TEXT = h5py.string_dtype()


# ---- a reference leads where no link leads -----------------------------------------------------
def hide(path, hidden, visible):
    """Let the only link to one object lead to another; references to it stay as they are."""
    raw, n, k = bytearray(path.read_bytes()), 0, 0
    while (k := raw.find(struct.pack("<Q", hidden), k)) >= 0:
        node = raw.rfind(b"SNOD", 0, k)
        if node >= 0 and k - node < 8 + 40 * 9:
            raw[k : k + 8], raw[k + 8 : k + 12], n = struct.pack("<Q", visible), bytes(4), n + 1
        k += 8
    assert n == 1
    path.write_bytes(raw)


def other_file(folder):
    with h5py.File(folder / "other.h5", "w") as top:
        top["d"] = np.array([b"SECRETS!a", b"SECRETS!b", b"SECRETS!c"])
    return folder / "other.h5"


def external_store(top, folder):
    return top.create_dataset(
        "uns/hidden", (3,), "S8", external=[(str(secret(folder)), 0, h5py.h5f.UNLIMITED)]
    )


def virtual_store(top, folder):
    layout = h5py.VirtualLayout(shape=(3,), dtype="S9")
    layout[:] = h5py.VirtualSource(str(other_file(folder)), "d", shape=(3,))
    return top.create_virtual_dataset("uns/hidden", layout)


def linking_group(top, folder):
    group = top.create_group("uns/hidden")
    group["categories"] = h5py.ExternalLink(str(other_file(folder)), "/d")
    group["codes"] = np.arange(3, dtype="i1")
    return group


def plain_store(top, _):
    return top.create_dataset("uns/hidden", data=np.array([b"a", b"b", b"c"]))


def referring(what, holder):
    def make(folder):
        path = h5ad(folder)
        with h5py.File(path, "a") as top:
            if "raw" in holder:
                raw = top.create_group("raw")
                csr(raw, "X")
                top.copy("var", raw)
            seen = top.create_group("uns").create_dataset("seen", data=np.array([b"a", b"b", b"c"]))
            hidden = what(top, folder)
            length = len(CELLS) if holder.startswith("obs") else len(GENES)
            column = top.create_dataset(holder, data=np.arange(length, dtype="i1") % 3)
            column.attrs["categories"] = hidden.ref
            where = [h5py.h5o.get_info(x.id).addr for x in (hidden, seen)]
        hide(path, *where)
        return path

    return make


for what in (external_store, virtual_store, linking_group, plain_store):
    for holder in ("obs/celltype", "var/kind", "raw/var/kind"):
        name = f"hidden_{what.__name__}_{holder.replace('/', '_')}"
        CASES.append(Case(name, referring(what, holder), "E-H5-REFERENCE"))


def region(top):
    top["uns/seen"] = np.array([b"a", b"b"])
    top["obs/kind"] = np.zeros(len(CELLS), dtype="i1")
    refs = np.array([top["uns/seen"].ref] * 2, dtype=h5py.ref_dtype)
    top["obs/kind"].attrs.create("categories", refs, dtype=h5py.ref_dtype)


add_h5("several_references", "E-H5-REFERENCE", region)


# ---- text stored once and pointed at many times ------------------------------------------------
def share(path, where, values):
    """Let every text of a dataset be the first one."""
    with h5py.File(path, "a") as top:
        offset, n = top[where].id.get_offset(), top[where].size
    with path.open("r+b") as raw:
        raw.seek(offset)
        one = raw.read(16)
        raw.seek(offset)
        raw.write(one * n)
    assert n == values
    return path


def shared_text(where, n=30_000, length=60_000):
    def make(folder):
        path = h5ad(folder)
        with h5py.File(path, "a") as top:
            if where in top:
                del top[where]
            data = top.create_dataset(where, shape=(n,), dtype=TEXT)
            data[0] = "x" * length
            data[1:] = ""
        return share(path, where, n)

    return make


for where in ("obs/notes", "obs/_index", "var/_index", "var/symbol", "uns/text", "obsm/names"):
    CASES.append(Case(f"shared_text_{where.replace('/', '_')}", shared_text(where), "E-H5-SIZE"))
CASES.append(Case("shared_text_many_short", shared_text("uns/t", 900_000, 400), "E-H5-SIZE"))


# ---- chunks ------------------------------------------------------------------------------------
for place, length in (("obs/x", 12), ("uns/x", 104), ("var/x", 10)):

    def wide(top, place=place, length=length):
        top.create_dataset(
            place, data=np.zeros(length), maxshape=(None,), chunks=(9_000_000,), compression="lzf"
        )

    add_h5(f"chunk_above_dataset_{place.replace('/', '_')}", "E-H5-SIZE", wide)


def lying_chunk(options, head, values=64):
    """A chunk whose packed form declares a size of its own."""

    def change(top):
        data = top.create_dataset("uns/x", (values,), "i4", chunks=(values,), **options)
        data.id.write_direct_chunk((0,), head)

    return change


ZSTD = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 34) + bytes(64)
BLOSC = bytes((2, 1, 0x21, 4)) + struct.pack("<III", 1 << 31, 1 << 20, 80) + bytes(64)
FRAME = b"\x9e\xa8b2frame\x00\xd2" + bytes(4) + b"\xcf" + bytes(8) + b"\xa4" + bytes(4) + b"\xd3"
FRAME += struct.pack(">q", 1 << 34) + bytes(64)
LZ4 = struct.pack(">QI", 1 << 34, 1 << 30) + bytes(64)
BITS = struct.pack(">QI", 1 << 34, 1 << 20) + bytes(64)
for word, options, head in (
    ("zstd", hdf5plugin.Zstd(), ZSTD),
    ("zstd_without_size", hdf5plugin.Zstd(), b"\x28\xb5\x2f\xfd\x00\x58" + bytes(64)),
    ("zstd_no_frame", hdf5plugin.Zstd(), b"no frame" + bytes(64)),
    ("blosc", hdf5plugin.Blosc(), BLOSC),
    ("blosc2_chunk", hdf5plugin.Blosc2(), BLOSC),
    ("blosc2_frame", hdf5plugin.Blosc2(), FRAME),
    ("lz4", hdf5plugin.LZ4(), LZ4),
    ("bitshuffle_lz4", hdf5plugin.Bitshuffle(), BITS),
    ("bitshuffle_zstd", hdf5plugin.Bitshuffle(cname="zstd"), BITS),
    ("fletcher_zstd", {"fletcher32": True, **hdf5plugin.Zstd()}, ZSTD),
):
    add_h5(f"packed_chunk_lies_{word}", "E-H5-SIZE", lying_chunk(options, head))

BOMB = zlib.compress(bytes(200 << 20), 9)
add_h5(
    "deflated_chunk_grows",
    "E-H5-SIZE",
    lying_chunk({"compression": "gzip"}, BOMB, values=100_000),
)
for k, start in enumerate((b"x\x9c" + b"junk" * 30_000, b"junk" * 30_000)):
    add_h5(
        f"deflated_chunk_damaged_{k}",
        "E-H5-DAMAGED",
        lying_chunk({"compression": "gzip"}, start, values=100_000),
    )


def many_columns(top):
    for k in range(20):
        top.create_dataset(
            f"obs/c{k}",
            data=np.zeros(2_600_000),
            chunks=(200_000,),
            compression="gzip",
            compression_opts=1,
        )


add_h5("many_columns_open_to_far_more", "E-H5-SIZE", many_columns)
add_h5(
    "filters_in_no_order",
    "E-H5-FILTER",
    lambda t: two_packers(t),
)


def two_packers(top):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((64,))
    plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    plan.set_deflate(4)
    space = h5py.h5s.create_simple((64,))
    data = h5py.h5d.create(top.id, b"odd", h5py.h5t.NATIVE_INT32, space, plan)
    data.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(64, dtype=np.int32))


# ---- types where they do not belong ------------------------------------------------------------
def typed(where):
    def change(top):
        if where in top:
            del top[where]
        top[where] = np.dtype("f8")

    return change


for where in ("X", "obs", "var", "obs/kind", "obs/_index", "X/data", "X/indptr"):
    add_h5(f"committed_type_as_{where.replace('/', '_')}", "E-H5-TYPE", typed(where))
for where in ("matrix/data", "matrix/barcodes", "matrix/features/id", "matrix/shape"):
    add_h5(f"tenx_committed_type_{where.split('/', 1)[1]}".replace("/", "_"), "E-H5-TYPE",
           typed(where), make=tenx)  # fmt: skip

_POINTERS = np.concatenate([[0], np.cumsum((COUNTS > 0).sum(axis=1))]).astype(np.uint64)
for k, big in enumerate((1 << 63, (1 << 64) - 1, (1 << 63) + 50)):
    for at in (1, 5):
        wrong = _POINTERS.copy()
        wrong[at] = big
        add_h5(f"uint64_pointers_{k}_{at}", "E-MATRIX-INDPTR", replace("X/indptr", wrong))


def tall_attribute(top):
    values = np.array(["x"] * 10, dtype=object)
    top["obs"].attrs.create("column-order", values, dtype=TEXT)
    top["X"].attrs["shape"] = np.array([1 << 62, 1 << 62, 3])


add_h5("shape_of_three", "E-H5-TYPE", tall_attribute)
for k, shape in enumerate(([-12, 10], [1 << 62, 10])):

    def sized(top, shape=shape):
        top["X"].attrs["shape"] = np.array(shape)

    add_h5(f"shape_attribute_{k}", "E-MATRIX-SHAPE", sized)


def linked_reference(folder):
    """Not refused: the old layout, in which a link leads to the categories too."""
    path = h5ad(folder)

    def change(top):
        top.create_dataset("obs/__categories/kind", data=np.array([b"a", b"b"]))
        top["obs/kind"] = np.arange(len(CELLS), dtype="i1") % 2
        top["obs/kind"].attrs["categories"] = top["obs/__categories/kind"].ref

    return edit(path, change)


KINDS = (
    "hidden_", "several_", "shared_", "chunk_above", "packed_chunk", "deflated_", "many_columns",
    "filters_", "committed_", "tenx_committed", "uint64_", "shape_", "external_", "virtual_",
)  # fmt: skip
REFERRING = [c for c in CASES if c.name.startswith("hidden_") and "raw" not in c.name]


def blind(path):
    """An inspection that walks links only and finds nothing."""
    with h5py.File(path, "r") as top:
        addresses = [h5py.h5o.get_info(top.id).addr]
        top.visititems(lambda _, thing: addresses.append(h5py.h5o.get_info(thing.id).addr))
    return {"code": "", "addresses": addresses}
