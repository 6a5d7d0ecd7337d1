"""Is this line the one it is said to be, and are foreign cells in it: from allele counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from imscope.core import codes
from imscope.core.errors import DataError

Floats = NDArray[np.float64]
ERROR = 0.005
"""Share of reads that show another allele than the molecule had."""
IMBALANCE_SD = 0.15
"""Standard deviation of the share of the alternative allele at a heterozygous site in RNA."""
DECIDES = 10.0
"""Difference of log likelihoods (nats) that decides."""
LEAST_VARIANTS = 20


@dataclass(frozen=True, slots=True)
class Identity:
    """Verdict on one library against one expected line.

    Attributes
    ----------
    verdict
        ``MATCHES``, ``CONTRADICTS`` or ``NOT TESTABLE``.
    reason
        In words.
    n_variants
        Variants with reads and a known genotype.
    log_ratio
        Log likelihood of the expected line minus that of the best other explanation. Unit: nats.
    against
        The best other explanation: a line, ``an unrelated person`` or ``a sibling``.
    """

    verdict: str
    reason: str
    n_variants: int
    log_ratio: float
    against: str


def genotype_log_likelihoods(ref: ArrayLike, alt: ArrayLike) -> Floats:
    """Log likelihood of the reads of each variant under 0, 1 or 2 alternative alleles.

    Heterozygous sites are beta-binomial, because the two alleles of RNA are not equally frequent.

    Parameters
    ----------
    ref, alt
        Reads, shape ``(n_variants,)``.

    Returns
    -------
    likelihoods
        Shape ``(n_variants, 3)``. Unit: nats.

    Raises
    ------
    DataError
        Counts are negative, not whole or of unequal number.

    Examples
    --------
    >>> genotype_log_likelihoods([10], [0]).argmax()
    np.int64(0)
    """
    r, a = (np.asarray(x, dtype=np.float64) for x in (ref, alt))
    bad = r.shape != a.shape or r.ndim != 1 or not np.isfinite(r + a).all()
    if bad or (np.minimum(r, a) < 0).any() or (r % 1 + a % 1).any():
        raise DataError(
            "allele counts are whole numbers, one pair for each variant",
            found=f"{r.size} reference, {a.size} alternative",
            code=codes.CLONE_COUNTS,
        )
    n = r + a
    shape = (0.25 / IMBALANCE_SD**2 - 1) / 2
    middle = special.betaln(a + shape, r + shape) - special.betaln(shape, shape)
    log_choose = special.gammaln(n + 1) - special.gammaln(a + 1) - special.gammaln(r + 1)
    low = a * np.log(ERROR) + r * np.log1p(-ERROR)
    high = r * np.log(ERROR) + a * np.log1p(-ERROR)
    return np.asarray(np.stack([low, middle, high], axis=1) + log_choose[:, None])


def check_identity(
    ref: ArrayLike,
    alt: ArrayLike,
    genotypes: Mapping[str, ArrayLike],
    *,
    expected: str,
    frequency: ArrayLike,
    same_donor: Mapping[str, str] | None = None,
) -> Identity:
    """Hold the reads of a library against the line it is said to be.

    The other explanations are every other line given, an unrelated person and a full sibling of the
    expected line.

    Parameters
    ----------
    ref, alt
        Reads per variant, shape ``(n_variants,)``.
    genotypes
        Line to its number of alternative alleles per variant (0, 1, 2; -1 when not known).
    expected
        The line it is said to be.
    frequency
        Frequency of the alternative allele in the population, shape ``(n_variants,)``.
    same_donor
        Line to donor, where known: lines of one donor share all germline variants and are never
        told apart by them.

    Returns
    -------
    identity
        With the best other explanation.

    Raises
    ------
    DataError
        The expected line is not given (``E-CLONE-PARENT``), or counts do not fit.

    References
    ----------
    .. [1] Huang Y, McCarthy DJ, Stegle O (2019). Genome Biol 20:273.
       doi:10.1186/s13059-019-1865-2

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> f = np.full(60, 0.3); a, b = rng.binomial(2, f), rng.binomial(2, f)
    >>> alt = rng.binomial(10, 0.005 + 0.99 * a / 2)
    >>> check_identity(10 - alt, alt, {"A": a, "B": b}, expected="A", frequency=f).verdict
    'MATCHES'
    """
    if expected not in genotypes:
        raise DataError(
            f"the expected line {expected!r} is not among the genotypes",
            found=", ".join(sorted(genotypes)),
            code=codes.CLONE_PARENT,
        )
    loglik = genotype_log_likelihoods(ref, alt)
    own = _genotypes(genotypes[expected], len(loglik))
    f = np.asarray(frequency, dtype=np.float64)
    if f.shape != (len(loglik),) or not ((f > 0) & (f < 1)).all():
        raise DataError(
            "every variant needs an allele frequency between 0 and 1", code=codes.CLONE_VARIANTS
        )
    covered = (np.asarray(ref, float) + np.asarray(alt, float) > 0) & (own >= 0)
    n = int(covered.sum())
    mine = _known(loglik, own)
    others = {
        "an unrelated person": _mixed(loglik, _unrelated(f)),
        "a sibling": _mixed(loglik, _sibling(own, f)),
    }
    donors = same_donor or {}
    twins = []
    for name, g in genotypes.items():
        g = _genotypes(g, len(loglik))
        both = (own >= 0) & (g >= 0)
        alike = bool((own[both] == g[both]).all()) or (
            name in donors and donors.get(name) == donors.get(expected)
        )
        if name != expected and alike:
            twins.append(name)
        elif name != expected:
            others[name] = np.where(g >= 0, _known(loglik, g), others["an unrelated person"])
    ratios = {name: float((mine - o)[covered].sum()) for name, o in others.items()}
    against = min(ratios, key=lambda k: (ratios[k], k))
    ratio = ratios[against]
    return _verdict(n, ratio, against, twins, expected)


def _verdict(n: int, ratio: float, against: str, twins: list[str], expected: str) -> Identity:
    if n < LEAST_VARIANTS:
        why = f"{n} covered variants; at least {LEAST_VARIANTS} are needed"
        return Identity("NOT TESTABLE", why, n, ratio, against)
    if ratio <= -DECIDES:
        why = f"{against} explains the reads better by {-ratio:.0f} nats"
        return Identity("CONTRADICTS", why, n, ratio, against)
    if twins:
        why = (
            f"germline variants are those of the donor of {expected}, shared with "
            f"{', '.join(sorted(twins))}: clones of one donor cannot be told apart by them"
        )
        return Identity("NOT TESTABLE", why, n, ratio, against)
    if ratio < DECIDES:
        why = f"{against} explains the reads almost as well ({ratio:.1f} nats)"
        return Identity("NOT TESTABLE", why, n, ratio, against)
    return Identity("MATCHES", f"better than {against} by {ratio:.0f} nats", n, ratio, against)


def _genotypes(values: ArrayLike, n: int) -> NDArray[np.int64]:
    g = np.asarray(values)
    if g.shape != (n,) or not np.isin(g, (-1, 0, 1, 2)).all():
        raise DataError(
            "genotypes are 0, 1, 2 or -1, one for each variant",
            found=f"{g.size} for {n} variants",
            code=codes.CLONE_VARIANTS,
        )
    return g.astype(np.int64)


def _known(loglik: Floats, g: NDArray[np.int64]) -> Floats:
    """Likelihood under a genotype that is right but for one variant in a hundred."""
    pick = np.take_along_axis(loglik, np.maximum(g, 0)[:, None], axis=1)[:, 0]
    any_of = special.logsumexp(loglik, axis=1) - np.log(3)
    return np.asarray(np.logaddexp(np.log(0.99) + pick, np.log(0.01) + any_of))


def _mixed(loglik: Floats, prior: Floats) -> Floats:
    return np.asarray(special.logsumexp(loglik + np.log(np.maximum(prior, 1e-12)), axis=1))


def _unrelated(f: Floats) -> Floats:
    return np.stack([(1 - f) ** 2, 2 * f * (1 - f), f**2], axis=1)


def _sibling(own: NDArray[np.int64], f: Floats) -> Floats:
    """Genotypes of a full sibling given one's own: 0, 1 or 2 alleles shared by descent."""
    unrelated = _unrelated(f)
    share = np.maximum(own, 0)[:, None] / 2
    drawn = np.concatenate([1 - share, share], axis=1)  # the allele shared by descent
    one = np.stack(
        [drawn[:, 0] * (1 - f), drawn[:, 0] * f + drawn[:, 1] * (1 - f), drawn[:, 1] * f], axis=1
    )
    two = np.eye(3)[np.maximum(own, 0)]
    prior = 0.25 * unrelated + 0.5 * one + 0.25 * two
    return np.where(own[:, None] >= 0, prior, unrelated)


@dataclass(frozen=True, slots=True)
class ForeignCells:
    """Cells of another person among those of a line.

    Attributes
    ----------
    n_informative, n_foreign
        Cells with enough informative reads, and those called foreign.
    frac, upper_95
        Share, and its exact one-sided 95 % upper bound.
    called
        Which cells, shape ``(n_cells,)``.
    """

    n_informative: int
    n_foreign: int
    frac: float
    upper_95: float
    called: NDArray[np.bool_]


def find_foreign_cells(
    own_reads: ArrayLike, foreign_reads: ArrayLike, *, soup: float = 0.0, error: float = ERROR
) -> ForeignCells:
    """Call cells of another person, cell by cell.

    A cell is called when more reads show alleles its line does not have than errors and ambient RNA
    explain once in a million cells, and most of its reads do.

    Parameters
    ----------
    own_reads, foreign_reads
        Reads of each cell at sites where line and other people differ: with an allele the line has,
        and with one it does not have, shape ``(n_cells,)``. Doublets are left out before.
    soup
        Share of ambient reads that may come from others.
    error
        Read error.

    Returns
    -------
    foreign
        With zero cells found the bound is ``1 - 0.05 ** (1 / n)``.

    Examples
    --------
    >>> found = find_foreign_cells([8] * 99 + [0], [0] * 99 + [9])
    >>> found.n_foreign, round(found.upper_95, 3)
    (1, 0.047)
    """
    own, other = (np.asarray(x, dtype=np.int64) for x in (own_reads, foreign_reads))
    if own.shape != other.shape or own.ndim != 1 or (np.minimum(own, other) < 0).any():
        raise DataError(
            "reads of cells are counts, one pair for each cell", code=codes.CLONE_COUNTS
        )
    if not 0 <= soup < 0.5 or not 0 < error < 0.5:
        raise DataError("soup and error are shares below one half", code=codes.CLONE_COUNTS)
    total = own + other
    informative = total >= 5
    chance = stats.binom.sf(other - 1, total, min(0.49, error + soup))
    called = informative & (chance < 1e-6) & (2 * other > total)
    n, k = int(informative.sum()), int(called.sum())
    upper = float(stats.beta.ppf(0.95, k + 1, n - k)) if k < n else 1.0
    return ForeignCells(n, k, k / n if n else float("nan"), upper if n else 1.0, called)


def str_match(
    sample: Mapping[str, Sequence[str]], reference: Mapping[str, Sequence[str]]
) -> tuple[float, int]:
    """Score two STR profiles after Tanabe: shared alleles twice over all alleles.

    Parameters
    ----------
    sample, reference
        Locus to its alleles.

    Returns
    -------
    score, loci
        Score from 0 to 1 over loci that both have, and their number.

    References
    ----------
    .. [1] Tanabe H et al. (1999). Tissue Cult Res Commun 18:329-338.
       doi:10.11418/jtca1981.18.4_329

    Examples
    --------
    >>> str_match({"TH01": ["6", "9"]}, {"TH01": ["6", "9.3"]})
    (0.5, 1)
    """
    loci = sorted(set(sample) & set(reference))
    mine, theirs = ([set(p[x]) for x in loci] for p in (sample, reference))
    total = sum(len(a) + len(b) for a, b in zip(mine, theirs, strict=True))
    shared = sum(len(a & b) for a, b in zip(mine, theirs, strict=True))
    return (2 * shared / total if total else float("nan")), len(loci)
