"""Curated knowledge, each record with its source, its sign and what contradicts it."""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.evidence.answers import EvidenceAnswer as EvidenceAnswer
    from imscope.evidence.answers import evidence_notes as evidence_notes
    from imscope.evidence.answers import genes_to_score as genes_to_score
    from imscope.evidence.answers import show_evidence as show_evidence
    from imscope.evidence.check import EvidenceCheck as EvidenceCheck
    from imscope.evidence.check import check_evidence as check_evidence
    from imscope.evidence.epitopes import RnaProxy as RnaProxy
    from imscope.evidence.epitopes import require_rna_proxy as require_rna_proxy
    from imscope.evidence.epitopes import resolve_term as resolve_term
    from imscope.evidence.epitopes import rna_proxy as rna_proxy
    from imscope.evidence.files import EvidenceBase as EvidenceBase
    from imscope.evidence.files import load_evidence as load_evidence
    from imscope.evidence.gene_positions import arms_of as arms_of
    from imscope.evidence.gene_positions import bands_of as bands_of
    from imscope.evidence.gene_sets import GeneSet as GeneSet
    from imscope.evidence.gene_sets import genes_of as genes_of
    from imscope.evidence.indications import Indication as Indication
    from imscope.evidence.indications import all_indications as all_indications
    from imscope.evidence.indications import find_indication as find_indication
    from imscope.evidence.indications import indication_panel as indication_panel
    from imscope.evidence.records import Record as Record
    from imscope.evidence.records import evidence_file_schema as evidence_file_schema
    from imscope.evidence.records import evidence_record_schema as evidence_record_schema
    from imscope.evidence.regulon_table import regulon_version as regulon_version
    from imscope.evidence.regulon_table import regulons as regulons
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
