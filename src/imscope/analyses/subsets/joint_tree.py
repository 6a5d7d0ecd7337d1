"""Follow the splits all lots share from all cells down, and lay them out as a table."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.subsets.joint import centred, smallest_share, split_lots
from imscope.analyses.subsets.settings import SubsetSettings
from imscope.analyses.subsets.splitting import UnitCells, strongest
from imscope.core.rng import spawn
from imscope.core.schema import SUBSET_JOINT
from imscope.stats.shares import share_over_units

FEWEST_LOTS = 2
FEWEST_CELLS = 50
"""Cells of a lot below which it takes no part in a node."""
DEEPEST = 3
"""Splits that are followed below each other."""
MOST_LOOKS = 8
"""Each look behind an explained split halves the level; beyond so many parts there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """Row of a node, sides of its cells, and the genes to go on with."""

    row: dict[str, object]
    sides: dict[str, NDArray[np.bool_]]
    genes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """What all lots together say.

    Attributes
    ----------
    rows
        Rows of the table ``subset_joint``.
    paths
        Side taken at every counted split by every cell, one array of words per lot.
    """

    rows: list[dict[str, object]]
    paths: dict[str, NDArray[np.object_]]

    @property
    def counted(self) -> int:
        """Splits that hold."""
        return sum(row["status"] == "split" for row in self.rows)


def ask_jointly(
    lots: Mapping[str, UnitCells], symbols: NDArray[np.object_], settings: SubsetSettings
) -> Joint:
    """Test all lots for shared splits, and each side of a split that holds."""
    paths = {n: np.full(len(u.depth), "", dtype=object) for n, u in lots.items()}
    if len(lots) < FEWEST_LOTS:
        why = f"{len(lots)} lots can be tested, {FEWEST_LOTS} are needed"
        row = SUBSET_JOINT.blank(node="root", n_lots=len(lots), status="NOT TESTABLE", reason=why)
        return Joint([row], paths)
    total = sum(len(u.depth) for u in lots.values())
    rows = []
    every = np.arange(len(symbols))
    waiting = [("", {n: np.arange(len(u.depth)) for n, u in lots.items()}, every, 1)]
    while waiting:
        node, cells, genes, looks = waiting.pop(0)
        cells = {n: c for n, c in cells.items() if len(c) >= FEWEST_CELLS}
        if len(cells) < FEWEST_LOTS:
            continue
        size = sum(len(c) for c in cells.values())
        alpha = settings.alpha * (size - 1) / max(total - 1, 1) / looks
        told = _node(node or "root", lots, cells, genes, alpha, symbols, settings)
        row, sides, rest = told.row, told.sides, told.genes
        rows.append(row)
        if row["explained_by"] and looks < MOST_LOOKS:  # look behind it, without its genes
            waiting.insert(0, (node, cells, rest, 2 * looks))
        if row["status"] != "split":
            continue
        for name, side in sides.items():
            paths[name][cells[name]] += np.where(side, "1", "0").astype(object)
        if len(node) < DEEPEST:
            waiting += [
                (node + w, {n: cells[n][s == (w == "1")] for n, s in sides.items()}, rest, looks)
                for w in "01"
            ]
    return Joint(rows, paths)


def _node(
    node: str,
    lots: Mapping[str, UnitCells],
    cells: Mapping[str, NDArray[np.int64]],
    genes: NDArray[np.int64],
    alpha: float,
    symbols: NDArray[np.object_],
    settings: SubsetSettings,
) -> _Node:
    """One node on some of the genes."""
    parts = [(lots[n].counts[np.ix_(c, genes)], lots[n].depth[c]) for n, c in cells.items()]
    split = split_lots([centred(y, d) for y, d in parts], settings.components)
    sides = dict(zip(cells, split.sides, strict=True))
    row = SUBSET_JOINT.blank(
        node=node,
        n_lots=len(cells),
        n_cells=sum(len(c) for c in cells.values()),
        p_value=split.p_value,
        alpha_node=alpha,
        status="one population",
    )
    if node == "root" and len(genes) == len(symbols):
        rng = spawn(settings.seed, "joint implant")
        row["smallest_share"] = smallest_share(parts, settings.components, alpha, rng)
    if split.axis is None:
        return _Node(row, sides, genes)
    side = np.concatenate(split.sides)
    unit = np.repeat(np.array(list(cells), dtype=object), [len(c) for c in cells.values()])
    share = share_over_units(side, unit)
    size = np.abs(split.axis.weights)
    top = np.argsort(-size, kind="stable")[:5]
    row |= {
        "share": share.frac,
        "share_low": share.low,
        "share_high": share.high,
        "basis": share.basis,
        "separation": split.axis.separation,
        "n_genes": int((size > 0).sum()),
        "genes": ", ".join(str(symbols[genes[k]]) for k in top if size[k] > 0),
    }
    if split.p_value > alpha:
        return _Node(row, sides, genes)
    known = set.intersection(*(set(lots[n].covariates) for n in cells))
    values = {
        name: np.concatenate([lots[n].covariates[name][c] for n, c in cells.items()])
        for name in sorted(known)
    }
    name, auc = strongest(values, side)
    why = ""
    if abs(auc - 0.5) + 0.5 >= settings.explained_auc:
        why = f"explained by {name}"
        row |= {"explained_by": name}
    elif min(side.sum(), (~side).sum()) < settings.min_side:
        why = f"{min(side.sum(), (~side).sum())} cells on the smaller side"
    row |= {"status": "not counted" if why else "split", "reason": why}
    return _Node(row, sides, genes[size == 0] if why else genes)
