"""Build ``src/imscope/evidence/data/regulons.tsv.gz`` from a table of permissively licensed pairs.

    python tools/build_regulon_table.py permissive_regulons.tsv.gz

The input holds regulator, target, sign, number of papers and source of pairs that are curated
(NTNU) or found by text mining (ExTRI) in at least two papers; both are CC BY 4.0. Former gene
symbols become those in use, pairs that fall together are joined (most papers; a sign only where all
agree). The input is pinned by its hash; the output is the same bytes each time.
"""

import argparse
import csv
import gzip
import hashlib
import io
from pathlib import Path

SHA256 = "03675a76f30a1a0955c663f8634e72b7569755dde8b53347c07a57794808888c"
COLUMNS = ("regulator", "target", "sign", "papers", "from", "licence")
LICENCES = {"ExTRI": "CC BY 4.0", "NTNU": "CC BY 4.0"}
"""Licence of each source that may be shipped; a pair from any other stops the build."""
HOME = Path(__file__).parents[1] / "src/imscope/evidence/data/regulons.tsv.gz"


def current_names(path: Path) -> dict[str, str]:
    """Former symbol to the one in use, where it is not in use itself and only one gene had it."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        table = list(csv.DictReader((x for x in handle if not x.startswith("#")), delimiter="\t"))
    used = {row["symbol"] for row in table}
    owners: dict[str, set[str]] = {}
    for row in table:
        for old in filter(None, row["previous"].split("|")):
            owners.setdefault(old, set()).add(row["symbol"])
    return {o: next(iter(n)) for o, n in owners.items() if len(n) == 1 and o not in used}


def build(content: bytes, names: dict[str, str]) -> bytes:
    """Packed table made of the packed input."""
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise SystemExit(f"the input is not the pinned one: sha256 {found}")
    pairs: dict[tuple[str, str], dict[str, object]] = {}
    text = gzip.decompress(content).decode("utf-8")
    for row in csv.DictReader(io.StringIO(text), delimiter="\t"):
        sources = set(row["from"].split("|"))
        if foreign := sources - set(LICENCES):
            raise SystemExit(f"no licence is known for {sorted(foreign)}")
        key = (names.get(row["source"], row["source"]), names.get(row["target"], row["target"]))
        sign = row["sign"] if row["sign"] in ("+", "-") else "?"
        old = pairs.get(key)
        if old is None:
            pairs[key] = {"sign": sign, "papers": int(row["n_pmid"]), "from": sources}
            continue
        old["from"] |= sources  # type: ignore[operator]
        old["papers"] = max(int(str(old["papers"])), int(row["n_pmid"]))
        old["sign"] = sign if old["sign"] == sign else "?"
    out = io.StringIO()
    out.write("# imscope regulons (human): pairs of regulator and target, sign audited: no\n")
    out.write("# ExTRI and NTNU curation, repository Rbbt-Workflows/ExTRI, CC BY 4.0; changed:\n")
    out.write("# symbols brought up to date, pairs counted, sentences left out\n")
    out.write("\t".join(COLUMNS) + "\n")
    for (regulator, target), row in sorted(pairs.items()):
        sources = sorted(row["from"])  # type: ignore[call-overload]
        licence = "|".join(sorted({LICENCES[s] for s in sources}))
        values = (regulator, target, row["sign"], row["papers"], "|".join(sources), licence)
        out.write("\t".join(map(str, values)) + "\n")
    return gzip.compress(out.getvalue().encode(), 9, mtime=0)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, default=HOME)
    args = parser.parse_args()
    names = current_names(HOME.parents[2] / "io/data/genes.tsv.gz")
    args.out.write_bytes(build(args.pairs.read_bytes(), names))
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
