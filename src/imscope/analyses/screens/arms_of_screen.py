"""Which samples stand on which side of a comparison, and which are pairs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imscope.analyses.screens.settings import PooledSettings
from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Sides:
    """Samples of the two sides; with pairs in the same order on both."""

    control: tuple[str, ...]
    treatment: tuple[str, ...]
    pairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def samples(self) -> list[str]:
        """Control samples, then treatment samples."""
        return [*self.control, *self.treatment]


def choose_sides(sheet: "pd.DataFrame", settings: PooledSettings) -> Sides:
    """Choose the samples of both sides from the conditions of the sheet.

    Raises
    ------
    DataError
        A side has no sample, or a pair lacks one of its two samples.

    Examples
    --------
    >>> import pandas as pd
    >>> sheet = pd.DataFrame({"sample": ["a", "b"], "condition": ["control", "treatment"]})
    >>> choose_sides(sheet, PooledSettings()).samples
    ['a', 'b']
    """
    found = {}
    for side, name in (("control", settings.control), ("treatment", settings.treatment)):
        mine = sheet.loc[sheet["condition"] == name]
        if not len(mine):
            raise DataError(
                f"no sample has the condition {name!r}",
                found=", ".join(sorted(set(sheet["condition"].astype(str)))),
                fix=f"name the {side} side with --{side}",
                code=codes.SCREEN_ARMS,
            )
        found[side] = mine
    c, t = found["control"], found["treatment"]
    if settings.control == settings.treatment:
        raise DataError("both sides have the same condition", code=codes.SCREEN_ARMS)
    pairs = _pairs(c, t)
    notes = []
    for side, rows in found.items():
        if len(rows) == 1:
            notes.append(f"{codes.W_SCREEN_REPLICATE}: one sample on the {side} side")
    unused = sheet.loc[~sheet["sample"].isin([*c["sample"], *t["sample"]]), "sample"].tolist()
    if unused:
        notes.append(
            f"{codes.W_SCREEN_UNUSED}: {len(unused)} samples of the sheet not compared: "
            f"{', '.join(map(str, unused[:4]))}"
        )
    if pairs:
        order = {p: k for k, p in enumerate(pairs)}
        c = c.sort_values("pair", key=lambda v: v.map(order))
        t = t.sort_values("pair", key=lambda v: v.map(order))
    return Sides(tuple(c["sample"]), tuple(t["sample"]), tuple(pairs), tuple(notes))


def _pairs(c: "pd.DataFrame", t: "pd.DataFrame") -> list[str]:
    if "pair" not in c.columns or ((c["pair"] == "").all() and (t["pair"] == "").all()):
        return []
    a, b = c["pair"].tolist(), t["pair"].tolist()
    bad = [p for p in dict.fromkeys([*a, *b]) if a.count(p) != 1 or b.count(p) != 1 or p == ""]
    if bad:
        raise DataError(
            "pairs need one control and one treatment sample each",
            found=f"pair {bad[0]!r}: {a.count(bad[0])} control, {b.count(bad[0])} treatment",
            fix="correct the column `pair`, or leave it out",
            code=codes.SCREEN_PAIRS,
        )
    return [str(p) for p in a]
