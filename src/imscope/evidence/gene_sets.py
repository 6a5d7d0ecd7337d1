"""Curated gene sets, each with its direction, family, citation and caveat."""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from imscope.core.errors import DataError


@dataclass(frozen=True, slots=True)
class GeneSet:
    """One set of genes.

    Attributes
    ----------
    name
        Stable name, such as ``cc_s``.
    family
        What it is about: identity, state, function, safety and so on.
    direction
        ``up`` or ``down``: how the genes move when the programme is on.
    genes
        Human gene symbols. Empty where the published list may not be bundled.
    citation
        DOIs or PMIDs; ``general`` marks our own choice of well-known genes.
    note
        When the set misleads.
    """

    name: str
    family: str
    direction: str
    genes: tuple[str, ...]
    citation: str
    note: str


@lru_cache(maxsize=1)
def load() -> dict[str, GeneSet]:
    """Read every bundled gene set.

    Returns
    -------
    sets
        By name. Treat it as read-only.

    Examples
    --------
    >>> load()["isct_positive"].genes
    ('NT5E', 'THY1', 'ENG')
    """
    text = (files("imscope.evidence") / "data" / "gene_sets.json").read_text(encoding="utf-8")
    return {
        name: GeneSet(
            name=name,
            family=row["family"],
            direction=row["direction"],
            genes=tuple(row["genes"]),
            citation=row["citation"],
            note=row["note"],
        )
        for name, row in json.loads(text)["sets"].items()
    }


def genes_of(*names: str) -> frozenset[str]:
    """Symbols that are in any of the named sets.

    Parameters
    ----------
    *names
        Names of gene sets, such as ``cc_s``.

    Raises
    ------
    DataError
        No set has this name.

    Examples
    --------
    >>> len(genes_of("cc_s", "cc_g2m"))
    97
    """
    sets = load()
    unknown = [n for n in names if n not in sets]
    if unknown:
        raise DataError(
            f"no gene set is called {unknown[0]!r}", found=f"known: {', '.join(sorted(sets))}"
        )
    return frozenset(gene for name in names for gene in sets[name].genes)
