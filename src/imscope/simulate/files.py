"""Write a simulated cohort as a user would have it: 10x files, sample sheet, truth beside."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.simulate.cohort import Cohort
from imscope.simulate.timecourse import Timecourse

MARK = "# SIMULATED data"
README = (
    MARK
    + """

These files were made by `imscope simulate`. No cell, donor or product in them exists.

- `samples.csv`: sample sheet for `imscope run`
- `counts/*.h5`: one count matrix per sample, in the layout of 10x Genomics
- `raw/*.h5`: the same with empty droplets, unless they were switched off
{tables}
- `truth/cells.tsv`: what every cell truly is
- `truth/settings.tsv`: the knobs

Seed: {seed}. The same seed and imscope version give the same files.
"""
)
TRUTH = {
    "samples": "what every sample truly holds, its ambient RNA, doublets and depth",
    "components": "nested variance components per source class",
    "genes": "true share of every gene",
    "programmes": "loadings of the simulated programmes",
}


def write_cohort(cohort: Cohort | Timecourse, folder: Path | str) -> Path:
    """Write counts, sample sheet and truth tables into a new folder, all or nothing.

    Parameters
    ----------
    cohort
        From :func:`imscope.simulate.simulate_cohort` or
        :func:`imscope.simulate.simulate_timecourse`.
    folder
        Must not exist, or be empty.

    Returns
    -------
    sheet
        Path of ``samples.csv``.

    Raises
    ------
    UsageError
        The folder holds files already, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from imscope.simulate import CohortSettings, simulate_cohort
    >>> small = CohortSettings(imsc_lots=1, primary_donors=1, cells=40, genes=1000)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     write_cohort(simulate_cohort(small), place + "/cohort").name
    'samples.csv'
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            "the folder for the simulated cohort is not empty",
            found=str(target),
            fix="name a new folder",
            code=codes.SIMULATE_OUT,
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise UsageError(
            "the folder for the simulated cohort cannot be written",
            found=str(error),
            fix="choose a folder you may write to",
            code=codes.SIMULATE_OUT,
        ) from error
    try:
        _fill(cohort, draft)
        draft.chmod(0o755)
        os.replace(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync(target.parent)
    return target / "samples.csv"


def remove_cohort(folder: Path | str) -> None:
    """Remove a folder that :func:`write_cohort` wrote, and no other.

    Parameters
    ----------
    folder
        The folder. Nothing happens if it is not there or empty.

    Raises
    ------
    UsageError
        The folder holds something that is not a simulated cohort; it is left as it is.
    """
    target = Path(folder)
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    note = target / "README.md"
    ours = {"README.md", "samples.csv", "counts", "raw", "truth"}
    found = {p.name for p in target.iterdir()} if target.is_dir() else set()
    marked = note.is_file() and note.read_text(encoding="utf-8").startswith(MARK)
    if target.is_symlink() or not marked or not found <= ours:
        raise UsageError(
            "the folder is not a simulated cohort alone, so it is not replaced",
            found=f"{target}: {', '.join(sorted(found - ours)[:5] or sorted(found)[:5])}",
            fix="move what is yours out of it, or name another folder",
            code=codes.SIMULATE_OUT,
        )
    shutil.rmtree(target)


def seed_of(folder: Path | str) -> int | None:
    """Seed with which the simulated data in a folder were made, or nothing if there are none.

    Parameters
    ----------
    folder
        Folder as :func:`write_cohort` writes it.

    Returns
    -------
    seed
        Nothing when the folder holds no complete simulated data.

    Examples
    --------
    >>> seed_of("no such folder") is None
    True
    """
    table = Path(folder) / "truth" / "settings.tsv"
    if not table.is_file():
        return None
    settings = pd.read_csv(table, sep="\t", dtype=str).set_index("setting")["value"]
    return int(settings["seed"])


def _fill(cohort: Cohort | Timecourse, draft: Path) -> None:
    (draft / "counts").mkdir()
    (draft / "truth").mkdir()
    sheet = cohort.sheet.copy()
    sheet.insert(1, "path", [f"counts/{sample}.h5" for sample in sheet["sample"]])
    if cohort.settings.empty_droplets:
        sheet.insert(2, "raw_path", [f"raw/{sample}.h5" for sample in sheet["sample"]])
    for sample, made in cohort.samples.items():
        path = draft / "counts" / f"{sample}.h5"
        _write_10x(path, made.counts, made.cells["cell"], cohort.features, sample)
        _sync(path)
        if cohort.settings.empty_droplets:
            path = draft / "raw" / f"{sample}.h5"
            path.parent.mkdir(exist_ok=True)
            _write_10x(path, made.droplet_counts, made.droplets, cohort.features, sample)
            _sync(path)
    cells = pd.concat([made.cells.assign(sample=sample) for sample, made in cohort.samples.items()])
    knobs = pd.Series(asdict(cohort.settings), name="value").rename_axis("setting").reset_index()
    for name, table in {**cohort.truth, "cells": cells, "settings": knobs}.items():
        path = draft / "truth" / f"{name}.tsv"
        table.to_csv(path, sep="\t", index=False)
        _sync(path)
    sheet.to_csv(draft / "samples.csv", index=False)
    _sync(draft / "samples.csv")
    tables = "\n".join(f"- `truth/{name}.tsv`: {TRUTH[name]}" for name in cohort.truth)
    text = README.format(seed=cohort.settings.seed, tables=tables)
    (draft / "README.md").write_text(text, encoding="utf-8")
    _sync(draft / "README.md")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_10x(
    path: Path,
    counts: sp.csr_array,
    barcodes: Sequence[str] | pd.Series,
    features: pd.DataFrame,
    sample: str,
) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["chemistry_description"] = "SIMULATED by imscope"
        file.attrs["library_ids"] = np.array([sample], dtype="S")
        matrix = file.create_group("matrix")
        for name, values, kind in (
            ("barcodes", np.asarray(barcodes, dtype="S"), None),
            ("data", counts.data, np.int32),
            ("indices", counts.indices, np.int64),
            ("indptr", counts.indptr, np.int64),
        ):
            matrix.create_dataset(
                name, data=np.asarray(values), dtype=kind, compression="gzip", compression_opts=4
            )
        matrix.create_dataset("shape", data=np.array(counts.shape[::-1], dtype=np.int32))
        group = matrix.create_group("features")
        for name, column in (
            ("id", features["feature_id"].to_numpy()),
            ("name", features["symbol"].to_numpy()),
            ("feature_type", np.repeat("Gene Expression", len(features))),
            ("genome", np.repeat("GRCh38", len(features))),
        ):
            group.create_dataset(name, data=column.astype("S"))
        group.create_dataset("_all_tag_keys", data=np.array([b"genome"]))
