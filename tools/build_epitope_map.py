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


class Names:
    """Spellings with the genes they stand for, as the tables are read one after the other."""

    def __init__(self) -> None:
        """Start empty, with the current symbols at hand."""
        self.symbols, self.renamed = current_symbols()
        self.genes: dict[str, set[str]] = defaultdict(set)
        self.shown: dict[str, str] = {}

    def now(self, gene: str) -> str:
        """Give the current symbol of a gene."""
        return gene if gene in self.symbols else self.renamed.get(gene, gene)

    def add(self, name: str, gene: str) -> None:
        """Let a spelling stand for a gene, unless no gene's RNA reports it."""
        if key(name) and key(name) not in REFUSED:
            self.genes[key(name)].add(self.now(gene))
            self.shown.setdefault(key(name), name)

    def rows(self) -> list[tuple[tuple[str, ...], str]]:
        """Genes and their spellings, sorted."""
        by_genes: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for spelling, targets in self.genes.items():
            by_genes[tuple(sorted(targets))].add(self.shown[spelling])
        order = {g: sorted(n, key=lambda n: (n.upper(), n)) for g, n in by_genes.items()}
        return [(genes, "|".join(names)) for genes, names in sorted(order.items())]


def build_map(cd: Path, antibodies: Path, panel: Path) -> str:
    """Join the three tables to the text of the map."""
    names = Names()
    cd_of: dict[str, str] = {}
    routine: dict[str, tuple[str, str]] = {}
    for row in rows(panel):
        gene, name = names.now(row["symbol"]), row["epitope"].split("(")[0]
        names.add(row["symbol"], gene)
        names.add(name, gene)
        if name.startswith("CD") and name[2:3].isdigit():
            cd_of[gene] = name
        clones = {"R": "routine", "M": "specialist"}[row["facs_clone_routine(R)_or_specialist(M)"]]
        routine[gene] = (row["surfy_category"], clones)
    for name, gene in OWN_NAMES.items():
        names.add(name, gene)
        names.add(gene, gene)
    for row in rows(cd):
        gene = names.now(row["gene"])
        names.add(row["cd_name"], gene)
        names.add(gene, gene)
        if key(row["cd_name"]) not in REFUSED:
            cd_of.setdefault(gene, row["cd_name"])
    own, known = set(names.genes), {g for targets in names.genes.values() for g in targets}
    for row in rows(antibodies):
        gene, name = names.now(row["gene"]), row["antibody_name"]
        plain = "(" not in name and " " not in name and row["genes_for_name"] == "1"
        if plain and gene in known and key(name) not in own:
            names.add(name, gene)
    lines = ["# CD names, genes and spellings; built by tools/build_epitope_map.py, see NOTICE",
             "genes\tcd\tsurface_call\tconjugates\tspellings"]  # fmt: skip
    for genes, spellings in names.rows():
        first = genes[0] if len(genes) == 1 else ""
        call, clones = routine.get(first, ("", ""))
        lines.append("\t".join([" ".join(genes), cd_of.get(first, ""), call, clones, spellings]))
    return "\n".join(lines) + "\n"


def main() -> int:
    """Join the tables and write the map."""
    parser = argparse.ArgumentParser(description="Build the epitope map.")
    for name in ("cd", "antibodies", "panel"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    text = build_map(args.cd, args.antibodies, args.panel)
    OUT.write_text(text, encoding="utf-8")
    print(f"{len(text.splitlines()) - 2} rows", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
