"""Which names of a file are its genes, and what programs have done to them on the way.

One gate for every format: all columns of names are tried, known manglings are undone with a notice,
and a matrix whose features are not found is refused, because every number made of it would be of
other genes than meant.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.genes import is_mouse_name, known_symbol
from imscope.io.notice import Notice, first_few

if TYPE_CHECKING:
    import pandas as pd

LEAST_MAPPED: Final = 0.5
"""Share of features that must be found in the gene table."""
_GOOD: Final = 0.8
_INSIDE: Final = re.compile(r"(?<![A-Za-z0-9])(ENSG\d{11})(?!\d)(?:\.\d+)?")
_WHOLE: Final = re.compile(r"^ENSG\d{11}(?:\.\d+)?(?:_PAR_Y)?$")
_PREFIX: Final = re.compile(
    r"^(?:gene[:-]|rna_|RNA_|GEX_|gex_|hg38-|hg19-|GRCh38-|human[_-])(?=\S)"
)
_SPIKE: Final = re.compile(r"^(?:ERCC[-_.]\d{5}|SIRV\w*|sequin\w*|R[12]_\d+_\d+)$", re.IGNORECASE)
_TRANSGENE: Final = re.compile(
    r"^(?:e?gfp|[em]?cherry|mcherry|tdtomato|dsred\w*|mneongreen|venus|m?citrine|e?[yc]fp|e?bfp\d?|"
    r"luciferase|fluc|luc2?|m2?rtta\w*|rtta\w*|tetr|dcas9\w*|s?p?cas9\w*|krab|cre(?:er\w*)?|puror?|"
    r"neor?|hygror?|blastr?|zeor?|lacz|flp|wpre|sev\w*|ebna\w*|oript|"
    r"(?:t2a|p2a|ires)\w*|\w+[-_](?:tg|transgene|vector|exogenous|exo))$",
    re.IGNORECASE,
)
_NO_GENE_WORDS: Final = (
    "total totals sum sums mean average all grand_total gesamt summe total_counts total_umi "
    "total_umis total_reads n_counts n_genes n_umi ncount_rna nfeature_rna ncount nfeature "
    "percent.mt percent_mt percent.mito percent_mito pct_counts_mt mito_frac orig.ident "
    "seurat_clusters no_feature ambiguous too_low_aqual not_aligned alignment_not_unique "
    "n_unmapped n_multimapping n_nofeature n_ambiguous unmapped multimapped unassigned "
    "unassigned_ambiguity unassigned_nofeatures unassigned_unmapped assigned background "
    "intergenic barcode cell_index library_size size_factor doublet_score n_features"
)
_NO_GENE: Final = frozenset(_NO_GENE_WORDS.split())
_NO_CELL_WORDS: Final = (
    "total totals sum sums mean average all grand_total gesamt summe length gene_length "
    "effective_length efflength chr chromosome start end strand gene_id gene_name gene_symbol "
    "gene_short_name symbol description biotype gene_biotype entrez entrezid entrez_id ensembl "
    "ensembl_id ncells n_cells unmapped_reads"
)
_NO_CELL: Final = frozenset(_NO_CELL_WORDS.split())


@dataclass
class GeneNames:
    """The names a file's features go by.

    Attributes
    ----------
    names
        Stable name of every feature: an Ensembl id or symbol where one was found.
    symbols
        Symbols beside the ids, where the file has them.
    notices
        Which column was taken, and what was undone.
    restored
        Whether a name was undone, shape ``(n_features,)``.
    """

    names: list[str]
    symbols: list[str] | None = None
    notices: list[Notice] = field(default_factory=list)
    restored: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))


def choose_names(
    names: Sequence[str],
    symbols: Sequence[str] | None,
    others: Mapping[str, Sequence[str]] | None = None,
) -> GeneNames:
    """Take the column of names that are genes, with known manglings undone.

    Parameters
    ----------
    names, symbols
        What the format itself calls ids and symbols.
    others
        Further columns of text that the file has for its features, by name.

    Examples
    --------
    >>> found = choose_names(["0", "1"], None, {"label": ["MT.ND1", "NT5E"]})
    >>> found.names, [n.code for n in found.notices]
    (['MT-ND1', 'NT5E'], ['W-GENES-COLUMN', 'W-GENES-RESTORED'])
    """
    columns: dict[str, Sequence[str]] = {"": names}
    if symbols is not None:
        columns["symbols"] = symbols
    if _share(names) < _GOOD:
        columns |= {k: v for k, v in (others or {}).items() if len(v) == len(names)}
    tried = {k: _restore_all(v) for k, v in columns.items()}
    share = {k: _share(v[0]) for k, v in tried.items()}
    best = max(share, key=lambda k: (round(share[k], 2), k == "", _ids(tried[k][0]), k))
    if share[best] - share[""] < 0.05 or _are_antigens(names):
        best = ""
    given, how = tried[best]
    notices = []
    if best:
        notices.append(
            Notice(
                codes.W_GENES_COLUMN,
                f"the features are named by {best if best == 'symbols' else repr(best)} "
                f"({share[best]:.0%} known genes), not by {first_few(list(names), 2)} "
                f"({share['']:.0%} known)",
            )
        )
    changed = [k for k, h in enumerate(how) if h]
    if changed:
        source = columns[best]
        shown = ", ".join(f"{source[k]!r} as {given[k]!r}" for k in changed[:3])
        kinds = ", ".join(dict.fromkeys(how[k] for k in changed))
        notices.append(
            Notice(
                codes.W_GENES_RESTORED,
                f"{len(changed):,} of {len(given):,} names of genes were put "
                f"right ({kinds}): {shown}",
            )
        )
    beside = None
    if symbols is not None and best != "symbols":
        beside = tried["symbols"][0]
    elif _ids(given) < 0.5 and best == "" and symbols is None:
        beside = None
    return GeneNames(given, beside, notices, np.array([bool(h) for h in how], dtype=bool))


def _ids(names: Sequence[str]) -> float:
    return sum(bool(_WHOLE.match(n)) for n in names) / len(names) if names else 0.0


def _share(names: Sequence[str]) -> float:
    """Share of names that are genes as they stand, or Ensembl ids of human or mouse."""
    return sum(_is_known(n) for n in names) / len(names) if names else 0.0


def _is_known(name: str) -> bool:
    return bool(_WHOLE.match(name)) or known_symbol(name) is not None or is_mouse_name(name)


def _restore_all(names: Sequence[str]) -> tuple[list[str], list[str]]:
    pairs = [restore_name(n) for n in names]
    changed = [k for k, (_, how) in enumerate(pairs) if how == "case"]
    if len(changed) < 0.2 * len(pairs):  # single names in odd case are not changed, files are
        for k in changed:
            pairs[k] = (str(names[k]).strip(), "")
    return [n for n, _ in pairs], [h for _, h in pairs]


def restore_name(name: str) -> tuple[str, str]:
    """Undo what programs do to names of genes.

    Returns
    -------
    name, how
        The name as the gene table has it and the mangling that was undone, or the name as it is.

    Examples
    --------
    >>> restore_name("MT.ND1"), restore_name("ENSG00000135318.12_NT5E")
    (('MT-ND1', 'R name'), ('ENSG00000135318', 'id inside the name'))
    >>> restore_name("NT5E"), restore_name("whatever")
    (('NT5E', ''), ('whatever', ''))
    """
    bare = str(name).strip().strip("\"'")
    how = "quotes" if bare != str(name).strip() else ""
    if _is_known(bare) and not bare.startswith("mt-"):
        return bare, how
    inside = set(_INSIDE.findall(bare))
    inside |= {m[1] for m in re.finditer(r"_(ENSG\d{11})(?!\d)", bare)}
    if len(inside) == 1:
        return inside.pop(), "id inside the name"
    cut = _PREFIX.sub("", bare)
    if cut != bare and _is_known(cut):
        return cut, "prefix"
    if "." in bare:
        head, _, tail = bare.rpartition(".")
        for guess in (bare.replace(".", "-"), f"{head.replace('.', '-')}.{tail}"):
            if known_symbol(guess) is not None:
                return guess, "R name"
    if re.match(r"^X\d", bare) and known_symbol(bare[1:].replace(".", "-")) is not None:
        return bare[1:].replace(".", "-"), "R name"
    for part in re.split(r"[|;:]|__", bare) if re.search(r"[|;:]|__", bare) else ():
        if known_symbol(part) is not None:
            return part, "parts of the name"
    if bare.islower() or bare.isupper():
        symbol = known_symbol(bare, any_case=True)
        if symbol is not None:
            return symbol, "case"
    return bare, how


def feature_roles(names: Sequence[str]) -> NDArray[np.object_]:
    """What each feature is: ``gene``, ``spike``, ``transgene`` or ``none`` (a sum, a statistic).

    Examples
    --------
    >>> feature_roles(["NT5E", "ERCC-00002", "eGFP", "__no_feature", "Total"]).tolist()
    ['gene', 'spike', 'transgene', 'none', 'none']
    """
    out = []
    for name in names:
        if known_symbol(name) is not None or _WHOLE.match(name):
            out.append("gene")
        elif _SPIKE.match(name):
            out.append("spike")
        elif _TRANSGENE.match(name):
            out.append("transgene")
        elif name.casefold().strip(" _") in _NO_GENE:
            out.append("none")
        else:
            out.append("gene")
    return np.array(out, dtype=object)


def no_cells(names: Sequence[str]) -> NDArray[np.bool_]:
    """Which columns of a table are no cells but sums, lengths or other names of the genes.

    Examples
    --------
    >>> no_cells(["cell_1", "Total", "Length"]).tolist()
    [False, True, True]
    """
    return np.array([str(n).casefold().strip() in _NO_CELL for n in names], dtype=bool)


def _are_antigens(names: Sequence[str]) -> bool:
    """Tell a panel of antigens by its CD numbers: their genes, in a column, are no better names."""
    return 2 * sum(bool(_ANTIGEN.match(str(n))) for n in names) > len(names)


def about_features(features: "pd.DataFrame") -> list[Notice]:
    """Spike-ins and transgenes by name, and whether classes of genes that all cells have lack."""
    notices = []
    role = features["role"].astype(str).to_numpy(dtype=object)
    for kind, words in (("spike", "spike-ins"), ("transgene", "transgenes")):
        own = [str(s) for s in features["symbol"].to_numpy(dtype=object)[role == kind]]
        if own:
            notices.append(
                Notice(codes.W_GENES_SPIKES, f"{len(own)} features are {words}: {first_few(own)}")
            )
    mapped = int(features["mapped"].sum())
    if mapped >= _WIDE:
        ribosomal = features["symbol"].astype(str).str.match(r"^RP[LS]\d+[AXLY]?\d*$")
        mito = int((features["chromosome"].astype(str) == "MT").sum())
        core = features["symbol"].isin(_EVERYWHERE).sum()
        if mapped < 12_000 and (ribosomal.sum() < 20 and mito < 5 and core < len(_EVERYWHERE) / 2):
            notices.append(
                Notice(
                    codes.W_GENES_SUBSET,
                    f"{mapped:,} genes, of them {int(ribosomal.sum())} ribosomal and {mito} "
                    "mitochondrial: chosen genes, such as the most variable ones",
                )
            )
    return notices


_ANTIGEN: Final = re.compile(
    r"^(?:anti[-_ ])?(?:hu(?:man)?[-_ ])?CD\d+[A-Za-z]{0,2}\b", re.IGNORECASE
)
_PLACEHOLDER: Final = re.compile(r"^(?:gene|g)[-_ ]?\d+$", re.IGNORECASE)
_WIDE: Final = 1_000
_EVERYWHERE_WORDS: Final = (
    "ACTB GAPDH EEF1A1 TPT1 B2M FTL FTH1 UBA52 UBB FAU NACA PFN1 CFL1 MYL6 SERF2 TMSB10"
)
_EVERYWHERE: Final = frozenset(_EVERYWHERE_WORDS.split())

_KINDS: Final = (
    (r"^\d+$", "numbers, such as Entrez ids or an index"),
    (r"^ENST\d+", "transcripts: sum them to genes"),
    (r"^ENS(?!MUS)[A-Z]{3}G\d+", "genes of another species"),
    (r"^(?:[NX][MR]_\d+)", "RefSeq transcripts: sum them to genes"),
    (r"^\d+(?:_[a-z])?_at$|^ILMN_\d+$|^A_\d+_P\d+$", "probes of a microarray"),
    (r"^(?:chr)?[\dXYM]+[:_-]\d+[-_]\d+$", "peaks of open chromatin"),
    (r"^[OPQ]\d[A-Z\d]{3}\d(?:-\d+)?$|^[A-NR-Z]\d(?:[A-Z][A-Z\d]{2}\d){1,2}$", "UniProt proteins"),
    (r"^(?:feature|var|V)[-_ ]?\d+$", "placeholders"),
    (r"^[ACGT]{8,}(?:-\d+)?$", "barcodes of cells"),
)


def refuse_unmapped(
    names: Sequence[str], mapped: NDArray[np.bool_], roles: NDArray[np.object_], path: object
) -> None:
    """Refuse a matrix most of whose features are no known genes.

    Genes without real names, such as ``gene_1``, are let pass: what needs no known gene can be
    asked of them, and a notice says that they are unknown.

    Raises
    ------
    DataError
        Fewer than half of the features are in the gene table (of fewer than 20: none).
    """
    genes = roles == "gene"
    known = mapped | np.array([_is_known(str(n)) for n in names], dtype=bool)
    n, found = int(genes.sum()), int((known & genes).sum())
    least = LEAST_MAPPED * n if n >= 20 else 1
    if n == 0 or found >= least:
        return
    lost = [str(x) for x, k, g in zip(names, known, genes, strict=True) if g and not k]
    if sum(bool(_PLACEHOLDER.match(x)) for x in lost) > len(lost) / 2:
        return
    counted = Counter(
        words for x in lost[:2000] for pattern, words in _KINDS if re.match(pattern, x)
    )
    looks = counted.most_common(1)[0][0] if counted else ""
    raise DataError(
        f"{path}: its features are no genes imscope knows",
        found=f"{n - found:,} of {n:,} features are not in the gene table: {first_few(lost)}"
        + (f"; they look like {looks}" if looks else ""),
        fix="give human Ensembl ids or gene symbols as names of the features",
        code=codes.GENES_UNMAPPED,
    )
