"""From files to one matrix: select each sample's cells, store its counts, join the gene lists."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.core.blocks import BlockSource
from imscope.core.cells import Cells, Modality
from imscope.core.views import concat_blocks, fixed_point, map_features, select_rows
from imscope.io.store import open_store, write_store

FIXED_POINT = 1000
"""Resolution of expression values that are not counts: steps per unit."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """All samples of a run as one matrix.

    Attributes
    ----------
    source
        RNA counts, samples one after the other in the order of the sheet; for other expression
        values whole numbers of 1/1000.
    exact
        The values as they were read.
    scale
        Steps of ``source`` per unit: 1 for counts.
    features
        One row per gene of the union; ``in_all`` says whether every sample's file lists it.
    cells
        One row per cell: ``cell`` (unique), ``sample``, then the file's own columns.
    codes
        int32, position of each cell's sample in the sheet.
    info
        Per sample what the reader found: format, where the counts were, notices.
    modalities
        Per modality the store folders of the samples that hold it.
    kind
        ``"counts"`` or ``"expression"``.
    """

    source: BlockSource
    exact: BlockSource
    scale: int
    features: pd.DataFrame
    cells: pd.DataFrame
    codes: NDArray[np.int32]
    info: dict[str, dict[str, Any]]
    modalities: dict[str, dict[str, Path]]
    kind: str


def write_sample(folder: Path, data: Cells, rows: NDArray[np.int64]) -> None:
    """Write one sample's cells into an empty folder, in the working format."""
    whole = len(rows) == len(data.obs)
    source = data.source if whole else select_rows(data.source, rows)
    write_store(folder / "rna", source, n_features=source.n_features)
    data.features.to_parquet(folder / "features.parquet")
    obs = data.obs.iloc[rows]
    obs = obs.rename(columns=str).rename_axis("cell").reset_index()
    _plain(obs).to_parquet(folder / "obs.parquet")
    for name, modality in data.modalities.items():
        part = folder / name
        part.mkdir()
        _plain(modality.features.reset_index(drop=True)).to_parquet(part / "features.parquet")
        counts = modality.counts[rows]
        for key in ("indptr", "indices", "data"):
            np.save(part / f"{key}.npy", getattr(counts, key), allow_pickle=False)
    info = {
        "format": data.format,
        "where": data.where,
        "kind": data.kind,
        "notices": [[n.code, n.message] for n in data.notices],
        "modalities": sorted(data.modalities),
    }
    (folder / "info.json").write_text(json.dumps(info, sort_keys=True))


def read_modality(folder: Path) -> Modality:
    """Read one modality of one sample, as :func:`write_sample` stored it."""
    features = pd.read_parquet(folder / "features.parquet")
    data, indices, indptr = (np.load(folder / f"{k}.npy") for k in ("data", "indices", "indptr"))
    shape = (len(indptr) - 1, len(features))
    return Modality(features, sp.csr_array((data, indices, indptr), shape=shape))


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns parquet can hold: categories and mixed columns become text."""
    frame = frame.copy()
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(column.cat.categories.dtype)
        if column.dtype == object:
            column = column.map(lambda v: v if v is None or v is pd.NA else str(v)).astype("string")
        frame[name] = column
    return frame


def join_samples(samples: Sequence[str], folders: Mapping[str, Path]) -> Cohort:
    """Join the stored samples into one matrix over the union of their genes.

    Parameters
    ----------
    samples
        Names in the order of the sheet.
    folders
        Sample to the folder :func:`write_sample` filled.
    """
    lists = {s: pd.read_parquet(folders[s] / "features.parquet") for s in samples}
    features = _union(lists)
    place = pd.Series(np.arange(len(features), dtype=np.int64), index=features["feature_id"])
    sources, cells, info = [], [], {}
    modalities: dict[str, dict[str, Path]] = {}
    for name in samples:
        mapping = place.loc[lists[name]["feature_id"]].to_numpy(np.int32)
        stored = open_store(folders[name] / "rna")
        sources.append(map_features(stored, mapping, len(features)))
        obs = pd.read_parquet(folders[name] / "obs.parquet")
        barcode = obs["cell"].astype(str)
        obs = obs.drop(columns=["cell", "sample"], errors="ignore")
        obs.insert(0, "cell", name + "_" + barcode)
        obs.insert(1, "sample", name)
        cells.append(obs)
        info[name] = json.loads((folders[name] / "info.json").read_text())
        for modality in info[name]["modalities"]:
            modalities.setdefault(modality, {})[name] = folders[name] / modality
    frame = pd.concat(cells, ignore_index=True)
    sizes = [len(c) for c in cells]
    kinds = {i["kind"] for i in info.values()}
    counts = kinds == {"counts"}
    exact = concat_blocks(sources)
    return Cohort(
        source=exact if counts else fixed_point(exact, FIXED_POINT),
        exact=exact,
        scale=1 if counts else FIXED_POINT,
        features=features,
        cells=frame,
        codes=np.repeat(np.arange(len(samples), dtype=np.int32), sizes),
        info=info,
        modalities=modalities,
        kind="counts" if counts else "expression",
    )


def _union(lists: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Genes of all samples in order of first appearance, with ``in_all``."""
    stacked = pd.concat(lists.values(), ignore_index=True)
    counts = stacked["feature_id"].value_counts()
    features = stacked.drop_duplicates("feature_id").reset_index(drop=True)
    features["in_all"] = features["feature_id"].map(counts).to_numpy() == len(lists)
    return features
