"""Check files of evidence: one line per problem, nothing repaired in silence."""

import datetime as dt
import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import pydantic

from imscope.evidence.epitopes import NO_PROXY, epitopes, known_genes, spelling
from imscope.evidence.files import bundled_files, load_evidence, read_content
from imscope.evidence.gene_sets import load
from imscope.evidence.records import N_SEED_ITEMS, Record, Unrepresentable

BUNDLED = "bundled"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of one record.

    Attributes
    ----------
    file, record
        Where it is; the record's id, or its place where it has none.
    level
        ``error`` fails the check; ``warning`` flags what may be right.
    message
        What is wrong.
    """

    file: str
    record: str
    level: Literal["error", "warning"]
    message: str

    def line(self) -> str:
        """Return the problem as one line."""
        return f"{self.file}: {self.record}: {self.level}: {self.message}"


@dataclass(frozen=True, slots=True)
class EvidenceCheck:
    """Outcome of a check.

    Attributes
    ----------
    files, n_records
        What was checked.
    problems
        In the order of files and records.
    """

    files: tuple[str, ...]
    n_records: int
    problems: tuple[Problem, ...]

    @property
    def passed(self) -> bool:
        """Whether no problem is an error."""
        return all(p.level != "error" for p in self.problems)


@dataclass(frozen=True, slots=True)
class _Placed:
    file: str
    record: Record
    bundled: bool


def check_evidence(*paths: Path, today: dt.date | None = None) -> EvidenceCheck:
    """Check the bundled records, or a user's files together with them.

    Parameters
    ----------
    *paths
        Files to check; the bundled ones if none is given. The bundled records are at hand in both
        cases, so that ids stay unique and contradictions may name them.
    today
        No record may speak of a later day; by default the day of the call.

    Raises
    ------
    DataError
        A file cannot be read at all.

    Examples
    --------
    >>> check_evidence().passed
    True
    """
    today = today or dt.datetime.now(tz=dt.UTC).date()
    problems: list[Problem] = []
    placed: list[_Placed] = []
    left_out: list[tuple[str, Unrepresentable]] = []
    n_records = 0
    checked = list(paths) or bundled_files()
    if paths:
        placed += [_Placed(BUNDLED, r, True) for r in load_evidence().records]
    for path in checked:
        content = read_content(path)
        n_records += len(content["records"])
        for key in sorted(set(content) - {"records", "not_representable"}):
            problems.append(Problem(path.name, "file", "error", f"unknown key {key!r}"))
        for place, raw in enumerate(content["records"], start=1):
            record, found = _read(path.name, place, raw)
            problems += found
            if record is not None:
                placed.append(_Placed(path.name, record, False))
        for place, raw in enumerate(content.get("not_representable") or [], start=1):
            item, found = _read_item(path.name, place, raw)
            problems += found
            left_out += [] if item is None else [(path.name, item)]
    own = [p for p in placed if not p.bundled]
    problems += _ids(placed)
    for here in own:
        problems += [Problem(here.file, here.record.id, *w) for w in _alone(here.record, today)]
    problems += _links(placed)
    problems += _signs(placed)
    problems += _symbols(own)
    if not paths:
        problems += _seed_items([p.record for p in own], [i for _, i in left_out])
    return EvidenceCheck(tuple(p.name for p in checked), n_records, tuple(problems))


def _read(file: str, place: int, raw: Any) -> tuple[Record | None, list[Problem]]:
    name = str(raw.get("id", "")) if isinstance(raw, dict) else ""
    name = name or f"record {place}"
    try:
        return Record.model_validate(raw), []
    except pydantic.ValidationError as error:
        return None, _explained(file, name, error, Record)


def _read_item(file: str, place: int, raw: Any) -> tuple[Unrepresentable | None, list[Problem]]:
    try:
        return Unrepresentable.model_validate(raw), []
    except pydantic.ValidationError as error:
        name = f"not_representable {place}"
        return None, _explained(file, name, error, Unrepresentable)


def _explained(
    file: str, name: str, error: pydantic.ValidationError, model: type[pydantic.BaseModel]
) -> list[Problem]:
    out = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(where, list(model.model_fields), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            message = f"unknown key {where!r}{hint}"
        elif item["type"] == "missing":
            message = f"{where} is missing"
        elif where == "doi":
            message = f"doi: {item['input']!r} is neither a bare DOI (10.…/…) nor PMID:number"
        else:
            message = f"{where}: {item['msg'].lower()}, found {item['input']!r}"[:240]
        out.append(Problem(file, name, "error", message))
    return out


def _ids(placed: Sequence[_Placed]) -> Iterator[Problem]:
    seen = Counter(p.record.id for p in placed)
    told = set()
    for here in reversed(placed):
        name = here.record.id
        if seen[name] > 1 and name not in told and not here.bundled:
            told.add(name)
            yield Problem(here.file, name, "error", f"the id is used {seen[name]} times")


def _alone(record: Record, today: dt.date) -> Iterator[tuple[Literal["error"], str]]:
    if not record.where and record.grade != "own":
        yield (
            "error",
            f"no doi and no source; only grade own may do without, this is {record.grade}",
        )
    if record.as_of > today:
        yield "error", f"as_of {record.as_of} lies in the future"
    if record.id in record.conflicts:
        yield "error", "the record contradicts itself"
    for what, values in (("terms", record.terms), ("conflicts", record.conflicts)):
        if len(set(values)) < len(values):
            yield "error", f"{what} holds a name twice"
    if any(not spelling(t) for t in record.terms):
        yield "error", "a term has neither a letter nor a digit"
    if record.kind in {"dose", "threshold"} and record.value is not None and not record.unit:
        yield "error", "the value has no unit"
    if record.status == "placeholder" and record.genes:
        yield "error", "a placeholder may not list genes"


def _links(placed: Sequence[_Placed]) -> Iterator[Problem]:
    by_id = {p.record.id: p for p in placed}
    for here in placed:
        for other in here.record.conflicts:
            there = by_id.get(other)
            if here.bundled or other == here.record.id:
                continue
            if there is None:
                near = difflib.get_close_matches(other, list(by_id), n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                message = f"contradicts {other!r}, which is no record{hint}"
                yield Problem(here.file, here.record.id, "error", message)
            elif here.record.id not in there.record.conflicts and not there.bundled:
                message = f"contradicts {other!r}, which does not name it in turn"
                yield Problem(here.file, here.record.id, "error", message)


def _same_thing() -> dict[str, str]:
    """Every spelling of an epitope to one of them, so that CD105 and ENG are one term."""
    return {spelling(n): spelling(row.names[0]) for row in epitopes() for n in row.names}


def _signs(placed: Sequence[_Placed]) -> Iterator[Problem]:
    """Records that share term and readout but not the sign have to name each other."""
    same = _same_thing()
    groups: dict[tuple[str, str], list[_Placed]] = defaultdict(list)
    for here in placed:
        if here.record.readout and here.record.direction != "conflict":
            for key in {same.get(spelling(t), spelling(t)) for t in here.record.terms}:
                groups[key, here.record.readout.casefold()].append(here)
    told = set()
    for (_, readout), members in sorted(groups.items(), key=lambda g: g[0]):
        for a, b in combinations(members, 2):
            pair = (a.record.id, b.record.id)
            linked = b.record.id in a.record.conflicts or a.record.id in b.record.conflicts
            if a.record.direction == b.record.direction or linked or b.bundled or pair in told:
                continue
            told.add(pair)
            message = (
                f"says {b.record.direction} where {a.record.id!r} says {a.record.direction} "
                f"of {readout!r}, but neither names the other under conflicts"
            )
            yield Problem(b.file, b.record.id, "error", message)


def _symbols(own: Sequence[_Placed]) -> Iterator[Problem]:
    known = known_genes(load_evidence())
    refused = {
        spelling(t)
        for r in load_evidence().records
        if r.kind == "epitope" and r.readout == NO_PROXY
        for t in r.terms
    }
    sets = {spelling(n): s for n, s in load().items()}
    for here in own:
        record = here.record
        hit = [t for t in record.terms if spelling(t) in refused]
        if hit and record.genes:
            message = f"{hit[0]} has no RNA proxy, so the record may not name genes for it"
            yield Problem(here.file, record.id, "error", message)
        for gene in record.genes:
            if gene not in known:
                near = difflib.get_close_matches(gene, sorted(known), n=1, cutoff=0.7)
                hint = f"; did you mean {near[0]}?" if near else ""
                message = f"gene {gene} is in no bundled set and not in the epitope map{hint}"
                yield Problem(here.file, record.id, "warning", message)
        for term in record.terms:
            listed = sets.get(spelling(term))
            if record.status == "placeholder" and listed is not None and listed.genes:
                message = f"called a placeholder, but the gene set {listed.name} has genes"
                yield Problem(here.file, record.id, "error", message)


def _seed_items(
    records: Sequence[Record], left_out: Sequence[Unrepresentable]
) -> Iterator[Problem]:
    shown = {i for r in records for i in r.seed_items}
    excused = [i.item for i in left_out]
    for item in range(1, N_SEED_ITEMS + 1):
        times = excused.count(item) + (item in shown)
        if times == 0:
            message = "has no record and is not named as not representable"
            yield Problem(BUNDLED, f"item {item}", "error", message)
        elif times > 1:
            message = "is both shown and named as not representable, or named twice"
            yield Problem(BUNDLED, f"item {item}", "error", message)
