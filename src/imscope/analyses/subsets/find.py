"""More than one population? One verdict per replicate unit."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from imscope.analyses.subsets.joint import smallest_share
from imscope.analyses.subsets.joint_tree import Joint, ask_jointly
from imscope.analyses.subsets.population import Floats, components, fit_population, residuals
from imscope.analyses.subsets.settings import SubsetSettings
from imscope.analyses.subsets.splitting import Split, UnitCells, split_unit, tail_p
from imscope.core.blocks import BlockSource
from imscope.core.result import Result
from imscope.core.rng import spawn
from imscope.core.schema import SUBSET_CALLS, SUBSET_JOINT, SUBSET_SPLITS
from imscope.core.views import select_rows
from imscope.evidence.gene_sets import genes_of
from imscope.io.open import open_cells

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

    from imscope.io.open import Openable

SETS = {
    "S phase": ("cc_s",),
    "G2/M phase": ("cc_g2m",),
    "dissociation stress": ("dissociation_stress",),
}
DOUBLETS = ("doublet_score", "imscope_doublet_score")
MIN_MEAN = 0.05
"""Mean UMI per cell below which a gene is not used: its residuals are nearly all equal."""
FEWEST_GENES = 30


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    name: str
    n_cells: int
    rows: NDArray[np.int64]
    matrix: "sp.csr_array"
    depth: Floats
    why_not: str


def split(
    cells: "Openable", *, unit: str | None = None, settings: SubsetSettings | None = None
) -> Result:
    """Test in every unit, and in all together, whether the cells are more than one population.

    Parameters
    ----------
    cells
        Cells, or an ``AnnData`` or ``MuData`` in memory, with counts; a column ``doublet_score`` is
        used when it is there.
    unit
        Column of the replicate units, see :func:`imscope.core.cells.unit_column`.
    settings
        See :class:`SubsetSettings`.

    Returns
    -------
    result
        Tables ``subset_joint`` (all units together), ``subset_splits``, ``subset_calls``, and
        ``subset_labels``: ``cell``, ``group`` and ``subset`` of every tested cell.

    Raises
    ------
    DataError
        There is no column ``unit``.
    MethodError
        The values are no counts.

    Notes
    -----
    A unit that joins several libraries shows their technical differences as populations: name the
    library as the unit, or read the split with that in mind. A curved continuum (a path that turns)
    has its ends on one side of the axis between them and can show a gap that is none.

    References
    ----------
    .. [1] Grabski IN, Street K, Irizarry RA (2023). Nat Methods. doi:10.1038/s41592-023-01933-9

    Examples
    --------
    >>> import anndata, pandas as pd, scipy.sparse as sp
    >>> adata = anndata.AnnData(
    ...     sp.csr_matrix([[5, 9], [4, 7]], dtype="int32"),
    ...     pd.DataFrame({"lot": ["a", "a"]}, index=["c1", "c2"]),
    ...     pd.DataFrame(index=["NT5E", "THY1"]),
    ... )
    >>> split(adata).tables["subset_calls"][["verdict", "reason"]].values.tolist()
    [['NOT TESTABLE', '2 cells with counts, 100 are needed']]
    """
    import pandas as pd

    used = open_cells(cells)
    used.need_cells("the subset test")
    used.need_counts("the subset test")
    chosen = settings or SubsetSettings()
    source, features, obs = used.source, used.features, used.obs
    names = used.units(unit).labels.astype(str)
    loaded = [
        _load(source, name, np.flatnonzero(names == name), chosen) for name in sorted(set(names))
    ]
    genes = _choose_genes([u for u in loaded if not u.why_not], source.n_features, chosen.genes)
    if len(genes) < FEWEST_GENES:
        why = f"{len(genes)} genes reach {MIN_MEAN} UMI per cell, {FEWEST_GENES} are needed"
        loaded = [replace(u, why_not=u.why_not or why) for u in loaded]
    symbols = features["symbol"].astype(str).to_numpy()
    testable = {
        u.name: UnitCells(
            u.name,
            u.matrix[:, genes].toarray().astype(np.float64),
            u.depth,
            _covariates(u, symbols, obs),
        )
        for u in loaded
        if not u.why_not
    }
    with threadpool_limits(1, user_api="blas"):  # more threads would change the last digits
        found = {name: split_unit(cells, chosen) for name, cells in testable.items()}
        shared = {name: _sharing(cells, chosen) for name, cells in testable.items()}
        joint = ask_jointly(testable, symbols[genes], chosen)
        seen = {name: _smallest(cells, chosen) for name, cells in testable.items()}
    found = _seen_elsewhere(found, chosen)
    splits, calls, labels = [], [], []
    for u in loaded:
        if u.why_not:
            calls.append(_refused(u))
            continue
        splits += [_split_row(u.name, s, symbols[genes]) for s in found[u.name]]
        call = _call(u, shared[u.name], found[u.name], len(testable), chosen)
        again = any(s.counted and s.n_units_seen > 1 for s in found[u.name])
        calls.append(_with_joint(call, joint, seen[u.name], reproduced=again))
        labels.append(_labels(u, found[u.name], joint, obs))
    empty = pd.DataFrame({"cell": [], "group": [], "subset": []}, dtype="str")
    tables = {
        "subset_splits": SUBSET_SPLITS.frame(splits),
        "subset_joint": SUBSET_JOINT.frame(joint.rows),
        "subset_calls": SUBSET_CALLS.frame(calls),
        "subset_labels": pd.concat(labels, ignore_index=True) if labels else empty,
    }
    about = asdict(chosen) | {"unit": used.unit_column(unit)}
    return Result(tables, notices=used.notices, settings=about)


def _load(
    source: BlockSource, name: str, rows: NDArray[np.intp], settings: SubsetSettings
) -> _Loaded:
    import scipy.sparse as sp

    n = len(rows)
    if n > settings.max_cells:
        rng = spawn(settings.seed, "subset cells", name)
        rows = np.sort(rng.choice(rows, settings.max_cells, replace=False))
    block = select_rows(source, rows).read(0, len(rows))
    matrix = sp.csr_array((block.data, block.indices, block.indptr), (len(rows), source.n_features))
    why = ""
    depth = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
    held = depth > 0
    rows, matrix, depth = rows[held], matrix[held], depth[held]
    middle = float(np.median(depth)) if len(depth) else 0.0
    if len(depth) < settings.min_cells:
        why = f"{len(depth)} cells with counts, {settings.min_cells} are needed"
    elif middle < settings.min_umi:
        why = f"median {middle:g} UMI per cell, {settings.min_umi} are needed"
    return _Loaded(name, n, rows.astype(np.int64), matrix, depth, why)


def _choose_genes(units: list[_Loaded], n_features: int, most: int) -> NDArray[np.int64]:
    """Genes with the largest variation beyond counting noise inside units."""
    score, sums, cells = np.zeros(n_features), np.zeros(n_features), 0
    for u in units:
        share = np.asarray(u.matrix.sum(axis=0), dtype=np.float64).ravel() / u.depth.sum()
        squares = np.asarray((u.matrix.astype(np.float64) ** 2).T @ (1 / u.depth)).ravel()
        n = len(u.depth)
        with np.errstate(divide="ignore", invalid="ignore"):
            chi2 = squares / share - share * u.depth.sum()
            error = np.sqrt(2 * n + (1 / u.depth).sum() / share)
            score += np.where(share > 0, (chi2 - n) / error, 0.0)
        sums += share * u.depth.sum()
        cells += n
    usable = np.flatnonzero(sums >= MIN_MEAN * max(cells, 1))
    order = usable[np.argsort(-score[usable], kind="stable")]
    return np.sort(order[:most])


def _covariates(u: _Loaded, symbols: NDArray[np.object_], obs: "pd.DataFrame") -> dict[str, Floats]:
    out = {"depth": np.log(u.depth)}
    for name, sets in SETS.items():
        member = np.flatnonzero(np.isin(symbols, sorted(genes_of(*sets))))
        if len(member) >= 5:
            out[name] = np.asarray(u.matrix[:, member].sum(axis=1)).ravel() / u.depth
    for column in DOUBLETS:
        if column in obs.columns:
            out["doublet score"] = obs[column].to_numpy(dtype=np.float64)[u.rows]
    return out


def _seen_elsewhere(
    found: dict[str, list[Split]], settings: SubsetSettings
) -> dict[str, list[Split]]:
    """Count the units with a split along the same genes; the sign of a split has no meaning."""

    def same(a: Floats, b: Floats) -> bool:
        size = np.sqrt((a @ a) * (b @ b))
        return bool(size > 0 and abs(a @ b) / size >= settings.same_split)

    return {
        name: [
            replace(
                s,
                n_units_seen=sum(
                    any(o.counted and same(s.direction, o.direction) for o in others)
                    for others in found.values()
                )
                if s.counted
                else 0,
            )
            for s in own
        ]
        for name, own in found.items()
    }


def _split_row(group: str, s: Split, symbols: NDArray[np.object_]) -> dict[str, object]:
    top = np.argsort(-np.abs(s.direction), kind="stable")[:5]
    return {
        "group": group,
        "node": s.node,
        "n_cells": len(s.cells),
        "n_smaller": int(s.side.sum()),
        "statistic": s.statistic,
        "null_mean": s.null_mean,
        "null_sd": s.null_sd,
        "n_nulls": s.n_nulls,
        "p_value": s.p_value,
        "alpha_node": s.alpha_node,
        "thinning": s.thinning,
        "auc_half": s.auc_half,
        "p_half": s.p_half,
        "p_gap": s.p_gap,
        "alpha_gap": s.alpha_gap,
        "between": s.between,
        "n_units_seen": s.n_units_seen,
        "explained_by": s.explained_by,
        "explained_auc": s.explained_auc,
        "genes": ", ".join(str(symbols[k]) for k in top),
        "status": s.status,
        "reason": s.reason,
    }


def _call(
    u: _Loaded,
    shared: tuple[float, float],
    splits: list[Split],
    n_units: int,
    settings: SubsetSettings,
) -> dict[str, object]:
    p_shared, p_excess = shared
    counted = [s for s in splits if s.counted]
    shape = "discrete" if counted else "continuous"
    sharing = "coordinated" if p_shared <= settings.alpha else "private"
    if p_excess > settings.alpha and sharing == "private" and not counted:
        sharing = "none"
    seen = max((s.n_units_seen for s in counted), default=0)
    replication = "no split to reproduce"
    if counted and n_units < 2:
        replication = "not testable: one unit"
    elif counted:
        replication = f"seen in {seen} of {n_units} units" if seen > 1 else "not reproduced"
    verdict = "one homogeneous population" if sharing == "none" else f"{shape}, {sharing}"
    if replication == "not reproduced":
        verdict += ", not reproduced"
    dropped = [s.reason for s in splits if s.significant and not s.counted]
    reason = (
        f"{len(counted)} of {len(splits)} tested splits hold"
        if counted
        else "one population explains the cells"
    )
    if dropped:
        reason += "; not counted: " + "; not counted: ".join(dict.fromkeys(dropped))
    if len(u.depth) < u.n_cells:
        reason += f"; {len(u.depth)} of {u.n_cells} cells were tested"
    return {
        **_head(u),
        "n_subsets": len(counted) + 1,
        "shape": shape,
        "sharing": sharing,
        "p_split": splits[0].p_value if splits else float("nan"),
        "p_gap": splits[0].p_gap if splits else float("nan"),
        "p_shared": p_shared,
        "p_excess": p_excess,
        "replication": replication,
        "verdict": verdict,
        "reason": reason,
    }


def _smallest(cells: UnitCells, settings: SubsetSettings) -> float:
    """Least share of an implanted subset that this unit alone would have shown."""
    rng = spawn(settings.seed, "implant", cells.name)
    lot = [(cells.counts, cells.depth)]
    return smallest_share(lot, settings.components, settings.alpha, rng)


def _with_joint(
    call: dict[str, object], joint: Joint, smallest: float, *, reproduced: bool
) -> dict[str, object]:
    """Let the splits all lots share decide, and say what could have been seen."""
    call = {**call, "smallest_share": smallest}
    root = joint.rows[0] if joint.rows else {}
    lots = root.get("n_lots", 0)
    if joint.counted:
        sharing = "coordinated" if call["sharing"] == "none" else call["sharing"]
        held = f"{joint.counted} splits hold" if joint.counted > 1 else "1 split holds"
        over = f"seen over {lots} units together"
        return call | {
            "n_subsets": joint.counted + 1,
            "shape": "discrete",
            "sharing": sharing,
            "replication": f"{call['replication']}, {over}" if reproduced else over,
            "verdict": f"discrete, {sharing}",
            "reason": f"{held} over {lots} units together; alone: {call['reason']}",
        }
    if call["shape"] == "continuous":
        could = [_could(smallest, "this unit alone")]
        if root.get("status") != "NOT TESTABLE":
            could.append(_could(float(str(root.get("smallest_share"))), f"{lots} units together"))
        call["reason"] = f"{call['reason']}; {'; '.join(could)}"
    return call


def _could(share: float, where: str) -> str:
    what = "subset of 40 genes, twice as high,"
    if not np.isfinite(share):
        return f"in {where} no {what} would have been seen"
    return f"in {where} a {what} would have been seen from {share:.0%} of the cells on"


def _sharing(cells: UnitCells, settings: SubsetSettings) -> tuple[float, float]:
    """Leading component against genes on their own, and spread against identical cells."""
    ok = cells.counts.sum(axis=0) > 0
    y, depth = cells.counts[:, ok], cells.depth
    population = fit_population(y, depth)

    def leading(table: Floats) -> tuple[float, float]:
        r = residuals(table, depth)
        return components(r, 1)[1], float((r**2).sum())

    top, spread = leading(y)
    alone, identical = [], []
    for k in range(settings.first_nulls):
        rng = spawn(settings.seed, "subset sharing", cells.name, k)
        alone.append(leading(population.draw(rng, "private"))[0])
        identical.append(leading(population.draw(rng, "counting"))[1])
    return tail_p(top, np.array(alone)), tail_p(spread, np.array(identical))


def _labels(u: _Loaded, splits: list[Split], joint: Joint, obs: "pd.DataFrame") -> "pd.DataFrame":
    """Subset of every tested cell: by the splits all units share where there are any."""
    import pandas as pd

    path = joint.paths[u.name].copy()
    known = sorted({p for paths in joint.paths.values() for p in paths})  # one number in all units
    if not joint.counted:
        for s in splits:
            if s.counted:
                path[s.cells] = path[s.cells] + np.where(s.side, "1", "0").astype(object)
        known = sorted(set(path))
    number = {p: str(k) for k, p in enumerate(known)}
    return pd.DataFrame(
        {
            "cell": obs.index[u.rows].astype(str),
            "group": u.name,
            "subset": [number[p] for p in path],
        }
    )


def _head(u: _Loaded) -> dict[str, object]:
    middle = float(np.median(u.depth)) if len(u.depth) else float("nan")
    return {"group": u.name, "n_cells": u.n_cells, "n_used": len(u.depth), "median_umi": middle}


def _refused(u: _Loaded) -> dict[str, object]:
    words = dict.fromkeys(("shape", "sharing", "replication", "verdict"), "NOT TESTABLE")
    return SUBSET_CALLS.blank(**_head(u), **words, reason=u.why_not)
