"""The edited locus of a clone: what the reads can say of it, and what only another test can."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import special

from imscope.analyses.clones.identity import ERROR, IMBALANCE_SD
from imscope.core import codes
from imscope.core.errors import DataError

LEAST_SEEN, LEAST_HOMOZYGOUS = 5, 25
WORDS = (
    *("EDIT SEEN", "WILD TYPE", "WILD TYPE PRESENT", "OTHER ALLELE", "NOT COVERED", "CONTRADICTS"),
)
DECIDING = (
    "Sanger sequencing",
    "quantitative genotyping PCR",
    "SNP array",
    "long reads",
    "whole genome sequencing",
    "G-band karyotype",
)
_SHAPE = (0.25 / IMBALANCE_SD**2 - 1) / 2


@dataclass(frozen=True, slots=True)
class Flank:
    """A variant near the cut at which the parent is heterozygous."""

    distance: int
    ref: int
    alt: int


@dataclass(frozen=True, slots=True)
class EditCall:
    """What may be said of one clone at one locus; fields as in the JSON of ``clones edit``."""

    clone: str
    locus: str
    covered: bool
    reads_ref: int
    reads_alt: int
    reads_other: int
    flanking_het: str
    verdict: str
    wild_type_upper_95: float
    deciding_tests: tuple[str, ...]
    status: str

    def row(self) -> dict[str, Any]:
        """Return the call as JSON holds it."""
        row = asdict(self)
        upper = row["wild_type_upper_95"]
        row["wild_type_upper_95"] = upper if np.isfinite(upper) else None
        row["deciding_tests"] = list(self.deciding_tests)
        return row


def one_allele_by_chance(reads: int) -> float:
    """Chance that a heterozygous site shows one allele only, with RNA's imbalance of alleles.

    Examples
    --------
    >>> [round(100 * one_allele_by_chance(n), 2) for n in (5, 10, 30)]
    [12.52, 2.14, 0.04]
    """
    one = special.betaln(_SHAPE + reads, _SHAPE) - special.betaln(_SHAPE, _SHAPE)
    return float(2 * np.exp(one))


def wild_type_upper(reads_wild: int, reads: int) -> float:
    """Upper 95 % bound of the share of wild-type reads; exact binomial.

    Examples
    --------
    >>> round(wild_type_upper(0, 100), 3)
    0.03
    """
    if reads == 0 or reads_wild >= reads:
        return 1.0
    return float(special.betaincinv(reads_wild + 1, reads - reads_wild, 0.95))


def call_edit(
    clone: str,
    locus: str,
    reads: tuple[int, int, int],
    *,
    flanks: Sequence[Flank] = (),
    expected: str = "",
    edited_is_ref: bool = False,
) -> EditCall:
    """Call one clone at one edited position.

    Parameters
    ----------
    clone, locus
        Names.
    reads
        Reads with the reference, the alternative and any other allele.
    flanks
        Variants within reach at which the parent is heterozygous, on both sides of the cut.
    expected
        ``heterozygous`` or ``homozygous`` where the plan says so.
    edited_is_ref
        The edit restores the reference allele (correction of a disease line).

    Returns
    -------
    call
        ``homozygous, two copies seen`` needs 25 reads at the site and, on each side of the cut, a
        variant that still shows both alleles of the parent. A deletion between the two is not
        excluded by it.

    Raises
    ------
    DataError
        Reads are negative or not whole (``E-CLONE-COUNTS``).

    Examples
    --------
    >>> both = (Flank(-900, 12, 9), Flank(1500, 10, 14))
    >>> call_edit("c1", "LMNA", (0, 40, 0), flanks=both).verdict
    'EDIT SEEN (homozygous, two copies seen)'
    >>> call_edit("c1", "LMNA", (0, 40, 0)).verdict
    'EDIT SEEN (homozygous or hemizygous)'
    """
    values = [*reads, *(x for f in flanks for x in (f.ref, f.alt))]
    if any(isinstance(v, bool) or v != int(v) or v < 0 for v in values):
        raise DataError("reads are whole numbers", found=str(values[:6]), code=codes.CLONE_COUNTS)
    ref, alt, other = (int(v) for v in reads)
    wild, edited = (alt, ref) if edited_is_ref else (ref, alt)
    total = ref + alt + other
    words, verdict, status = _flank_words(flanks), "", ""
    if total < LEAST_SEEN:
        verdict = "NOT COVERED"
        status = f"{total} reads; 3' libraries see the last few hundred bases of a gene only"
    else:
        verdict, status = _allele_verdict(wild, edited, other, flanks)
    if expected and verdict.startswith("EDIT SEEN") and not _fits(expected, verdict):
        status = f"expected {expected}, seen {verdict[11:-1]}; {status}".rstrip("; ")
        verdict = "CONTRADICTS"
    if expected and verdict == "WILD TYPE":
        status = f"expected {expected}, no edited read; {status}".rstrip("; ")
        verdict = "CONTRADICTS"
    upper = wild_type_upper(wild, wild + edited) if wild + edited else float("nan")
    covered = total >= LEAST_SEEN
    return EditCall(clone, locus, covered, ref, alt, other, words, verdict, upper, DECIDING, status)


def _allele_verdict(wild: int, edited: int, other: int, flanks: Sequence[Flank]) -> tuple[str, str]:
    total = wild + edited + other
    noise = max(1, int(special.bdtrik(0.999, total, ERROR)))
    has_wild, has_edit, has_other = (x > noise for x in (wild, edited, other))
    if has_other:
        return "OTHER ALLELE", f"{other} of {total} reads show neither allele: an indel is likely"
    if has_wild and has_edit:
        share = edited / (wild + edited)
        low, high = special.betaincinv(_SHAPE, _SHAPE, [0.001, 0.999])
        if low <= share <= high:
            return "EDIT SEEN (heterozygous)", f"{share:.0%} of reads edited"
        return "WILD TYPE PRESENT", f"{share:.0%} of reads edited: a mixture of clones is likely"
    if has_wild:
        return "WILD TYPE", f"one allele unseen by chance: {one_allele_by_chance(total):.2%}"
    chance = one_allele_by_chance(total)
    state = _copies(flanks)
    if total < LEAST_HOMOZYGOUS and state != "one":
        return (
            "EDIT SEEN (zygosity not resolved)",
            f"{total} reads; the other allele stays unseen by chance in {chance:.2%}",
        )
    if state == "two":
        return (
            "EDIT SEEN (homozygous, two copies seen)",
            "both alleles of the parent are seen on both sides; a deletion between is not excluded",
        )
    if state == "one":
        by_chance = np.prod([one_allele_by_chance(f.ref + f.alt) for f in _covered(flanks)])
        return (
            "EDIT SEEN (one copy likely)",
            f"all flanking variants show one allele; by chance {float(by_chance):.2%}",
        )
    return "EDIT SEEN (homozygous or hemizygous)", "too few flanking variants are covered"


def _covered(flanks: Sequence[Flank]) -> list[Flank]:
    return [f for f in flanks if f.ref + f.alt >= LEAST_SEEN]


def _both_seen(f: Flank) -> bool:
    return min(f.ref, f.alt) >= 2 and min(f.ref, f.alt) / (f.ref + f.alt) > 0.05


def _copies(flanks: Sequence[Flank]) -> str:
    """``two`` copies, ``one`` likely, or ``unknown``, from variants beside the cut."""
    seen = _covered(flanks)
    sides = [[f for f in seen if f.distance < 0], [f for f in seen if f.distance > 0]]
    if all(any(_both_seen(f) for f in side) for side in sides):
        return "two"
    if len(seen) >= 2 and all(min(f.ref, f.alt) <= 1 for f in seen):
        chance = float(np.prod([one_allele_by_chance(f.ref + f.alt) for f in seen]))
        return "one" if chance < 0.02 else "unknown"
    return "unknown"


def _flank_words(flanks: Sequence[Flank]) -> str:
    return "; ".join(f"{f.distance:+d} bp {f.ref}/{f.alt}" for f in flanks) or "none covered"


def _fits(expected: str, verdict: str) -> bool:
    if expected == "heterozygous":
        return "heterozygous" in verdict or "not resolved" in verdict
    return "heterozygous" not in verdict


TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "LMNA_R527C": {"gene": "LMNA", "change": "c.1579C>T", "protein": "p.Arg527Cys"},
    "LMNA_G608G": {
        "gene": "LMNA",
        "change": "c.1824C>T",
        "protein": "p.Gly608Gly",
        "also": "count reads over the progerin junction of exon 11",
    },
    "ACVR1_R206H": {"gene": "ACVR1", "change": "c.617G>A", "protein": "p.Arg206His"},
}
"""Loci of common model lines; positions are stated by the user with the build."""


def progerin_share(normal_junctions: int, progerin_junctions: int) -> tuple[float, float]:
    """Share of progerin junctions among reads over the end of exon 11, with its upper bound.

    Parameters
    ----------
    normal_junctions, progerin_junctions
        Reads over each junction.

    Examples
    --------
    >>> progerin_share(100, 0)[0]
    0.0
    """
    total = normal_junctions + progerin_junctions
    if min(normal_junctions, progerin_junctions) < 0:
        raise DataError("reads are whole numbers", code=codes.CLONE_COUNTS)
    share = progerin_junctions / total if total else float("nan")
    return share, wild_type_upper(progerin_junctions, total)
