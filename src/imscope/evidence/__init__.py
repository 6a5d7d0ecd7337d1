"""Curated knowledge, each record with its DOI."""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.evidence.gene_positions import arms_of, bands_of
    from imscope.evidence.gene_sets import GeneSet, genes_of

_HOMES = {
    "GeneSet": "gene_sets",
    "arms_of": "gene_positions",
    "bands_of": "gene_positions",
    "genes_of": "gene_sets",
}

__all__ = ["GeneSet", "arms_of", "bands_of", "genes_of"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
