"""Step: the annotated cells: a table, ``cells.h5ad`` and, with other modalities, ``h5mu``."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope import __version__
from imscope.core.result import Result
from imscope.core.schema import CELLS
from imscope.core.views import select_rows
from imscope.io.cells import write_cells
from imscope.study.ingest import read_modality
from imscope.study.step import EVERY, Had, Run, Step
from imscope.study.steps.clusters import read_graph
from imscope.study.store import Finished, canonical

CELLS_FILE = "cells.h5ad"
MODALITIES_FILE = "cells.h5mu"
NOT_IN_OBS = ("cell", "umap_1", "umap_2")


def work_cells(run: Run, had: Had) -> Result:
    """One row per kept cell: counts, cluster, map, what every step says of it, its design."""
    rows = run.rows(had)
    codes = run.cohort.codes[rows]
    metrics = had["qc"].table("metrics").iloc[rows].reset_index(drop=True)
    umap = had["clusters"].array("umap")
    frame = pd.DataFrame(
        {
            "cell": run.cohort.cells["cell"].to_numpy()[rows].astype(str),
            "sample": np.array(run.samples, dtype=object)[codes],
            "cluster": had["clusters"].array("labels").astype(str),
        }
    ).astype("str")
    frame["n_umi"] = np.rint(metrics["n_umi"]).astype(np.int64)
    frame["n_genes"] = metrics["n_genes"].astype(np.int64)
    for name in [c for c in metrics if c not in {"n_umi", "n_genes"}]:
        frame[name] = metrics[name]
    frame["doublet_score"] = had["qc"].array("doublet_score")[rows]
    frame["umap_1"], frame["umap_2"] = umap[:, 0], umap[:, 1]
    own = [columns for step in had.values() if (columns := step.cells()) is not None]
    frame = pd.concat([frame, *own], axis=1)
    for factor in run.design.factors:
        frame[factor] = run.sheet[factor].to_numpy()[codes]
    return Result({"cells": CELLS.check(frame)})


def write_files(run: Run, had: Had, folder: Path) -> None:
    """Write the annotated cells into an empty folder."""
    cells = work_cells(run, had).tables["cells"]
    rows = run.rows(had)
    umap = had["clusters"].array("umap")
    write_cells(
        folder / CELLS_FILE,
        select_rows(run.cohort.exact, rows),
        had["components"].array("relative_factors"),
        obs=_obs(run, cells, rows),
        var=_var(run, had["components"]),
        layer="counts" if run.has_counts else "expression",
        slots={
            "obsm": {
                "X_pca": had["components"].array("coordinates"),
                **({"X_umap": umap} if np.isfinite(umap).all() else {}),
            },
            "obsp": {
                "connectivities": read_graph(had["neighbours"]),
                "distances": _distances(had["neighbours"]),
            },
            "uns": {"imscope": _facts(run)},
        },
    )
    if run.cohort.modalities:
        _write_modalities(run, cells, folder)


def _facts(run: Run) -> dict[str, Any]:
    return {
        "version": __version__,
        "title": run.title,
        "simulated": run.simulated,
        "kind": run.cohort.kind,
        "config": canonical(run.config.model_dump(mode="json")),
        "counts_from": canonical({s: i["where"] for s, i in run.cohort.info.items()}),
    }


def _obs(run: Run, cells: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Design and clusters by their own names, our metrics with a prefix, the file's own columns."""
    factors = [f for f in run.design.factors if f in cells]
    obs = cells[["sample", "cluster", *factors]].copy()
    for name in cells.columns:
        if name not in obs and name not in NOT_IN_OBS:
            obs[f"imscope_{name}"] = cells[name]
    own = run.cohort.cells.iloc[rows].reset_index(drop=True)
    for name in own.columns:
        if name not in obs and name != "cell":
            obs[name] = own[name].to_numpy()
    obs.index = pd.Index(cells["cell"].astype(str))
    return obs


def _var(run: Run, components: Finished) -> pd.DataFrame:
    features = run.cohort.features
    kept = [c for c in ("chromosome", "biotype", "mapped", "in_all") if c in features]
    var = features[kept].copy()
    var.insert(0, "gene_name", features["symbol"].astype(str))
    var["highly_variable"] = components.table("variable_genes")["selected"].to_numpy()
    var.index = pd.Index(features["feature_id"].astype(str))
    return var


def _distances(neighbours: Finished) -> sp.csr_array:
    indices, distances = neighbours.array("indices"), neighbours.array("distances")
    order = np.argsort(indices, axis=1, kind="stable")
    n, k = indices.shape
    return sp.csr_array(
        (
            np.take_along_axis(distances, order, axis=1).ravel(),
            np.take_along_axis(indices, order, axis=1).ravel(),
            np.arange(0, n * k + 1, k, dtype=np.int64),
        ),
        shape=(n, n),
    )


def _write_modalities(run: Run, cells: pd.DataFrame, folder: Path) -> None:
    """Write RNA, protein and guides together; cells without a modality are absent from it."""
    import anndata
    import mudata

    parts = {"rna": anndata.read_h5ad(folder / CELLS_FILE)}
    kept = pd.Index(cells["cell"].astype(str))
    everything = run.cohort.cells
    for name, folders in sorted(run.cohort.modalities.items()):
        made = []
        for sample, place in folders.items():
            read = read_modality(place)
            names = everything.loc[everything["sample"] == sample, "cell"].astype(str)
            part = anndata.AnnData(
                sp.csr_matrix(read.counts), obs=pd.DataFrame(index=pd.Index(names))
            )
            column = "feature_id" if "feature_id" in read.features else read.features.columns[0]
            part.var_names = pd.Index(read.features[column].astype(str))
            part.var_names_make_unique()
            made.append(part[part.obs_names.isin(kept)].copy())
        parts[name] = anndata.concat(made, join="outer", fill_value=0)
    mudata.MuData(parts).write_h5mu(folder / MODALITIES_FILE)


STEP = Step(
    "cells",
    "annotated cells",
    work_cells,
    needs=EVERY,
    settings=lambda run: (
        run.settings(sheet=True) | {"simulated": run.simulated, "title": run.title}
    ),
    tables=(CELLS,),
    share=1.5,
    rank=900,
    files=write_files,
)
