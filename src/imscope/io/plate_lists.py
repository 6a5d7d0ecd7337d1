"""Folders in the layout of cellHTS2: list of plates, contents of wells, log of flags."""

import fnmatch
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.loose_table import read_loose_table, read_text
from imscope.io.wells import parse_wells

if TYPE_CHECKING:
    import pandas as pd


def read_cellhts(folder: Path) -> tuple["pd.DataFrame", int]:
    """Read a folder with ``Platelist.txt``; also the number of flagged wells.

    Parameters
    ----------
    folder
        ``Platelist.txt`` (Filename, Plate, Replicate, perhaps Channel), the files it names,
        ``Plateconf.txt``, and ``Screenlog.txt`` where there is one.

    Raises
    ------
    DataError
        A file named in the list is missing or not three columns.
    """
    import pandas as pd

    files = {p.name.lower(): p for p in folder.iterdir()}
    plates = read_loose_table(files["platelist.txt"])
    lower = {c.lower(): c for c in plates.columns}
    if not {"filename", "plate", "replicate"} <= set(lower):
        raise DataError(
            f"{folder / 'Platelist.txt'} lacks a column",
            found=", ".join(plates.columns),
            fix="Filename, Plate, Replicate",
            code=codes.PLATE_FORMAT,
        )
    parts: dict[str, list[pd.DataFrame]] = {}
    for row in plates.to_dict(orient="records"):
        name = str(row[lower["filename"]])
        if name.lower() not in files:
            raise DataError(
                f"{folder} has no file {name!r}, which its list names", code=codes.FILE_MISSING
            )
        one = read_loose_table(files[name.lower()], header=False)
        if one.shape[1] < 3:
            raise DataError(
                f"{folder / name} is not plate, well, value",
                found=f"{one.shape[1]} columns",
                code=codes.PLATE_FORMAT,
            )
        channel = str(row[lower["channel"]]) if "channel" in lower else "1"
        made = pd.DataFrame(
            {
                "plate": str(row[lower["plate"]]),
                "replicate": str(row[lower["replicate"]]),
                "well": one[1].astype(str),
                f"channel_{channel}": one[2],
            }
        )
        parts.setdefault(channel, []).append(made)
    tables = [pd.concat(p, ignore_index=True) for p in parts.values()]
    wells = tables[0]
    for other in tables[1:]:
        wells = wells.merge(other, on=["plate", "replicate", "well"], how="outer")
    wells["well"] = parse_wells(wells["well"].tolist(), folder)[0]
    wells["role"] = _contents(files.get("plateconf.txt"), wells)
    names = _annotation(files, wells)
    if names is not None:
        wells["compound"] = names
    return wells, _flag(files.get("screenlog.txt"), wells)


def _patterns(text: str) -> tuple[list[str], list[list[str]]]:
    lines = [line for line in text.split("\n") if line.strip()]
    body = [k for k, line in enumerate(lines) if line.lower().startswith("plate\t")]
    if not body:
        return [], []
    return lines[body[0]].split("\t"), [line.split("\t") for line in lines[body[0] + 1 :]]


def _contents(path: Path | None, wells: "pd.DataFrame") -> list[str]:
    """Content of each well; later lines overrule earlier ones."""
    out = np.full(len(wells), "sample", dtype=object)
    if path is None:
        return [str(v) for v in out]
    _, rows = _patterns(read_text(path))
    names = wells["well"].to_numpy(dtype=str)
    plates = wells["plate"].to_numpy(dtype=str)
    unique = np.unique(names)
    for row in rows:
        plate, pattern, content = (v.strip() for v in row[:3])
        regular = re.compile(fnmatch.translate(pattern) if "*" in pattern else pattern + r"\Z")
        hit = {w for w in unique if regular.match(w)}
        mask = np.isin(names, sorted(hit)) if hit else np.zeros(len(names), dtype=bool)
        if plate != "*":
            mask &= plates == plate
        out[mask] = content
    return [str(v) for v in out]


def _annotation(files: dict[str, Path], wells: "pd.DataFrame") -> "pd.Series | None":
    """Name of what is in each well, from the first file of gene or compound names."""
    found = [p for n, p in sorted(files.items()) if re.match(r"(geneids|compounds|annotation)", n)]
    if not found:
        return None
    table = read_loose_table(found[0])
    lower = {c.lower(): c for c in table.columns}
    if not {"plate", "well"} <= set(lower) or table.shape[1] < 3:
        return None
    value = lower.get("geneid", lower.get("compound", table.columns[-1]))
    key = table[lower["plate"]].astype(str) + " " + table[lower["well"]].astype(str)
    text = table[value].astype("object").where(table[value].notna(), "").astype(str)
    names = dict(zip(key, text, strict=True))
    return (wells["plate"] + " " + wells["well"]).map(lambda k: names.get(k, ""))


def _flag(path: Path | None, wells: "pd.DataFrame") -> int:
    """Set flagged wells to missing; how many there were."""
    if path is None:
        return 0
    table = read_loose_table(path)
    lower = {c.lower(): c for c in table.columns}
    if not {"plate", "well"} <= set(lower):
        return 0
    value = [c for c in wells.columns if c.startswith("channel_")]
    sample = lower.get("sample", lower.get("replicate"))
    key = table[lower["plate"]].astype(str) + " " + table[lower["well"]].astype(str)
    mine = wells["plate"] + " " + wells["well"]
    if sample:
        key, mine = key + " " + table[sample].astype(str), mine + " " + wells["replicate"]
    hit = mine.isin(set(key)).to_numpy()
    wells[value] = wells[value].astype("float64")
    wells.loc[hit, value] = np.nan
    return int(hit.sum())
