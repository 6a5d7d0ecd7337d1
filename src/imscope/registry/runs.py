"""Taking finished runs into the record by content: every file is checked against the run's list."""

import hashlib
import json
from pathlib import Path
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.registry.record import Registry


def read_run(folder: Path) -> tuple[str, dict[str, dict[str, Any]], dict[str, Any]]:
    """Check a run folder against its list of digests.

    Parameters
    ----------
    folder
        Run folder.

    Returns
    -------
    name, files, results
        The run's name (from the SHA-256 of its results), every file with its digest, and the
        content of ``results.json``.

    Raises
    ------
    DataError
        ``E-REG-RUN-CHANGED`` with the file that differs; ``E-REG-INPUT``: it is no run folder.
    """
    listing = folder / "provenance" / "outputs.json"
    try:
        rows = json.loads(listing.read_text(encoding="utf-8"))
        wanted = {str(r["path"]): str(r["sha256"]) for r in rows}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{folder} is no finished run folder",
            found=f"provenance/outputs.json: {type(error).__name__}",
            code=codes.REG_INPUT,
        ) from error
    files: dict[str, dict[str, Any]] = {}
    for name, digest in sorted(wanted.items()):
        path = folder / name
        inside = path.resolve().is_relative_to(folder.resolve())
        found = _digest(path) if inside and path.is_file() else "missing"
        if found != digest:
            raise DataError(
                "a file of the run is not the one the run wrote",
                found=f"{name}: {found[:16]}, written as {digest[:16]}",
                fix="run again into a new folder and register that",
                code=codes.REG_RUN_CHANGED,
            )
        files[name] = {"sha256": digest, "kept": not name.endswith(".h5ad")}
    if "results.json" not in files:
        raise DataError("the run lists no results.json", found=str(folder), code=codes.REG_INPUT)
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return files["results.json"]["sha256"][:16], files, results


def take_run(registry: Registry, folder: Path) -> str:
    """Copy a run into the store and put it on record; a run that is there stays as it is.

    Parameters
    ----------
    registry
        Open, with a person who writes.
    folder
        Run folder.

    Returns
    -------
    name
        Code of the run.
    """
    name, files, results = read_run(folder)
    if ("run", name) in registry.state().records:
        return name
    for path, entry in files.items():
        if entry["kept"]:
            registry.keep((folder / path).read_bytes(), path)
    body = {
        "folder_hint": folder.name,
        "imscope": str(results.get("imscope_version", "")),
        "config_sha256": str(results.get("config_sha256", "")),
        "schema_version": str(results.get("schema_version", "")),
        "simulated": bool(results.get("simulated")),
        "files": files,
    }
    registry.add("run", name, body)
    return name


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
