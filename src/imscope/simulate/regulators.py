"""Worlds with known key regulators: a layered signed network, lots, a screen and a faulty prior."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core.errors import UsageError
from imscope.simulate.genes import gene_table

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
LAYERS = 3
INPUTS = 3
MOST_GENES = 5_000
KEY_SHARE = 0.1
"""Share of the programme's difference from which a driver is key."""


@dataclass(frozen=True, slots=True)
class RegulatorSettings:
    """Choices of a world.

    Attributes
    ----------
    lots
        Lots, each with both groups.
    regulators, targets, programme
        Sizes.
    drivers
        Regulators shifted in the group of interest.
    kept, wrong
        Share of true pairs the prior holds, and share of its signs that are wrong; as many false
        pairs are added as true ones are missing.
    tested
        Share of regulators in the screen.
    common
        Strength of a hidden common cause: regulators shifted in every lot without effect on the
        programme, as a multiple of a driver's shift.
    seed
        Of everything.
    """

    lots: int = 6
    regulators: int = 200
    targets: int = 1_500
    programme: int = 60
    drivers: int = 8
    kept: float = 0.6
    wrong: float = 0.15
    tested: float = 0.5
    common: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        shares = (self.kept, self.wrong, self.tested)
        few = self.regulators + self.targets <= MOST_GENES
        sizes = (self.lots >= 1, self.regulators >= 30, self.targets >= 300, self.drivers >= 1, few)
        if not all(sizes) or not all(0 <= s <= 1 for s in shares) or self.common < 0:
            raise UsageError(
                "a setting of simulated regulators is out of range",
                found=f"{self.lots} lots, {self.regulators} regulators, {self.targets} targets",
                fix="at least 1 lot, 30 regulators, 300 targets, 5,000 genes at most; shares to 1",
            )


@dataclass(frozen=True, slots=True, eq=False)
class RegulatorWorld:
    """One world.

    Attributes
    ----------
    differences
        Group less the rest of each lot, ``(n_lots, n_genes)``: targets, then regulators' own RNA.
    genes
        Names of its columns.
    network
        The faulty prior: ``source``, ``target``, ``weight``.
    programme
        Gene to sign.
    screen
        ``regulator``, ``effect``, ``se``, ``n_guides``, ``n_replicates``, ``mode``, ``q_value``.
    truth
        ``regulator``, ``shift``, ``total_effect``, ``share``, ``key``.
    """

    differences: Floats
    genes: tuple[str, ...]
    network: "pd.DataFrame"
    programme: dict[str, float]
    screen: "pd.DataFrame"
    truth: "pd.DataFrame"


def _wiring(s: RegulatorSettings, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Effects of regulators on regulators of later layers, and on targets: (to, from)."""
    layer = np.sort(rng.integers(0, LAYERS, s.regulators))
    among = np.zeros((s.regulators, s.regulators))
    for k in range(s.regulators):
        earlier = np.flatnonzero(layer < layer[k])
        if len(earlier) >= INPUTS:
            inputs = rng.choice(earlier, INPUTS, replace=False)
            among[k, inputs] = rng.choice([-1, 1], INPUTS) * rng.uniform(0.2, 0.6, INPUTS)
    onto = np.zeros((s.targets, s.regulators))
    popular = rng.dirichlet(np.full(s.regulators, 2.0))
    for g in range(s.targets):
        inputs = rng.choice(s.regulators, INPUTS, replace=False, p=popular)
        onto[g, inputs] = rng.choice([-1, 1], INPUTS) * rng.uniform(0.3, 1.0, INPUTS)
    return among, onto


def simulate_regulators(settings: RegulatorSettings | None = None) -> RegulatorWorld:
    """Simulate lots whose better group differs because a few regulators are shifted.

    Parameters
    ----------
    settings
        Choices; 6 lots of 200 regulators and 1,500 targets by default.

    Notes
    -----
    A linear, layered network of one kind: what is fitted or tried on it holds for such worlds.
    Key are regulators whose own shift times total effect is a tenth of the programme's difference.

    Examples
    --------
    >>> world = simulate_regulators(RegulatorSettings(seed=3))
    >>> world.differences.shape, 0 < int(world.truth["key"].sum()) < 10
    ((6, 1700), True)
    """
    import pandas as pd

    s = settings or RegulatorSettings()
    rng = np.random.default_rng(s.seed)
    among, onto = _wiring(s, rng)
    through = np.linalg.inv(np.eye(s.regulators) - among)
    shift = np.zeros(s.regulators)
    drivers = rng.choice(s.regulators, s.drivers, replace=False)
    shift[drivers] = rng.choice([-1, 1], s.drivers) * rng.uniform(0.6, 1.4, s.drivers)
    active = through @ shift
    moved = onto @ active
    chosen = np.argsort(-np.abs(moved), kind="stable")[: 3 * s.programme]
    chosen = np.sort(rng.choice(chosen, s.programme, replace=False))
    sign = np.sign(moved[chosen])
    total = sign @ (onto @ through)[chosen] / s.programme
    share = shift * total / (shift @ total)
    hidden = np.zeros(s.regulators)
    quiet = np.flatnonzero((np.abs(total) < np.median(np.abs(total))) & (shift == 0))
    if s.common:
        rows = rng.choice(quiet, s.drivers, replace=False)
        hidden[rows] = s.common * rng.choice([-1, 1], s.drivers)
    each = active + through @ hidden + rng.normal(0, 0.25, (s.lots, s.regulators)) @ through.T
    genes = each @ onto.T + rng.normal(0, 0.6, (s.lots, s.targets)) + rng.normal(0, 0.4, s.targets)
    own = 0.4 * each + rng.normal(0, 0.4, (s.lots, s.regulators)) + rng.normal(0, 0.3, s.regulators)
    symbols = sorted(gene_table()["symbol"])
    picked = np.random.default_rng(0).permutation(len(symbols))[: s.targets + s.regulators]
    targets = [symbols[k] for k in picked[: s.targets]]
    names = [symbols[k] for k in picked[s.targets :]]
    truth = pd.DataFrame(
        {"regulator": names, "shift": shift, "total_effect": total, "share": share,
         "key": share >= KEY_SHARE}
    )  # fmt: skip
    return RegulatorWorld(
        np.concatenate([genes, own], axis=1), (*targets, *names),
        _prior(s, among, onto, names, targets, rng),
        dict(zip([targets[g] for g in chosen], sign.tolist(), strict=True)),
        _screen(s, total, names, rng), truth,
    )  # fmt: skip


def _prior(
    s: RegulatorSettings, among: Floats, onto: Floats, names: list[str], targets: list[str],
    rng: np.random.Generator,
) -> "pd.DataFrame":  # fmt: skip
    """True pairs that are known, false ones, and signs of which some are wrong."""
    import pandas as pd

    effects = np.concatenate([onto, among])
    to, source = np.nonzero(effects)
    sign = np.sign(effects[to, source])
    kept = rng.random(len(to)) < s.kept
    n_false = int((~kept).sum())
    false_to = rng.integers(0, len(effects), n_false)
    false_from = rng.choice(source, n_false)
    to = np.concatenate([to[kept], false_to])
    source = np.concatenate([source[kept], false_from])
    sign = np.concatenate([sign[kept], rng.choice([-1.0, 1.0], n_false)])
    sign = np.where(rng.random(len(sign)) < s.wrong, -sign, sign)
    everything = np.array([*targets, *names], dtype=object)
    table = pd.DataFrame(
        {"source": np.array(names, dtype=object)[source], "target": everything[to], "weight": sign}
    )
    table = table[table["source"] != table["target"]].drop_duplicates(["source", "target"])
    return table.sort_values(["source", "target"], ignore_index=True)


def _screen(
    s: RegulatorSettings, total: Floats, names: list[str], rng: np.random.Generator
) -> "pd.DataFrame":
    """Knock-outs of some regulators: change of the programme, with its error."""
    import pandas as pd
    from scipy import stats

    rows = np.sort(rng.choice(s.regulators, round(s.tested * s.regulators), replace=False))
    se = float(np.quantile(np.abs(total), 0.95)) / 4
    effect = -total[rows] + rng.normal(0, se, len(rows))
    p = 2 * stats.norm.sf(np.abs(effect) / se)
    order = np.argsort(p)
    q = np.empty(len(p))
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return pd.DataFrame(
        {"regulator": [names[k] for k in rows], "effect": effect, "se": se, "n_guides": 3,
         "n_replicates": 3, "mode": "knockout", "q_value": q}
    )  # fmt: skip


def regulator_counts(world: RegulatorWorld, *, depth: float = 200_000, seed: int = 0) -> Floats:
    """Counts of pools of cells: each lot's rest and its group of interest, in turn.

    Examples
    --------
    >>> world = simulate_regulators(RegulatorSettings(lots=3))
    >>> regulator_counts(world).shape
    (6, 1700)
    """
    rng = np.random.default_rng([world.differences.shape[0], seed])
    base: Floats = rng.lognormal(0, 1.0, (world.differences.shape[1],))
    rows = []
    for d in world.differences:
        lot = rng.normal(0, 0.2, base.size)
        for side in (-0.5, 0.5):
            mean = base * 2.0 ** (side * d + lot)
            rows.append(rng.poisson(mean / mean.sum() * depth))
    return np.array(rows, dtype=np.float64)


def write_regulators(world: RegulatorWorld, folder: Path, *, seed: int = 0) -> list[Path]:
    """Write counts, prior, programme, screen and truth into a new folder.

    Parameters
    ----------
    world
        Of :func:`simulate_regulators`.
    folder
        Must not hold files already.
    seed
        Of the counts.

    Returns
    -------
    files
        ``pools.h5ad`` and tables.

    Raises
    ------
    UsageError
        The folder is not empty.
    """
    import anndata
    import pandas as pd
    import scipy.sparse as sp

    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", fix="name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    n = world.differences.shape[0]
    obs = pd.DataFrame(
        {"lot": [f"lot{k + 1}" for k in range(n) for _ in "ab"], "subset": ["rest", "top"] * n,
         "row_kind": "pool"},
        index=[f"{k}" for k in range(2 * n)],
    )  # fmt: skip
    counts = sp.csr_matrix(regulator_counts(world, seed=seed).astype(np.int32))
    var = pd.DataFrame(index=pd.Index(list(world.genes)))
    anndata.AnnData(counts, obs, var).write_h5ad(folder / "pools.h5ad")
    tables = {
        "network": world.network, "screen": world.screen, "truth": world.truth,
        "programme": pd.DataFrame(
            {"gene": list(world.programme), "sign": list(world.programme.values())}
        ),
    }  # fmt: skip
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    return [folder / "pools.h5ad", *(folder / f"{name}.tsv" for name in tables)]
