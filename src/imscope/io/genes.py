"""Gene names: Ensembl ids and symbols to one stable id, by a bundled and dated table.

The table (`data/genes.tsv.gz`, human, GENCODE 48 with Ensembl 112 for older ids and HGNC previous
symbols) is made by `tools/build_gene_table.py`; its header and NOTICE name source and licence.
"""

import gzip
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.notice import Notice, first_few

if TYPE_CHECKING:
    import pandas as pd

_ENSEMBL = re.compile(r"^(ENSG\d{11})(?:\.\d+)?(_PAR_Y)?$")
_MOUSE_ID = re.compile(r"^ENSMUSG\d{11}(?:\.\d+)?$")
_GENOME = re.compile(r"^(GRCh38|hg38|hg19|GRCh37|mm10|GRCm38|GRCm39|mm39)(?:_{1,3})(?=\S)")
_MOUSE_GENOMES = ("mm10", "GRCm38", "GRCm39", "mm39")
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_SPREADSHEET = re.compile(
    rf"^(\d{{1,2}}-({_MONTH})(-\d{{2,4}})?|({_MONTH})-\d{{1,4}}|\d{{4}}-\d{{2}}-\d{{2}}( 00:00:00)?"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|[34]\d{4}|\d(\.\d+)?E\+\d+)$",
    re.IGNORECASE,
)
_RIBOSOMAL = re.compile(r"^(RP[SL]\d+(A|X|Y\d)?(L\d?)?|RPSA|RPLP[012])$", re.IGNORECASE)
_HAEMOGLOBIN = frozenset(
    ("HBA1", "HBA2", "HBB", "HBD", "HBE1", "HBG1", "HBG2", "HBM", "HBQ1", "HBZ")
)
_FEW = 0.01  # share of repeated Ensembl ids (genes on both X and Y) that is told, not refused
_NUCLEAR = frozenset(("MALAT1", "NEAT1"))
_X_SILENCING = frozenset(("XIST", "TSIX"))


@lru_cache(maxsize=1)
def gene_table() -> "pd.DataFrame":
    """Read the bundled gene table.

    Returns
    -------
    table
        Indexed by ``feature_id``; columns ``symbol``, ``chromosome`` (`1`-`22`, `X`, `Y`, `MT`,
        `other`), ``biotype``, ``previous`` (symbols joined by ``|``). Treat it as read-only.

    Examples
    --------
    >>> gene_table().loc["ENSG00000135318", "symbol"]
    'NT5E'
    """
    import pandas as pd

    columns = ("feature_id", "symbol", "chromosome", "biotype", "previous")
    return pd.DataFrame(_rows(), columns=list(columns), dtype="str").set_index("feature_id")


@lru_cache(maxsize=1)
def _rows() -> list[list[str]]:
    lines = _text().splitlines()
    return [line.split("\t") for line in lines[_header_lines(lines) + 1 :]]


def _text() -> str:
    path = files("imscope.io") / "data" / "genes.tsv.gz"
    return gzip.decompress(path.read_bytes()).decode("utf-8")


def _header_lines(lines: list[str]) -> int:
    return next(k for k, line in enumerate(lines) if not line.startswith("#"))


def gene_table_version() -> str:
    """First lines of the table's header: date, sources with versions, licences."""
    lines = _text().splitlines()
    return "; ".join(line[2:] for line in lines[: _header_lines(lines)])


def map_genes(
    names: Sequence[str], symbols: Sequence[str] | None = None, *, path: object = ""
) -> "tuple[pd.DataFrame, tuple[Notice, ...]]":
    """Give every feature a stable id and what is known about it; nothing is dropped or guessed.

    Parameters
    ----------
    names
        Ensembl ids (with or without version) or symbols, one per feature.
    symbols
        Symbols, where the file has them beside the ids.
    path
        File, for messages.

    Returns
    -------
    features
        One row per feature, in order: ``feature_id`` (unique), ``symbol``, ``chromosome`` and
        ``biotype`` (empty when unknown), ``mapped`` (is the id in the gene table?), ``source_name``
        (the name in the file).
    notices
        Unmapped, outdated, repeated and spreadsheet-damaged names; mouse features.

    Raises
    ------
    DataError
        A feature has no name, an Ensembl id stands twice, or two species are mixed.

    Examples
    --------
    >>> features, notices = map_genes(["ENSG00000135318.12", "CTGF", "2-Sep"])
    >>> features["feature_id"].tolist(), features["mapped"].tolist()
    (['ENSG00000135318', 'ENSG00000118523', '2-Sep'], [True, True, False])
    >>> [n.code for n in notices]
    ['W-GENES-EXCEL', 'W-GENES-ALIAS', 'W-GENES-UNMAPPED']
    """
    raw = [str(n).strip() for n in names]
    given = [str(s).strip() for s in symbols] if symbols is not None else raw
    blank = [k for k, n in enumerate(raw) if not n]
    if blank:
        raise DataError(
            f"{path}: {len(blank)} features have no name",
            found=f"first is feature {blank[0] + 1} of {len(raw)}",
            code=codes.GENES_NAME,
        )
    notices = [*_species(raw, given, path)]
    bare = [_GENOME.sub("", n) for n in raw]
    given = [_GENOME.sub("", s) for s in given]
    damaged = [s for s in given if _SPREADSHEET.match(s)]
    if damaged:
        notices.append(
            Notice(
                codes.W_GENES_EXCEL,
                f"{len(damaged)} gene names were turned into dates or numbers by a spreadsheet: "
                f"{first_few(damaged)}; they are kept under these names",
            )
        )
    ids, outdated = _stable_ids(bare, path)
    if outdated:
        notices.append(
            Notice(
                codes.W_GENES_ALIAS,
                f"{len(outdated)} outdated symbols were mapped: {first_few(outdated)}",
            )
        )
    repeats = [n for n, count in Counter(i for i in ids).items() if count > 1]
    if repeats:
        notices.append(
            Notice(
                codes.W_GENES_DUPLICATE,
                f"{len(repeats)} gene names stand several times: {first_few(repeats)}; each copy "
                "is kept under a numbered name",
            )
        )
        ids = _numbered(ids, set(repeats))
    features = _describe(ids, given, raw)
    unmapped = [n for n, known in zip(raw, features["mapped"], strict=True) if not known]
    if unmapped:
        notices.append(
            Notice(
                codes.W_GENES_UNMAPPED,
                f"{len(unmapped):,} of {len(raw):,} features are not in the gene table: "
                f"{first_few(unmapped)}; they are kept",
            )
        )
    return features, tuple(notices)


def gene_classes(features: "pd.DataFrame") -> dict[str, NDArray[np.bool_]]:
    """Classes of genes that quality control and the indices treat apart.

    Parameters
    ----------
    features
        As :func:`map_genes` gives them.

    Returns
    -------
    classes
        One mask of shape ``(n_features,)`` per class: ``mito`` (on the mitochondrial chromosome, or
        symbol ``MT-…``), ``ribo`` (cytosolic ribosomal proteins, no pseudogenes, no kinases),
        ``haemoglobin`` (the ten globin genes), ``malat_neat`` (MALAT1, NEAT1), ``y_linked`` (on
        chromosome Y outside the shared ends), ``sex_linked`` (``y_linked``, XIST, TSIX),
        ``protein_coding`` and ``lncrna`` (by biotype; false where it is unknown).

    Examples
    --------
    >>> features, _ = map_genes(["MT-ND1", "RPL41", "XIST", "CD99"])
    >>> {k: v.tolist() for k, v in gene_classes(features).items() if k in ("mito", "sex_linked")}
    {'mito': [True, False, False, False], 'sex_linked': [False, False, True, False]}
    """
    symbol = [str(s).upper() for s in features["symbol"]]
    chromosome = features["chromosome"].astype(str).to_numpy(dtype=object)
    biotype = features["biotype"].astype(str).to_numpy(dtype=object)
    may_code = np.array([b in ("protein_coding", "") for b in biotype], dtype=bool)
    y_linked = np.array(
        [c == "Y" and s not in _on_x() for c, s in zip(chromosome, symbol, strict=True)], dtype=bool
    )

    def named(words: frozenset[str]) -> NDArray[np.bool_]:
        return np.array([s in words for s in symbol], dtype=bool)

    by_name = np.array([s.startswith("MT-") for s in symbol], dtype=bool)
    return {
        "mito": np.asarray(chromosome == "MT", dtype=bool) | by_name,
        "ribo": np.array([bool(_RIBOSOMAL.match(s)) for s in symbol], dtype=bool) & may_code,
        "haemoglobin": named(_HAEMOGLOBIN),
        "malat_neat": named(_NUCLEAR),
        "y_linked": y_linked,
        "sex_linked": y_linked | named(_X_SILENCING),
        "protein_coding": np.asarray(biotype == "protein_coding", dtype=bool),
        "lncrna": np.asarray(biotype == "lncRNA", dtype=bool),
    }


def gene_score(names: Sequence[str]) -> float:
    """Share of names that look like genes: Ensembl ids, or symbols of the table in any case.

    Examples
    --------
    >>> gene_score(["NT5E", "ENSG00000106991", "cell_1", "AAACCTGAGAAACCAT-1"])
    0.5
    """
    known, previous = _symbol_index()
    hits = sum(
        bool(_ENSEMBL.match(n) or _MOUSE_ID.match(n)) or n.upper() in known or n in previous
        for n in (str(name).strip() for name in names)
    )
    return hits / len(names) if len(names) else 0.0


def known_symbol(name: str, *, any_case: bool = False) -> str | None:
    """Symbol as the gene table writes it, current or outdated; nothing if it is not known.

    Examples
    --------
    >>> known_symbol("NT5E"), known_symbol("c1orf112"), known_symbol("c1orf112", any_case=True)
    ('NT5E', None, 'C1orf112')
    """
    known, previous = _symbol_index()
    if name in known or name in previous or name in _tied():
        return name
    return _upper().get(name.upper()) if any_case else None


def is_mouse_name(name: str) -> bool:
    """Whether a name is a mouse Ensembl id, or a known symbol written as mouse genes are.

    Examples
    --------
    >>> is_mouse_name("Nt5e"), is_mouse_name("NT5E"), is_mouse_name("C1orf112")
    (True, False, False)
    """
    if _MOUSE_ID.match(name):
        return True
    known, _ = _symbol_index()
    if name in known or not name[:1].isupper() or name[1:] == name[1:].upper():
        return name.startswith("mt-") and name.upper() in known
    return name[1:] == name[1:].lower() and name.upper() in known


@lru_cache(maxsize=1)
def _tied() -> frozenset[str]:
    """Symbols that several genes share: known, though without one id."""
    return frozenset(row[1] for row in _rows()) - frozenset(_symbol_index()[0])


@lru_cache(maxsize=1)
def _upper() -> dict[str, str]:
    known, previous = _symbol_index()
    return {n.upper(): n for n in (*previous, *known)}


@lru_cache(maxsize=1)
def _by_id() -> dict[str, list[str]]:
    return {row[0]: row for row in _rows()}


@lru_cache(maxsize=1)
def _on_x() -> frozenset[str]:
    return frozenset(row[1] for row in _rows() if row[2] == "X")


@lru_cache(maxsize=1)
def _symbol_index() -> tuple[dict[str, str], dict[str, str]]:
    """Map current and previous symbols with exactly one meaning, to their Ensembl id."""
    order = {"protein_coding": 0, "lncRNA": 1}
    place = {"other": 2, "Y": 1}  # the shared ends of X and Y are meant as on X
    best: dict[str, tuple[tuple[int, int], str]] = {}
    tied: set[str] = set()
    previous: dict[str, str] = {}
    for gene, symbol, chromosome, biotype, old in _rows():
        rank = (place.get(chromosome, 0), order.get(biotype, 2))
        if symbol not in best or rank < best[symbol][0]:
            best[symbol] = (rank, gene)
            tied.discard(symbol)
        elif rank == best[symbol][0]:
            tied.add(symbol)
        for name in old.split("|") if old else ():
            previous[name] = gene
    current = {symbol: gene for symbol, (_, gene) in best.items() if symbol not in tied}
    return current, {name: gene for name, gene in previous.items() if name not in best}


def _stable_ids(names: list[str], path: object) -> tuple[list[str], list[str]]:
    """Ids of features (Ensembl where it can be told, else the name) and the outdated symbols."""
    known, previous = _symbol_index()
    ids: list[str | None] = []
    for name in names:
        match = _ENSEMBL.match(name)
        ids.append(match[1] + (match[2] or "") if match else None)
    counted = Counter(i for i in ids if i)
    twice = [i for i, count in counted.items() if count > 1]
    if len(twice) > _FEW * len(names):
        raise DataError(
            f"{path}: {len(twice)} Ensembl ids stand more than once among the features",
            found=first_few(twice),
            fix="sum or remove the copies",
            code=codes.GENES_DUPLICATE,
        )
    times = Counter(names)
    taken = set(counted)
    outdated = []
    for table in (known, previous):  # a current symbol goes before an outdated one
        for k, name in enumerate(names):
            gene = table.get(name) if ids[k] is None and times[name] == 1 else None
            if gene is not None and gene not in taken:
                ids[k] = gene
                taken.add(gene)
                if table is previous:
                    outdated.append(name)
    return [i or name for i, name in zip(ids, names, strict=True)], outdated


def _numbered(ids: list[str], repeats: set[str]) -> list[str]:
    seen: Counter[str] = Counter()
    used = set(ids)
    out = []
    for name in ids:
        if name in repeats:
            seen[name] += 1
            while f"{name}~{seen[name]}" in used:
                seen[name] += 1
            name = f"{name}~{seen[name]}"
        out.append(name)
    return out


def _describe(ids: list[str], given: list[str], raw: list[str]) -> "pd.DataFrame":
    import pandas as pd

    table = _by_id()
    rows = [table.get(i.removesuffix("_PAR_Y")) for i in ids]
    symbols = [r[1] if r else g for r, g in zip(rows, given, strict=True)]
    return pd.DataFrame(
        {
            "feature_id": pd.array(ids, dtype="str"),
            "symbol": pd.array(symbols, dtype="str"),
            "chromosome": pd.array([r[2] if r else "" for r in rows], dtype="str"),
            "biotype": pd.array([r[3] if r else "" for r in rows], dtype="str"),
            "mapped": np.array([r is not None for r in rows], dtype=bool),
            "source_name": pd.array(raw, dtype="str"),
        }
    )


def _species(names: list[str], symbols: list[str], path: object) -> list[Notice]:
    """Refuse a mixture of species; tell when all is mouse."""
    known, _ = _symbol_index()
    mouse = human = 0
    for name, symbol in zip(names, symbols, strict=True):
        genome = _GENOME.match(name) or _GENOME.match(symbol)
        if genome:
            is_mouse = genome[1] in _MOUSE_GENOMES
            mouse, human = mouse + is_mouse, human + (not is_mouse)
        elif _MOUSE_ID.match(name):
            mouse += 1
        elif _ENSEMBL.match(name) or name in known:
            human += 1
        elif name[:1].isupper() and name[1:] != name[1:].upper() and name.upper() in known:
            mouse += 1  # Nt5e rather than NT5E
    total = mouse + human
    if total and min(mouse, human) > max(0.02 * total, 5):
        raise DataError(
            f"{path} mixes species",
            found=f"{human:,} human and {mouse:,} mouse features",
            fix="keep the human genes only; totals over two species mean nothing here",
            code=codes.SPECIES_MIXED,
        )
    if total and mouse > human:
        return [
            Notice(codes.W_SPECIES_MOUSE, f"{mouse:,} of {len(names):,} features are mouse genes")
        ]
    return []
