"""More malformed inputs: names, MatrixMarket, text tables, Zarr and sample sheets."""

import gzip
import json
import os
import shutil

import h5py
import numpy as np
from malformed import (
    CASES,
    CELLS,
    COUNTS,
    GENES,
    Case,
    case,
    edit,
    entries,
    h5ad,
    mtx,
    replace,
    sheet,
    table,
    tenx,
    zarr,
)

# ---- names -----------------------------------------------------------------------------------
TWICE = [*CELLS[:-1], CELLS[0]]
ENSEMBL = [f"ENSG{k:011d}" for k in range(10)]
NAMES = {
    "cells_twice": ({"cells": TWICE}, "E-CELLS-DUPLICATE"),
    "cell_without_name": ({"cells": [*CELLS[:-1], " "]}, "E-CELLS-NAME"),
    "gene_without_name": ({"genes": [*GENES[:-1], ""]}, "E-GENES-NAME"),
    "ensembl_twice": ({"genes": [*ENSEMBL[:-1], ENSEMBL[0]]}, "E-GENES-DUPLICATE"),
    "ensembl_versions_twice": ({"genes": [*ENSEMBL[:-1], ENSEMBL[0] + ".4"]}, "E-GENES-DUPLICATE"),
    "all_zero": ({"counts": COUNTS * 0}, "E-CELLS-NONE"),
    "no_cells": ({"counts": COUNTS[:0], "cells": []}, "E-CELLS-NONE"),
    "no_genes": ({"counts": COUNTS[:, :0], "genes": []}, "E-CELLS-NONE"),
}
for word, (options, code) in NAMES.items():
    CASES.append(Case(f"h5ad_{word}", lambda f, o=options: h5ad(f, **o), code))


@case("E-SPECIES-MIXED")
def two_species(folder):
    human, mouse = [f"GRCh38_{g}" for g in GENES], [f"mm10_{g.capitalize()}" for g in GENES]
    return h5ad(folder, np.hstack([COUNTS, COUNTS]), genes=human + mouse)


@case("E-GENES-NONE")
def only_proteins(folder):
    change = replace(
        "matrix/features/feature_type",
        np.array(["Antibody Capture"] * 10, dtype=object),
        dtype=h5py.string_dtype(),
    )
    return edit(tenx(folder), change)


# ---- MatrixMarket ----------------------------------------------------------------------------
LINES = entries()


def add_mtx(name, code, **options):
    CASES.append(Case(f"mtx_{name}", lambda f: mtx(f, **options), code))


def changed(k, line):
    return [*LINES[:k], line, *LINES[k + 1 :]]


n = len(LINES)
add_mtx("one_entry_more", "E-MTX-ENTRIES", size=f"10 12 {n - 1}")
add_mtx("one_entry_less", "E-MTX-ENTRIES", size=f"10 12 {n + 1}")
add_mtx("no_entries", "E-MTX-ENTRIES", lines=[], size="10 12 5")
add_mtx("row_too_large", "E-MTX-INDEX", lines=changed(5, "11 1 2"))
add_mtx("column_too_large", "E-MTX-INDEX", lines=changed(5, "1 13 2"))
add_mtx("row_negative", "E-MTX-INDEX", lines=changed(5, "-1 1 2"))
add_mtx("counts_from_zero", "E-MTX-ZERO-BASED", lines=changed(0, "0 0 2"))
add_mtx("two_fields", "E-MTX-LINE", lines=changed(5, "1 2"))
add_mtx("four_fields", "E-MTX-LINE", lines=changed(5, "1 2 3 4"))
add_mtx("words", "E-MTX-LINE", lines=changed(5, "one two three"))
add_mtx("fractional_row", "E-MTX-LINE", lines=changed(5, "1.5 2 3"))
add_mtx("entry_twice", "E-MATRIX-REPEAT", lines=changed(1, LINES[0]))
add_mtx("shape_of_others", "E-MATRIX-SHAPE", size=f"11 13 {n}")
add_mtx("no_banner", "E-MTX-HEADER", banner="10 12 3")
add_mtx("array_format", "E-MTX-HEADER", banner="%%MatrixMarket matrix array integer general")
add_mtx("pattern", "E-MTX-HEADER", banner="%%MatrixMarket matrix coordinate pattern general")
add_mtx("symmetric", "E-MTX-HEADER", banner="%%MatrixMarket matrix coordinate integer symmetric")
add_mtx("complex", "E-MTX-HEADER", banner="%%MatrixMarket matrix coordinate complex general")
add_mtx("size_of_words", "E-MTX-HEADER", size="ten 12 5")
add_mtx("size_of_two", "E-MTX-HEADER", size="10 12")
add_mtx("absurd_size", "E-MTX-HEADER", size="99999999999 12 5")
add_mtx("more_entries_than_places", "E-MTX-HEADER", size="10 12 121")


def without(name, code):
    def make(folder):
        mtx(folder)
        (folder / name).unlink()
        return folder

    CASES.append(Case(f"mtx_without_{name}", make, code))


without("features.tsv", "E-SIDE-MISSING")
without("barcodes.tsv", "E-SIDE-MISSING")
without("matrix.mtx", "E-FILE-FORMAT")


def side(name, file, content, code):
    def make(folder):
        mtx(folder)
        (folder / file).write_bytes(content)
        return folder

    CASES.append(Case(f"mtx_{name}", make, code))


side("feature_missing", "features.tsv", b"A\tA\tGene Expression\n", "E-MATRIX-SHAPE")
side("features_ragged", "features.tsv", b"A\tA\nB\n", "E-SIDE-LINE")
side("features_empty", "features.tsv", b"", "E-FILE-EMPTY")
side("features_nul", "features.tsv", b"A\0\tA\n", "E-TEXT-NUL")
side("features_latin1", "features.tsv", "gène\tgène\n".encode("latin-1"), "E-TEXT-ENCODING")
side("barcodes_twice", "barcodes.tsv", "\n".join(TWICE).encode(), "E-CELLS-DUPLICATE")
side("barcode_blank", "barcodes.tsv", "\n".join(["", *CELLS[1:]]).encode(), "E-SIDE-LINE")
side("two_barcode_files", "barcodes.csv", b"x\n", "E-SIDE-AMBIGUOUS")
side("two_matrices", "other_matrix.mtx", b"x\n", "E-SIDE-AMBIGUOUS")
side("empty", "matrix.mtx", b"", "E-FILE-EMPTY")
side("nul", "matrix.mtx", b"%%MatrixMarket matrix\0", "E-TEXT-NUL")


@case("E-GZ-DAMAGED")
def mtx_gz_cut(folder):
    mtx(folder)
    packed = gzip.compress((folder / "matrix.mtx").read_bytes())
    (folder / "matrix.mtx.gz").write_bytes(packed[:-20])
    (folder / "matrix.mtx").unlink()
    return folder


@case("E-GZ-DAMAGED")
def mtx_gz_flipped(folder):
    mtx(folder)
    packed = bytearray(gzip.compress((folder / "matrix.mtx").read_bytes()))
    packed[len(packed) // 2] ^= 0xFF
    (folder / "matrix.mtx.gz").write_bytes(packed)
    (folder / "matrix.mtx").unlink()
    return folder


@case("E-GZ-BOMB")
def mtx_gz_bomb(folder):
    mtx(folder)
    (folder / "features.tsv").unlink()
    with gzip.open(folder / "features.tsv.gz", "wb", 9) as out:
        for _ in range(80):
            out.write(b"\n" * (1 << 20))
    return folder


@case("E-FILE-FORMAT")
def empty_folder(folder):
    (folder / "x").mkdir()
    return folder / "x"


# ---- tables ----------------------------------------------------------------------------------
ROWS = [[c, *map(str, v)] for c, v in zip(CELLS, COUNTS.tolist(), strict=True)]


def add_csv(name, code, make):
    CASES.append(Case(f"csv_{name}", make, code))


def altered(row, column, value):
    rows = [list(r) for r in ROWS]
    rows[row][column] = value
    return rows


add_csv("field_missing", "E-CSV-RAGGED", lambda f: table(f, [*ROWS[:3], ROWS[3][:-1], *ROWS[4:]]))
add_csv("field_more", "E-CSV-RAGGED", lambda f: table(f, [*ROWS[:3], [*ROWS[3], "1"], *ROWS[4:]]))
add_csv("header_short", "E-CSV-RAGGED", lambda f: table(f, header=["", *GENES[:-3]]))
add_csv("word", "E-CSV-NUMBER", lambda f: table(f, altered(2, 4, "many")))
add_csv(
    "metadata_column",
    "E-CSV-NUMBER",
    lambda f: table(f, [[*r, "T cell"] for r in ROWS], header=["", *GENES, "type"]),
)
add_csv("missing_value", "E-MATRIX-NAN", lambda f: table(f, altered(2, 4, "NA")))
add_csv("blank_value", "E-MATRIX-NAN", lambda f: table(f, altered(2, 4, "")))
add_csv("decimal_comma", "E-CSV-DECIMAL", lambda f: table(f, altered(2, 4, "1,5"), sep=";"))
add_csv(
    "unclear_orientation",
    "E-CSV-ORIENTATION",
    lambda f: table(f, header=["", *(f"g{k}" for k in range(10))]),
)
add_csv(
    "genes_on_both_sides",
    "E-CSV-ORIENTATION",
    lambda f: table(f, [[g, *r[1:]] for g, r in zip(GENES, ROWS, strict=False)]),
)
add_csv("header_only", "E-CELLS-NONE", lambda f: table(f, []))
add_csv("no_separator", "E-CSV-HEADER", lambda f: table(f, [["a"]], header=["only"]))
add_csv("column_without_name", "E-CSV-HEADER", lambda f: table(f, header=["", "", *GENES[1:]]))
add_csv(
    "cells_twice", "E-CELLS-DUPLICATE", lambda f: table(f, [[ROWS[0][0], *r[1:]] for r in ROWS])
)


def raw_csv(name, content, code, file="x.csv"):
    def make(folder):
        (folder / file).write_bytes(content)
        return folder / file

    add_csv(name, code, make)


raw_csv("empty", b"", "E-FILE-EMPTY")
raw_csv("blank", b"\n\n\n", "E-CSV-HEADER")
raw_csv("nul", b",NT5E,ENG\na,1,\x002\n", "E-TEXT-NUL")
raw_csv("latin1", ",NT5E,ENG\nzellé,1,2\n".encode("latin-1"), "E-TEXT-ENCODING")
raw_csv("utf16", ",NT5E,ENG\na,1,2\n".encode("utf-16"), "E-TEXT-NUL")
raw_csv("gz_cut", gzip.compress(b",NT5E,ENG\na,1,2\n" * 50)[:-9], "E-GZ-DAMAGED", "x.csv.gz")
raw_csv("million_columns", b"," * 600_000 + b"\n", "E-CSV-WIDTH")
raw_csv("unknown_kind", b"abc", "E-FILE-FORMAT", "x.rds")
raw_csv("pickle", b"\x80\x05N.", "E-FILE-FORMAT", "x.pkl")
add_csv("absent", "E-FILE-MISSING", lambda f: f / "absent.csv")


# ---- zarr ------------------------------------------------------------------------------------
def add_zarr(name, code, change, version=2):
    def make(folder):
        root = zarr(folder, version)
        change(root)
        return root

    CASES.append(Case(f"zarr{version}_{name}", make, code))


def head(where, **new):
    def change(root):
        file = root / where / ".zarray"
        file.write_text(json.dumps({**json.loads(file.read_text()), **new}))

    return change


for part in ("data", "indices", "indptr"):
    add_zarr(f"chunk_missing_{part}", "E-ZARR-CHUNK", lambda r, p=part: (r / f"X/{p}/0").unlink())
    add_zarr(
        f"chunk_missing_{part}", "E-ZARR-CHUNK", lambda r, p=part: (r / f"X/{p}/c/0").unlink(), 3
    )
    add_zarr(
        f"chunk_emptied_{part}", "E-ZARR-CHUNK", lambda r, p=part: (r / f"X/{p}/0").write_bytes(b"")
    )
add_zarr("chunk_cut", "E-ZARR-META", lambda r: (r / "X/data/0").write_bytes(b"\1\2\3"))
add_zarr("codec_unknown", "E-ZARR-CODEC", head("X/data", compressor={"id": "mystery"}))
add_zarr("codec_pickle", "E-ZARR-CODEC", head("obs/_index", filters=[{"id": "pickle"}], dtype="|O"))
add_zarr("absurd_shape", "E-ZARR-SIZE", head("X/data", shape=[1 << 50]))
add_zarr("absurd_chunk", "E-ZARR-SIZE", head("X/data", chunks=[1 << 50]))
add_zarr("negative_shape", "E-ZARR-META", head("X/data", shape=[-5]))
add_zarr("chunks_of_zero", "E-ZARR-META", head("X/data", chunks=[0]))
add_zarr("chunks_of_other_rank", "E-ZARR-META", head("X/data", chunks=[5, 5]))
add_zarr("more_shape_than_chunks", "E-ZARR-CHUNK", head("X/data", shape=[1000]))
add_zarr("broken_json", "E-ZARR-META", lambda r: (r / "X/data/.zarray").write_text("{"))
add_zarr("list_json", "E-ZARR-META", lambda r: (r / "X/data/.zarray").write_text("[]"))
add_zarr("broken_json", "E-ZARR-META", lambda r: (r / "X/data/zarr.json").write_text("{"), 3)
add_zarr("no_obs", "E-H5-LAYOUT", lambda r: shutil.rmtree(r / "obs"))
add_zarr("empty", "E-ZARR-FORMAT", lambda r: [shutil.rmtree(r / k) for k in ("X", "obs", "var")])


def out_of_store(root):
    other = root.parent / "secret.bin"
    other.write_bytes((root / "X/data/0").read_bytes())
    (root / "X/data/0").unlink()
    (root / "X/data/0").symlink_to(other)


def folder_out_of_store(root):
    shutil.move(root / "X", root.parent / "elsewhere")
    os.symlink(root.parent / "elsewhere", root / "X")


add_zarr("link_out", "E-ZARR-LINK", out_of_store)
add_zarr("folder_link_out", "E-ZARR-LINK", folder_out_of_store)

# ---- sample sheets ---------------------------------------------------------------------------
SHEETS = {
    "no_path_column": ("sample,file\na,a.h5ad\n", "E-SHEET-COLUMN"),
    "no_sample_column": ("name,path\na,a.h5ad\n", "E-SHEET-COLUMN"),
    "column_twice": ("sample,path,lot,lot\na,a.h5ad,1,2\n", "E-SHEET-COLUMN"),
    "header_only": ("sample,path\n\n\n", "E-SHEET-ROWS"),
    "blank": ("\n\n", "E-SHEET-ROWS"),
    "sample_twice": ("sample,path\na,a.h5ad\na,b.h5ad\n", "E-SHEET-SAMPLE"),
    "sample_with_space": ("sample,path\na b,a.h5ad\n", "E-SHEET-SAMPLE"),
    "sample_empty": ("sample,path\n,a.h5ad\n", "E-SHEET-SAMPLE"),
    "path_empty": ("sample,path\na,\n", "E-SHEET-PATH"),
    "path_wrong": ("sample,path\na,nowhere.h5ad\n", "E-SHEET-PATH"),
    "raw_path_wrong": ("sample,path,raw_path\na,a.h5ad,gone\n", "E-SHEET-PATH"),
    "variable_not_set": ("sample,path\na,${IMSCOPE_NOT_SET_X}/a.h5ad\n", "E-SHEET-VARIABLE"),
    "passage_of_words": ("sample,path,passage\na,a.h5ad,early\n", "E-SHEET-VALUE"),
    "passage_fraction": ("sample,path,passage\na,a.h5ad,2.5\n", "E-SHEET-VALUE"),
    "passage_negative": ("sample,path,passage\na,a.h5ad,-2\n", "E-SHEET-VALUE"),
    "doublings_of_words": ("sample,path,population_doublings\na,a.h5ad,x\n", "E-SHEET-VALUE"),
    "doublings_infinite": ("sample,path,population_doublings\na,a.h5ad,inf\n", "E-SHEET-VALUE"),
    "reference_maybe": ("sample,path,is_reference\na,a.h5ad,perhaps\n", "E-SHEET-VALUE"),
    "date_wrong": ("sample,path,collected_at\na,a.h5ad,31.31.2024\n", "E-SHEET-VALUE"),
    "source_class_unknown": ("sample,path,source_class\na,a.h5ad,fibroblast\n", "E-SHEET-WORD"),
    "fields_more": ("sample,path\na,a.h5ad,x,y\n", "E-SHEET-RAGGED"),
    "select_wrong": ("sample,path,select\na,a.h5ad,protocol\n", "E-SHEET-SELECT"),
    "select_without_value": ("sample,path,select\na,a.h5ad,protocol=\n", "E-SHEET-SELECT"),
    "quote_open": ('sample,path\n"a,a.h5ad\n', "E-SHEET-FORMAT"),
    "latin1": ("sample,path,donor\na,a.h5ad,Zoé\n".encode("latin-1"), "E-TEXT-ENCODING"),
    "nul": (b"sample,path\na,a.h5ad\0\n", "E-TEXT-NUL"),
    "empty_file": (b"", "E-FILE-EMPTY"),
}
for word, (content, code) in SHEETS.items():
    CASES.append(Case(f"sheet_{word}", lambda f, t=content: sheet(f, t), code, "sheet"))
CASES.append(
    Case(
        "sheet_fake_xlsx",
        lambda f: sheet(f, b"PK\3\4nonsense", "s.xlsx"),
        "E-SHEET-FORMAT",
        "sheet",
    )
)
CASES.append(
    Case("sheet_of_unknown_kind", lambda f: sheet(f, b"a", "s.docx"), "E-SHEET-FORMAT", "sheet")
)
CASES.append(Case("sheet_absent", lambda f: f / "none.csv", "E-FILE-MISSING", "sheet"))
