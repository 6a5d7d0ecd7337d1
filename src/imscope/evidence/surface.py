"""Which genes make a protein that an antibody can bind on a living cell."""

import csv
import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from imscope.core import codes
from imscope.core.errors import DataError

SURFACE = frozenset({"surface", "surface_ms_evidence", "surface_curated"})
"""Statuses that may be stained on the outside of a cell."""

MAX_BYTES = 64 * 2**20

_SPLICE = {"CD45RA": "PTPRC", "CD45RB": "PTPRC", "CD45RC": "PTPRC", "CD45RO": "PTPRC",
           "B220": "PTPRC", "CD44V6": "CD44"}  # fmt: skip
_GLYCAN = {"CD15": "FUT4", "SSEA1": "FUT4", "CD57": "B3GAT1", "SSEA4": "ST3GAL2",
           "GD2": "B4GALNT1",
           "CLA": "SELPLG", "TRA160R": "", "CD65": "",
           "CD60": "", "TRA160": "", "TRA181": "", "SSEA3": "", "SSEA5": ""}  # fmt: skip
_NAMES = {
    "CD3": "CD3E", "CD8": "CD8A", "CD16": "FCGR3A", "CD32": "FCGR2A", "CD45": "PTPRC",
    "CD11A/CD18": "ITGAL", "CD21": "CR2", "CD41": "ITGA2B", "CD42B": "GP1BA", "CD49D": "ITGA4",
    "CD64": "FCGR1A", "CD66B": "CEACAM8", "CD79": "CD79A", "CD85J": "LILRB1", "CD158": "KIR2DL1",
    "CD158B": "KIR2DL3", "CD158E": "KIR3DL1", "CD235": "GYPA", "CD235AB": "GYPA",
    "CADHERIN11": "CDH11", "FCERIA": "FCER1A", "GPR56": "ADGRG1", "GP130": "IL6ST",
    "HLAABC": "HLA-A", "HLAA2": "HLA-A", "HLADR": "HLA-DRA", "HLADQ": "HLA-DQA1",
    "HLADP": "HLA-DPA1",
    "PD1": "PDCD1", "PDL1": "CD274", "PDL2": "PDCD1LG2", "CTLA4": "CTLA4", "TIM3": "HAVCR2",
    "LAG3": "LAG3", "OX40": "TNFRSF4", "41BB": "TNFRSF9", "GITR": "TNFRSF18", "BTLA": "BTLA",
    "CCR7": "CCR7", "CXCR3": "CXCR3", "NKG2A": "KLRC1", "NKG2D": "KLRK1", "NKP46": "NCR1",
    "TCRAB": "TRAC", "TCRGD": "TRDC", "GDTCR": "TRDC", "TCRVA7": "TRAV1-2", "TCRVA72": "TRAV1-2",
    "TCRVD2": "TRDV2", "EGFR": "EGFR", "FLK1": "KDR", "VEGFR2": "KDR", "GP38": "PDPN",
    "NG2": "CSPG4", "MSCA1": "ALPL", "W8B2": "ALPL", "LNGFR": "NGFR", "STRO1": "",
    "2B4": "CD244", "41BBL": "TNFSF9", "B7H2": "ICOSLG", "B7H3": "CD276", "B7H4": "VTCN1",
    "BCMA": "TNFRSF17", "CRTH2": "PTGDR2", "DNAM1": "CD226", "GARP": "LRRC32", "HER2": "ERBB2",
    "HVEM": "TNFRSF14", "ICOSL": "ICOSLG", "LFA3": "CD58", "LOX1": "OLR1", "NKP80": "KLRF1",
    "PSMA": "FOLH1", "PODOCALYXIN": "PODXL", "PODOPLANIN": "PDPN", "RANKL": "TNFSF11",
    "TACTILE": "CD96", "TIM4": "TIMD4", "TRAIL": "TNFSF10", "TSLPR": "CRLF2", "VEGFR3": "FLT4",
    "CMET": "MET", "INTEGRINB7": "ITGB7", "IGD": "IGHD", "IGM": "IGHM", "IGG1": "IGHG1",
    "CKIT": "KIT", "EPCAM": "EPCAM", "ECADHERIN": "CDH1", "NCADHERIN": "CDH2", "TISSUEFACTOR": "F3",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SurfaceProtein:
    """What is known about one gene as a target for sorting.

    Attributes
    ----------
    gene, uniprot
        HGNC symbol and accession.
    cd_names
        CD names; a gene that has one has antibodies.
    status
        ``surface`` (predicted surfaceome), ``surface_ms_evidence`` (seen by mass spectrometry
        only), ``surface_curated`` (stained, but missed by the lists), ``glycan_epitope``,
        ``antigen_receptor_chain``, ``secreted_or_dual``, ``intracellular``, ``cd_name_only`` or
        ``unspecific``.
    in_surfy
        Listed in the predicted surfaceome.
    cspa
        Category in the mass spectrometry atlas: 1 high confidence, 2 putative, 3 unspecific, empty
        when not seen.
    partners
        Other genes whose product the usual antibodies bind as well.
    """

    gene: str
    uniprot: str
    cd_names: tuple[str, ...]
    status: str
    in_surfy: bool
    cspa: str
    partners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MarkerNote:
    """Why a marker must be read with care on mesenchymal stromal cells.

    Attributes
    ----------
    gene, cd_name
        Names.
    flag
        ``conflict`` (reports differ in sign), ``context`` (tissue, passage or culture), ``state``
        (inducible), ``exclusion`` (marks contaminants), ``weak``, ``glycan`` or ``no_gene``.
    note
        One sentence.
    doi
        Source; empty where it is common knowledge of the field.
    """

    gene: str
    cd_name: str
    flag: str
    note: str
    doi: str


@dataclass(frozen=True, slots=True)
class Target:
    """What an antibody of some name binds.

    Attributes
    ----------
    gene
        HGNC symbol; empty when unknown or no gene product.
    kind
        ``protein``, ``glycan``, ``splice_form``, ``no_gene`` or ``unknown``.
    """

    gene: str
    kind: str


@lru_cache(maxsize=1)
def surface_proteins() -> dict[str, SurfaceProtein]:
    """Read the bundled table of surface proteins.

    Returns
    -------
    proteins
        By HGNC symbol. Treat it as read-only.

    References
    ----------
    .. [1] Bausch-Fluck D et al (2018). PNAS 115:E10988-E10997. doi:10.1073/pnas.1808790115
    .. [2] Bausch-Fluck D et al (2015). PLoS ONE 10:e0121314. doi:10.1371/journal.pone.0121314

    Examples
    --------
    >>> surface_proteins()["ENG"].cd_names, surface_proteins()["TFRC"].status in SURFACE
    (('CD105',), True)
    """
    packed = (files("imscope.evidence") / "data" / "surface.tsv.gz").read_bytes()
    lines = [x for x in gzip.decompress(packed).decode().splitlines() if not x.startswith("#")]
    return {
        row["gene"]: SurfaceProtein(
            gene=row["gene"],
            uniprot=row["uniprot"],
            cd_names=tuple(x for x in row["cd_names"].split("|") if x),
            status=row["status"],
            in_surfy=row["in_surfy"] == "1",
            cspa=row["cspa"],
            partners=tuple(x for x in row["partners"].split("|") if x),
        )
        for row in csv.DictReader(lines, delimiter="\t")
    }


@lru_cache(maxsize=1)
def marker_notes() -> dict[str, MarkerNote]:
    """Read the bundled notes on contested and context-dependent markers.

    Returns
    -------
    notes
        By HGNC symbol. A seed, not a systematic review.

    Examples
    --------
    >>> marker_notes()["ENG"].flag
    'conflict'
    """
    text = (files("imscope.evidence") / "data" / "marker_notes.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return {row["gene"]: MarkerNote(**row) for row in rows}


def antibody_target(name: str) -> Target:
    """Find the gene behind an antibody's name, however it is spelled.

    Parameters
    ----------
    name
        CD name, gene symbol or trivial name: ``CD8a``, ``CD279 (PD-1)``, ``HLA_DR``.

    Returns
    -------
    target
        Sugars and splice forms are told apart from plain proteins: no RNA stands for them.

    Examples
    --------
    >>> [antibody_target(x).gene for x in ("CD105", "PD-1", "CD279 (PD-1)", "anti-human CD8a", "x")]
    ['ENG', 'PDCD1', 'PDCD1', 'CD8A', '']
    >>> antibody_target("CD45RA").kind, antibody_target("CD15").kind
    ('splice_form', 'glycan')
    """
    text = re.sub(r"^(anti|hu|human|adt|prot|ab)[\s_.-]+", "", name.strip(), flags=re.IGNORECASE)
    text = re.sub(r"^(human|hu|mouse)[\s_.-]+", "", text, flags=re.IGNORECASE)
    text = re.sub(r"([_.-](TotalSeq\w*|ADT|AB|protein|prot))+$", "", text, flags=re.IGNORECASE)
    text = re.sub(r"^(CD\d+[a-z]?)\.\d$", r"\1", text, flags=re.IGNORECASE)  # made unique in R
    inside = re.findall(r"\(([^)]*)\)", text)
    pieces = re.split(r"[/_ ]+", text)
    for spelling in (text, re.sub(r"\s*\([^)]*\)", "", text), *inside, *pieces[:2]):
        found = _target(spelling)
        if found is not None:
            return found
    return Target("", "unknown")


def read_antibodies(path: str | Path) -> dict[str, int]:
    """Read which genes have antibodies on the market, from a table of the user's.

    Parameters
    ----------
    path
        Tab-separated, with a column ``gene``; if there are columns that begin with ``totalseq`` or
        ``bd_`` they are counted, otherwise every row counts 1. No catalogue is bundled.

    Returns
    -------
    available
        Gene to number of products.

    Raises
    ------
    DataError
        The file cannot be read or has no column ``gene``.
    """
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise ValueError("it is larger than 64 MB")
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} could not be read", found=str(error), code=codes.SURFACE_TABLE
        ) from error
    table = csv.DictReader(text.splitlines(), delimiter="\t")
    columns = table.fieldnames or []
    if "gene" not in columns:
        raise DataError(
            f"{path} has no column 'gene'",
            found=", ".join(columns[:8]),
            fix="give a tab-separated table with gene symbols in a column `gene`",
            code=codes.SURFACE_TABLE,
        )
    counted = [c for c in columns if c.lower().startswith(("totalseq", "bd_"))]
    out: dict[str, int] = {}
    for row in table:
        n = sum((row[c] or "0").strip() not in ("0", "") for c in counted) if counted else 1
        gene = (row["gene"] or "").strip()
        out[gene] = out.get(gene, 0) + n
    return out


def _target(spelling: str) -> Target | None:
    key = re.sub(r"[\s._-]", "", spelling).upper().replace("Α", "A").replace("Β", "B")
    if key in _SPLICE:
        return Target(_SPLICE[key], "splice_form")
    if key in _GLYCAN:
        return Target(_GLYCAN[key], "glycan")
    if key == "STRO1":
        return Target("", "no_gene")
    symbol = spelling.strip().upper()
    if symbol in surface_proteins():
        return Target(symbol, "protein")
    gene = _NAMES.get(key) or _cd_names().get(key)
    return Target(gene, "protein") if gene else None


@lru_cache(maxsize=1)
def _cd_names() -> dict[str, str]:
    """CD name in capitals without signs to its one gene; names of several genes are left out."""
    found: dict[str, set[str]] = {}
    for gene, protein in surface_proteins().items():
        for name in (gene, *protein.cd_names):
            found.setdefault(re.sub(r"[\s._-]", "", name).upper(), set()).add(gene)
    return {name: min(genes) for name, genes in found.items() if len(genes) == 1}
