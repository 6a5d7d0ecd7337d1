"""Curated knowledge, each record with its source, its sign and what contradicts it."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.evidence.answers import (
        EvidenceAnswer,
        evidence_notes,
        genes_to_score,
        show_evidence,
    )
    from imscope.evidence.check import EvidenceCheck, check_evidence
    from imscope.evidence.epitopes import RnaProxy, require_rna_proxy, resolve_term, rna_proxy
    from imscope.evidence.files import EvidenceBase, load_evidence
    from imscope.evidence.gene_positions import arms_of, bands_of
    from imscope.evidence.gene_sets import GeneSet, genes_of
    from imscope.evidence.indications import (
        Indication,
        all_indications,
        find_indication,
        indication_panel,
    )
    from imscope.evidence.records import Record, evidence_file_schema, evidence_record_schema

_HOMES = {
    "EvidenceAnswer": "answers",
    "EvidenceBase": "files",
    "EvidenceCheck": "check",
    "GeneSet": "gene_sets",
    "Indication": "indications",
    "Record": "records",
    "RnaProxy": "epitopes",
    "all_indications": "indications",
    "check_evidence": "check",
    "evidence_file_schema": "records",
    "evidence_notes": "answers",
    "evidence_record_schema": "records",
    "find_indication": "indications",
    "arms_of": "gene_positions",
    "bands_of": "gene_positions",
    "genes_of": "gene_sets",
    "genes_to_score": "answers",
    "indication_panel": "indications",
    "load_evidence": "files",
    "require_rna_proxy": "epitopes",
    "resolve_term": "epitopes",
    "rna_proxy": "epitopes",
    "show_evidence": "answers",
}

__all__ = [
    "EvidenceAnswer",
    "EvidenceBase",
    "EvidenceCheck",
    "GeneSet",
    "Indication",
    "Record",
    "RnaProxy",
    "all_indications",
    "arms_of",
    "bands_of",
    "check_evidence",
    "evidence_file_schema",
    "evidence_notes",
    "evidence_record_schema",
    "find_indication",
    "genes_of",
    "genes_to_score",
    "indication_panel",
    "load_evidence",
    "require_rna_proxy",
    "resolve_term",
    "rna_proxy",
    "show_evidence",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
