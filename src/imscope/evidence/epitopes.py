"""From the name on an antibody's label to the gene: or to the reason why there is none."""

import difflib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from imscope.core import codes
from imscope.core.errors import MethodError, UsageError
from imscope.evidence.files import EvidenceBase, load_evidence
from imscope.evidence.gene_sets import load

NO_PROXY = "RNA proxy"
"""Readout of the records that say why an epitope has no gene."""


def spelling(name: str) -> str:
    """Spelling without case, spaces and signs, by which names are compared.

    Examples
    --------
    >>> spelling("Stro-1") == spelling("STRO1")
    True
    """
    return "".join(c for c in name.upper() if c.isalnum())


@dataclass(frozen=True, slots=True)
class Epitope:
    """One row of the epitope map.

    Attributes
    ----------
    genes
        Current symbols; more than one where the name stands for several genes.
    cd
        CD name, empty for none.
    surface_call
        What the predicted human surfaceome says of the panel's proteins; empty when not in it.
    conjugates
        ``routine`` or ``specialist`` for the panel's antibodies, otherwise empty.
    names
        All spellings.
    """

    genes: tuple[str, ...]
    cd: str
    surface_call: str
    conjugates: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A term as the evidence base knows it.

    Attributes
    ----------
    name
        The name it is shown under.
    spellings
        All of its spellings, without case and signs.
    gene
        Gene whose RNA stands for it, or nothing.
    reason
        Why there is no gene; empty when there is one.
    """

    name: str
    spellings: frozenset[str]
    gene: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class RnaProxy:
    """The gene whose RNA stands for a marker, or why there is none."""

    gene: str | None
    reason: str


@lru_cache(maxsize=1)
def epitopes() -> tuple[Epitope, ...]:
    """Every row of the bundled epitope map.

    Examples
    --------
    >>> next(e.genes for e in epitopes() if e.cd == "CD73")
    ('NT5E',)
    """
    text = (files("imscope.evidence") / "data" / "epitopes.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]
    return tuple(
        Epitope(tuple(g.split()), cd, s, c, tuple(n.split("|"))) for g, cd, s, c, n in rows
    )


@lru_cache(maxsize=1)
def _by_spelling() -> dict[str, Epitope]:
    return {spelling(name): row for row in epitopes() for name in row.names}


def resolve_term(term: str, *, base: EvidenceBase | None = None) -> Term:
    """Find a marker, gene, programme or other name in any spelling.

    Parameters
    ----------
    term
        Such as ``cd73``, ``NT5E``, ``Stro1`` or ``immunomodulation``.
    base
        Records to look in; the bundled ones if not given.

    Raises
    ------
    UsageError
        Nothing is known by this name; the nearest names are given.

    Examples
    --------
    >>> resolve_term("nt5e").name
    'CD73'
    """
    base = base or load_evidence()
    wanted = spelling(term)
    for record in base.records:
        if record.kind == "epitope" and record.readout == NO_PROXY:
            names = frozenset(map(spelling, record.terms))
            if wanted in names:
                reason = f"{record.claim} {record.note}".strip()
                return Term(record.terms[0], names, None, reason)
    row = _by_spelling().get(wanted)
    if row is not None:
        names = frozenset(map(spelling, row.names))
        if len(row.genes) == 1:
            return Term(row.cd or row.genes[0], names, row.genes[0], "")
        return Term(row.names[0], names, None, f"stands for several genes: {', '.join(row.genes)}")
    if wanted in (sets := {spelling(n): n for n in load()}):
        return Term(sets[wanted], frozenset([wanted]), None, "a programme of genes, not one gene")
    if wanted and wanted in (genes := {spelling(g): g for g in known_genes(base)}):
        return Term(genes[wanted], frozenset([wanted]), genes[wanted], "")
    for record in base.records:
        for name in record.terms:
            if wanted and spelling(name) == wanted:
                return Term(name, frozenset([wanted]), None, "not a marker or gene")
    raise _unknown(term, base)


def known_genes(base: EvidenceBase | None = None) -> frozenset[str]:
    """Symbols in the bundled gene sets, the epitope map and, of bundled records, their genes.

    Parameters
    ----------
    base
        Records whose genes count as known too; none if not given.
    """
    found = {g for s in load().values() for g in s.genes}
    found |= {g for e in epitopes() for g in e.genes}
    return frozenset(found | {g for r in (base.records if base else ()) for g in r.genes})


def _unknown(term: str, base: EvidenceBase) -> UsageError:
    shown: dict[str, str] = {}
    names = [n for e in epitopes() for n in e.names] + sorted(known_genes(base)) + list(load())
    for name in names + [n for r in base.records for n in r.terms]:
        shown.setdefault(spelling(name), name)
    near = difflib.get_close_matches(spelling(term), list(shown), n=4, cutoff=0.6)
    return UsageError(
        f"the evidence base knows no {term!r}",
        found=f"nearest names: {', '.join(shown[n] for n in near)}" if near else "no near name",
        fix=("use one of them, or add" if near else "add")
        + " a record of your own with `--add FILE`",
        code=codes.EVIDENCE_TERM,
    )


def rna_proxy(term: str, *, base: EvidenceBase | None = None) -> RnaProxy:
    """Gene whose RNA stands for a marker, or why there is none.

    Parameters
    ----------
    term
        Marker in any spelling.
    base
        Records to look in; the bundled ones if not given.

    Raises
    ------
    UsageError
        Nothing is known by this name.

    Examples
    --------
    >>> rna_proxy("CD105").gene
    'ENG'
    >>> rna_proxy("SSEA-4").gene is None
    True
    """
    found = resolve_term(term, base=base)
    return RnaProxy(found.gene, found.reason)


def require_rna_proxy(term: str, *, base: EvidenceBase | None = None) -> str:
    """Give the gene whose RNA stands for a marker, or refuse with the reason.

    Parameters
    ----------
    term
        Marker in any spelling.
    base
        Records to look in; the bundled ones if not given.

    Raises
    ------
    MethodError
        No RNA count stands for the marker.
    UsageError
        Nothing is known by this name.

    Examples
    --------
    >>> require_rna_proxy("CD73")
    'NT5E'
    """
    proxy = rna_proxy(term, base=base)
    if proxy.gene is None:
        raise MethodError(
            f"{term} cannot be scored from RNA",
            found=proxy.reason,
            fix="measure it by flow cytometry or antibody tags, or choose another marker",
            code=codes.EVIDENCE_NO_PROXY,
        )
    return proxy.gene
