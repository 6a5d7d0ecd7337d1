"""Read files of evidence: the bundled ones and a user's own."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pydantic

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.evidence.records import EvidenceFile, Record, Unrepresentable


@dataclass(frozen=True, slots=True)
class EvidenceBase:
    """All records at hand.

    Attributes
    ----------
    records
        Bundled records first, then those of the user's files, in file order.
    not_representable
        Items of the founding paper no record can stand for.
    """

    records: tuple[Record, ...]
    not_representable: tuple[Unrepresentable, ...]

    def by_id(self) -> dict[str, Record]:
        """Return the records by their id."""
        return {r.id: r for r in self.records}


def bundled_files() -> list[Traversable]:
    """Bundled files of records, sorted by name.

    Examples
    --------
    >>> [f.name for f in bundled_files()][:3]
    ['disease_models.yaml', 'doses.yaml', 'epitopes.yaml']
    """
    folder = files("imscope.evidence") / "data" / "records"
    found = [f for f in folder.iterdir() if f.name.endswith(".yaml")]
    return sorted(found, key=lambda f: f.name)


def read_content(path: Path | Traversable) -> dict[str, Any]:
    """Read a file of evidence without judging its records.

    Parameters
    ----------
    path
        ``.yaml``, ``.yml`` or ``.json``. In YAML every value is read as text and converted by the
        schema, so a date or a number cannot be mistaken for something else.

    Raises
    ------
    DataError
        The file is missing, of another kind, broken, or holds no list under ``records``.
    """
    import yaml

    ending = Path(path.name).suffix.lower()
    if ending not in {".json", ".yaml", ".yml"}:
        raise _unreadable(path, ending or "no ending", "use .yaml, .yml or .json")
    try:
        text = path.read_text(encoding="utf-8")
        if ending == ".json":
            content = json.loads(text)
        else:
            # text only: no objects, no dates, no surprises
            loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
            content = yaml.load(text, Loader=loader)  # noqa: S506
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error), "name a file that exists") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        shown = " ".join(str(error).split())[:200]
        raise _unreadable(path, shown, "correct the file at the place named") from None
    if not isinstance(content, dict) or not isinstance(content.get("records"), list):
        kind = type(content).__name__
        raise _unreadable(path, f"a {kind} without a list under `records`", "add `records:`")
    return content


def _unreadable(path: Path | Traversable, found: str, fix: str) -> DataError:
    return DataError(
        f"cannot read evidence from {path.name}", found=found, fix=fix, code=codes.EVIDENCE_FILE
    )


@lru_cache(maxsize=1)
def _bundled() -> EvidenceBase:
    return _joined([EvidenceFile.model_validate(read_content(f)) for f in bundled_files()])


def _joined(parts: Iterable[EvidenceFile]) -> EvidenceBase:
    parts = list(parts)
    return EvidenceBase(
        records=tuple(r for p in parts for r in p.records),
        not_representable=tuple(u for p in parts for u in p.not_representable),
    )


def load_evidence(*paths: Path) -> EvidenceBase:
    """Load the bundled records and those of further files.

    Parameters
    ----------
    *paths
        A user's own files (YAML or JSON).

    Raises
    ------
    DataError
        A file cannot be read, a record breaks the schema, or an id is taken already.

    Notes
    -----
    A record of yours that contradicts a bundled one names it under ``conflicts``; the bundled one
    is then shown as contradicted too.

    Examples
    --------
    >>> len(load_evidence().records) > 200
    True
    """
    base = _bundled()
    if not paths:
        return base
    own = []
    for path in paths:
        try:
            own.append(EvidenceFile.model_validate(read_content(path)))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise DataError(
                f"{path.name} breaks the schema of evidence",
                found=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
                fix=f"run `imscope evidence check {path.name}`; it prints one line per problem",
                code=codes.EVIDENCE_RECORD,
            ) from None
    added = _joined(own)
    _no_id_twice([r.id for r in (*base.records, *added.records)])
    return EvidenceBase(
        records=_mirrored((*base.records, *added.records)),
        not_representable=base.not_representable,
    )


def _no_id_twice(ids: list[str]) -> None:
    twice = sorted({i for i in ids if ids.count(i) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise DataError(
            f"{len(twice)} ids of records are used twice",
            found=f"first: {twice[0]}",
            fix="give your records ids of their own, such as a prefix of your laboratory",
            code=codes.EVIDENCE_RECORD,
        )


def _mirrored(records: tuple[Record, ...]) -> tuple[Record, ...]:
    against: dict[str, list[str]] = {}
    for record in records:
        for other in record.conflicts:
            against.setdefault(other, []).append(record.id)
    return tuple(
        r.model_copy(update={"conflicts": tuple(dict.fromkeys([*r.conflicts, *against[r.id]]))})
        if r.id in against
        else r
        for r in records
    )
