"""Simulated screens on disk."""

from pathlib import Path

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.simulate.screen_cells import SimulatedCells, simulate_cell_screen
from imscope.simulate.screen_plates import simulate_plates, simulate_rescue
from imscope.simulate.screen_pooled import SimulatedScreen, simulate_pooled, simulate_sorted

KINDS = ("pooled", "sorted", "cells", "plates", "rescue")


def simulate_screen(kind: str, *, seed: int = 1) -> SimulatedScreen | SimulatedCells:
    """Simulate a screen of a kind at its usual size.

    Parameters
    ----------
    kind
        ``pooled``, ``sorted``, ``cells``, ``plates`` or ``rescue``.
    seed
        Of everything.

    Raises
    ------
    DataError
        The kind is not known.

    Examples
    --------
    >>> simulate_screen("plates").tables["truth"].shape
    (36, 5)
    """
    if kind == "cells":
        return simulate_cell_screen(seed=seed)
    makers = {
        "pooled": simulate_pooled,
        "sorted": simulate_sorted,
        "plates": simulate_plates,
        "rescue": simulate_rescue,
    }
    if kind not in makers:
        raise DataError(
            f"{kind!r} is no kind of screen", fix=", ".join(KINDS), code=codes.SCREEN_OPTION
        )
    made: SimulatedScreen = makers[kind](seed=seed)  # type: ignore[operator]
    return made


def write_screen_simulation(
    made: SimulatedScreen | SimulatedCells, folder: str | Path
) -> list[Path]:
    """Write a simulated screen and its truth into a new folder.

    Parameters
    ----------
    made
        From :func:`simulate_screen`.
    folder
        Must not hold files already.

    Returns
    -------
    files
        What was written.

    Raises
    ------
    DataError
        The folder holds files, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> files = write_screen_simulation(simulate_screen("plates"), Path(tempfile.mkdtemp()) / "s")
    >>> [f.name for f in files]
    ['wells.tsv', 'truth.tsv']
    """
    folder = Path(folder)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise DataError(
                f"{folder} holds files already", fix="name a new folder", code=codes.SIMULATE_OUT
            )
        folder.mkdir(parents=True, exist_ok=True)
        return _write(made, folder)
    except OSError as error:
        raise DataError(
            f"{folder} could not be written", found=str(error), code=codes.SIMULATE_OUT
        ) from error


def _write(made: SimulatedScreen | SimulatedCells, folder: Path) -> list[Path]:
    import pandas as pd

    if isinstance(made, SimulatedScreen):
        tables = made.tables
    else:
        tables = {
            "library": pd.DataFrame({"guide": made.guide_names, "target": made.targets}),
            "truth": made.truth,
        }
    files = [folder / f"{name}.tsv" for name in tables]
    for path, table in zip(files, tables.values(), strict=True):
        table.to_csv(path, sep="\t", index=False, lineterminator="\n")
    if isinstance(made, SimulatedCells):
        files.insert(0, folder / "screen.h5mu")
        _write_cells(made, files[0])
    return files


def _write_cells(made: SimulatedCells, path: Path) -> None:
    import anndata as ad
    import mudata
    import pandas as pd
    import scipy.sparse as sp

    parts = {
        name: ad.AnnData(
            sp.csr_matrix(counts),
            obs=made.obs.copy(),
            var=pd.DataFrame(index=pd.Index(list(names))),
        )
        for name, counts, names in (
            ("rna", made.counts, made.genes),
            ("guide", made.guides, made.guide_names),
        )
    }
    mudata.MuData(parts).write_h5mu(path)
