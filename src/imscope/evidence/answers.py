"""What is recorded on a term: every record, both sides of a conflict, never an average."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imscope.core import codes
from imscope.core.errors import MethodError, UsageError
from imscope.evidence.epitopes import resolve_term, spelling
from imscope.evidence.files import EvidenceBase, load_evidence
from imscope.evidence.gene_sets import load
from imscope.evidence.records import Record

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class EvidenceAnswer:
    """What the evidence base holds on one term.

    Attributes
    ----------
    term
        The name it is known by.
    records
        Records on the term, then those that contradict one of them under another name. A gene
        that has no record of its own brings those that name it, else the programmes that hold it.
    conflict
        Whether results disagree in sign.
    rna_proxy
        Gene whose RNA stands for the term, or nothing.
    reason
        Why there is no such gene; empty when there is one.
    """

    term: str
    records: tuple[Record, ...]
    conflict: bool
    rna_proxy: str | None
    reason: str

    def content(self) -> dict[str, object]:
        """Return the stable JSON form."""
        return {
            "term": self.term,
            "records": [r.public() for r in self.records],
            "conflict": self.conflict,
            "rna_proxy": self.rna_proxy,
        }


def show_evidence(term: str, *, base: EvidenceBase | None = None) -> EvidenceAnswer:
    """Look up a marker, gene, programme, protocol, disease, product or document.

    Parameters
    ----------
    term
        Any spelling: ``cd105``, ``ENG``, ``Stro1``, ``mesenchymoangioblast``, ``FDA``.
    base
        Records to look in; the bundled ones if not given.

    Raises
    ------
    UsageError
        Nothing is known by this name; the nearest names are given.

    Examples
    --------
    >>> answer = show_evidence("endoglin")
    >>> answer.term, answer.conflict, answer.rna_proxy
    ('CD105', True, 'ENG')
    """
    base = base or load_evidence()
    found = resolve_term(term, base=base)
    own = [r for r in base.records if found.spellings & set(map(spelling, r.terms))]
    if not own and found.gene is not None:
        own = _by_gene(found.gene, base)
    ids = {r.id for r in own}
    against = {c for r in own for c in r.conflicts} - ids
    return EvidenceAnswer(
        term=found.name,
        records=(*own, *(r for r in base.records if r.id in against)),
        conflict=any(r.conflicts or r.direction == "conflict" for r in own),
        rna_proxy=found.gene,
        reason=found.reason,
    )


def _by_gene(gene: str, base: EvidenceBase) -> list[Record]:
    """Records that name a gene without being filed under it, else programmes that hold it."""
    named = [r for r in base.records if gene in r.genes]
    if named:
        return named
    holding = {spelling(name) for name, s in load().items() if gene in s.genes}
    return [
        r
        for r in base.records
        if r.kind == "programme" and holding & set(map(spelling, r.terms)) and not r.genes
    ]


def genes_to_score(programme: str) -> tuple[str, ...]:
    """Genes of a programme, or a refusal where the published list is not bundled.

    Parameters
    ----------
    programme
        Name of a gene set, such as ``immunomodulation``.

    Raises
    ------
    MethodError
        The programme is a placeholder: its list is not at hand and is not made up.
    UsageError
        No programme has this name.

    Examples
    --------
    >>> genes_to_score("isct_positive")
    ('NT5E', 'THY1', 'ENG')
    """
    wanted = spelling(programme)
    for record in load_evidence().records:
        if record.status == "placeholder" and wanted in set(map(spelling, record.terms)):
            raise MethodError(
                f"{programme} cannot be scored: its gene list is not bundled",
                found=f"{record.claim} {record.note}",
                fix=f"take the list from {record.where} and give it as a gene set of your own",
                code=codes.EVIDENCE_PLACEHOLDER,
            )
    sets = {spelling(name): s for name, s in load().items()}
    if wanted not in sets:
        raise UsageError(
            f"no programme is called {programme!r}",
            found=f"known: {', '.join(sorted(load()))}",
            code=codes.EVIDENCE_TERM,
        )
    return sets[wanted].genes


def evidence_notes(terms: Iterable[str], *, base: EvidenceBase | None = None) -> "pd.DataFrame":
    """Table of what is recorded on the markers and programmes of a run.

    Parameters
    ----------
    terms
        Names as used in the run; those nothing is known of are left out.
    base
        Records to look in; the bundled ones if not given.

    Returns
    -------
    notes
        As ``evidence_notes``: one row per term and record, terms with a conflict first.

    Examples
    --------
    >>> evidence_notes(["CD105", "cc_s"])["term"].unique().tolist()
    ['CD105', 'cc_s']
    """
    import pandas as pd

    from imscope.core.schema import EVIDENCE_NOTES

    rows = []
    for term in dict.fromkeys(terms):
        try:
            answer = show_evidence(term, base=base)
        except UsageError:
            continue
        for record in answer.records:
            rows.append(
                {
                    "term": term,
                    "conflict": answer.conflict,
                    "disputed": bool(record.conflicts) or record.direction == "conflict",
                    "rna_proxy": answer.rna_proxy or "",
                    "readout": record.readout,
                    **{k: v for k, v in record.public().items() if k not in {"assay", "species"}},
                }
            )
    frame = pd.DataFrame(rows, columns=EVIDENCE_NOTES.names)
    frame = frame.astype({"conflict": bool, "disputed": bool})
    frame = frame.sort_values("conflict", ascending=False, kind="stable", ignore_index=True)
    return EVIDENCE_NOTES.check(frame)
