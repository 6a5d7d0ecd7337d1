"""Catalogue of public data sets, and a download that is checked, resumed and atomic.

Nothing else in imscope opens a network connection.
"""

import hashlib
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imscope.core import codes
from imscope.core.errors import DataError, UsageError

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Dataset:
    """One public data set. A field nobody has checked says ``not stated``.

    Attributes
    ----------
    name
        Short name for ``imscope data get``.
    title, year, doi, accession, cell_source, n_cells, design, platform, licence
        Facts from the publication or the repository.
    can_test
        Questions the set can answer.
    notes
        What to know before use.
    url, sha256, n_bytes, filename
        Direct download. Empty when there is no stable address with a known checksum.
    """

    name: str
    title: str
    year: int
    doi: str
    accession: str
    cell_source: str
    n_cells: str
    design: str
    platform: str
    licence: str
    can_test: tuple[str, ...]
    notes: str = ""
    url: str = ""
    sha256: str = ""
    n_bytes: int | None = None
    filename: str = ""

    @property
    def can_get(self) -> bool:
        """Whether the set has a direct address and a checksum."""
        return bool(self.url and self.sha256)


def read_catalogue(path: Path | str | None = None) -> list[Dataset]:
    """Read the bundled catalogue, or a file of the same layout.

    Parameters
    ----------
    path
        A JSON file with ``datasets``; by default the bundled one.

    Raises
    ------
    DataError
        The file is not a catalogue.

    Examples
    --------
    >>> "msc_wj_3donors" in [d.name for d in read_catalogue()]
    True
    """
    if path is None:
        text = resources.files("imscope.io").joinpath("data/catalogue.json").read_text("utf-8")
    else:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _bad_catalogue(path, str(error)) from error
    try:
        rows: list[dict[str, Any]] = json.loads(text)["datasets"]
        return [Dataset(**{**row, "can_test": tuple(row["can_test"])}) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise _bad_catalogue(path, f"{type(error).__name__}: {error}") from error


def find_dataset(name: str, datasets: list[Dataset]) -> Dataset:
    """Return the data set of this name.

    Raises
    ------
    UsageError
        There is none.
    """
    for dataset in datasets:
        if dataset.name == name:
            return dataset
    raise UsageError(
        f"the catalogue has no data set {name!r}",
        found=", ".join(d.name for d in datasets),
        fix="imscope data list",
        code=codes.DATA_NAME,
    )


def get_dataset(dataset: Dataset, folder: Path | str, *, timeout_s: float = 30.0) -> Path:
    """Download a data set into a folder, or continue where an earlier try was cut off.

    Parameters
    ----------
    dataset
        An entry with an address and a checksum.
    folder
        Made if it is not there.
    timeout_s
        Seconds without an answer after which the try ends.

    Returns
    -------
    path
        The complete file, whose SHA-256 is that of the catalogue. A file already there is checked
        and not fetched again.

    Raises
    ------
    UsageError
        The entry is for listing only.
    DataError
        No connection, the server refuses, the connection was cut, or the checksum is wrong. What
        arrived before a cut stays in ``NAME.part`` for the next try; a file with a wrong checksum
        is removed.
    """
    if not dataset.can_get:
        raise UsageError(
            f"{dataset.name} has no direct address with a known checksum",
            found=f"accession {dataset.accession}; doi {dataset.doi or 'not stated'}",
            fix="fetch it from its repository and point a sample sheet at the files",
            code=codes.DATA_LIST_ONLY,
        )
    target = Path(folder) / _file_name(dataset)
    if target.exists():
        _check(target, dataset, keep=True)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    _fetch(dataset, part, timeout_s)
    _check(part, dataset, keep=False)
    os.replace(part, target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return target


def _file_name(dataset: Dataset) -> str:
    parts = urlsplit(dataset.url)
    name = dataset.filename or Path(parts.path).name
    if parts.scheme not in ("http", "https") or name != Path(name).name or name in ("", ".", ".."):
        raise DataError(
            f"the catalogue entry {dataset.name} does not name a file on the web",
            found=f"{dataset.url!r}, file {name!r}",
            code=codes.DATA_CATALOGUE,
        )
    return name


def _fetch(dataset: Dataset, part: Path, timeout_s: float) -> None:
    have = part.stat().st_size if part.exists() else 0
    if dataset.n_bytes is not None and have >= dataset.n_bytes:
        return  # complete before the last try ended; the checksum decides
    request = urllib.request.Request(dataset.url, headers={"User-Agent": "imscope"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            goes_on = have > 0 and answer.status == 206
            expected = answer.headers.get("Content-Length")
            got = 0
            with part.open("ab" if goes_on else "wb") as out:
                while chunk := answer.read(_CHUNK):
                    got += out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send; the checksum decides
            return
        raise DataError(
            f"the server does not give {dataset.name}",
            found=f"HTTP {error.code} {error.reason} from {dataset.url}",
            fix="the address may have moved; see the accession in `imscope data list`",
            code=codes.DATA_SERVER,
        ) from error
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _cut(dataset, f"{type(error).__name__}: {reason}") from error
    if expected is not None and got < int(expected):
        raise _cut(dataset, f"{got} of {expected} bytes arrived")


def _cut(dataset: Dataset, found: str) -> DataError:
    return DataError(
        f"{dataset.name} could not be downloaded: no connection, or it was cut",
        found=f"{found}; {dataset.url}",
        fix="imscope needs a network for `imscope data get` only; the same command again continues",
        code=codes.DATA_OFFLINE,
    )


def _check(path: Path, dataset: Dataset, *, keep: bool) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() == dataset.sha256:
        return
    if not keep:
        path.unlink()
    raise DataError(
        f"{path.name} is not the file of the catalogue: its checksum differs",
        found=f"sha256 {digest.hexdigest()}, expected {dataset.sha256}",
        fix="remove the file and try again" if keep else "try again; the damaged file was removed",
        code=codes.DATA_CHECKSUM,
    )


def _bad_catalogue(path: Path | str | None, found: str) -> DataError:
    return DataError(
        f"{path or 'the bundled catalogue'} is not a catalogue of data sets",
        found=found,
        fix="see docs/howto/public-data.md for the layout",
        code=codes.DATA_CATALOGUE,
    )
