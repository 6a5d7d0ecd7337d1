"""What else could explain an activity, what disagrees, and what the evidence base says."""

from functools import lru_cache

import numpy as np

from imscope.analyses.regulators.grades import Evidence
from imscope.analyses.regulators.unit_activity import Activity
from imscope.evidence.files import load_evidence
from imscope.evidence.gene_sets import genes_of, load

SHARE = 0.2
SETS = {
    "cell cycle": ("cc_s", "cc_g2m"),
    "dissociation stress": ("dissociation_stress",),
    "hypoxia": ("hypoxia",),
}
"""Programmes that move activities without being the cause asked for."""


def confounds_of(found: Activity, names: list[str]) -> list[str]:
    """Confounders of which more than a fifth of a regulator's signed targets is a part."""
    symbols = found.profiles.symbols.astype(str)
    held = {
        words: np.isin(symbols, sorted(genes_of(*(s for s in sets if s in load()))))
        for words, sets in SETS.items()
    }
    place = {n: k for k, n in enumerate(found.regulators)}
    out = []
    for name in names:
        told = []
        if name in place:
            start, stop = found.weights.indptr[place[name] : place[name] + 2]
            genes = found.weights.indices[start:stop]
            for words, own in held.items():
                shared = int(own[genes].sum())
                if shared > SHARE * len(genes):
                    told.append(f"{words}: {shared} of {len(genes)} targets")
        out.append("; ".join(told))
    return out


def conflicts_of(e: Evidence, ways_disagree: bool) -> str:
    """Channels that point the other way, in words."""
    sign = np.sign(e.effect)
    told = []
    if np.isfinite(e.reach_z) and sign * e.reach_z <= -2:
        told.append("the network says the other direction")
    if np.isfinite(e.screen_z) and sign * e.screen_z < -1.96:
        told.append("the screen moved the other way")
    if np.isfinite(e.screen_z) and e.power >= 0.8 and abs(e.screen_z) < 1.96:
        told.append(f"tested with power {e.power:.2f} without effect")
    if ways_disagree:
        told.append("posterior and rank aggregation disagree")
    return "; ".join(told)


@lru_cache(maxsize=1)
def _records() -> dict[str, list[str]]:
    """Ids of evidence records by the gene they name."""
    by_gene: dict[str, list[str]] = {}
    for record in load_evidence().records:
        for gene in dict.fromkeys((*record.genes, *record.terms)):
            mark = " (conflict)" if record.conflicts or record.direction == "conflict" else ""
            by_gene.setdefault(gene, []).append(record.id + mark)
    return by_gene


def literature_of(names: list[str]) -> list[str]:
    """Records of the evidence base that name each gene, conflicts marked.

    Examples
    --------
    >>> literature_of(["NO_SUCH_GENE"])
    ['']
    """
    return [", ".join(_records().get(name, [])[:5]) for name in names]
