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
