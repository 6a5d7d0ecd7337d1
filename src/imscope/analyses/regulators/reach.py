"""Signed support along a network: whether a regulator lies upstream of a programme."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.regulators.network import Network
from imscope.core.schema import REGULATOR_PATHS

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
DECAY = 0.6
"""Weight of each further step."""
STEPS = 3


def _wired(network: Network) -> tuple[list[str], list[str], NDArray[np.int64], NDArray[np.int64],
                                      Floats]:  # fmt: skip
    """Names of regulators and of all genes (regulators first), and the signed pairs by place."""
    pairs = network.pairs
    pairs = pairs[(pairs["weight"] != 0) & (pairs["regulator"] != pairs["target"])]
    regulators = sorted(set(network.pairs["regulator"]))
    genes = regulators + sorted(set(pairs["target"]) - set(regulators))
    place = {g: k for k, g in enumerate(genes)}
    source = pairs["regulator"].map(place).to_numpy(dtype=np.int64)
    target = pairs["target"].map(place).to_numpy(dtype=np.int64)
    return regulators, genes, source, target, np.sign(pairs["weight"].to_numpy(dtype=np.float64))


def _support(
    source: NDArray[np.int64], target: NDArray[np.int64], sign: Floats, goal: Floats, n: int
) -> Floats:
    """Sum over paths of up to three steps of the product of signs, further steps weighing less."""
    step = np.bincount(source, sign * goal[target], minlength=n)
    total = step.copy()
    onto = target < n
    inner_source, inner_target, inner_sign = source[onto], target[onto], sign[onto]
    for k in range(1, STEPS):
        step = np.bincount(inner_source, inner_sign * step[inner_target], minlength=n)
        total += DECAY**k * step
    return np.asarray(total, dtype=np.float64)


def reach_scores(
    network: Network, programme: Mapping[str, float], *, rewirings: int = 1_000, seed: int = 0
) -> dict[str, float]:
    """Z of each regulator's signed support of a programme, against rewired networks.

    Parameters
    ----------
    network
        Pairs without a sign count nothing.
    programme
        Gene to sign (or weight) in the programme.
    rewirings
        Networks in which targets change places between pairs, so that every regulator keeps its
        number of targets and signs, and every gene its number of regulators.
    seed
        Of the rewirings.

    Returns
    -------
    z
        By regulator: positive where raising it should raise the programme.

    Examples
    --------
    >>> z = reach_scores(bundled_toy(), {f"T{k}": 1.0 for k in range(6)}, rewirings=200)
    >>> z["UP"] > 2 > z["OFF"], z["TOP"] > 0, z["DOWN"] < -2
    (True, True, True)
    """
    regulators, genes, source, target, sign = _wired(network)
    n = len(regulators)
    goal = np.array([float(programme.get(g, 0.0)) for g in genes])
    seen = _support(source, target, sign, goal, n)
    rng = np.random.default_rng(seed)
    total, square = np.zeros(n), np.zeros(n)
    for _ in range(rewirings):
        drawn = _support(source, rng.permutation(target), sign, goal, n)
        total += drawn
        square += drawn**2
    mean = total / rewirings
    spread = np.sqrt(np.maximum(square / rewirings - mean**2, 0))
    z = np.divide(seen - mean, spread, out=np.zeros(n), where=spread > 1e-12)
    return dict(zip(regulators, z.tolist(), strict=True))


def bundled_toy() -> Network:
    """Small network for examples: TOP raises UP, UP raises and DOWN lowers T0 to T5."""
    import pandas as pd

    rows = [("TOP", "UP", 1.0)]
    rows += [(r, f"T{k}", w) for r, w in (("UP", 1.0), ("DOWN", -1.0)) for k in range(6)]
    rows += [("OFF", f"X{k}", 1.0) for k in range(40)]
    return Network(pd.DataFrame(rows, columns=["regulator", "target", "weight"]), "toy", "none")


def paths_to(
    network: Network, programme: Mapping[str, float], regulators: list[str], *, most: int = 6
) -> "pd.DataFrame":
    """Direct and two-step signed ways from regulators to genes of a programme.

    Parameters
    ----------
    network, programme
        As for :func:`reach_scores`.
    regulators
        Regulators to begin at.
    most
        Ways shown for each, direct ones first.

    Examples
    --------
    >>> paths_to(bundled_toy(), {"T0": 1.0}, ["TOP"])[["via", "to", "sign"]].values.tolist()
    [['UP', 'T0', '+']]
    """
    names, genes, source, target, sign = _wired(network)
    edges: dict[str, list[tuple[str, float]]] = {}
    for s, t, w in zip(source, target, sign, strict=True):
        edges.setdefault(names[s], []).append((genes[t], float(w)))
    rows = []
    for start in regulators:
        own = edges.get(start, [])
        direct = [("", t, w) for t, w in own if t in programme]
        second = [
            (via, t, w * v)
            for via, w in own
            for t, v in edges.get(via, [])
            if t in programme and t != start
        ]
        rows += [
            {"from": start, "via": via, "to": t, "sign": "+" if w > 0 else "-",
             "source": network.name}
            for via, t, w in (sorted(direct) + sorted(second))[:most]
        ]  # fmt: skip
    return REGULATOR_PATHS.frame(rows)
