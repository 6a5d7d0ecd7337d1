"""Build ``src/imscope/evidence/data/surface.tsv.gz`` from public tables of surface proteins.

    python tools/build_surface_table.py TABLES --date 2026-11-23

``TABLES`` holds ``surfy.tsv`` (predicted surfaceome, PNAS 2018 table S3), ``cspa.tsv`` (mass
spectrometry atlas, PLoS ONE 2015 S2 File) and ``cd_molecules.tsv`` (CD names of HGNC). Only facts
are taken: which protein is listed where, under which identifier and CD name. Vendor catalogues are
not bundled. The lists below are our own. The output is the same for the same tables and date.
"""

import argparse
import csv
import gzip
import io
import re
from collections import defaultdict
from pathlib import Path

COLUMNS = ("gene", "uniprot", "cd_names", "status", "in_surfy", "cspa", "partners")
CURATED = (
    "CD3D", "CD3E", "CD3G", "CD81", "CD99", "CD164", "CD59", "TFRC", "PDPN", "GYPB", "THY1",
    "NT5E", "CD24", "CD52", "CD48", "CD207", "CD209", "CLEC10A", "CLEC4A", "CLEC4C", "CLEC4D",
    "KLRD1", "LILRB4", "MS4A4A", "TNFRSF10B", "TNFRSF12A", "TNFRSF13C", "TNFSF10", "TNFSF13",
    "TNFSF14", "TNFSF9",
)  # fmt: skip
"""Proteins stained on living cells that the lists miss (tetraspanins, type II, short tails)."""
NOT_SURFACE = {"B2M": "secreted_or_dual", "CD247": "intracellular", "LOX": "secreted_or_dual"}
GLYCANS = {"FUT4": "CD15", "B3GAT1": "CD57", "ST3GAL2": "SSEA-4", "B4GALNT1": "GD2"}
"""Enzymes whose RNA is no proxy of the sugar that the antibody binds."""
SECRETED = ("ANXA5", "LGALS3", "LGALS9", "TGFB1")
RECEPTOR_CHAIN = re.compile(r"TR[ABDG]([CVJD]\d*(-\d+)?)?|IG[HKL]([ADEGMCVJ]\d*(-\d+)?)?")
COMPLEXES = (
    ("HLA-A", "HLA-B", "HLA-C"), ("ITGAL", "ITGB2"), ("CEACAM1", "CEACAM5", "CEACAM6"),
    ("GYPA", "GYPB"), ("KIR2DL1", "KIR2DS1", "KIR2DS3", "KIR2DS5"), ("KIR2DL2", "KIR2DL3"),
    ("TRAC", "TRBC1", "TRBC2"), ("TRDC", "TRGC1", "TRGC2"), ("KLRD1", "KLRC1"),
)  # fmt: skip
"""Antibodies that bind a complex or several relatives: RNA of one gene does not tell the signal."""


def rows(path: Path) -> list[dict[str, str]]:
    """Read a tab-separated table."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def new_names(path: Path) -> dict[str, str]:
    """Former symbol to the one in use, from the bundled gene table."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        table = csv.DictReader((x for x in handle if not x.startswith("#")), delimiter="\t")
        return {old: row["symbol"] for row in table for old in row["previous"].split("|") if old}


def status_of(gene: str, surfy: bool, cspa: str) -> str:
    """Say what kind of target a gene is."""
    if gene in NOT_SURFACE:
        return NOT_SURFACE[gene]
    if gene in GLYCANS:
        return "glycan_epitope"
    if gene in SECRETED:
        return "secreted_or_dual"
    if RECEPTOR_CHAIN.fullmatch(gene):
        return "antigen_receptor_chain"
    if surfy:
        return "surface"
    if gene in CURATED:
        return "surface_curated"
    return "surface_ms_evidence" if cspa in "12" else "unspecific"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", type=Path)
    parser.add_argument("--date", required=True, help="date of the build, YYYY-MM-DD")
    home = Path(__file__).parents[1] / "src/imscope/evidence/data/surface.tsv.gz"
    parser.add_argument("--out", type=Path, default=home)
    args = parser.parse_args()
    cd: dict[str, set[str]] = defaultdict(set)
    current: dict[str, str] = {}
    for row in rows(args.tables / "cd_molecules.tsv"):
        cd[row["gene"]].add(row["cd_name"])  # symbols of HGNC, in use
        for uniprot in row["uniprot"].split("|"):
            current[uniprot] = row["gene"]
    renamed = new_names(home.parents[2] / "io/data/genes.tsv.gz")
    genes: dict[str, dict[str, str]] = {}
    for name, key in (("surfy", "in_surfy"), ("cspa", "cspa")):
        for row in rows(args.tables / f"{name}.tsv"):
            gene = current.get(row["uniprot"]) or renamed.get(row["gene"], row["gene"])
            if not gene or gene == "0":
                continue
            entry = genes.setdefault(gene, {"uniprot": row["uniprot"]})
            value = "1" if name == "surfy" else row["category"][:1]
            entry[key] = min(entry.get(key, value), value)
    uniprots = {g: u for u, g in current.items() if u}
    for gene in [*(renamed.get(g, g) for g in cd), *CURATED, *GLYCANS, *SECRETED]:
        genes.setdefault(gene, {"uniprot": uniprots.get(gene, "")})
    partners = {g: "|".join(x for x in group if x != g) for group in COMPLEXES for g in group}
    text = io.StringIO()
    text.write(f"# imscope surface proteins (human), built {args.date}\n")
    text.write("# SURFY: doi:10.1073/pnas.1808790115; CSPA: doi:10.1371/journal.pone.0121314\n")
    text.write("# (CC BY 4.0); CD names: HGNC (CC0)\n")
    text.write("\t".join(COLUMNS) + "\n")
    for gene in sorted(genes):
        entry = genes[gene]
        status = status_of(gene, "in_surfy" in entry, entry.get("cspa", ""))
        if status == "surface_ms_evidence" and not entry.get("cspa"):
            status = "unspecific" if gene not in cd else "cd_name_only"
        values = [
            gene, entry["uniprot"], "|".join(sorted(cd.get(gene, ()))), status,
            entry.get("in_surfy", "0"), entry.get("cspa", ""), partners.get(gene, ""),
        ]  # fmt: skip
        text.write("\t".join(values) + "\n")
    args.out.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
    print(f"{args.out}: {len(genes)} genes, {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
