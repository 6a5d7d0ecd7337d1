"""A folder of perturbation contrasts: whether activity follows the perturbed regulator."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imscope.analyses.regulators.estimates import METHODS, centre_in_classes, gene_classes
from imscope.analyses.regulators.network import Network
from imscope.analyses.regulators.unit_activity import place_network
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.genes import map_genes
from imscope.io.loose_table import read_loose_table

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
BOOTSTRAPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Contrasts:
    """Differences by contrast.

    Attributes
    ----------
    table
        ``contrast``, ``regulator``, ``sign`` (-1: it was lowered, 1: raised).
    gene_ids
        Shape ``(n_genes,)``.
    differences
        Shape ``(n_contrasts, n_genes)``, in the order of ``table``. Unit: log2 or any other scale.
    """

    table: "pd.DataFrame"
    gene_ids: tuple[str, ...]
    differences: Floats


def read_contrasts(folder: Path) -> Contrasts:
    """Read ``contrasts.tsv`` and ``differences.tsv`` (genes down, contrasts across) of a folder.

    Parameters
    ----------
    folder
        Holds both tables.

    Returns
    -------
    contrasts
        Gene names mapped to stable ids; a gap counts as no difference.

    Raises
    ------
    DataError
        A table or a column is missing, or a contrast has no differences.
    """
    folder = Path(folder)
    table = read_loose_table(folder / "contrasts.tsv")
    values = read_loose_table(folder / "differences.tsv")
    missing = {"contrast", "regulator", "sign"} - set(table.columns)
    lost = [] if missing else sorted(set(table["contrast"].astype(str)) - set(values.columns))
    if missing or lost:
        raise DataError(
            f"{folder} is no folder of contrasts",
            found=f"missing: {', '.join([*sorted(missing), *lost][:5])}",
            fix="contrasts.tsv: contrast, regulator, sign; differences.tsv: gene, then contrasts",
            code=codes.REGULATORS_SCREEN,
        )
    genes = map_genes(values.iloc[:, 0].astype(str).tolist())[0]["feature_id"]
    matrix = values[table["contrast"].astype(str).tolist()].to_numpy(dtype=np.float64).T
    return Contrasts(table, tuple(genes), np.nan_to_num(matrix))


def recover(contrasts: Contrasts, network: Network, *, seed: int = 0) -> "pd.DataFrame":
    """How well each method finds the perturbed regulator among all, by contrast as the unit.

    Parameters
    ----------
    contrasts
        Of :func:`read_contrasts`.
    network
        Regulators with fewer than 2 detected signed targets are left out.
    seed
        Of the bootstrap over contrasts.

    Returns
    -------
    table
        ``method``, ``network``, ``n_contrasts`` (with a scored regulator), ``auroc`` with ``low``
        and ``high``, ``auprc`` with ``auprc_low`` and ``auprc_high``, ``base`` (chance for auprc),
        ``percentile`` (median place of the perturbed one; 0 is first).
    """
    import pandas as pd

    placed = place_network(network, list(contrasts.gene_ids), least=0.0)
    scored = np.flatnonzero(np.diff(placed.weights.indptr) >= 2)
    names = [placed.regulators[k] for k in scored]
    place = {n: k for k, n in enumerate(names)}
    rows = [k for k, r in enumerate(contrasts.table["regulator"]) if r in place]
    if not rows:
        raise DataError(
            "no perturbed regulator has two signed targets in the data",
            found=f"{len(contrasts.table)} contrasts, {len(names)} scored regulators",
            fix="give more genes, or another network",
            code=codes.REGULATORS_COVERAGE,
        )
    part = contrasts.table.iloc[rows]
    own = np.array([place[r] for r in part["regulator"]])
    sign = part["sign"].to_numpy(dtype=np.float64)[:, None]
    classes = gene_classes(np.abs(contrasts.differences).mean(axis=0), placed.in_degree)
    centred = centre_in_classes(contrasts.differences[rows], classes)
    out = []
    for method, function in METHODS.items():
        moved = sign * function(centred, placed.weights[scored])
        rng = np.random.default_rng(seed)
        area, precision = _areas(moved, own)
        picks = rng.integers(0, len(own), (BOOTSTRAPS, len(own)))
        draws = np.array([_areas(moved[k], own[k]) for k in picks])
        low, high = np.quantile(draws, (0.025, 0.975), axis=0)
        mine = moved[np.arange(len(own)), own][:, None]
        out.append(
            {"method": method, "network": network.name, "n_contrasts": len(own), "auroc": area,
             "low": low[0], "high": high[0], "auprc": precision, "auprc_low": low[1],
             "auprc_high": high[1], "base": 1 / len(names),
             "percentile": float(np.median((moved > mine).mean(axis=1)))}
        )  # fmt: skip
    return pd.DataFrame(out)


def _areas(moved: Floats, own: NDArray[np.int64]) -> tuple[float, float]:
    """Areas under the curves of all scores pooled, the perturbed regulators being the positives."""
    truth = np.zeros(moved.shape, dtype=bool)
    truth[np.arange(len(own)), own] = True
    score, truth = moved.ravel(), truth.ravel()
    ranks = stats.rankdata(score)
    n = int(truth.sum())
    area = (ranks[truth].sum() - n * (n + 1) / 2) / (n * (len(truth) - n))
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(truth[order])
    precision = (found / np.arange(1, len(order) + 1))[truth[order]].mean()
    return float(area), float(precision)
