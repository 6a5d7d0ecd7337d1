"""Plates: wells with their roles, from the formats users have."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.loose_table import read_loose_table
from imscope.io.notice import Notice
from imscope.io.plate_blocks import read_blocks
from imscope.io.plate_lists import read_cellhts
from imscope.io.wells import ROLES, parse_wells, role_of

if TYPE_CHECKING:
    import pandas as pd

NAMES = {
    "plate": ("plate", "plate_id", "plateid", "barcode", "assay_plate", "plate_barcode"),
    "well": ("well", "well_id", "wellid", "well_position", "position"),
    "replicate": ("replicate", "rep", "repeat"),
    "role": ("role", "content", "control_type", "welltype", "well_type", "type"),
    "compound": (
        "compound",
        "compound_id",
        "treatment",
        "drug",
        "agent",
        "perturbation",
        "gene",
        "geneid",
        "sample",
        "name",
    ),
    "dose_um": ("dose_um", "dose_µm", "concentration_um", "conc_um"),
    "dose": ("dose", "concentration", "conc"),
    "unit": ("unit", "dose_unit", "concentration_unit"),
    "donor": ("donor", "heart_number", "patient", "donor_id"),
    "line": ("line", "cell_line", "clone"),
    "genotype": ("genotype", "cell_type", "allele_dose"),
    "batch": ("batch", "run", "screen"),
    "cell_count": ("cell_count", "cells", "cells_count", "count_cells", "n_cells", "nuclei_count"),
    "flag": ("flag", "qc_flag", "excluded"),
    "time": ("time", "time_h", "hours"),
}
"""Names under which each column of a well is known; the first is ours."""
_TO_UM = {"m": 1e6, "mm": 1e3, "um": 1.0, "µm": 1.0, "μm": 1.0, "nm": 1e-3, "pm": 1e-6}


@dataclass(frozen=True, eq=False)
class PlateData:
    """Wells of one screen.

    Attributes
    ----------
    wells
        One row per well and replicate plate: ``plate``, ``replicate``, ``well``, ``row``,
        ``column``, ``role``, ``compound``, ``dose_um`` and what else is known, then features. With
        ``level`` "cell" one row per cell.
    features
        Names of the measured columns.
    ledger
        What was left out.
    notices
        What must be told.
    format, level
        How it was read; ``well`` or ``cell``.
    """

    wells: "pd.DataFrame"
    features: tuple[str, ...]
    ledger: "pd.DataFrame"
    notices: tuple[Notice, ...]
    format: str
    level: str = "well"


def read_plates(path: str | Path, *, roles: dict[str, tuple[str, str]] | None = None) -> PlateData:
    r"""Read the plates of a screen.

    Parameters
    ----------
    path
        A cellHTS2 folder (``Platelist.txt`` and its files), a folder or file of matrix blocks, a
        long table (``.csv``, ``.tsv``, ``.gz``) or profiles (``.parquet``, ``Metadata_*``).
    roles
        Role to (column, value), such as ``{"patient_vehicle": ("cell_type", "failing")}``, where
        the table has no column of roles.

    Returns
    -------
    plates
        Flagged wells are missing values, never lost rows.

    Raises
    ------
    DataError
        No known format, a well outside the layout or twice on a plate, or a dose that is none.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "long.csv"
    >>> _ = path.write_text("plate,well,role,dose_um,signal\n1,A01,dmso,0,5\n1,P24,,1,9\n")
    >>> read = read_plates(path)
    >>> read.wells[["row", "column", "role"]].values.tolist(), read.features
    ([[1, 1, 'negative'], [16, 24, 'sample']], ('signal',))
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is nothing at {path}", code=codes.FILE_MISSING)
    if path.is_dir():
        return _from_folder(path, roles)
    if path.suffix.lower() == ".parquet":
        return _from_long(path, _parquet(path), roles, kind="profiles")
    blocks = read_blocks([path])
    if blocks is not None:
        return _from_long(path, blocks, roles, kind="matrix blocks")
    return _from_long(path, read_loose_table(path), roles, kind="long table")


def _from_folder(path: Path, roles: dict[str, tuple[str, str]] | None) -> PlateData:
    import pandas as pd

    names = {p.name.lower(): p for p in sorted(path.iterdir()) if p.is_file()}
    for place in (path, path / "raw"):
        if any(p.name.lower() == "platelist.txt" for p in place.glob("*")):
            wells, flagged = read_cellhts(place)
            read = _from_long(place, wells, roles, kind="cellHTS2")
            if not flagged:
                return read
            words = f"{flagged:,} wells flagged in the screen log are missing"
            notice = Notice(codes.W_PLATE_FLAGGED, words)
            rows = [
                *read.ledger.itertuples(index=False, name=None),
                ("wells", "flagged", flagged, ""),
            ]
            ledger = pd.DataFrame(rows, columns=read.ledger.columns)
            return PlateData(read.wells, read.features, ledger, (*read.notices, notice), "cellHTS2")
    profiles = [p for n, p in names.items() if n.endswith(".parquet")]
    if profiles:
        parts = [_parquet(p) for p in profiles]
        shared = [c for c in parts[0].columns if all(c in p.columns for p in parts)]
        table = pd.concat([p[shared] for p in parts], ignore_index=True)
        return _from_long(path, table, roles, kind="profiles")
    tables = [
        p for n, p in names.items() if re.search(r"(wells|plates?)\S*\.(csv|tsv|txt)(\.gz)?$", n)
    ]
    if tables:
        return read_plates(tables[0], roles=roles)
    texts = [
        p
        for n, p in names.items()
        if n.endswith((".csv", ".tsv", ".txt")) and not n.startswith("readme")
    ]
    blocks = read_blocks(texts) if texts else None
    if blocks is not None:
        return _from_long(path, blocks, roles, kind="matrix blocks")
    raise DataError(
        f"{path} holds no plates that can be read",
        found=", ".join(sorted(names)) or "nothing",
        fix="a table named wells.csv, a cellHTS2 folder, matrix blocks or parquet profiles",
        code=codes.PLATE_FORMAT,
    )


def _parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet", found=str(error)[:200], code=codes.FILE_READ
        ) from error


def _from_long(
    path: Path, table: "pd.DataFrame", roles: dict[str, tuple[str, str]] | None, *, kind: str
) -> PlateData:
    import numpy as np
    import pandas as pd

    table = table.copy()
    marked = [c for c in table.columns if str(c).startswith("Metadata_")]
    known = _known_columns([str(c) for c in table.columns])
    meta = pd.DataFrame({ours: table[theirs] for ours, theirs in known.items()})
    for need in ("plate", "well"):
        if need not in meta.columns:
            raise DataError(
                f"{path} has no column for the {need}",
                found=", ".join(map(str, table.columns[:8])),
                fix=f"name it one of {', '.join(NAMES[need][:3])}",
                code=codes.PLATE_FORMAT,
            )
    rest = [c for c in table.columns if c not in set(known.values()) | set(marked)]
    features = [
        c
        for c in rest
        if pd.api.types.is_numeric_dtype(table[c]) and not pd.api.types.is_bool_dtype(table[c])
    ]
    meta["plate"] = meta["plate"].astype(str)
    meta["well"], meta["row"], meta["column"] = parse_wells(meta["well"].astype(str).tolist(), path)
    meta["replicate"] = meta["replicate"].astype(str) if "replicate" in meta else "1"
    source = table.rename(columns=lambda c: str(c).removeprefix("Metadata_"))
    meta["role"] = _roles(path, meta, source, roles)
    meta["compound"] = (
        meta["compound"].astype("object").where(meta["compound"].notna(), "").astype(str)
        if "compound" in meta
        else ""
    )
    meta["dose_um"] = _doses(path, meta)
    for name in ("donor", "line", "genotype", "batch"):
        if name in meta:
            meta[name] = meta[name].astype(str)
    if not features and "cell_count" in meta:
        features = ["cell_count"]
    if not features:
        raise DataError(
            f"{path} has no measured column",
            found=", ".join(map(str, rest[:6])),
            fix="one column of numbers per readout",
            code=codes.PLATE_FORMAT,
        )
    data = {str(c): table[c].to_numpy(dtype=np.float64) for c in features if c in table}
    if "flag" in meta:
        bad = (
            meta["flag"]
            .astype(str)
            .str.lower()
            .isin(("1", "true", "na", "bad", "excluded"))
            .to_numpy()
        )
        for values in data.values():
            values[bad] = np.nan
    wells = pd.concat(
        [
            meta.drop(columns=[c for c in ("dose", "unit", "flag") if c in meta]),
            pd.DataFrame({k: v for k, v in data.items() if k not in meta}),
        ],
        axis=1,
    )
    wells.attrs.clear()
    counts = wells.groupby(["plate", "replicate", "well"]).size()
    level = "cell" if (counts > 1).mean() > 0.5 else "well"
    if level == "well" and (counts > 1).any():
        first = counts[counts > 1].index[0]
        raise DataError(
            f"{path}: a well stands twice on a plate",
            found=f"{int((counts > 1).sum())} wells, first is {first[2]} of plate {first[0]}",
            fix="give replicate plates their number in `replicate`",
            code=codes.PLATE_WELL,
        )
    ledger = pd.DataFrame(columns=["what", "why", "n", "examples"])
    return PlateData(wells, tuple(str(c) for c in features), ledger, (), kind, level)


def _known_columns(columns: list[str]) -> dict[str, str]:
    bare = {c.removeprefix("Metadata_").lower(): c for c in reversed(columns)}
    return {
        ours: next(bare[n] for n in names if n in bare)
        for ours, names in NAMES.items()
        if any(n in bare for n in names)
    }


def _roles(
    path: Path,
    meta: "pd.DataFrame",
    table: "pd.DataFrame",
    roles: dict[str, tuple[str, str]] | None,
) -> "list[str]":
    given = (
        meta["role"].astype("object").where(meta["role"].notna(), "")
        if "role" in meta
        else [""] * len(meta)
    )
    out = [role_of(str(v)) for v in given]
    compound = [str(v).lower() for v in meta["compound"]] if "compound" in meta else [""] * len(out)
    if "role" not in meta:
        out = [
            "negative" if c in ("dmso", "vehicle", "untreated") else r
            for r, c in zip(out, compound, strict=True)
        ]
    for role, (column, value) in (roles or {}).items():
        lower = {str(c).lower(): c for c in table.columns}
        if role not in ROLES or column.lower() not in lower:
            raise DataError(
                f"{path} has no column {column!r}" if role in ROLES else f"{role!r} is no role",
                found=", ".join(map(str, list(table.columns)[:8])),
                fix=f"roles: {', '.join(ROLES)}",
                code=codes.PLATE_ROLE,
            )
        here = table[lower[column.lower()]].astype(str) == value
        vehicle = role.endswith("vehicle")
        for k, yes in enumerate(here):
            if yes and (
                not vehicle
                or out[k] in ("negative", "patient_vehicle", "corrected_vehicle")
                or not compound[k]
            ):
                out[k] = role
    return out


def _doses(path: Path, meta: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    if "dose_um" in meta:
        given = pd.to_numeric(meta["dose_um"], errors="coerce")
    elif "dose" in meta:
        given = pd.to_numeric(meta["dose"], errors="coerce")
        units = meta["unit"].astype(str).str.strip().str.lower() if "unit" in meta else None
        if units is None:
            raise DataError(
                f"{path}: doses have no unit",
                fix="name the column `dose_um`, or add `unit`",
                code=codes.PLATE_DOSE,
            )
        bad = sorted(set(units[given.notna()]) - set(_TO_UM))
        if bad:
            raise DataError(
                f"{path}: the unit {bad[0]!r} is not known",
                fix="M, mM, uM, nM or pM",
                code=codes.PLATE_DOSE,
            )
        given = given * units.map(_TO_UM).astype(float)
    else:
        return pd.Series(float("nan"), index=meta.index)
    if (given < 0).any():
        raise DataError(
            f"{path}: a dose is negative", found=str(given.min()), code=codes.PLATE_DOSE
        )
    return given.astype("float64")
