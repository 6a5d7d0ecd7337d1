"""Activity of regulators with lots or donors as units."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.regulators.estimates import (
    METHODS,
    Method,
    RandomNull,
    centre_in_classes,
    gene_classes,
    random_null,
)
from imscope.analyses.regulators.families import conditional_effects, find_families
from imscope.analyses.regulators.network import Network
from imscope.analyses.regulators.profiles import MIN_UNITS, Profiles
from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.core.schema import REGULATOR_ACTIVITY
from imscope.io.genes import map_genes
from imscope.stats.adjust import benjamini_hochberg
from imscope.stats.exact import relabel_p, sign_flip_p
from imscope.stats.moderate import fit_moderated

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

Floats = NDArray[np.float64]
LEAST = 0.1
"""Share of the targets of a network that must be in the data."""


@dataclass(frozen=True, slots=True)
class ActivitySettings:
    """Choices of the activity.

    Attributes
    ----------
    method
        ``ulm``, ``zscore`` or ``rank``.
    min_targets, min_signed
        Detected targets, and those with a sign, that a regulator needs.
    min_coverage
        Share of its targets that must be detected, else it is not scored.
    draws
        Random regulons of each regulator.
    in_degree
        Whether a target counts less the more regulators it has.
    seed
        Of the random regulons.
    """

    method: Method = "ulm"
    min_targets: int = 5
    min_signed: int = 3
    min_coverage: float = 0.5
    draws: int = 1_000
    in_degree: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        fine = self.method in METHODS and self.min_targets >= 2 and self.min_signed >= 1
        if not fine or not 0 <= self.min_coverage <= 1 or self.draws < 100:
            raise UsageError(
                "a setting of the activity is out of range",
                found=str(asdict(self)),
                fix=f"method one of {', '.join(METHODS)}; 100 draws or more; coverage 0 to 1",
                code=codes.REGULATORS_OPTION,
            )


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """Activity of regulators in one contrast.

    Attributes
    ----------
    table
        As declared in ``regulator_activity``, sorted by p value.
    units
        Names of the units.
    by_unit
        Activity of each scored regulator in each unit, ``(n_units, n_regulators)``.
    regulators
        Names of the columns of ``by_unit``, sorted.
    profiles, weights
        What it rests on; ``weights`` has a row for each of ``regulators``.
    notes
        What was left out, in words.
    """

    table: "pd.DataFrame"
    units: tuple[str, ...]
    by_unit: Floats
    regulators: tuple[str, ...]
    profiles: Profiles
    weights: "sp.csr_array"
    notes: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A network on the genes of the data: signed weights, and targets of any sign."""

    regulators: tuple[str, ...]
    weights: "sp.csr_array"
    n_targets: NDArray[np.int64]
    n_detected: NDArray[np.int64]
    in_degree: NDArray[np.int64]


def place_network(
    network: Network, gene_ids: Sequence[str], *, in_degree: bool = True, least: float = LEAST
) -> Placed:
    """Find regulators' targets among genes; names pass the gene table, so aliases are found.

    Raises
    ------
    DataError
        A smaller share than ``least`` of the targets is among the genes.
    """
    import pandas as pd
    import scipy.sparse as sp

    pairs = network.pairs
    names = sorted(set(pairs["target"]))
    ids = dict(zip(names, map_genes(names)[0]["feature_id"], strict=True))
    place = {g: k for k, g in enumerate(gene_ids)}
    column = pairs["target"].map(lambda t: place.get(ids[t], place.get(t, -1))).to_numpy()
    regulators = tuple(sorted(set(pairs["regulator"])))
    row = pd.Categorical(pairs["regulator"], categories=list(regulators)).codes.astype(np.int64)
    found = column >= 0
    if found.sum() < max(least * len(pairs), 1):
        raise DataError(
            f"few targets of {network.name} are in the data",
            found=f"{int(found.sum()):,} of {len(pairs):,} pairs have a detected target",
            fix="give all genes of the libraries, or a network of the genes that were measured",
            code=codes.REGULATORS_COVERAGE,
        )
    shape = (len(regulators), len(gene_ids))
    weight = pairs["weight"].to_numpy(dtype=np.float64)
    degree = np.bincount(column[found], minlength=len(gene_ids))
    scaled = weight[found] / np.sqrt(degree[column[found]]) if in_degree else weight[found]
    matrix = sp.coo_array((scaled, (row[found], column[found])), shape=shape).tocsr()
    matrix.eliminate_zeros()
    matrix.sort_indices()
    size = len(regulators)
    return Placed(
        regulators, matrix, np.bincount(row, minlength=size),
        np.bincount(row[found], minlength=size), degree.astype(np.int64),
    )  # fmt: skip


def activity(
    profiles: Profiles,
    network: Network,
    *,
    labels: Collection[str] = (),
    settings: ActivitySettings | None = None,
) -> Activity:
    """Activity of every regulator in every unit, and its test over units.

    Parameters
    ----------
    profiles
        Of :func:`contrast_profiles` or :func:`axis_profiles`.
    network
        Of :func:`bundled_network` or :func:`read_network`.
    labels
        Genes the groups or the programme were made of; a regulator whose targets are more than half
        of them is called circular.
    settings
        Choices.

    Returns
    -------
    activity
        The p value is the larger of that of a moderated t over units and that of random regulons;
        with fewer than 3 units (4 unpaired) it is empty and the status is ``described``.

    Raises
    ------
    DataError
        Fewer than one in ten targets is detected, or no regulator can be scored.

    References
    ----------
    .. [1] Badia-i-Mompel P et al. (2022). Bioinform Adv 2:vbac016. doi:10.1093/bioadv/vbac016
    .. [2] Smyth GK (2004). Stat Appl Genet Mol Biol 3:3. doi:10.2202/1544-6115.1027

    Examples
    --------
    >>> import anndata, pandas as pd
    >>> from imscope.analyses.regulators import bundled_network, contrast_profiles
    >>> from imscope.io import open_cells
    >>> network = bundled_network()
    >>> genes = sorted(set(network.pairs["target"]))[:600]
    >>> rng = np.random.default_rng(0)
    >>> obs = pd.DataFrame({"lot": list("aabbcc"), "subset": ["x", "y"] * 3}, index=list("123456"))
    >>> obs["row_kind"] = "pool"
    >>> counts = rng.poisson(50, (6, 600)).astype("int32")
    >>> adata = anndata.AnnData(counts, obs, pd.DataFrame(index=genes))
    >>> part = contrast_profiles(open_cells(adata, bulk=True), "subset", unit="lot")[0]
    >>> found = activity(part, network)
    >>> len(found.units), bool(found.table["p_value"].min() > 1e-4)
    (3, True)
    """
    import pandas as pd

    chosen = settings or ActivitySettings()
    placed = place_network(network, list(profiles.gene_ids), in_degree=chosen.in_degree)
    signed = np.diff(placed.weights.indptr)
    enough = (placed.n_detected >= chosen.min_targets) & (signed >= chosen.min_signed)
    covered = placed.n_detected >= chosen.min_coverage * placed.n_targets
    scored = np.flatnonzero(enough & covered)
    if not len(scored):
        raise DataError(
            f"no regulator of {network.name} can be scored",
            found=f"{int(enough.sum())} have {chosen.min_targets} detected targets, none of them "
            f"with {chosen.min_coverage:.0%} of its targets",
            fix="give all genes of the libraries, or a network of the genes that were measured",
            code=codes.REGULATORS_COVERAGE,
        )
    names = tuple(placed.regulators[k] for k in scored)
    weights = placed.weights[scored]
    classes = gene_classes(profiles.level, placed.in_degree)
    centred = centre_in_classes(profiles.changes, classes)
    by_unit = METHODS[chosen.method](centred, weights)
    mean = _last_coefficient(centred, profiles.design)
    seeds = [crc32(n.encode()) for n in names]
    null = random_null(mean, weights, classes, draws=chosen.draws, seed=chosen.seed, names=seeds)
    table = _table(profiles, names, by_unit, null, chosen)
    table["n_targets"] = placed.n_targets[scored]
    table["n_detected"] = placed.n_detected[scored]
    table["n_signed"] = signed[scored]
    table["sign_agreement"] = _agreement(mean, weights, table["effect"].to_numpy())
    families = find_families(weights, names, table["effect"].to_numpy(), by_unit)
    table["family"] = families
    table["conditional"] = conditional_effects(mean, weights, families, table["effect"].to_numpy())
    table["circular"] = _circular(weights, profiles.symbols, labels)
    near = (table["circular"] > 0.5) & (table["status"] == "ok")
    table.loc[near, "status"] = "circular: the score was made of its targets"
    few = _not_scored(profiles, placed, np.flatnonzero(enough & ~covered))
    full = pd.concat([table, few]) if len(few) else table
    full = full.assign(axis=profiles.axis, contrast=profiles.contrast, network=network.name)
    full = full.sort_values(
        ["p_value", "effect", "regulator"], key=lambda c: -c.abs() if c.name == "effect" else c,
        kind="stable", ignore_index=True,
    )  # fmt: skip
    notes = (*profiles.dropped, *_notes(enough, covered))
    return Activity(
        REGULATOR_ACTIVITY.check(full), profiles.units, by_unit, names, profiles, weights, notes,
        asdict(chosen) | {"network": network.name, "licence": network.licence},
    )  # fmt: skip


def _notes(enough: NDArray[np.bool_], covered: NDArray[np.bool_]) -> list[str]:
    few = int((~enough).sum())
    words = [f"{few} of {len(enough)} regulators have too few detected or signed targets"]
    low = int((enough & ~covered).sum())
    return words + ([f"{low} regulators are not scored: few of their targets seen"] if low else [])


def _last_coefficient(values: Floats, design: Floats) -> Floats:
    """Mean difference, or slope, of each gene."""
    return np.asarray((np.linalg.pinv(design) @ values)[-1])


def _table(
    profiles: Profiles, names: tuple[str, ...], by_unit: Floats, null: RandomNull,
    chosen: ActivitySettings,
) -> "pd.DataFrame":  # fmt: skip
    """Effects, intervals and probabilities of the scored regulators."""
    design, n = profiles.design, len(profiles.units)
    effect = _last_coefficient(by_unit, design)
    rows = REGULATOR_ACTIVITY.frame({"regulator": name} for name in names)
    rows["effect"], rows["p_random"] = effect, null.p_value
    rows["n_units"] = n
    if not profiles.testable:
        need = MIN_UNITS if profiles.paired else MIN_UNITS + 1
        rows["status"] = f"described: {n} unit{'' if n == 1 else 's'}, {need} are needed"
        return rows
    fit = fit_moderated(by_unit, design)
    se = np.sqrt(fit.variance * fit.unscaled[-1, -1])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(se > 0, effect / se, 0.0)
    df = min(fit.df, 1e6)
    reach = se * float(stats.t.ppf(0.975, df))
    rows["low"], rows["high"] = effect - reach, effect + reach
    rows["p_unit"] = 2 * stats.t.sf(np.abs(t), df)
    rng = np.random.default_rng(chosen.seed)
    if profiles.paired:
        rows["p_exact"] = sign_flip_p(by_unit, rng)[0]
    elif set(np.unique(design[:, -1])) <= {0.0, 1.0}:
        rows["p_exact"] = relabel_p(by_unit, design[:, -1] == 1, rng)[0]
    rows["p_value"] = np.maximum(rows["p_unit"], rows["p_random"])
    rows["q_value"] = benjamini_hochberg(rows["p_value"])
    rows["status"] = "ok"
    return rows


def _agreement(mean: Floats, weights: "sp.csr_array", effect: Floats) -> Floats:
    """Share of signed targets that move as the activity says."""
    out = np.full(weights.shape[0], np.nan)
    for r in range(weights.shape[0]):
        part = slice(weights.indptr[r], weights.indptr[r + 1])
        moved = np.sign(weights.data[part]) * np.sign(mean[weights.indices[part]])
        out[r] = float((moved == np.sign(effect[r])).mean()) if len(moved) else np.nan
    return out


def _circular(
    weights: "sp.csr_array", symbols: NDArray[np.object_], labels: Collection[str]
) -> Floats:
    """Share of the labels' detected genes that are signed targets of each regulator."""
    own = np.isin(symbols.astype(str), sorted(labels))
    out = np.zeros(weights.shape[0])
    for r in range(weights.shape[0]):
        genes = weights.indices[weights.indptr[r] : weights.indptr[r + 1]]
        shared = int(own[genes].sum())
        out[r] = shared / max(int(own.sum()), 1)
    return out


def _not_scored(profiles: Profiles, placed: Placed, rows: NDArray[np.int64]) -> "pd.DataFrame":
    return REGULATOR_ACTIVITY.frame(
        {
            "regulator": placed.regulators[k],
            "family": placed.regulators[k],
            "n_targets": int(placed.n_targets[k]),
            "n_detected": int(placed.n_detected[k]),
            "n_units": len(profiles.units),
            "status": f"not scored: {placed.n_detected[k]} of {placed.n_targets[k]} targets seen",
        }
        for k in rows
    )
