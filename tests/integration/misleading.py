"""Small inputs that look right and are not, or look wrong and are right: each with its answer.

``WRONG`` ends in a documented code; ``RIGHT`` is read, with a notice and the values it must have.
"""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp

from imscope.io.genes import gene_table


@dataclass(frozen=True)
class Case:
    """One input: how it is made, its code (an error or a notice), and what must hold."""

    name: str
    make: Callable[[Path], Path]
    code: str = ""
    holds: Callable[[object], bool] = lambda _: True
    reader: str = "counts"


WRONG: list[Case] = []
RIGHT: list[Case] = []
N_CELLS, N_GENES = 40, 260


def some_genes():
    table = gene_table()
    coding = table[(table["biotype"] == "protein_coding") & (table["chromosome"] != "MT")]
    plain = coding[coding["symbol"].str.fullmatch(r"[A-Z][A-Z0-9]+")]
    plain = plain[~plain["symbol"].duplicated(keep=False)].iloc[:: len(plain) // N_GENES]
    mito = table[(table["chromosome"] == "MT") & table["symbol"].str.fullmatch(r"MT-ND\d")]
    hla = table[table["symbol"].isin(["HLA-A", "HLA-B", "HLA-C"]) & (table["chromosome"] == "6")]
    chosen = pd.concat([mito, hla, plain]).iloc[:N_GENES]
    return list(chosen.index.astype(str)), [str(s) for s in chosen["symbol"]]


IDS, SYMBOLS = some_genes()
RNG = np.random.default_rng(3)
DEPTH = RNG.lognormal(0, 0.35, N_CELLS)
MEAN = RNG.lognormal(0.2, 1.0, N_GENES)
COUNTS = RNG.poisson(DEPTH[:, None] * MEAN * RNG.gamma(4, 0.25, (N_CELLS, N_GENES)))
CELLS = ["".join(RNG.choice(list("ACGT"), 16)) + "-1" for _ in range(N_CELLS)]
TEXT = h5py.string_dtype()


# ---- writers ---------------------------------------------------------------------------------
def put(top, name, values):
    top.create_dataset(name, data=np.array([str(v) for v in values], dtype=object), dtype=TEXT)


def frame(top, name, index, columns=None):
    g = top.create_group(name)
    g.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
    g.attrs["column-order"] = np.array(list(columns or {}), dtype=TEXT)
    put(g, "_index", index)
    for key, values in (columns or {}).items():
        put(g, key, values)


def h5ad(folder, counts=COUNTS, genes=IDS, cells=CELLS, var=None, obs=None, layout="csr"):
    path = folder / "x.h5ad"
    kind = np.float32 if np.asarray(counts).dtype.kind != "f" else np.float64
    with h5py.File(path, "w") as top:
        top.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        if layout == "dense":
            top.create_dataset("X", data=np.asarray(counts, dtype=kind))
        else:
            m = (sp.csr_matrix if layout == "csr" else sp.csc_matrix)(counts)
            g = top.create_group("X")
            g.attrs.update({"encoding-type": f"{layout}_matrix", "encoding-version": "0.1.0"})
            g.attrs["shape"] = np.array(m.shape)
            g["data"], g["indices"], g["indptr"] = m.data.astype(kind), m.indices, m.indptr
        frame(top, "obs", cells, obs)
        frame(top, "var", genes, var)
    return path


def tenx(folder, counts=COUNTS, genes=IDS, cells=CELLS, symbols=None, name="x.h5", types=None):
    path = folder / name
    m = sp.csr_matrix(counts)
    with h5py.File(path, "w") as top:
        g = top.create_group("matrix")
        g["data"], g["indices"], g["indptr"] = m.data, m.indices, m.indptr
        g["shape"] = np.array(m.shape[::-1], dtype=np.int32)
        put(g, "barcodes", cells)
        f = g.create_group("features")
        put(f, "id", genes)
        put(f, "name", symbols or genes)
        put(f, "feature_type", types or ["Gene Expression"] * len(genes))
    return path


def mmwrite(path, matrix):
    out = io.BytesIO()
    whole = np.asarray(matrix.data).dtype.kind in "iu"
    scipy.io.mmwrite(out, sp.coo_matrix(matrix), field="integer" if whole else "real")
    path.write_bytes(gzip.compress(out.getvalue()) if path.suffix == ".gz" else out.getvalue())


def lines(path, values):
    text = "".join(f"{v}\n" for v in values).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def mtx(folder, counts=COUNTS, genes=IDS, cells=CELLS):
    folder.mkdir(parents=True, exist_ok=True)
    mmwrite(folder / "matrix.mtx", sp.coo_matrix(np.asarray(counts).T))
    lines(folder / "features.tsv", genes)
    lines(folder / "barcodes.tsv", cells)
    return folder


def csv(folder, counts=COUNTS, genes=SYMBOLS, cells=CELLS, name="x.csv", head="", turned=False):
    table = pd.DataFrame(np.asarray(counts), index=cells, columns=genes)
    path = folder / name
    path.write_text(head + (table.T if turned else table).to_csv())
    return path


WRITERS = {"h5ad": h5ad, "tenx": tenx, "mtx": mtx, "csv": csv}


def total(cells):
    return int(sum(cells.source.read(k, k + 1).data.sum() for k in range(cells.n_cells)))


def same(cells):
    """The counts are those of the beginning, cell by cell and gene by gene, under their ids."""
    block = cells.source.read(0, cells.n_cells)
    made = sp.csr_array(
        (block.data, block.indices, block.indptr), (cells.n_cells, cells.n_features)
    )
    place = {str(g): k for k, g in enumerate(cells.features["feature_id"])}
    order = [place.get(g, -1) for g in IDS]
    return min(order) >= 0 and bool((made.toarray()[:, order] == COUNTS).all())


# ---- whole numbers that are no counts --------------------------------------------------------
SUMS = COUNTS.sum(axis=1, keepdims=True)
DOWN = np.stack([RNG.multinomial(400, row / row.sum()) for row in COUNTS])
NO_COUNTS = {
    "cp10k": (np.rint(COUNTS / SUMS * 1e4), "E-MATRIX-ROUNDED"),
    "cpm": (np.rint(COUNTS / SUMS * 1e6), "E-MATRIX-ROUNDED"),
    "median_scaled": (np.rint(COUNTS / SUMS * np.median(SUMS)), "E-MATRIX-ROUNDED"),
    "doubled": (COUNTS * 2, "E-MATRIX-ROUNDED"),
    "tenfold": (COUNTS * 10, "E-MATRIX-ROUNDED"),
    "one_and_a_half": (np.rint(COUNTS * 1.6), "E-MATRIX-ROUNDED"),
    "binary": ((COUNTS > 0) * 1, "E-MATRIX-BINARY"),
}
for kind, write in WRITERS.items():
    RIGHT.append(
        Case(f"{kind}_one_depth", lambda f, w=write: w(f, DOWN), "W-MATRIX-ONE-DEPTH",
             lambda cells: total(cells) == 400 * N_CELLS)
    )  # fmt: skip
FRACTIONS = {
    "soupx": COUNTS * 0.93,
    "decontx": COUNTS * RNG.uniform(0.75, 1, COUNTS.shape),
    "em": COUNTS + np.where(COUNTS % 3 == 1, 0.25, 0),
    "unlogged_cp10k": COUNTS / SUMS * 1e4,
    "unlogged_cpm": COUNTS / SUMS * 1e6,
}
for word, (matrix, code) in NO_COUNTS.items():
    whole = np.asarray(matrix).astype(np.int64)
    for kind, write in WRITERS.items():
        WRONG.append(Case(f"{kind}_{word}", lambda f, m=whole, w=write: w(f, m), code))
for word, matrix in FRACTIONS.items():
    for kind in ("h5ad", "mtx", "csv"):
        make = WRITERS[kind]
        WRONG.append(
            Case(f"{kind}_{word}", lambda f, m=matrix, w=make: w(f, m), "E-MATRIX-NO-COUNTS")
        )

# ---- names that are no genes -----------------------------------------------------------------
STRANGERS = {
    "entrez": [str(4000 + 7 * k) for k in range(N_GENES)],
    "index": [str(k) for k in range(N_GENES)],
    "affymetrix": [f"{200_000 + k}_s_at" for k in range(N_GENES)],
    "illumina": [f"ILMN_{1_650_000 + k}" for k in range(N_GENES)],
    "transcripts": [f"ENST{k:011d}.2" for k in range(300, 300 + N_GENES)],
    "refseq": [f"NM_{k:06d}" for k in range(N_GENES)],
    "uniprot": [f"P{10000 + k}" for k in range(N_GENES)],
    "zebrafish": [f"ENSDARG{k:011d}" for k in range(N_GENES)],
    "peaks": [f"chr1-{1000 * k}-{1000 * k + 500}" for k in range(1, N_GENES + 1)],
    "placeholders": [f"feature_{k}" for k in range(N_GENES)],
    "half": [g if k % 5 < 2 else f"what_{k}" for k, g in enumerate(IDS)],
}
for word, names in STRANGERS.items():
    for kind in ("h5ad", "tenx", "mtx"):
        make = WRITERS[kind]
        WRONG.append(
            Case(f"{kind}_{word}", lambda f, n=names, w=make: w(f, genes=n), "E-GENES-UNMAPPED")
        )
for word in ("entrez", "affymetrix", "peaks", "placeholders"):
    names = STRANGERS[word]
    WRONG.append(Case(f"csv_{word}", lambda f, n=names: csv(f, genes=n), "E-CSV-ORIENTATION"))

# ---- names that were changed on the way ------------------------------------------------------
CHANGED = {
    "r_names": [s.replace("-", ".") for s in SYMBOLS],
    "id_symbol": [f"{i}_{s}" for i, s in zip(IDS, SYMBOLS, strict=True)],
    "id_bar_symbol": [f"{i}|{s}|p1" for i, s in zip(IDS, SYMBOLS, strict=True)],
    "symbol_id": [f"{s}_{i}" for i, s in zip(IDS, SYMBOLS, strict=True)],
    "quoted": [f'"{s}"' for s in SYMBOLS],
    "prefix": [f"gene:{i}" for i in IDS],
    "lower_case": [s.lower() for s in SYMBOLS],
    "seurat_genome": [f"GRCh38-{s}" for s in SYMBOLS],
}
for word, names in CHANGED.items():
    for kind in ("h5ad", "tenx", "mtx"):
        make = WRITERS[kind]
        code = "" if (kind, word) == ("mtx", "quoted") else "W-GENES-RESTORED"
        RIGHT.append(Case(f"{kind}_{word}", lambda f, n=names, w=make: w(f, genes=n), code, same))
for word, names in {
    "versions": [f"{i}.7" for i in IDS],
    "genome": [f"GRCh38_{i}" for i in IDS],
}.items():
    for kind in ("h5ad", "tenx", "mtx"):
        make = WRITERS[kind]
        RIGHT.append(Case(f"{kind}_{word}", lambda f, n=names, w=make: w(f, genes=n), "", same))
NUMBERS = [str(k) for k in range(N_GENES)]
for column in ("gene_name", "feature_name", "my own label", "ensembl"):
    values = IDS if column == "ensembl" else SYMBOLS
    RIGHT.append(
        Case(
            f"h5ad_names_in_{column.replace(' ', '_')}",
            lambda f, c=column, v=values: h5ad(f, genes=NUMBERS, var={c: v}),
            "" if column == "ensembl" else "W-GENES-COLUMN",
            same,
        )
    )


def probes(folder):
    """Two probes for each gene, their counts split."""
    first = RNG.binomial(COUNTS, 0.4)
    names = [f"{i}|{s}|{k}" for k in "ab" for i, s in zip(IDS, SYMBOLS, strict=True)]
    return h5ad(folder, np.hstack([first, COUNTS - first]), names)


RIGHT.append(Case("h5ad_probes_are_summed", probes, "W-GENES-PROBES", same))

# ---- the wrong way round ---------------------------------------------------------------------
for layout in ("csr", "csc", "dense"):
    RIGHT.append(
        Case(
            f"h5ad_turned_{layout}",
            lambda f, k=layout: h5ad(f, COUNTS.T, genes=CELLS, cells=IDS, layout=k),
            "W-MATRIX-TRANSPOSED",
            same,
        )
    )
RIGHT += [
    Case("tenx_turned", lambda f: tenx(f, COUNTS.T, CELLS, IDS), "W-MATRIX-TRANSPOSED", same),
    Case("mtx_turned", lambda f: mtx(f, COUNTS.T, CELLS, IDS), "W-MATRIX-TRANSPOSED", same),
    Case("h5ad_turned_symbols", lambda f: h5ad(f, COUNTS.T, CELLS, SYMBOLS), "W-MATRIX-TRANSPOSED",
         same),
    Case("csv_turned", lambda f: csv(f, turned=True), "", same),
    Case("csv_straight", csv, "", same),
]  # fmt: skip

# ---- sums among the genes and cells ----------------------------------------------------------
for word in (
    "Total",
    "total_counts",
    "__no_feature",
    "N_unmapped",
    "Sum",
    "nCount_RNA",
    "unassigned",
):
    names = [*IDS, word]
    more = np.hstack([COUNTS, SUMS if word != "N_unmapped" else SUMS // 3])
    for kind in ("h5ad", "csv"):
        make = WRITERS[kind]
        RIGHT.append(
            Case(
                f"{kind}_row_{word.strip('_')}",
                lambda f, n=names, m=more, w=make: w(f, m, genes=n),
                "W-GENES-NOT-GENES",
                same,
            )
        )
RIGHT.append(
    Case("h5ad_row_of_sums_by_any_name", lambda f: h5ad(f, np.hstack([COUNTS, SUMS]), [*IDS, "alles"]),  # noqa: E501
         "W-GENES-NOT-GENES", same)
)  # fmt: skip
BOTTOM = np.vstack([COUNTS, COUNTS.sum(axis=0)])
for word in ("Total", "Length", "my_sum"):
    RIGHT.append(
        Case(f"csv_cell_{word}", lambda f, w=word: csv(f, BOTTOM, cells=[*CELLS, w]),
             "W-GENES-NOT-GENES", same)
    )  # fmt: skip

# ---- features of other kinds -----------------------------------------------------------------
TAGS = RNG.poisson(30, (N_CELLS, 3))
for word, names, code in (
    ("abseq", ["CD105|ENG|AHS0053|pAbO", "CD73|NT5E|AHS0068|pAbO", "IgG1|x|AHS0002|pAbO"],
     "W-FEATURES-TYPED"),
    ("adt", ["ADT_CD105", "ADT_CD73", "HTO_1"], "W-PROTEIN-ROLES"),
    ("ercc", ["ERCC-00002", "ERCC-00003", "eGFP"], "W-GENES-SPIKES"),
):  # fmt: skip
    both = np.hstack([COUNTS, TAGS])
    for kind in ("h5ad", "csv"):
        make, base = WRITERS[kind], SYMBOLS
        RIGHT.append(
            Case(f"{kind}_{word}", lambda f, m=both, n=[*base, *names], w=make: w(f, m, genes=n),
                 code, same)
        )  # fmt: skip


# ---- deliveries ------------------------------------------------------------------------------
def parse(folder):
    here = folder / "S1" / "DGE_filtered"
    here.mkdir(parents=True)
    mmwrite(here / "DGE.mtx", COUNTS)
    table = pd.DataFrame({"gene_id": IDS, "gene_name": SYMBOLS, "genome": "hg38"})
    table.to_csv(here / "all_genes.csv", index=False)
    wells = pd.DataFrame({"bc_wells": [f"{k:02d}_01_02" for k in range(N_CELLS)], "sample": "S1"})
    wells.to_csv(here / "cell_metadata.csv", index=False)
    return folder / "S1"


def kb(folder, name="cells_x_genes"):
    here = folder / "counts_filtered"
    here.mkdir()
    mmwrite(here / f"{name}.mtx", COUNTS)
    lines(here / "cells_x_genes.barcodes.txt", CELLS)
    lines(here / "cells_x_genes.genes.txt", [f"{i}.3" for i in IDS])
    lines(here / "cells_x_genes.genes.names.txt", SYMBOLS)
    return folder


def kb_nucleus(folder):
    kb(folder, "cells_x_genes.nucleus")
    mmwrite(folder / "counts_filtered/cells_x_genes.ambiguous.mtx", COUNTS // 5)
    return folder / "counts_filtered"


def alevin(folder, usa=False):
    here = folder / "alevin"
    here.mkdir()
    wide = np.hstack([COUNTS // 2, COUNTS - COUNTS // 3, COUNTS // 3])
    mmwrite(here / "quants_mat.mtx", wide if usa else COUNTS)
    lines(here / "quants_mat_rows.txt", CELLS)
    names = [*(f"{i}-U" for i in IDS), *IDS, *(f"{i}-A" for i in IDS)] if usa else IDS
    lines(here / "quants_mat_cols.txt", names)
    return folder


def star(folder):
    for kind, counts in (("filtered", COUNTS), ("raw", np.vstack([COUNTS, COUNTS // 9]))):
        cells = [*CELLS, *(f"{c[:-4]}AAAA" for c in CELLS)][: len(counts)]
        mtx(folder / "Solo.out/Gene" / kind, counts, cells=cells)
    mmwrite(folder / "Solo.out/Gene/filtered/UniqueAndMult-EM.mtx", COUNTS.T * 1.1)
    return folder


def outs(folder):
    here = folder / "24-117-01" / "outs"
    here.mkdir(parents=True)
    tenx(here, symbols=SYMBOLS, name="filtered_feature_bc_matrix.h5")
    more = np.vstack([COUNTS, COUNTS // 9])
    cells = [*CELLS, *(f"{c[:-4]}AA-1" for c in CELLS)]
    tenx(here, more, cells=cells, name="raw_feature_bc_matrix.h5")
    (here / "web_summary.html").write_text("<html>")
    (here / "metrics_summary.csv").write_text("a,b\n1,2\n")
    return folder / "24-117-01"


def seurat(folder, style):
    here = folder
    mmwrite(here / "counts.mtx", COUNTS.T)
    if style == "quoted":
        pd.DataFrame({"x": SYMBOLS}).to_csv(here / "genes.csv")
        meta = pd.DataFrame({"orig.ident": "s1", "lot": "L007"}, index=CELLS)
        meta.to_csv(here / "metadata.csv")
    elif style == "header":
        pd.DataFrame({"x": SYMBOLS}).to_csv(here / "features.tsv", sep="\t", quoting=1)
        pd.DataFrame({"x": CELLS}).to_csv(here / "barcodes.tsv", sep="\t", quoting=1)
    else:
        lines(here / "genes.tsv", SYMBOLS)
        lines(here / "barcodes.tsv", CELLS)
    return here


def zipped(folder, inner="tenx", name="x.zip"):
    here = folder / "in"
    here.mkdir()
    WRITERS[inner](here)
    path = folder / name
    with zipfile.ZipFile(path, "w") as z:
        for p in sorted(here.rglob("*")):
            z.write(p, p.relative_to(here))
        z.writestr("__MACOSX/._x.h5", b"junk")
    return path


def tarred(folder):
    mtx(folder / "in" / "filtered_feature_bc_matrix")
    path = folder / "filtered_feature_bc_matrix.tar.gz"
    with tarfile.open(path, "w:gz") as t:
        t.add(folder / "in/filtered_feature_bc_matrix", "filtered_feature_bc_matrix")
    return path


def packed(folder):
    path = folder / "x.h5ad.gz"
    path.write_bytes(gzip.compress(h5ad(folder).read_bytes()))
    return path


def loom(folder):
    path = folder / "x.loom"
    with h5py.File(path, "w") as top:
        top["matrix"] = COUNTS.T.astype(np.float32)
        for name in ("row_attrs", "col_attrs", "layers"):
            top.create_group(name)
        put(top["row_attrs"], "Gene", SYMBOLS)
        put(top["row_attrs"], "Accession", IDS)
        put(top["col_attrs"], "CellID", CELLS)
    return path


BD = "##BD Rhapsody Analysis Pipeline\n##Version: 1.12\n#######\n"
RIGHT += [
    Case("parse", parse, "W-DELIVERY-CHOSEN", same),
    Case("kb", kb, "W-DELIVERY-CHOSEN", same),
    Case("kb_nucleus", kb_nucleus, "W-DELIVERY-CHOSEN", same),
    Case("alevin", alevin, "W-DELIVERY-CHOSEN", same),
    Case("alevin_usa", lambda f: alevin(f, usa=True), "W-FEATURES-DROPPED", same),
    Case("starsolo", star, "W-DELIVERY-CHOSEN", same),
    Case("starsolo_gene", lambda f: star(f) / "Solo.out/Gene/filtered", "W-DELIVERY-CHOSEN", same),
    Case("cellranger_sample", outs, "W-DELIVERY-CHOSEN", same),
    Case("cellranger_outs", lambda f: outs(f) / "outs", "W-DELIVERY-CHOSEN", same),
    *(Case(f"seurat_{s}", lambda f, s=s: seurat(f, s), "", same) for s in ("quoted", "header", "plain")),  # noqa: E501
    Case("bd_with_header", lambda f: csv(f, name="S1_RSEC_MolsPerCell.csv", head=BD), "", same),
    *(Case(f"zip_of_{k}", lambda f, k=k: zipped(f, k), "", same) for k in WRITERS),
    Case("tar_gz", tarred, "W-DELIVERY-CHOSEN", same),
    Case("h5ad_gz", packed, "", same),
    Case("loom", loom, "", same),
]  # fmt: skip


def two_samples(folder):
    for name in ("S1", "S2"):
        (folder / "d" / name / "outs").mkdir(parents=True)
        tenx(folder / "d" / name / "outs", name="filtered_feature_bc_matrix.h5")
    return folder / "d"


def bad_zip(folder, name="x.zip", entry="../out.txt"):
    with zipfile.ZipFile(folder / name, "w") as z:
        z.writestr(entry, b"1")
    return folder / name


def tar_link(folder, kind=tarfile.SYMTYPE):
    path = folder / "x.tar"
    with tarfile.open(path, "w") as t:
        info = tarfile.TarInfo("x.h5")
        info.type, info.linkname = kind, "/etc/hostname"
        t.addfile(info)
    return path


def content(name, data):
    def make(folder):
        (folder / name).write_bytes(data)
        return folder / name

    return make


def nested(folder):
    inner = zipped(folder)
    with zipfile.ZipFile(folder / "outer.zip", "w") as z:
        z.write(inner, "inner.zip")
    return folder / "outer.zip"


def zip_of_two(folder):
    two_samples(folder)
    with zipfile.ZipFile(folder / "two.zip", "w") as z:
        for p in sorted((folder / "d").rglob("*.h5")):
            z.write(p, p.relative_to(folder / "d"))
    return folder / "two.zip"


def empty_folder(folder):
    (folder / "e" / "outs").mkdir(parents=True)
    return folder / "e"


WRONG += [
    Case("folder_of_two_samples", two_samples, "E-FILE-SAMPLES"),
    Case("zip_of_two_samples", zip_of_two, "E-FILE-SAMPLES"),
    Case("folder_without_matrix", empty_folder, "E-FILE-FORMAT"),
    Case("zip_leads_out", bad_zip, "E-FILE-ARCHIVE"),
    Case("zip_absolute", lambda f: bad_zip(f, entry="/tmp/out.txt"), "E-FILE-ARCHIVE"),
    Case("zip_drive", lambda f: bad_zip(f, entry="C:/out.txt"), "E-FILE-ARCHIVE"),
    Case("zip_backslash", lambda f: bad_zip(f, entry="..\\out.txt"), "E-FILE-ARCHIVE"),
    Case("zip_of_nothing_known", lambda f: bad_zip(f, entry="notes.pdf"), "E-FILE-FORMAT"),
    Case("zip_is_text", content("x.zip", b"no zip at all"), "E-FILE-ARCHIVE"),
    Case("tar_symlink", tar_link, "E-FILE-ARCHIVE"),
    Case("tar_hardlink", lambda f: tar_link(f, tarfile.LNKTYPE), "E-FILE-ARCHIVE"),
    Case("tar_device", lambda f: tar_link(f, tarfile.CHRTYPE), "E-FILE-ARCHIVE"),
    Case("tar_is_text", content("x.tar.gz", b"no tar at all"), "E-FILE-ARCHIVE"),
    Case("zip_in_zip", nested, "E-FILE-ARCHIVE"),
    Case("h5ad_gz_cut", content("x.h5ad.gz", gzip.compress(b"x" * 5000)[:-9]), "E-FILE-ARCHIVE"),
    Case("h5ad_gz_is_text", content("x.h5ad.gz", b"no gzip"), "E-GZ-DAMAGED"),
    *(Case(f"file_{e}", content(f"x.{e}", b"abc"), "E-FILE-FORMAT")
      for e in ("rds", "RData", "qs", "bam", "fastq.gz", "7z", "xlsx", "cloupe", "joblib", "pdf")),
]  # fmt: skip
