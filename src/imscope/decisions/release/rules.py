"""Rules on runs of single lots (Westgard, Western Electric): off by default, their cost named."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from imscope.core.rng import spawn

RULE_SETS = ("westgard", "western electric")
_RULES = {
    "westgard": (
        ("1_3s", 1, 1, 3.0),
        ("2_2s", 2, 2, 2.0),
        ("4_1s", 4, 4, 1.0),
        ("10x", 10, 10, 0.0),
    ),
    "western electric": (
        ("1 beyond 3 s", 1, 1, 3.0),
        ("2 of 3 beyond 2 s", 2, 3, 2.0),
        ("4 of 5 beyond 1 s", 4, 5, 1.0),
        ("8 on one side", 8, 8, 0.0),
    ),
}


def broken_rule(z: ArrayLike, rules: str) -> list[str]:
    """Name the rules that the newest of the standardised values breaks.

    Parameters
    ----------
    z
        Values in standard deviations from the centre, in order, shape ``(n_lots,)``.
    rules
        ``westgard`` or ``western electric``.

    Examples
    --------
    >>> broken_rule([0.1, 2.3, 2.2], "westgard")
    ['2_2s']
    """
    x = np.asarray(z, dtype=np.float64)
    out = []
    for name, need, window, limit in _RULES[rules]:
        last = x[-window:]
        enough = len(last) == window or (rules == "western electric" and len(last) >= need)
        for side in (1, -1):
            if enough and side * x[-1] > limit and int((side * last > limit).sum()) >= need:
                out.append(name)
    if rules == "westgard" and len(x) >= 2 and x[-1] * x[-2] < 0 and min(abs(x[-2:])) > 2:
        out.append("R_4s")
    return out


@lru_cache(maxsize=4)
def rule_run_length(rules: str, runs: int = 2000, seed: int = 11) -> float:
    """Average number of lots until a rule is broken by an unchanged process, by simulation.

    Examples
    --------
    >>> rule_run_length("western electric") < 110
    True
    """
    rng = spawn(seed, "rules", rules)
    width = 4000
    total = 0.0
    for _ in range(runs // 100):
        z = rng.standard_normal((100, width))
        total += float(_first_broken(z, rules).sum())
    return total / (runs // 100 * 100)


def _first_broken(
    z: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", rules: str
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """First lot (from 1) of each row at which a rule is broken."""
    broken = np.zeros(z.shape, dtype=bool)
    for _, need, window, limit in _RULES[rules]:
        for side in (1, -1):
            beyond = side * z > limit
            sums = np.cumsum(np.pad(beyond, ((0, 0), (window, 0))), axis=1)
            count = sums[:, window:] - sums[:, :-window]
            broken |= (count >= need) & beyond
    if rules == "westgard":
        far = np.abs(z) > 2
        broken[:, 1:] |= far[:, 1:] & far[:, :-1] & (z[:, 1:] * z[:, :-1] < 0)
    return np.asarray(np.where(broken.any(axis=1), broken.argmax(axis=1) + 1, z.shape[1]))
