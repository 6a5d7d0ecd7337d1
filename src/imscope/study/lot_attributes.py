"""Attributes of lots from finished runs: one row a lot, to be set against what the lots do."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def read_lot_attributes(folders: Sequence[Path]) -> "pd.DataFrame":
    """Attributes of every lot of one or several run folders.

    Parameters
    ----------
    folders
        Run folders. A lot may be in one of them only.

    Returns
    -------
    table
        ``lot``, ``donor``, ``source_class``, ``passage`` where they are known; ``hi2`` and ``hi_c``
        with their intervals, ``senescent_frac``, ``population_doublings``, one ``subset_NAME`` per
        cluster as centred log-ratio, and one ``score_NAME`` per programme.

    Raises
    ------
    DataError
        A folder holds no finished run, or a lot is in two of them.
    """
    import pandas as pd

    made = [_one(Path(folder)) for folder in folders]
    table = pd.concat(made, ignore_index=True)
    twice = table["lot"].duplicated()
    if twice.any():
        raise DataError(
            "a lot is in two of the runs",
            found=str(table.loc[twice, "lot"].iloc[0]),
            fix="name each run once, and runs that do not share lots",
            code=codes.POTENCY_TWICE,
        )
    return table


def _one(folder: Path) -> "pd.DataFrame":
    import pandas as pd

    def read(name: str) -> pd.DataFrame:
        path = folder / "tables" / f"{name}.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame()

    samples = read("samples")
    if samples.empty:
        raise DataError(
            f"{folder} holds no finished run",
            found="no table of samples",
            fix="give the folder of `imscope run`, or a table with a column `lot`",
            code=codes.RUN_FOLDER,
        )
    key = "lot" if "lot" in samples.columns else "sample"
    samples["lot"] = samples[key].astype(str)
    out = samples[["lot"]].drop_duplicates().reset_index(drop=True)
    for column in ("donor", "source_class", "passage", "population_doublings"):
        if column in samples.columns:
            first = samples.groupby("lot")[column].first()
            out[column] = out["lot"].map(first)
    home = dict(zip(samples["sample"].astype(str), samples["lot"], strict=True))
    home |= {lot: lot for lot in samples["lot"]}
    for part in (
        _index(read("heterogeneity_index"), home),
        _senescence(read("senescence"), home),
        _shares(read("clusters"), home),
        _programmes(read("programme_scores"), home),
    ):
        if len(part):
            out = out.merge(part, on="lot", how="left")
    return out


def _over_samples(table: "pd.DataFrame", home: dict[str, str]) -> "pd.DataFrame":
    """Rows of lots, or the mean over the samples of each lot where rows are of samples."""
    mine = table.assign(lot=table["group"].astype(str).map(home)).dropna(subset=["lot"])
    own = mine[mine["group"].astype(str) == mine["lot"]]
    mine = own if len(own) else mine
    return mine.drop(columns=["group"]).groupby("lot").mean(numeric_only=True).reset_index()


def _index(table: "pd.DataFrame", home: dict[str, str]) -> "pd.DataFrame":
    if table.empty:
        return table
    level = "lot" if (table["level"] == "lot").any() else "sample"
    sides = ("", "_low", "_high")
    wanted = [f"{c}{s}" for c in ("hi2", "hi_c") for s in sides if f"{c}{s}" in table.columns]
    return _over_samples(table.loc[table["level"] == level, ["group", *wanted]], home)


def _senescence(table: "pd.DataFrame", home: dict[str, str]) -> "pd.DataFrame":
    if table.empty:
        return table
    names = {"frac": "senescent_frac", "low": "senescent_frac_low", "high": "senescent_frac_high"}
    return _over_samples(table[["group", *names]].rename(columns=names), home)


def _shares(clusters: "pd.DataFrame", home: dict[str, str]) -> "pd.DataFrame":
    """Centred log-ratios of the clusters of each lot, with the error of counting."""
    import pandas as pd

    if clusters.empty:
        return clusters
    frame = clusters.assign(lot=clusters["sample"].astype(str).map(home))
    counts = frame.pivot_table(
        index="lot", columns="cluster", values="n_cells", aggfunc="sum", fill_value=0
    )
    log = np.log(counts.to_numpy(dtype=float) + 0.5)
    value = log - log.mean(axis=1, keepdims=True)
    error = 1 / np.sqrt(counts.to_numpy(dtype=float) + 0.5)
    made = pd.DataFrame({"lot": counts.index.astype(str)})
    for k, name in enumerate(counts.columns):
        made[f"subset_{name}"], made[f"subset_{name}_error"] = value[:, k], error[:, k]
    return made


def _programmes(table: "pd.DataFrame", home: dict[str, str]) -> "pd.DataFrame":
    """Mean score of every programme in each lot."""
    if table.empty:
        return table
    mine = table[table["score"].notna()].drop_duplicates(["group", "programme"])
    mine = mine[mine["group"].astype(str).isin(home)]
    if mine.empty:
        return mine
    wide = mine.pivot_table(index="group", columns="programme", values="score", aggfunc="first")
    return _over_samples(wide.add_prefix("score_").reset_index(), home)
