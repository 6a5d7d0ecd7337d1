"""The annotated cells of a run: ``cells.h5ad``, and ``cells.h5mu`` when protein or guides exist."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from imscope import __version__
from imscope.core.views import select_rows
from imscope.io.cells import write_cells
from imscope.study.stages import load_array
from imscope.study.steps import canonical

if TYPE_CHECKING:
    from imscope.study.outputs import Finished

PLAIN = ("cell", "sample", "cluster")


def work_cells(done: "Finished", cells: pd.DataFrame, folder: Path) -> None:
    """Write the annotated cells into an empty folder.

    Parameters
    ----------
    done
        Finished steps of the run.
    cells
        Table ``cells``.
    folder
        Empty folder.
    """
    import scipy.sparse as sp

    context = done.context
    at = {name: step.folder for name, step in done.steps.items()}
    rows = load_array(at["components"], "rows")
    n = len(rows)
    parts = [load_array(at["neighbours"], f"graph_{k}") for k in ("data", "indices", "indptr")]
    connectivities = sp.csr_array((parts[0], parts[1], parts[2]), shape=(n, n))
    umap = load_array(at["clusters"], "umap")
    counts = context.cohort.kind == "counts"
    config = context.config.model_dump(mode="json")
    write_cells(
        folder / "cells.h5ad",
        select_rows(context.cohort.exact, rows),
        load_array(at["components"], "relative_factors"),
        obs=_obs(done, cells, rows),
        var=_var(done),
        layer="counts" if counts else "expression",
        slots={
            "obsm": {
                "X_pca": load_array(at["components"], "coordinates"),
                **({"X_umap": umap} if np.isfinite(umap).all() else {}),
            },
            "obsp": {
                "connectivities": connectivities,
                "distances": _distances(at["neighbours"], n),
            },
            "uns": {
                "imscope": {
                    "version": __version__,
                    "title": done.title,
                    "simulated": done.simulated,
                    "kind": context.cohort.kind,
                    "config": canonical(config),
                    "counts_from": canonical(
                        {s: i["where"] for s, i in context.cohort.info.items()}
                    ),
                }
            },
        },
    )
    if context.cohort.modalities:
        _write_modalities(done, cells, folder)


def _obs(done: "Finished", cells: pd.DataFrame, rows: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Design and clusters by their own names, our metrics with a prefix, the file's own columns."""
    factors = [f for f in done.design.factors if f in cells]
    obs = cells[[c for c in (*PLAIN[1:], *factors) if c in cells]].copy()
    for name in cells.columns:
        if name not in obs and name not in {"cell", "umap_1", "umap_2"}:
            obs[f"imscope_{name}"] = cells[name]
    own = done.context.cohort.cells.iloc[rows].reset_index(drop=True)
    for name in own.columns:
        if name not in obs and name not in PLAIN:
            obs[name] = own[name].to_numpy()
    obs.index = pd.Index(cells["cell"].astype(str))
    return obs


def _var(done: "Finished") -> pd.DataFrame:
    features = done.context.cohort.features
    table = pd.read_parquet(done.steps["components"].folder / "variable_genes.parquet")
    kept = [c for c in ("chromosome", "biotype", "mapped", "in_all") if c in features]
    var = features[kept].copy()
    var.insert(0, "gene_name", features["symbol"].astype(str))
    var["highly_variable"] = table["selected"].to_numpy()
    var.index = pd.Index(features["feature_id"].astype(str))
    return var


def _distances(neighbours: Path, n: int) -> Any:
    import scipy.sparse as sp

    indices = load_array(neighbours, "indices")
    distances = load_array(neighbours, "distances")
    order = np.argsort(indices, axis=1, kind="stable")
    k = indices.shape[1]
    return sp.csr_array(
        (
            np.take_along_axis(distances, order, axis=1).ravel(),
            np.take_along_axis(indices, order, axis=1).ravel(),
            np.arange(0, n * k + 1, k, dtype=np.int64),
        ),
        shape=(n, n),
    )


def _write_modalities(done: "Finished", cells: pd.DataFrame, folder: Path) -> None:
    """Write RNA, protein and guides together; cells without a modality are absent from it."""
    import anndata
    import mudata
    import scipy.sparse as sp

    rna = anndata.read_h5ad(folder / "cells.h5ad")
    parts = {"rna": rna}
    kept = pd.Index(cells["cell"].astype(str))
    everything = done.context.cohort.cells
    for name, folders in sorted(done.context.cohort.modalities.items()):
        made = []
        for sample, place in folders.items():
            features = pd.read_parquet(place / "features.parquet")
            arrays = [load_array(place, k) for k in ("data", "indices", "indptr")]
            names = everything.loc[everything["sample"] == sample, "cell"].astype(str)
            matrix = sp.csr_matrix(
                (arrays[0], arrays[1], arrays[2]), shape=(len(names), len(features))
            )
            part = anndata.AnnData(matrix, obs=pd.DataFrame(index=pd.Index(names)))
            column = "feature_id" if "feature_id" in features else features.columns[0]
            part.var_names = pd.Index(features[column].astype(str))
            part.var_names_make_unique()
            made.append(part[part.obs_names.isin(kept)].copy())
        parts[name] = anndata.concat(made, join="outer", fill_value=0)
    mudata.MuData(parts).write_h5mu(folder / "cells.h5mu")
