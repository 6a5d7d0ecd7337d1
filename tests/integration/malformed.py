"""Small malformed inputs, made on the spot: one function per case, with the code it must end in."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import scipy.sparse as sp

GENES = ["NT5E", "THY1", "ENG", "CD44", "ITGB1", "VIM", "ACTB", "GAPDH", "COL1A1", "RUNX2"]
CELLS = [f"cell_{k}" for k in range(12)]
COUNTS = np.random.default_rng(7).poisson(2.0, (12, 10)).astype(np.int64)
COUNTS[:, 0] += 1
H5 = ("h5ad", "tenx")


@dataclass(frozen=True)
class Case:
    """One input: how it is made, what it must end in, and how it is read."""

    name: str
    make: Callable[[Path], Path]
    code: str
    reader: str = "counts"


CASES: list[Case] = []


def case(code, name=None, reader="counts"):
    def keep(make):
        CASES.append(Case(name or make.__name__, make, code, reader))
        return make

    return keep


# ---- valid beginnings ------------------------------------------------------------------------
def frame(top, name, index, columns=None):
    g = top.create_group(name)
    g.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
    g.attrs["column-order"] = np.array(list(columns or {}), dtype=h5py.string_dtype())
    g.create_dataset("_index", data=np.array(index, dtype=object), dtype=h5py.string_dtype())
    for key, values in (columns or {}).items():
        g.create_dataset(key, data=values)
    return g


def csr(top, name, counts=COUNTS, dtype=np.float32, **options):
    m = sp.csr_matrix(counts)
    g = top.create_group(name)
    g.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    g.attrs["shape"] = np.array(m.shape)
    g.create_dataset("data", data=m.data.astype(dtype), **options)
    g.create_dataset("indices", data=m.indices.astype(np.int32), **options)
    g.create_dataset("indptr", data=m.indptr.astype(np.int32), **options)
    return g


def h5ad(folder, counts=COUNTS, genes=GENES, cells=CELLS, name="x.h5ad", matrix=True, **options):
    path = folder / name
    with h5py.File(path, "w") as top:
        top.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        if matrix:
            csr(top, "X", counts, **options)
        frame(top, "obs", cells)
        frame(top, "var", genes)
    return path


def tenx(folder, counts=COUNTS, version=3):
    path = folder / "x.h5"
    m = sp.csr_matrix(counts)
    text = h5py.string_dtype()
    with h5py.File(path, "w") as top:
        g = top.create_group("matrix" if version == 3 else "GRCh38")
        g["data"], g["indices"], g["indptr"] = m.data.astype(np.int32), m.indices, m.indptr
        g["shape"] = np.array(m.shape[::-1], dtype=np.int32)
        g.create_dataset("barcodes", data=np.array(CELLS, dtype=object), dtype=text)
        names = np.array(GENES, dtype=object)
        if version == 3:
            f = g.create_group("features")
            for key in ("id", "name"):
                f.create_dataset(key, data=names, dtype=text)
            kinds = np.array(["Gene Expression"] * len(GENES), dtype=object)
            f.create_dataset("feature_type", data=kinds, dtype=text)
        else:
            g.create_dataset("genes", data=names, dtype=text)
            g.create_dataset("gene_names", data=names, dtype=text)
    return path


def entries(counts=COUNTS):
    m = sp.coo_matrix(counts.T)
    return [f"{r + 1} {c + 1} {v}" for r, c, v in zip(m.row, m.col, m.data, strict=True)]


def mtx(folder, lines=None, size=None, banner="%%MatrixMarket matrix coordinate integer general"):
    lines = entries() if lines is None else lines
    size = size or f"{len(GENES)} {len(CELLS)} {len(lines)}"
    (folder / "features.tsv").write_text("".join(f"{g}\t{g}\tGene Expression\n" for g in GENES))
    (folder / "barcodes.tsv").write_text("".join(f"{c}\n" for c in CELLS))
    (folder / "matrix.mtx").write_text("\n".join([banner, "%", size, *lines]) + "\n")
    return folder


def table(folder, rows=None, sep=",", name="x.csv", header=None):
    header = ["", *GENES] if header is None else header
    rows = (
        [[c, *map(str, v)] for c, v in zip(CELLS, COUNTS.tolist(), strict=True)]
        if rows is None
        else rows
    )
    path = folder / name
    path.write_text("\n".join(sep.join(r) for r in [header, *rows]) + "\n")
    return path


def zarr(folder, version=2):
    """A store written by hand, so that nothing depends on how a library writes it."""
    root = folder / "x.zarr"
    m = sp.csr_matrix(COUNTS)

    def group(where, attrs):
        where.mkdir(parents=True, exist_ok=True)
        if version == 2:
            (where / ".zgroup").write_text('{"zarr_format": 2}')
            (where / ".zattrs").write_text(json.dumps(attrs))
        else:
            head = {"zarr_format": 3, "node_type": "group", "attributes": attrs}
            (where / "zarr.json").write_text(json.dumps(head))

    def array(where, values):
        where.mkdir(parents=True)
        if version == 2:
            head = {
                "zarr_format": 2,
                "shape": values.shape,
                "chunks": values.shape,
                "order": "C",
                "dtype": values.dtype.str,
                "compressor": None,
                "filters": None,
                "fill_value": "" if values.dtype.kind == "U" else 0,
            }
            (where / ".zarray").write_text(json.dumps(head))
            chunk = where / ".".join("0" * values.ndim)
        else:
            head = {
                "zarr_format": 3,
                "node_type": "array",
                "shape": values.shape,
                "fill_value": 0,
                "data_type": values.dtype.name,
                "attributes": {},
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": values.shape}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            }
            (where / "zarr.json").write_text(json.dumps(head))
            chunk = where.joinpath("c", *"0" * values.ndim)
            chunk.parent.mkdir(parents=True)
        chunk.write_bytes(values.tobytes())

    group(root, {"encoding-type": "anndata", "encoding-version": "0.1.0"})
    attrs = {"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": list(m.shape)}
    group(root / "X", attrs)
    array(root / "X/data", m.data.astype(np.int32))
    array(root / "X/indices", m.indices.astype(np.int32))
    array(root / "X/indptr", m.indptr.astype(np.int32))
    for name, index in (("obs", CELLS), ("var", GENES)):
        group(root / name, {"encoding-type": "dataframe", "_index": "_index", "column-order": []})
        width = max(map(len, index))
        if version == 2:
            array(root / name / "_index", np.array(index, dtype=f"<U{width}"))
        else:
            array(root / name / "_index", np.arange(len(index), dtype=np.int32))
    return root


def sheet(folder, text, name="samples.csv"):
    for sample in "ab":
        (folder / f"{sample}.h5ad").write_bytes(b"x")
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ---- HDF5: any container ---------------------------------------------------------------------
def edit(path, change):
    with h5py.File(path, "a") as top:
        change(top)
    return path


def add_h5(name, code, change, make=h5ad):
    CASES.append(Case(name, lambda folder: edit(make(folder), change), code))


def replace(where, values, **options):
    def change(top):
        attrs = dict(top[where].attrs)
        del top[where]
        top.create_dataset(where, data=values, **options).attrs.update(attrs)

    return change


def secret(folder):
    path = folder / "secret.txt"
    path.write_bytes(b"SECRETS!" * 512)
    return path


def external(where):
    def make(folder):
        path, other = h5ad(folder), secret(folder)

        def change(top):
            if where in top:
                del top[where]
            top.create_dataset(
                where, shape=(12, 10), dtype="u1", external=[(str(other), 0, h5py.h5f.UNLIMITED)]
            )

        return edit(path, change)

    return make


def linked(where, link):
    def make(folder):
        path = h5ad(folder)
        h5ad(folder, name="other.h5ad")

        def change(top):
            if where in top:
                del top[where]
            top[where] = link(folder)

        return edit(path, change)

    return make


PLACES = ("X", "layers/counts", "raw/X", "obs/secret", "uns/a/b/c/d", "obsm/protein")
for place in PLACES:
    slug = place.replace("/", "_")
    CASES.append(Case(f"external_data_{slug}", external(place), "E-H5-EXTERNAL-DATA"))
    CASES.append(
        Case(
            f"external_link_{slug}",
            linked(place, lambda f: h5py.ExternalLink(str(f / "other.h5ad"), "/X")),
            "E-H5-EXTERNAL-LINK",
        )
    )
    CASES.append(
        Case(
            f"dangling_link_{slug}",
            linked(place, lambda f: h5py.SoftLink("/nowhere")),
            "E-H5-SOFT-LINK",
        )
    )


def virtual(where):
    def make(folder):
        path, other = h5ad(folder), folder / "other.h5"
        with h5py.File(other, "w") as top:
            top["d"] = COUNTS

        def change(top):
            if where in top:
                del top[where]
            layout = h5py.VirtualLayout(shape=(12, 10), dtype="i8")
            layout[:] = h5py.VirtualSource(str(other), "d", shape=(12, 10))
            top.create_virtual_dataset(where, layout)

        return edit(path, change)

    return make


for place in PLACES[:5]:
    CASES.append(Case(f"virtual_{place.replace('/', '_')}", virtual(place), "E-H5-VIRTUAL"))


def through_external(folder):
    path = h5ad(folder)
    h5ad(folder, name="other.h5ad")

    def change(top):
        top["uns/door"] = h5py.SoftLink("/zz_out/X/data")
        top["zz_out"] = h5py.ExternalLink("other.h5ad", "/")

    return edit(path, change)


CASES.append(Case("soft_through_external", through_external, "E-H5-EXTERNAL-LINK"))
CASES.append(
    Case(
        "external_link_relative",
        linked("uns/x", lambda f: h5py.ExternalLink("other.h5ad", "/X")),
        "E-H5-EXTERNAL-LINK",
    )
)
CASES.append(
    Case(
        "external_link_device",
        linked("uns/x", lambda f: h5py.ExternalLink("/dev/zero", "/")),
        "E-H5-EXTERNAL-LINK",
    )
)
CASES.append(
    Case(
        "external_link_missing",
        linked("uns/x", lambda f: h5py.ExternalLink("gone.h5", "/")),
        "E-H5-EXTERNAL-LINK",
    )
)
CASES.append(
    Case(
        "soft_link_to_itself", linked("uns/x", lambda f: h5py.SoftLink("/uns/x")), "E-H5-SOFT-LINK"
    )
)
CASES.append(Case("soft_link_to_root", linked("uns/x", lambda f: h5py.SoftLink("/")), "E-H5-CYCLE"))
CASES.append(
    Case("soft_link_upward", linked("uns/x", lambda f: h5py.SoftLink("/uns")), "E-H5-CYCLE")
)


def cycle(where, target):
    def change(top):
        top.require_group(where.rsplit("/", 1)[0])
        top[where] = top[target]

    return change


add_h5("hard_cycle_root", "E-H5-CYCLE", cycle("uns/x/y", "/"))
add_h5(
    "hard_cycle_group",
    "E-H5-CYCLE",
    cycle("uns/x/y", "/obs")
    if False
    else lambda t: t.create_group("uns").__setitem__("self", t["uns"]),
)
add_h5(
    "two_groups_in_a_ring",
    "E-H5-CYCLE",
    lambda t: (
        t.create_group("uns/a").__setitem__("b", t.create_group("uns/b")),
        t["uns/b"].__setitem__("a", t["uns/a"]),
    ),
)
add_h5("very_deep", "E-H5-CYCLE", lambda t: t.create_group("/".join(["g"] * 80)))
add_h5(
    "huge_shape_never_written",
    "E-H5-SIZE",
    lambda t: t.create_dataset(
        "uns/x", shape=(1 << 31,), dtype="f8", chunks=(1 << 20,), compression="gzip"
    ),
)
add_h5(
    "huge_shape_contiguous",
    "E-H5-SIZE",
    lambda t: t.create_dataset("uns/x", shape=(1 << 31,), dtype="f8"),
)
add_h5(
    "never_written",
    "E-H5-CHUNK",
    lambda t: t.create_dataset("layers/counts", shape=(12, 10), dtype="i4"),
)


def half_written(top):
    data = top.create_dataset(
        "layers/counts", shape=(12, 10), dtype="i4", chunks=(4, 10), compression="gzip"
    )
    data[:4] = COUNTS[:4]


add_h5("half_written", "E-H5-CHUNK", half_written)


def unknown_filter(top):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((5,))
    plan.set_filter(40_123, h5py.h5z.FLAG_OPTIONAL, (1,))
    space = h5py.h5s.create_simple((10,))
    data = h5py.h5d.create(top.id, b"odd", h5py.h5t.NATIVE_INT32, space, plan)
    data.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(10, dtype=np.int32))


add_h5("unknown_filter", "E-H5-FILTER", unknown_filter)

for kind, make in (("h5ad", h5ad), ("tenx", tenx)):

    def cut(folder, make=make, share=0.5):
        path = make(folder)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        return path

    def tail(folder, make=make):
        return cut(folder, make, 0.98)

    def empty(folder, make=make):
        path = make(folder)
        path.write_bytes(b"")
        return path

    def text(folder, make=make):
        path = make(folder)
        path.write_text("this is not HDF5\n" * 10)
        return path

    CASES += [
        Case(f"{kind}_cut_in_half", cut, "E-H5-DAMAGED"),
        Case(f"{kind}_cut_at_the_end", tail, "E-H5-DAMAGED"),
        Case(f"{kind}_empty_file", empty, "E-FILE-EMPTY"),
        Case(f"{kind}_is_text", text, "E-H5-FORMAT"),
    ]
add_h5("h5_with_other_content", "E-H5-LAYOUT", lambda t: [t.pop(k) for k in list(t)])
for part in ("obs", "var"):
    add_h5(f"h5ad_without_{part}", "E-H5-LAYOUT", lambda t, part=part: t.pop(part))
add_h5("h5ad_without_matrix", "E-MATRIX-NO-COUNTS", lambda t: t.pop("X"))
for part in ("data", "indices", "indptr"):
    add_h5(f"h5ad_without_{part}", "E-H5-LAYOUT", lambda t, part=part: t["X"].pop(part))
    add_h5(f"tenx_without_{part}", "E-H5-LAYOUT", lambda t, part=part: t["matrix"].pop(part), tenx)
for part in ("barcodes", "shape"):
    add_h5(f"tenx_without_{part}", "E-H5-LAYOUT", lambda t, part=part: t["matrix"].pop(part), tenx)
add_h5("tenx_without_ids", "E-H5-LAYOUT", lambda t: t["matrix/features"].pop("id"), tenx)
add_h5("tenx_wrong_shape", "E-MATRIX-SHAPE", replace("matrix/shape", np.array([10, 11])), tenx)
add_h5("tenx_swapped_shape", "E-MATRIX-SHAPE", replace("matrix/shape", np.array([12, 10])), tenx)
add_h5(
    "tenx_two_genomes",
    "E-SPECIES-MIXED",
    lambda t: t.copy("GRCh38", "mm10"),
    lambda f: tenx(f, version=2),
)
add_h5(
    "tenx_flat_matrix",
    "E-H5-LAYOUT",
    lambda t: (t.pop("matrix"), t.create_dataset("matrix", data=[1, 2])),
    tenx,
)
DATA = sp.csr_matrix(COUNTS)


def values(k, value, dtype=np.float32):
    out = DATA.data.astype(dtype)
    out[k] = value
    return out


REAL = "%%MatrixMarket matrix coordinate real general"
BAD_VALUES = {
    "negative": (-3, "E-MATRIX-NEGATIVE"),
    "nan": (np.nan, "E-MATRIX-NAN"),
    "infinite": (np.inf, "E-MATRIX-INF"),
    "fraction": (2.5, "E-MATRIX-FRACTION"),
    "too_large": (3e9, "E-MATRIX-LARGE"),
}
for word, (value, code) in BAD_VALUES.items():
    add_h5(f"h5ad_{word}", code, replace("X/data", values(20, value)))
    add_h5(f"tenx_{word}", code, replace("matrix/data", values(20, value)), tenx)

    def dense(folder, value=value):
        counts = COUNTS.astype(np.float64)
        counts[5, 3] = value
        return edit(h5ad(folder, matrix=False), lambda t: t.create_dataset("X", data=counts))

    CASES.append(Case(f"dense_h5ad_{word}", dense, code))
    lines = entries()
    lines[9] = " ".join([*lines[9].split()[:2], str(value)])
    CASES.append(Case(f"mtx_{word}", lambda f, lines=lines: mtx(f, lines, banner=REAL), code))

    def csv_value(folder, value=value):
        rows = [[c, *map(str, v)] for c, v in zip(CELLS, COUNTS.tolist(), strict=True)]
        rows[4][3] = str(value)
        return table(folder, rows)

    CASES.append(Case(f"csv_{word}", csv_value, code))

pointers = DATA.indptr.astype(np.int32)
for where, make in (("X", h5ad), ("matrix", tenx)):
    for word, new in {
        "short": pointers[:-1],
        "falling": np.r_[pointers[:3], pointers[1], pointers[4:]],
        "not_from_zero": np.r_[1, pointers[1:]],
        "wrong_end": np.r_[pointers[:-1], pointers[-1] + 4],
        "fractional": pointers.astype(np.float64),
    }.items():
        add_h5(f"{where}_indptr_{word}", "E-MATRIX-INDPTR", replace(f"{where}/indptr", new), make)
    far, minus, twice = (DATA.indices.astype(np.int32).copy() for _ in range(3))
    far[7], minus[7], twice[1] = 10, -1, twice[0]
    add_h5(f"{where}_index_too_large", "E-MATRIX-INDEX", replace(f"{where}/indices", far), make)
    add_h5(f"{where}_index_negative", "E-MATRIX-INDEX", replace(f"{where}/indices", minus), make)
    add_h5(f"{where}_index_twice", "E-MATRIX-REPEAT", replace(f"{where}/indices", twice), make)
    add_h5(f"{where}_fewer_indices", "E-MATRIX-INDPTR", replace(f"{where}/indices", far[:-2]), make)
    add_h5(f"{where}_two_dimensions", "E-H5-TYPE", replace(f"{where}/data", COUNTS), make)
add_h5(
    "h5ad_matrix_of_text",
    "E-MATRIX-NO-COUNTS",
    replace("X/data", np.array(["a"] * DATA.nnz, dtype="S1")),
)
add_h5("h5ad_complex", "E-MATRIX-NO-COUNTS", replace("X/data", DATA.data.astype(complex)))
add_h5(
    "h5ad_unknown_encoding", "E-H5-TYPE", lambda t: t["X"].attrs.__setitem__("encoding-type", "coo")
)
add_h5("h5ad_no_shape", "E-H5-TYPE", lambda t: t["X"].attrs.pop("shape"))
add_h5(
    "h5ad_shape_swapped",
    "E-MATRIX-SHAPE",
    lambda t: t["X"].attrs.__setitem__("shape", np.array([10, 12])),
)
add_h5(
    "h5ad_fewer_cells",
    "E-MATRIX-SHAPE",
    replace("obs/_index", np.array(CELLS[:-1], dtype=object), dtype=h5py.string_dtype()),
)
add_h5(
    "h5ad_more_genes",
    "E-MATRIX-SHAPE",
    replace("var/_index", np.array([*GENES, "KIT"], dtype=object), dtype=h5py.string_dtype()),
)
add_h5("h5ad_column_too_short", "E-OBS-LENGTH", lambda t: t["obs"].create_dataset("q", data=[1, 2]))


def categories(codes, labels=("a", "b")):
    def change(top):
        g = top["obs"].create_group("batch")
        g.attrs.update({"encoding-type": "categorical", "ordered": False})
        g["codes"] = np.array(codes)
        g.create_dataset(
            "categories", data=np.array(labels, dtype=object), dtype=h5py.string_dtype()
        )

    return change


add_h5("category_too_large", "E-OBS-CATEGORY", categories([0] * 11 + [2]))
add_h5("category_too_small", "E-OBS-CATEGORY", categories([0] * 11 + [-2]))
add_h5("category_of_floats", "E-OBS-CATEGORY", categories([0.0] * 12))
add_h5("category_twice", "E-OBS-CATEGORY", categories([0] * 12, ("a", "a")))

LOG = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4)
OTHERS = {
    "log_normalised": LOG,
    "scaled": (LOG - LOG.mean(axis=0)) / (LOG.std(axis=0) + 1),
    "fpkm": COUNTS * 13.37,
    "log_counts": np.log1p(COUNTS + 0.5),
    "estimated": COUNTS + np.where(COUNTS % 2 == 0, 0.31, 0.0),
}
for word, matrix in OTHERS.items():
    CASES.append(
        Case(f"h5ad_{word}", lambda f, m=matrix: h5ad(f, m, dtype=np.float64), "E-MATRIX-NO-COUNTS")
    )
    CASES.append(
        Case(
            f"csv_{word}",
            lambda f, m=matrix: table(
                f, [[c, *map(str, v)] for c, v in zip(CELLS, m.tolist(), strict=True)]
            ),
            "E-MATRIX-NO-COUNTS",
        )
    )
