"""MuData in and out: RNA, protein, chromatin and guides of the same cells in one file."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.atomic import guarded, replacing
from imscope.io.notice import Notice
from imscope.io.raw import Modality, RawCounts

if TYPE_CHECKING:
    import pandas as pd

_CHROMATIN = ("atac", "peaks", "peak", "chromatin", "scatac")


@dataclass(frozen=True)
class MultiModal:
    """Every modality of one file.

    Attributes
    ----------
    path
        The file.
    obs
        One row per cell, index unique names.
    modalities
        ``rna``, ``protein``, ``atac``, ``guide`` or the name in the file: features and counts of
        the same cells in the same order.
    notices
        What must be told about the file.
    """

    path: Path
    obs: "pd.DataFrame"
    modalities: dict[str, Modality]
    notices: tuple[Notice, ...]


def read_mudata_file(path: str | Path, *, max_bytes: int | None = None) -> MultiModal:
    """Read every modality of a MuData file, behind the same guards as all HDF5 files.

    Parameters
    ----------
    path
        A ``.h5mu`` file. Counts of all modalities are read into memory; for RNA alone, read in
        blocks, use :func:`imscope.io.counts.read_counts`.
    max_bytes
        Memory allowed for a layout that must be turned. Default: half of the machine's.

    Returns
    -------
    read
        Cells of the first of ``rna``, ``protein``, ``atac`` that is there decide rows and order;
        a modality that lacks some of them holds zeros there and a notice says how many.

    Raises
    ------
    DataError
        The file is missing, damaged, unsafe or not MuData, or a modality is not well formed.
    """
    from imscope.io.guard_hdf5 import hdf5_errors, open_hdf5
    from imscope.io.memory_size import half_of_memory

    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}", code=codes.FILE_MISSING)
    budget = max_bytes if max_bytes is not None else half_of_memory()
    handle = open_hdf5(path)
    guard: Callable[[], AbstractContextManager[None]] = partial(hdf5_errors, path)
    try:
        with hdf5_errors(path):
            if "mod" not in handle or not len(handle["mod"]):
                raise DataError(
                    f"{path} is not MuData",
                    found=f"at the top: {', '.join(map(str, handle)) or 'nothing'}",
                    fix="read other formats with read_counts",
                    code=codes.MUDATA_KIND,
                )
            return _read(handle, path, guard, budget)
    finally:
        handle.close()


def _read(handle: Any, path: Path, guard: Any, max_bytes: int) -> MultiModal:
    from imscope.io.h5ad import align_modality, modality_kind, read_annotated

    raws: dict[str, RawCounts] = {}
    notices: list[Notice] = []
    for name in handle["mod"].keys():  # noqa: SIM118  h5py groups
        kind = "atac" if str(name).lower() in _CHROMATIN else modality_kind(str(name))
        options: dict[str, Any] = {"guard": guard, "max_bytes": max_bytes, "kind": "h5mu"}
        node = handle["mod"][name]
        if kind in raws:
            notices.append(Notice(codes.W_FEATURES_DROPPED, f"modality {name!r} left out"))
            continue
        try:
            raws[kind] = read_annotated(node, path, expression=False, **options)
        except DataError as error:
            if error.code != codes.MATRIX_NO_COUNTS:
                raise
            raws[kind] = read_annotated(node, path, expression=True, **options)
            notices.append(Notice(codes.W_MODALITY_VALUES, f"modality {name!r}: {error.found}"))
    first = next((k for k in ("rna", "protein", "atac") if k in raws), sorted(raws)[0])
    base = raws[first]
    modalities = {k: align_modality(raws[k], base, k) for k in sorted(raws)}
    for raw in raws.values():
        notices += raw.notices
    return MultiModal(path, _obs(base), modalities, tuple(notices))


def _obs(raw: RawCounts) -> "pd.DataFrame":
    import pandas as pd

    names = [str(c) for c in raw.cells]
    if len(set(names)) < len(names):
        raise DataError("cell names stand more than once", code=codes.CELLS_DUPLICATE)
    index = pd.Index(names, dtype="str", name="cell")
    return pd.DataFrame(index=index) if raw.obs is None else raw.obs.set_axis(index, axis=0)


def write_mudata(
    path: str | Path,
    modalities: Mapping[str, Modality],
    obs: "pd.DataFrame",
    *,
    obsm: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write modalities of the same cells to one MuData file, whole or not at all.

    Parameters
    ----------
    path
        A ``.h5mu`` file; replaced if it is there.
    modalities
        Name to features and counts. Counts stand in ``X`` of their modality.
    obs
        One row per cell; its index names the cells.
    obsm
        Per modality, name to array with one row per cell, such as aligned proteins.

    Raises
    ------
    DataError
        A modality or array has another number of cells, names are not unique, or the disk
        refuses.
    """
    import anndata as ad
    import mudata

    path = Path(path)
    extra = obsm or {}
    problem = ""
    if not modalities:
        problem = "no modality"
    elif not obs.index.is_unique:
        problem = "cell names are not unique"
    for name, modality in modalities.items():
        if modality.counts.shape != (len(obs), len(modality.features)):
            problem = f"{name}: counts {modality.counts.shape} for {len(obs):,} cells and "
            problem += f"{len(modality.features):,} features"
        elif not modality.features["feature_id"].is_unique:
            problem = f"{name}: feature ids are not unique"
    for name, arrays in extra.items():
        for key, array in arrays.items():
            if name not in modalities or len(array) != len(obs):
                problem = f"obsm[{key!r}] of {name!r} has {len(array):,} rows"
    if problem:
        raise DataError(
            "these modalities cannot be written together", found=problem, code=codes.MUDATA_INPUT
        )
    parts = {}
    for name, modality in modalities.items():
        var = modality.features.set_index("feature_id")
        var.index = var.index.astype(str)
        var.index.name = None
        import scipy.sparse as sp

        part = ad.AnnData(sp.csr_matrix(modality.counts), obs=obs.copy(), var=var)
        for key, array in extra.get(name, {}).items():
            part.obsm[key] = np.asarray(array)
        parts[name] = part

    def write() -> None:
        with replacing(path) as temporary:
            mudata.MuData(parts).write_h5mu(temporary)

    guarded(path, write)
