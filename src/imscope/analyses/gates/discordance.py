"""RNA is not protein: how far a gate on RNA can speak about stained cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.analyses.gates.gate import Gate, rates
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.rng import spawn
from imscope.core.schema import TABLES
from imscope.evidence.surface import antibody_target

if TYPE_CHECKING:
    import pandas as pd

SENSITIVE, CLEAN = 0.6, 0.1
"""Class B: RNA is seen in at least and at most this share of positive and negative cells."""
MIN_CELLS = 20
PRIOR_SD = 1.0
"""Spread of log expression between donors where it cannot be estimated."""
PRIOR = (-0.7, 1.3, -4.0, 1.0)
"""Log mean RNA of positive cells and its spread, the same of negative cells: unmeasured markers."""
PRIOR_DISPERSION = 0.5
BETA = 0.2
MODEL_SD = 1.0
"""Error of the model itself, on the logit of purity and recall: states of markers are not
independent within a type, and expression differs between types."""
_NEVER = {"SELL": "shed from the cell", "CTLA4": "mostly inside the cell",
          "CD40LG": "mostly inside the cell"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RnaModel:
    """Distribution of a marker's RNA in cells with and without its protein.

    Counts are negative binomial with mean ``mu * depth`` in positive cells and Poisson with mean
    ``eps * depth`` in negative ones.

    Attributes
    ----------
    mu, eps
        Mean RNA per unit of depth. Unit: UMI.
    dispersion
        Variance = mean + dispersion x mean squared.
    sd_mu, sd_eps
        Standard deviation of their logarithms for a new donor.
    n_donors
        Donors it was fitted on; 0: prior only.
    """

    mu: float
    eps: float
    dispersion: float
    sd_mu: float
    sd_eps: float
    n_donors: int


@dataclass(frozen=True)
class ProteinForecast:
    """What a gate on RNA lets expect of the same gate on protein.

    Attributes
    ----------
    purity, recall
        Median, lower and upper end of the 95 % interval. NaN when no draw had cells inside.
    rna_purity
        Purity of the gate on RNA itself, for comparison.
    statement
        What the gate says and cannot say.
    """

    purity: tuple[float, float, float]
    recall: tuple[float, float, float]
    rna_purity: float
    statement: str


def detection_table(
    rna: "pd.DataFrame", positive: "pd.DataFrame", donors: ArrayLike, *, depth: ArrayLike
) -> "pd.DataFrame":
    """Count in how many protein-positive and -negative cells RNA is seen.

    Parameters
    ----------
    rna
        Counts, one row per cell, one column per marker.
    positive
        The protein's state in the same cells: above half way between its peaks.
    donors
        Shape ``(n_cells,)``.
    depth
        Shape ``(n_cells,)``, UMI of the cell over the median: 1 is a usual cell.

    Returns
    -------
    table
        ``rna_detection``; NaN where a donor has fewer than 20 such cells.

    Examples
    --------
    >>> import pandas as pd
    >>> rna = pd.DataFrame({"CD4": [2, 0, 1, 3] * 20 + [0] * 80})
    >>> state = pd.DataFrame({"CD4": [True] * 80 + [False] * 80})
    >>> t = detection_table(rna, state, ["d"] * 160, depth=[1.0] * 160)
    >>> t.loc[0, ["sensitivity", "false_rate"]].tolist()
    [0.75, 0.0]
    """
    import pandas as pd

    donor, size = np.asarray(donors).astype(str), np.asarray(depth, dtype=np.float64)
    rows = []
    for marker in rna.columns:
        x = rna[marker].to_numpy(dtype=np.float64)
        s = positive[marker].to_numpy(dtype=bool)
        for d in np.unique(donor):
            up, down = (donor == d) & s, (donor == d) & ~s
            n1, n0 = int(up.sum()), int(down.sum())
            told1, told0 = n1 >= MIN_CELLS, n0 >= MIN_CELLS
            sens = float((x[up] > 0).mean()) if told1 else np.nan
            false = float((x[down] > 0).mean()) if told0 else np.nan
            means = (
                _mean(x[up], size[up]) if told1 else np.nan,
                _mean(x[down], size[down]) if told0 else np.nan,
                _dispersion(x[up], size[up]) if told1 else np.nan,
                bool(told1 and told0 and _reversed(sens, false, n1, n0)),
            )
            rows.append((str(marker), str(d), n1, n0, sens, false, *means))
    frame = pd.DataFrame(rows, columns=TABLES["rna_detection"].names)
    return TABLES["rna_detection"].check(frame)


def classify_markers(
    markers: Sequence[str],
    detection: "pd.DataFrame | None" = None,
    *,
    measured: Sequence[str] = (),
) -> "pd.DataFrame":
    """Say what a gate on RNA may use each marker for.

    Parameters
    ----------
    markers
        Names.
    detection
        From :func:`detection_table`, of this or other data.
    measured
        Markers whose protein was measured in the data at hand.

    Returns
    -------
    table
        ``marker_classes``. Without protein anywhere a marker is C.

    Examples
    --------
    >>> classify_markers(["CD14", "CD15", "ENG"], measured=["CD14"])["class"].tolist()
    ['A', 'D', 'C']
    """
    import pandas as pd

    rows = [_classify(m, detection, m in set(measured)) for m in markers]
    frame = pd.DataFrame(rows, columns=TABLES["marker_classes"].names)
    frame["n_donors"] = frame["n_donors"].astype("int64")
    return TABLES["marker_classes"].check(frame)


def fit_rna_models(detection: "pd.DataFrame", markers: Sequence[str]) -> dict[str, RnaModel]:
    """Pool what donors show of each marker; a marker without protein keeps the prior.

    Parameters
    ----------
    detection
        From :func:`detection_table`.
    markers
        Names wanted.

    Returns
    -------
    models
        By marker. With fewer than three donors the spread between donors is the prior's: one
        standard deviation of 1 on the log scale.

    Examples
    --------
    >>> import pandas as pd
    >>> none = pd.DataFrame(columns=["marker", "mean_positive", "mean_negative", "dispersion"])
    >>> fit_rna_models(none, ["ENG"])["ENG"].n_donors
    0
    """
    out = {}
    for m in markers:
        part = detection[detection["marker"] == m]
        part = part[part["mean_positive"].notna() & part["mean_negative"].notna()]
        if not len(part):
            a, b, c, d = PRIOR
            out[m] = RnaModel(float(np.exp(a)), float(np.exp(c)), PRIOR_DISPERSION, b, d, 0)
            continue
        mu = np.log(np.maximum(part["mean_positive"].to_numpy(dtype=np.float64), 1e-3))
        eps = np.log(np.maximum(part["mean_negative"].to_numpy(dtype=np.float64), 1e-4))
        out[m] = RnaModel(
            float(np.exp(mu.mean())),
            float(np.exp(eps.mean())),
            float(np.clip(part["dispersion"].mean(), 0.0, 10.0)),
            _spread(mu),
            _spread(eps),
            len(part),
        )
    return out


def protein_masks(
    counts: ArrayLike,
    depth: ArrayLike,
    types: ArrayLike,
    *,
    model: RnaModel,
    n_masks: int = 16,
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Draw which cells may carry a protein, given their RNA and their type.

    Parameters
    ----------
    counts
        RNA of the marker, shape ``(n_cells,)``. Unit: UMI.
    depth
        Shape ``(n_cells,)``, 1 is a usual cell.
    types
        Shape ``(n_cells,)``: the share of positive cells is estimated within each (type and
        donor).
    model
        From :func:`fit_rna_models`.
    n_masks, seed
        Draws, and where they begin.

    Returns
    -------
    masks
        Shape ``(n_masks, n_cells)``. Each draw has its own donor effect, so the masks differ by
        more than chance in single cells.

    Examples
    --------
    >>> sure = RnaModel(50.0, 1e-4, 0.1, 0.1, 0.1, 3)
    >>> protein_masks([40, 0], [1, 1], ["a", "b"], model=sure, n_masks=4).mean(axis=0).tolist()
    [1.0, 0.0]
    """
    x, size = np.asarray(counts, dtype=np.float64), np.asarray(depth, dtype=np.float64)
    names, code = np.unique(np.asarray(types).astype(str), return_inverse=True)
    rng = spawn(seed, "protein masks")
    out = np.zeros((n_masks, len(x)), dtype=bool)
    for j in range(n_masks):
        chance = _chances(x, size, code, len(names), _new_donor(model, rng))
        out[j] = rng.random(len(x)) < chance
    return out


def _new_donor(model: RnaModel, rng: np.random.Generator) -> tuple[float, float, float]:
    """Mean RNA of positive and negative cells of a donor not seen, and the dispersion."""
    mu = model.mu * np.exp(model.sd_mu * rng.standard_normal())
    eps = min(model.eps * np.exp(model.sd_eps * rng.standard_normal()), 0.5 * mu)
    return float(mu), float(eps), max(model.dispersion, 1e-6)


def _chances(
    x: NDArray[np.float64],
    size: NDArray[np.float64],
    code: NDArray[np.int64],
    n_types: int,
    donor: tuple[float, float, float],
) -> NDArray[np.float64]:
    """Chance of each cell to be positive, with the share per type fitted.

    Types are mostly all positive or all negative: the share has a Beta(0.2, 0.2) prior.
    """
    from scipy.special import gammaln, xlogy

    mu, eps, phi = donor
    r, m = 1 / phi, mu * size
    up = np.exp(
        gammaln(x + r)
        - gammaln(r)
        - gammaln(x + 1)
        + r * np.log(r / (r + m))
        + xlogy(x, m / (r + m))
    )
    down = np.exp(xlogy(x, eps * size) - eps * size - gammaln(x + 1))
    up, down = np.maximum(up, 1e-290), np.maximum(down, 1e-290)
    n = np.bincount(code, minlength=n_types)
    share = np.full(n_types, 0.5)
    for _ in range(40):
        prior = share[code]
        belief = prior * up / (prior * up + (1 - prior) * down)
        # the mean of the share, not its mode, which a prior this sparse would put at 0 or 1
        new = (np.bincount(code, belief, n_types) + BETA) / (n + 2 * BETA)
        done = np.abs(new - share).max() < 1e-4
        share = new
        if done:
            break
    prior = share[code]
    return np.asarray(prior * up / (prior * up + (1 - prior) * down), dtype=np.float64)


def forecast_protein(
    gate: Gate,
    rna: "pd.DataFrame",
    target: ArrayLike,
    *,
    types: ArrayLike,
    depth: ArrayLike,
    models: Mapping[str, RnaModel],
    n_draws: int = 200,
) -> ProteinForecast:
    """Purity and recall to expect when a gate designed on RNA is stained.

    Parameters
    ----------
    gate
        Its markers and signs count; thresholds on RNA do not carry over.
    rna
        Counts, one column per marker.
    target, types, depth
        Shape ``(n_cells,)``: the target flag, the cell type, and the depth of a cell over the
        median.
    models
        By marker, from :func:`fit_rna_models`.
    n_draws
        Draws of donor effects and protein states.

    Returns
    -------
    forecast
        Intervals for a new donor. No corrected point is given without one.

    Raises
    ------
    DataError
        A marker has no RNA or no model.
    """
    y, kind = np.asarray(target, dtype=bool), np.asarray(types)
    absent = [m for m in gate.markers if m not in rna.columns or m not in models]
    if absent:
        raise DataError(
            "a gate on RNA needs RNA and a model of each marker",
            found=f"missing: {', '.join(absent)}",
            code=codes.GATE_MARKER,
        )
    inside = np.ones((n_draws, len(y)), dtype=bool)
    seen = np.ones(len(y), dtype=bool)
    for k, x in enumerate(gate.literals):
        counts = rna[x.marker].to_numpy(dtype=np.float64)
        masks = protein_masks(counts, depth, kind, model=models[x.marker], n_masks=n_draws, seed=k)
        inside &= masks if x.sign == "+" else ~masks
        seen &= (counts > 0) if x.sign == "+" else (counts == 0)
    tp, fp = (inside & y).sum(axis=1), (inside & ~y).sum(axis=1)
    found = rates(tp, fp, np.full(n_draws, y.sum()), np.full(n_draws, (~y).sum()))
    own = rates(int((seen & y).sum()), int((seen & ~y).sum()), int(y.sum()), int((~y).sum()))
    return ProteinForecast(
        _interval(found["purity"], tp + fp, "purity"),
        _interval(found["recall"], np.full(n_draws, y.sum()), "recall"),
        float(own["purity"]),
        rna_statement(gate, classify_markers(gate.markers)),
    )


def rna_statement(gate: Gate, classes: "pd.DataFrame") -> str:
    """What a gate that rests on RNA alone cannot know, in words.

    Examples
    --------
    >>> from imscope.analyses.gates.gate import parse_gate
    >>> rna_statement(parse_gate("ENG+ CD4-"), classify_markers(["ENG", "CD4"]))
    'RNA only: ENG+ is weak evidence; CD4- may not be used (negative RNA of class C)'
    """
    by_name = dict(zip(classes["marker"], classes["class"], strict=True))
    said = []
    for x in gate.literals:
        kind = by_name.get(x.marker, "C")
        if kind == "D":
            said.append(f"{x} may not be used (RNA says nothing of this protein)")
        elif kind == "C" and x.sign == "-":
            said.append(f"{x} may not be used (negative RNA of class C)")
        elif kind == "C":
            said.append(f"{x} is weak evidence")
    if all(by_name.get(m, "C") == "A" for m in gate.markers):
        return "protein was measured"
    return "RNA only: " + ("; ".join(said) if said else "RNA stands for each protein")


def _mean(x: NDArray[np.float64], size: NDArray[np.float64]) -> float:
    return float((x.sum() + 0.5) / (size.sum() + 1))


def _dispersion(x: NDArray[np.float64], size: NDArray[np.float64]) -> float:
    """Moments: what the squared deviation has beyond the mean, over the mean squared."""
    m = _mean(x, size) * size
    return float(np.clip((((x - m) ** 2) - m).sum() / (m**2).sum(), 0.0, 10.0))


def _reversed(sens: float, false: float, n1: int, n0: int) -> bool:
    """RNA is seen more often in negative cells, by more than three standard errors."""
    se = np.sqrt(max(sens * (1 - sens), 0.01) / n1 + max(false * (1 - false), 0.01) / n0)
    return bool(false - sens > 3 * se)


def _spread(v: NDArray[np.float64]) -> float:
    """Standard deviation for a new donor: the prior counts as four degrees of freedom."""
    n = len(v)
    if n < 3:
        return PRIOR_SD
    s2 = (4 * PRIOR_SD**2 + (n - 1) * v.var(ddof=1)) / (4 + n - 1)
    return float(np.sqrt(s2 * (1 + 1 / n)))


def _interval(
    v: NDArray[np.float64], n: NDArray[np.int64], what: str
) -> tuple[float, float, float]:
    """Median, and what a new donor may show in as many cells: model error and sampling added."""
    told = ~np.isnan(v)
    if not told.any():
        return (np.nan, np.nan, np.nan)
    rng = spawn(0, "model error", what)
    p = np.clip(v[told], 0.002, 0.998)
    wide = np.log(p / (1 - p)) + MODEL_SD * rng.standard_normal(len(p))
    shown = rng.binomial(n[told], 1 / (1 + np.exp(-wide))) / n[told]
    low, high = np.quantile(shown, [0.025, 0.975])
    return float(np.median(v[told])), float(low), float(high)


def _classify(marker: str, detection: "pd.DataFrame | None", here: bool) -> tuple[object, ...]:
    target = antibody_target(marker)
    sens = false = np.nan
    n = good = 0
    turned = False
    if detection is not None:
        part = detection[detection["marker"] == marker]
        told = part[part["sensitivity"].notna() & part["false_rate"].notna()]
        n, turned = len(told), bool(part["reversed"].any())
        if n:
            sens, false = float(told["sensitivity"].min()), float(told["false_rate"].max())
            good = int(((told["sensitivity"] >= SENSITIVE) & (told["false_rate"] <= CLEAN)).sum())
    never = _NEVER.get(target.gene, "")
    if here:
        kind, reason = "A", "protein was measured"
    elif target.kind in ("glycan", "splice_form", "no_gene"):
        kind, reason = "D", f"{target.kind.replace('_', ' ')}: RNA does not stand for it"
    elif turned or never:
        kind, reason = "D", never or "RNA runs against protein in a donor"
    elif good >= 2 and good == n:
        kind, reason = "B", f"seen in {sens:.0%} or more of positive cells in {n} donors"
    else:
        kind = "C"
        reason = f"seen in {sens:.0%} of positive cells" if n else "protein was never compared"
    use = {"A": "both", "B": "both", "C": "positive only", "D": "none"}[kind]
    return marker, kind, n, sens, false, use, reason
