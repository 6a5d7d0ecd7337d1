"""Which marker genes each stage and lineage expresses, may express and must not express."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imscope.evidence.gene_sets import load

TRIPLE = ("APLNR", "PDGFRA", "KDR")
"""Genes that a mesenchymoangioblast expresses all at once (doi:10.1016/j.stem.2010.11.011)."""
UNKNOWN = "unknown"

CORE, MAY, RARE, OFF, ANY = 0.9, 0.4, 0.15, 0.02, 0.12
"""Prior chance that a gene is on: a core gene, one that may be on, one that few cells of the stage
express, any other, and any gene in a cell of no known stage."""

ABUNDANT = frozenset(
    (
        *("COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL6A3", "ACTA2", "POSTN", "TAGLN", "MYL9"),
        *("TPM2", "CALD1"),
    )
)
"""Genes of matrix and fibre: high where they are on, and not silent where they are off."""
RATE_ON, RATE_OFF = 3.0, 0.02
RATE_ON_ABUNDANT, RATE_OFF_ABUNDANT = 15.0, 0.2
"""Prior mean rate of a gene that is on or off, in UMI per 10,000 UMI of a cell."""

SHARED_PLACE = frozenset(("MIR302CHG", "LINC-ROR", "MYH11", "PAX6"))
"""Genes that overlap an expressed gene of the other strand (MYH11 lies across NDE1, MIR302CHG in
LARP7): libraries without strands count the other gene's reads for them."""

_MSC_COMMON = (
    *("NT5E", "THY1", "ENG", "LOX", "COL1A1", "COL1A2", "COL3A1", "COL5A1", "POSTN", "LUM"),
)
_FIBRE = ("COL6A3", "FBN1", "TNC")
_CONTRACTILE = ("ACTA2", "TAGLN", "CNN1", "MYL9", "TPM2", "ACTG2", "LMOD1", "SYNPO2", "CALD1")
"""Contractile genes that cultured stromal cells switch on by themselves
(doi:10.1006/excr.2002.5561, doi:10.1155/2021/5595172): no sign of smooth muscle."""
_LATE_MUSCLE = ("MYH11", "MYOCD", "DES", "KCNMB1", "SMTN", "CASQ2", "PLN")
"""Genes of differentiated smooth muscle, lost in culture (doi:10.1152/physrev.00041.2003): myosin
(doi:10.1161/01.res.75.5.803), myocardin (doi:10.1016/s0092-8674(01)00404-4), smoothelin
(doi:10.1083/jcb.134.2.401)."""
NAMED_HERE = frozenset((*_CONTRACTILE, *_LATE_MUSCLE))
"""Genes with their sources in this file; all others stand in the bundled sets."""
_MURAL = ("RGS5", "KCNJ8", "ABCC9", "HIGD1B", "COX4I2")
"""Genes that mural cells of vessels express and cultured stromal cells do not. PDGFRB, MCAM, CSPG4
and NES they share (doi:10.1016/j.stem.2008.07.003)."""
_EARLY = ("LIN28A", "L1TD1", "DNMT3B", "DPPA4", "POU5F1", "NANOG", "TDGF1", "VRTN", "MIR302CHG")
_STROMAL_MAY = (
    *("PDGFRA", "PDGFRB", "MCAM", "NES", "CSPG4", "SNAI2", "MSX1", "ETS1", "ANGPT1", "NOTCH3"),
    *("TFAP2A", "RUNX1", "KRT19", "FLT1", "MSX2", "DLX5", "MAP2", "FOXF1", "RGS5", "NGFR"),
)


@dataclass(frozen=True, slots=True)
class StageMarkers:
    """Genes of one stage.

    Attributes
    ----------
    core
        Genes that its cells express.
    may
        Genes that some of its cells express; they count neither for nor strongly against it.
    rare
        Genes that few of its cells express.
    least
        Core genes that must be on.
    kind
        ``stage`` of the way from iPSC to MSC, ``lineage`` beside it, or ``off_target``.
    """

    core: tuple[str, ...]
    may: tuple[str, ...]
    kind: str
    rare: tuple[str, ...] = ()
    least: int = 2


def _set(name: str, *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(g for g in load()[name].genes if g not in without)


@lru_cache(maxsize=1)
def stage_markers() -> dict[str, StageMarkers]:
    """List the stages and their genes, early to late, then other lineages.

    Returns
    -------
    stages
        By name. Treat it as read-only. Genes stand in the bundled gene sets; which of them a stage
        may share with another is our own selection.

    Examples
    --------
    >>> list(stage_markers())[:4]
    ['pluripotent', 'streak', 'mesoderm', 'mesenchymoangioblast']
    >>> stage_markers()["mesenchymoangioblast"].core
    ('APLNR', 'PDGFRA', 'KDR')
    """
    rare = ("LINC-ROR", "LINC00678", "PRDM14", "VRTN", "ZFP42")
    psc = _set("residual_psc_msc_safe", without=rare)
    epithelial = _set("unwanted_epithelial")
    streak = ("TBXT", "MIXL1", "EOMES", "GSC")
    mesoderm = ("MESP1", "TBX6", "MSGN1", "FOXF1", "HAND1")
    crest_rare = ("PAX7", "B3GAT1", "ERBB3", "PLP1")
    stages = {
        "pluripotent": StageMarkers(psc, (*rare, *epithelial, "KDR", "THY1", "ERBB3"), "stage"),
        "streak": StageMarkers(
            streak, (*_EARLY, "EPCAM", "CDH1", *TRIPLE, *mesoderm, "FOXA2", "SOX17"), "stage"
        ),
        "mesoderm": StageMarkers(
            mesoderm, (*_EARLY, *TRIPLE, *streak, "PAX3", "SNAI2", "MSX1", "PDGFRB"), "stage"
        ),
        "mesenchymoangioblast": StageMarkers(
            TRIPLE,
            (*_EARLY, "FOXF1", "HAND1", "EMCN", "ETS1", "MSX1", "SNAI2"),
            "stage",
            ("MESP1", "TBX6", "MSGN1", "MIXL1", "TBXT", "EOMES"),
        ),
        "endothelial_core": StageMarkers(
            _set("endothelial_core"),
            ("EMCN", "CD34", "APLNR", "ETS1", "MCAM", "ENG", "NES", "THY1", "RUNX1", "ANGPT1"),
            "stage",
        ),
        "primitive_mesenchyme": StageMarkers(
            _set("mb_primitive_mesenchyme"),
            (
                *("PDGFRA", "FOXF1", "HAND1", "SNAI2", "MSX1", "MCAM", "NES", "ETS1", "THY1"),
                *("ENG", "COL1A1", "COL1A2", "COL3A1", "COL5A1", "CSPG4", "NOTCH3", "RGS5"),
            ),
            "stage",
        ),
        "neural_crest": StageMarkers(
            _set("neural_crest", without=crest_rare),
            (*crest_rare, "PDGFRA", "PDGFRB", "NES", "THY1", "COL1A1", "COL1A2", "COL3A1", "MCAM"),
            "lineage",
        ),
        "msc": StageMarkers(_MSC_COMMON, (*_FIBRE, *_CONTRACTILE, *_STROMAL_MAY), "stage"),
        "msc_contractile": StageMarkers(
            (*_CONTRACTILE[:5], "COL1A1", "COL1A2", "COL3A1"),
            (*_MSC_COMMON, *_FIBRE, *_CONTRACTILE, *_STROMAL_MAY),
            "stage",
            least=5,
        ),
        "pericyte": StageMarkers(
            _MURAL,
            (
                *(*_MSC_COMMON, *_FIBRE, *_CONTRACTILE, "PDGFRB", "CSPG4", "MCAM", "NOTCH3"),
                *("NES", "ANGPT1", "DLK1", "EMCN", "ETS1", "SNAI2"),
            ),
            "lineage",
        ),
        "smooth_muscle": StageMarkers(
            _LATE_MUSCLE,
            (
                *(*_MSC_COMMON, *_FIBRE, *_CONTRACTILE, "PDGFRB", "MCAM", "NOTCH3", "CSPG4"),
                "SNAI2",
            ),
            "lineage",
            least=3,
        ),
        "osteogenic": StageMarkers(
            ("RUNX2", "ALPL", "COL1A1", "COL1A2"),
            (*_MSC_COMMON, *_FIBRE, *_CONTRACTILE, *_STROMAL_MAY),
            "lineage",
            ("SP7", "SPP1", "BGLAP", "IBSP", "SATB2", "PHEX", "DMP1"),
        ),
    }
    may = {
        "neural": ("NES", "MSX1", "ETS1", "NGFR", "DLK1", "NOTCH3"),
        "epithelial": ("TFAP2A", "ALPL"),
        "endoderm": (*epithelial, "EOMES", "GSC", "MIXL1"),
        "cardiac": ("HAND1", "PDGFRA", "KDR", "CNN1", "ACTA2", "FOXF1", "MESP1", "COL3A1"),
        "blood": ("KDR", "PECAM1", "ETS1", "ESAM", "TEK"),
        "trophoblast": (*epithelial, "TFAP2A", "HAND1", "ENG", "FLT1", "ESAM"),
    }
    for name, extra in may.items():
        core = _set(f"unwanted_{name}")
        least = 3 if len(core) > 4 else 2
        stages[name] = StageMarkers(core, extra, "off_target", least=least)
    return stages


@dataclass(frozen=True)
class StagePanel:
    """The stages as one table of prior chances.

    Attributes
    ----------
    stages
        Names; the last is ``unknown``.
    genes
        Symbols, length ``n_genes``.
    on
        Prior chance that a cell of the stage expresses the gene, shape ``(n_stages, n_genes)``.
    core
        Core genes of each stage, same shape; none for ``unknown``.
    kinds
        Kind of each stage, see :class:`StageMarkers`.
    least
        Core genes of each stage that must be on, same length.
    """

    stages: tuple[str, ...]
    genes: tuple[str, ...]
    on: NDArray[np.float64]
    core: NDArray[np.bool_]
    kinds: tuple[str, ...]
    least: tuple[int, ...]


CORE_LIBRARY, MAY_LIBRARY = 0.75, 0.2
"""The same chances for a bulk library: chemistries differ in which core genes they see, and a gene
that some cells express is rarely seen among many that do not."""


@lru_cache(maxsize=2)
def stage_panel(*, libraries: bool = False) -> StagePanel:
    """Put the stages and their genes into one table, for cells or for bulk libraries.

    Examples
    --------
    >>> panel = stage_panel()
    >>> panel.stages[-1], panel.on.shape == (len(panel.stages), len(panel.genes))
    ('unknown', True)
    """
    markers = stage_markers()
    genes = tuple(dict.fromkeys(g for m in markers.values() for g in (*m.core, *m.may, *m.rare)))
    place = {g: k for k, g in enumerate(genes)}
    on = np.full((len(markers) + 1, len(genes)), OFF)
    core = np.zeros(on.shape, dtype=bool)
    for row, m in enumerate(markers.values()):
        on[row, [place[g] for g in m.rare]] = RARE
        on[row, [place[g] for g in m.may]] = MAY_LIBRARY if libraries else MAY
        on[row, [place[g] for g in m.core]] = CORE_LIBRARY if libraries else CORE
        core[row, [place[g] for g in m.core]] = True
    on[-1] = ANY
    kinds = (*(m.kind for m in markers.values()), UNKNOWN)
    least = (*(m.least for m in markers.values()), 0)
    return StagePanel((*markers, UNKNOWN), genes, on, core, kinds, least)
