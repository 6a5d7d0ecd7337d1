"""Who ran what on which files: a Process Run Crate beside the results.

Written with the RO-Crate library (doi:10.3233/DS-210053); the profile is Process Run Crate 0.6
(doi:10.1371/journal.pone.0309210).
"""

import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from imscope import __version__

PROFILE_VERSION = "0.6"
PROFILE = f"https://w3id.org/ro/wfrun/process/{PROFILE_VERSION}"
PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "h5py",
    "numba",
    "llvmlite",
    "graspologic-native",
    "pyarrow",
    "anndata",
    "pydantic",
)


def versions() -> dict[str, str]:
    """Versions of imscope, Python and the packages that decide digits."""
    found = {"imscope": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, str]:
    """Operating system and processor architecture, without names of machine or user."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "byteorder": sys.byteorder,
    }


def write_crate(
    folder: Path,
    *,
    inputs: Sequence[Mapping[str, Any]],
    outputs: Sequence[Path],
    started: datetime,
    ended: datetime,
    title: str,
    command: Sequence[str] = (),
) -> None:
    """Write ``ro-crate-metadata.json`` describing one run.

    Parameters
    ----------
    folder
        The run folder; the metadata file is written to ``folder/provenance``.
    inputs
        Mappings with ``path``, ``sha256`` and ``bytes``.
    outputs
        Files of the run folder that the run made.
    started, ended
        Times of the run.
    title
        Name of the run.
    command
        The command line, word by word; empty when the library was called.
    """
    import json

    from rocrate.rocrate import ROCrate

    from imscope.io.atomic import write_text

    crate = ROCrate(gen_preview=False)
    crate.name = title
    crate.description = "Results of one imscope run with the identity of every input."
    crate.root_dataset["license"] = _entity(
        crate,
        "#licence",
        {
            "@type": "CreativeWork",
            "name": "Not stated",
            "description": "Rights in inputs and results are those of their owner.",
        },
    )
    crate.root_dataset["datePublished"] = ended.isoformat(timespec="seconds")
    crate.root_dataset["conformsTo"] = _entity(
        crate,
        PROFILE,
        {"@type": "CreativeWork", "name": "Process Run Crate", "version": PROFILE_VERSION},
    )
    action = _entity(
        crate,
        "#run",
        {
            "@type": "CreateAction",
            "name": title,
            "startTime": started.isoformat(timespec="seconds"),
            "endTime": ended.isoformat(timespec="seconds"),
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "description": " ".join(command) or "Called from Python.",
        },
    )
    action["instrument"] = _software(crate)
    action["object"] = [_input(crate, i, item) for i, item in enumerate(inputs)]
    action["result"] = [
        _entity(
            crate,
            f"../{path.relative_to(folder).as_posix()}",
            {"@type": "File", "name": path.name},
        )
        for path in outputs
    ]
    crate.root_dataset["mentions"] = action
    text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True)
    write_text(folder / "provenance" / "ro-crate-metadata.json", text + "\n")


def _entity(crate: Any, name: str, properties: dict[str, Any]) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, name, properties=properties))


def _software(crate: Any) -> Any:
    needs = [f"{name} {number}" for name, number in versions().items()]
    return _entity(
        crate,
        "#imscope",
        {
            "@type": "SoftwareApplication",
            "name": "imscope",
            "version": __version__,
            "softwareRequirements": needs,
        },
    )


def _input(crate: Any, number: int, item: Mapping[str, Any]) -> Any:
    return _entity(
        crate,
        f"#input-{number}",
        {
            "@type": "File",
            "name": str(item["path"]),
            "sha256": item["sha256"],
            "contentSize": item["bytes"],
        },
    )
