"""Tables of a screen on disk."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imscope.io.atomic import guarded, write_parquet, write_text, write_tsv

if TYPE_CHECKING:
    import pandas as pd


def write_screen(
    folder: str | Path,
    tables: "Mapping[str, pd.DataFrame]",
    method: Mapping[str, Any],
    warnings: list[str],
) -> int:
    """Write every table as Parquet and TSV, and method and warnings as JSON.

    Parameters
    ----------
    folder
        Made if it is not there.
    tables
        By name.
    method
        Method, version, options and numbers.
    warnings
        Sentences.

    Returns
    -------
    written
        How many files.
    """
    folder = Path(folder)
    guarded(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
    for name, table in tables.items():
        write_parquet(folder / f"{name}.parquet", table)
        write_tsv(folder / f"{name}.tsv", table)
    text = json.dumps({"method": dict(method), "warnings": warnings}, indent=1, default=str)
    write_text(folder / "method.json", text + "\n")
    return 2 * len(tables) + 1


def annotate_screen(source: str | Path, out: str | Path, obs: "pd.DataFrame") -> None:
    """Write the object that was read with columns of calls added to its cells.

    Parameters
    ----------
    source
        ``.h5ad`` or ``.h5mu`` that was read.
    out
        The new file, of the same kind.
    obs
        Columns to add; its index names the cells.

    Raises
    ------
    DataError
        The source is neither kind, or the disk refuses.
    """
    from imscope.core import codes
    from imscope.core.errors import DataError
    from imscope.io.atomic import replacing

    source, out = Path(source), Path(out)
    kind = source.suffix.lower()
    if kind not in (".h5ad", ".h5mu") or out.suffix.lower() != kind:
        raise DataError(
            f"{source.name} cannot be written as {out.name}",
            fix="--annotated needs an .h5ad or .h5mu input and a name of the same kind",
            code=codes.SCREEN_OPTION,
        )

    def write() -> None:
        with replacing(out) as temporary:
            if kind == ".h5ad":
                import anndata as ad

                one = ad.read_h5ad(source)
                one.obs = one.obs.join(obs)
                one.write_h5ad(temporary)
            else:
                import mudata

                many = mudata.read_h5mu(source)
                many.obs = many.obs.join(obs)
                many.write_h5mu(temporary)

    guarded(out, write)
