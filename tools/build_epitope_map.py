"""Build ``src/imscope/evidence/data/epitopes.tsv``: names on an antibody's label, and their gene.

    python tools/build_epitope_map.py --cd cd_molecules.tsv --antibodies antibody_name_to_gene.tsv \
        --panel surface_panel.tsv

The three tables are facts: CD names with HGNC symbols, spellings of antibody targets, and the
project's own panel. Symbols are brought up to date with the bundled gene table. Epitopes that no
gene's RNA reports (glycans, Stro-1) are left out here: `epitopes.yaml` names them with the reason.
The output is the same for the same tables.
"""

import argparse
import csv
import gzip
import sys
from collections import defaultdict
from pathlib import Path

DATA = Path(__file__).parent.parent / "src" / "imscope"
OUT = DATA / "evidence" / "data" / "epitopes.tsv"
GENES = DATA / "io" / "data" / "genes.tsv.gz"
REFUSED = {
    *("CD15", "CD57", "SSEA1", "SSEA3", "SSEA4", "HNK1", "STRO1", "GD2", "TRA160", "TRA181"),
    *("TRA160R", "CD60", "CD65", "CD75", "CD77", "CD173", "CD174", "CD175", "CD176"),
}
OWN_NAMES = {
    "Endoglin": "ENG", "Thy-1": "THY1", "5'-nucleotidase": "NT5E", "PD-L1": "CD274",
    "PD-L2": "PDCD1LG2", "p75NTR": "NGFR", "LNGFR": "NGFR", "Tetherin": "BST2", "HM1.24": "BST2",
    "NG2": "CSPG4", "VCAM-1": "VCAM1", "MUC18": "MCAM", "Tissue factor": "F3", "VEGFR2": "KDR",
    "Flk-1": "KDR", "Apelin receptor": "APLNR", "CLL-1": "CLEC12A", "gp38": "PDPN",
    "Podoplanin": "PDPN", "Podocalyxin": "PODXL", "Endosialin": "CD248", "TEM1": "CD248",
    "HLA-DR": "HLA-DRA", "W5C5": "SUSD2", "W3D5": "SUSD2", "Notch1": "NOTCH1",
    "Notch 1": "NOTCH1", "ALDH1A1": "ALDH1A1", "PDGFRalpha": "PDGFRA", "PDGFRbeta": "PDGFRB",
}  # fmt: skip


def rows(path: Path) -> list[dict[str, str]]:
    """Read a tab-separated table with a header."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def key(name: str) -> str:
    """Spelling without case, spaces and signs."""
    return "".join(c for c in name.upper() if c.isalnum())


def current_symbols() -> tuple[set[str], dict[str, str]]:
    """Symbols of the bundled gene table, and previous symbols that lead to exactly one of them."""
    symbols: set[str] = set()
    leads: dict[str, set[str]] = defaultdict(set)
    with gzip.open(GENES, "rt", encoding="utf-8", newline="") as handle:
        lines = (line for line in handle if not line.startswith("#"))
        for row in csv.DictReader(lines, delimiter="\t"):
            symbols.add(row["symbol"])
            for old in filter(None, row["previous"].replace(",", "|").split("|")):
                leads[old].add(row["symbol"])
    return symbols, {old: next(iter(new)) for old, new in leads.items() if len(new) == 1}


def main() -> int:
    """Join the tables and write the map."""
    parser = argparse.ArgumentParser(description="Build the epitope map.")
    for name in ("cd", "antibodies", "panel"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    symbols, renamed = current_symbols()

    def now(gene: str) -> str:
        return gene if gene in symbols else renamed.get(gene, gene)

    genes: dict[str, set[str]] = defaultdict(set)  # spelling without signs -> genes
    shown: dict[str, str] = {}
    cd_of: dict[str, str] = {}
    routine: dict[str, tuple[str, str]] = {}

    def add(name: str, gene: str) -> None:
        if key(name) and key(name) not in REFUSED:
            genes[key(name)].add(now(gene))
            shown.setdefault(key(name), name)

    for row in rows(args.panel):
        gene = now(row["symbol"])
        add(row["symbol"], gene)
        name = row["epitope"].split("(")[0]
        add(name, gene)
        if name.startswith("CD") and name[2:3].isdigit():
            cd_of[gene] = name
        routine[gene] = (row["surfy_category"], row["facs_clone_routine(R)_or_specialist(M)"])
    for name, gene in OWN_NAMES.items():
        add(name, gene)
        add(gene, gene)
    for row in rows(args.cd):
        add(row["cd_name"], row["gene"])
        add(now(row["gene"]), row["gene"])
        if key(row["cd_name"]) not in REFUSED:
            cd_of.setdefault(now(row["gene"]), row["cd_name"])
    own = {k: set(v) for k, v in genes.items()}
    for row in rows(args.antibodies):
        gene = now(row["gene"])
        plain = "(" not in row["antibody_name"] and " " not in row["antibody_name"]
        known = any(gene in v for v in own.values())
        if (
            row["genes_for_name"] == "1"
            and plain
            and known
            and key(row["antibody_name"]) not in own
        ):
            add(row["antibody_name"], gene)
    by_genes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for spelling, targets in genes.items():
        by_genes[tuple(sorted(targets))].append(shown[spelling])
    lines = ["# CD names, genes and spellings; built by tools/build_epitope_map.py, see NOTICE",
             "genes\tcd\tsurface_call\tconjugates\tspellings"]  # fmt: skip
    for targets, names in sorted(by_genes.items()):
        first = targets[0] if len(targets) == 1 else ""
        call, clones = routine.get(first, ("", ""))
        word = {"R": "routine", "M": "specialist"}.get(clones, "")
        spellings = "|".join(sorted(set(names), key=lambda n: (n.upper(), n)))
        lines.append("\t".join([" ".join(targets), cd_of.get(first, ""), call, word, spellings]))
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines) - 2} rows, {len(genes)} spellings", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
