"""Attributes of lots against outcomes: the step from what a lot is to what it does."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.potency.blocks import MOST_PERMUTATIONS, Blocks, make_blocks
from imscope.analyses.potency.lot_outcomes import summarise_outcomes
from imscope.analyses.potency.reach import lots_needed, smallest_correlation
from imscope.analyses.potency.ridge import Predicted, predict_left_out
from imscope.analyses.potency.slope import fit_slope, most_influential, permutation_p
from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.core.names import near_names
from imscope.core.result import Notice
from imscope.core.rng import spawn
from imscope.core.schema import POTENCY_LINK
from imscope.io.outcomes import Outcomes, check_outcomes
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
LEAST_UNITS = 6
ALPHA, FALSE_DISCOVERIES = 0.05, 0.10
INFLUENCE = 1.0
"""Standard errors of the slope from which a single unit is named."""
KEYS = ("lot", "donor", "source_class", "passage")


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How attributes and outcomes are linked; set before the data.

    Attributes
    ----------
    primary
        Attributes declared beforehand, tested first in this order: the next only when the one
        before is shown.
    unit
        ``lot``, or ``donor`` for means over the lots of a donor.
    permutations
        Of units within blocks.
    seed
        Of the permutations.
    """

    primary: tuple[str, ...] = ()
    unit: str = "lot"
    permutations: int = MOST_PERMUTATIONS
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Table ``potency_link``, what the design can show, and how well all attributes predict."""

    table: "pd.DataFrame"
    design: dict[str, object]
    outcomes: "pd.DataFrame"
    predicted: dict[str, Predicted]
    notices: tuple[Notice, ...]
    sentences: tuple[str, ...]


def link_outcomes(
    attributes: "pd.DataFrame",
    outcomes: "Outcomes | pd.DataFrame",
    *,
    settings: LinkSettings | None = None,
) -> Link:
    """Correlate every attribute with every outcome, lots (or donors) as the sample.

    Parameters
    ----------
    attributes
        One row per lot: ``lot``, perhaps ``donor``, ``source_class`` and ``passage``, and numbers.
        ``NAME_error`` is the standard error of attribute ``NAME``; or ``NAME_low`` and
        ``NAME_high`` are its 95 % interval.
    outcomes
        From :func:`imscope.io.outcomes.read_outcomes`, or such a table.
    settings
        Declared attributes, unit and permutations.

    Returns
    -------
    link
        Correlations are within blocks: donors where they gave several lots, else source classes,
        so that a difference between iMSC and primary cells is not read as a dose-response.

    Raises
    ------
    DataError
        The tables share no lot, or a lot stands twice.
    UsageError
        A declared attribute is not in the table.

    Examples
    --------
    >>> from imscope.simulate import LotSettings, simulate_lots
    >>> made = simulate_lots(LotSettings(lots=12, correlation=0.95), seed=3)
    >>> found = link_outcomes(made.attributes, made.outcomes, settings=LinkSettings(("share_A",)))
    >>> row = found.table.set_index("attribute").loc["share_A"]
    >>> row["status"], found.design["n_units"]
    ('SHOWN', 12)
    """
    rules = settings or LinkSettings()
    outcomes = outcomes if isinstance(outcomes, Outcomes) else check_outcomes(outcomes)
    frame, names, notices = _attributes(attributes, rules)
    values = summarise_outcomes(outcomes.table)
    notices = [*outcomes.notices, *notices, *_passages(frame, outcomes.table)]
    shared = sorted(set(frame["lot"]) & set(values["lot"]))
    if not shared:
        raise DataError(
            "no lot has both attributes and outcomes",
            found=f"attributes of {', '.join(frame['lot'][:3])}; "
            f"outcomes of {', '.join(sorted(set(values['lot']))[:3])}",
            fix=codes.CODES[codes.OUTCOME_LOTS].fix,
            code=codes.OUTCOME_LOTS,
        )
    notices += _lost(frame, values)
    rows: list[dict[str, object]] = []
    predicted = {}
    kinds = values.drop_duplicates("outcome")
    for outcome, direction in zip(kinds["outcome"], kinds["direction"], strict=True):
        sample = _Sample(frame, values[values["outcome"] == outcome], names, rules)
        mine = [sample.row(name, str(outcome), str(direction)) for name in names]
        rows += _decide(mine, rules)
        predicted[str(outcome)] = sample.predict()
    table = POTENCY_LINK.frame(rows)
    design = _design(frame, values, rules)
    return Link(table, design, values, predicted, tuple(notices), _sentences(table, design))


def _attributes(
    table: "pd.DataFrame", rules: LinkSettings
) -> "tuple[pd.DataFrame, list[str], list[Notice]]":
    """Attributes with their errors, and which of them vary."""
    import pandas as pd

    frame = table.copy()
    if "lot" not in frame.columns:
        raise DataError(
            "the attribute table has no column 'lot'",
            found=", ".join(map(str, frame.columns)),
            code=codes.POTENCY_COLUMN,
        )
    frame["lot"] = frame["lot"].astype(str)
    if frame["lot"].duplicated().any():
        raise DataError(
            "a lot stands twice in the attribute table",
            found=str(frame.loc[frame["lot"].duplicated(), "lot"].iloc[0]),
            fix="give one row per lot: the lot, not its samples, is the unit",
            code=codes.POTENCY_TWICE,
        )
    for key in ("donor", "source_class"):
        frame[key] = frame[key].fillna("").astype(str) if key in frame.columns else ""
    sides = ("_error", "_low", "_high")
    numbers = [
        c for c in frame.columns if c not in KEYS and pd.api.types.is_numeric_dtype(frame[c])
    ]
    names = [c for c in numbers if not (c.endswith(sides) and c.rsplit("_", 1)[0] in numbers)]
    for name in names:
        if f"{name}_error" not in numbers:
            low, high = f"{name}_low", f"{name}_high"
            both = low in numbers and high in numbers
            width = 2 * float(stats.norm.ppf(0.975))
            frame[f"{name}_error"] = (frame[high] - frame[low]) / width if both else 0.0
    flat = [n for n in names if frame[n].nunique(dropna=True) < 2]
    for wanted in rules.primary:
        if wanted not in names or wanted in flat:
            near = near_names(wanted, names)
            raise UsageError(
                f"the declared attribute {wanted!r} is not among the attributes"
                if wanted not in names
                else f"the declared attribute {wanted!r} is the same for every lot",
                found=", ".join(names[:8]),
                fix=f"did you mean {near[0]}?" if near else "name a column of the table",
                code=codes.ATTRIBUTE_NAME,
            )
    notices = []
    if flat:
        told = f"{len(flat)} attributes are the same for every lot: {', '.join(flat[:4])}"
        notices.append(Notice(codes.POTENCY_LOST, told))
    return frame, [n for n in names if n not in flat], notices


def _passages(frame: "pd.DataFrame", outcomes: "pd.DataFrame") -> list[Notice]:
    if "passage" not in frame.columns or "passage" not in outcomes.columns:
        return []
    own = dict(zip(frame["lot"], frame["passage"], strict=True))
    other = sorted(
        {str(lot) for lot, p in zip(outcomes["lot"], outcomes["passage"], strict=True)
         if lot in own and p == p and own[lot] == own[lot] and float(own[lot]) != float(p)}
    )  # fmt: skip
    if not other:
        return []
    told = f"outcomes of {len(other)} lots are of another passage than their cells: {other[0]}"
    return [Notice(codes.POTENCY_PASSAGE, told)]


def _lost(frame: "pd.DataFrame", values: "pd.DataFrame") -> list[Notice]:
    out = []
    beyond = set(values.loc[values["limit"] != "", "lot"])
    for words, lots in (
        ("have outcomes and no attributes", set(values["lot"]) - set(frame["lot"])),
        ("have attributes and no outcome", set(frame["lot"]) - set(values["lot"])),
        ("have an outcome beyond the range of its assay", beyond),
    ):
        if lots:
            told = f"{len(lots)} lots {words} and are left out: {', '.join(sorted(lots)[:4])}"
            out.append(Notice(codes.POTENCY_LOST, told))
    return out


class _Sample:
    """The units that have one outcome, with their attributes and blocks."""

    def __init__(
        self, frame: "pd.DataFrame", values: "pd.DataFrame", names: list[str], rules: LinkSettings
    ) -> None:
        self.names, self.rules = names, rules
        known = values[values["limit"] == ""][["lot", "value"]]
        both = frame.merge(known, on="lot", how="inner").sort_values("lot")
        self.unit = both["lot"].to_numpy(dtype=object)
        if rules.unit == "donor":
            both = _over_donors(both, names)
            self.unit = both["donor"].to_numpy(dtype=object)
        self.both = both
        self.y = both["value"].to_numpy(dtype=float)
        donor = both["donor"].to_numpy(dtype=object)
        self.donor = np.full(len(donor), "", dtype=object) if rules.unit == "donor" else donor
        self.classes = both["source_class"].to_numpy(dtype=object)
        self.orders: dict[bytes, NDArray[np.intp]] = {}

    def row(self, name: str, outcome: str, direction: str) -> dict[str, object]:
        """One attribute against the outcome, before anything is decided."""
        row: dict[str, object] = {
            "attribute": name, "outcome": outcome, "primary": name in self.rules.primary,
        }  # fmt: skip
        x = self.both[name].to_numpy(dtype=float)
        keep = np.isfinite(x) & np.isfinite(self.y)
        row["n_units"] = int(keep.sum())
        if keep.sum() < 3:
            return row | {"status": "NOT TESTABLE", "reason": "fewer than 3 units have both values"}
        blocks = make_blocks(self.classes[keep], self.donor[keep])
        keep[np.flatnonzero(keep)[~blocks.informing]] = False
        if keep.sum() < 3:
            why = f"{blocks.words} no unit has another to be compared with"
            return row | {"status": "NOT TESTABLE", "reason": why}
        blocks = Blocks(
            np.unique(blocks.code[blocks.informing], return_inverse=True)[1], blocks.words
        )
        n = int(keep.sum())
        df = n - blocks.n_blocks
        centred, y = blocks.centre(x[keep]), blocks.centre(self.y[keep])
        error = np.nan_to_num(self.both[f"{name}_error"].to_numpy(dtype=float)[keep])
        slope = fit_slope(centred, y, error, df)
        ranks = [blocks.centre(stats.rankdata(v)) for v in (x[keep], self.y[keep])]
        size = np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1]))
        row |= {
            "n_units": n, "correlation": slope.correlation,
            "correlation_rank": float(ranks[0] @ ranks[1] / size) if size > 0 else np.nan,
            "slope": slope.value, "low": slope.low, "high": slope.high,
            "reliability": slope.reliability,
            "good": bool((slope.correlation > 0) == (direction == "higher")),
        }  # fmt: skip
        lots = f"{n} {self.rules.unit}s{blocks.compared}"
        if n < LEAST_UNITS or df < 4:
            why = f"{lots} are too few to test (at least {LEAST_UNITS}, 4 beyond the blocks)"
            return row | {"status": "DESCRIPTIVE", "reason": why}
        if not np.isfinite(slope.correlation):
            why = f"{lots}: attribute or outcome does not vary within them"
            return row | {"status": "NOT TESTABLE", "reason": why}
        row["p_value"] = permutation_p(centred, y, self._orders(blocks))
        worst, change = most_influential(centred, y, blocks.code, df)
        if change >= INFLUENCE:
            row["influential_lot"] = str(self.unit[keep][worst])
        return row | {"reason": lots}

    def _orders(self, blocks: Blocks) -> NDArray[np.intp]:
        key = blocks.code.tobytes()
        if key not in self.orders:
            rng = spawn(self.rules.seed, "potency", len(blocks.code))
            self.orders[key] = blocks.permutations(rng, self.rules.permutations)
        return self.orders[key]

    def predict(self) -> Predicted:
        """How well all attributes together predict a unit that was left out."""
        x = self.both[self.names].to_numpy(dtype=float)
        blocks = make_blocks(self.classes, self.donor)
        rng = spawn(self.rules.seed, "ridge", len(self.y))
        return predict_left_out(x, self.y, blocks, rng)


def _over_donors(both: "pd.DataFrame", names: list[str]) -> "pd.DataFrame":
    """Means over the lots of each donor; errors of means."""
    import pandas as pd

    rows = []
    for donor, part in both.groupby("donor", sort=True):
        row: dict[str, object] = {"donor": donor, "source_class": part["source_class"].iloc[0]}
        row["value"] = part["value"].mean()
        for name in names:
            row[name] = part[name].mean()
            row[f"{name}_error"] = np.sqrt((part[f"{name}_error"] ** 2).sum()) / len(part)
        rows.append(row)
    return pd.DataFrame(rows)


def _decide(rows: list[dict[str, object]], rules: LinkSettings) -> list[dict[str, object]]:
    """Declared attributes in their order at 5 %; the rest by false discovery rate."""
    by_name = {str(r["attribute"]): r for r in rows}
    open_ = True
    for name in rules.primary:
        row = by_name[name]
        if "p_value" not in row:
            open_ = False
            continue
        p, lots = float(row["p_value"]), row["reason"]  # type: ignore[arg-type]
        shown = open_ and p <= ALPHA
        row["status"] = "SHOWN" if shown else "NOT SHOWN"
        before = "" if open_ else ", but one declared before it was not shown"
        row["reason"] = f"declared; p {p:.3g}{before}; {lots}"
        open_ = shown
    rest = [r for r in rows if not r["primary"] and "p_value" in r]
    found = [float(r["p_value"]) for r in rest]  # type: ignore[arg-type]
    q = benjamini_hochberg(found) if rest else np.zeros(0)
    for row, value in zip(rest, q, strict=True):
        row["q_value"] = float(value)
        row["status"] = "SUGGESTED" if value <= FALSE_DISCOVERIES else "NOT SHOWN"
        row["reason"] = f"not declared; one of {len(rest)}, q {value:.3g}; {row['reason']}"
    _shrink(rows)
    return rows


def _shrink(rows: list[dict[str, object]]) -> None:
    """Draw rank correlations towards 0 by how much all of them spread beyond chance."""
    mine = [r for r in rows if np.isfinite(float(r.get("correlation_rank", np.nan)))]  # type: ignore[arg-type]
    z = np.array([np.arctanh(np.clip(float(r["correlation_rank"]), -0.999, 0.999)) for r in mine])  # type: ignore[arg-type]
    v = np.array([1.06 / max(int(r["n_units"]) - 3, 1) for r in mine])  # type: ignore[call-overload]
    if len(z) < 2:
        return
    spread = max(float((z**2 - v).mean()), 0.0)
    for row, zi, vi in zip(mine, z, v, strict=True):
        row["correlation_shrunk"] = float(np.tanh(zi * spread / (spread + vi)))


def _design(
    frame: "pd.DataFrame", values: "pd.DataFrame", rules: LinkSettings
) -> dict[str, object]:
    """What these lots can show, before any result."""
    lots = set(values.loc[values["limit"] == "", "lot"])
    mine = frame[frame["lot"].isin(lots)]
    if rules.unit == "donor":
        mine = mine.drop_duplicates("donor")
    donor = mine["donor"].to_numpy(dtype=object)
    donor = np.full(len(mine), "", dtype=object) if rules.unit == "donor" else donor
    blocks = make_blocks(mine["source_class"].to_numpy(dtype=object), donor)
    df = int(blocks.informing.sum()) - blocks.n_blocks
    smallest = smallest_correlation(df) if len(mine) >= LEAST_UNITS else float("nan")
    many = max(blocks.n_blocks, 1)
    return {
        "n_units": len(mine), "unit": rules.unit, "blocks": blocks.words, "n_blocks": many,
        "smallest_correlation": smallest if np.isfinite(smallest) else None,
        "lots_for_0.7": lots_needed(0.7, blocks=many),
        "lots_for_0.5": lots_needed(0.5, blocks=many),
    }  # fmt: skip


def _sentences(table: "pd.DataFrame", design: dict[str, object]) -> tuple[str, ...]:
    """What was asked and found, in words; findings that are not there are said too."""
    n, unit, least = design["n_units"], design["unit"], design["smallest_correlation"]
    if least is None:
        head = f"{n} {unit}s show no correlation with a chance of 80 %, however strong"
    else:
        head = (
            f"{n} {unit}s ({design['blocks']}) show a correlation of {least:.2f} with a chance of "
            f"80 %; {design['lots_for_0.7']} would show 0.7 and {design['lots_for_0.5']} 0.5"
        )
    out = [head]
    for outcome, part in table.groupby("outcome", sort=True):
        shown = part[part["status"].isin(["SHOWN", "SUGGESTED"])]
        tested = int(part["p_value"].notna().sum())
        if not len(shown):
            none = (
                f"none of {tested} attributes was shown to go with it"
                if tested
                else "nothing tested"
            )
            out.append(f"{outcome}: {none}")
            continue
        for row in shown.itertuples():
            side = "better" if row.good else "worse"
            how = "declared beforehand" if row.primary else "found among many, to be confirmed"
            weight = (
                f"; without {row.influential_lot!s} it may change" if row.influential_lot else ""
            )
            out.append(
                f"{outcome}: lots with more {row.attribute!s} do {side} (correlation "
                f"{row.correlation:.2f}, {row.n_units} {unit}s, {how}{weight})"
            )
    return tuple(out)
