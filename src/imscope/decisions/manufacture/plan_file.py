"""Read a plan: YAML with strict keys, units in the names, and a source for each distribution."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from imscope.core.errors import DataError
from imscope.core.names import did_you_mean
from imscope.decisions.manufacture import codes
from imscope.decisions.manufacture.literals import STATUSES, Quantity, read_quantity
from imscope.decisions.manufacture.schema import PLAN, Key

MAX_BYTES, MAX_DEPTH = 1_000_000, 20


@dataclass(frozen=True)
class Plan:
    """A plan that was read and checked.

    Attributes
    ----------
    name
        Of the process.
    sections
        Sections as nested mappings; every number is a :class:`Quantity`.
    path
        The file, or where it came from.
    lines
        Line of each key by its path, for messages.
    """

    name: str
    sections: Mapping[str, Any]
    path: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    def quantities(self) -> list[Quantity]:
        """Every number that differs between lots, in the order of the plan."""
        return [q for q in _walk(self.sections) if not q.fixed]

    def every(self) -> list[Quantity]:
        """Every number, fixed ones too."""
        return list(_walk(self.sections))

    def wrong(self, path: str, why: str, found: object, fix: str = "") -> DataError:
        """Make the error for a value of this plan, with its line."""
        return _error(self.path, self.lines, path, why, found=str(found), fix=fix)


def read_plan(source: Path | str | Mapping[str, Any]) -> Plan:
    """Read and check a plan.

    Parameters
    ----------
    source
        A YAML file, or the same content as nested mappings.

    Raises
    ------
    DataError
        The file cannot be read, or a key or value is wrong: one error with the line of the plan.

    Examples
    --------
    >>> from imscope.decisions.manufacture.templates_list import template_text
    >>> import yaml
    >>> read_plan(yaml.safe_load(template_text("academic-marrow"))).name
    'academic marrow'
    """
    if isinstance(source, Mapping):
        return _finish(dict(source), "the plan", {}, Path())
    path = Path(source)
    text = _text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines(node, "", path))
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} is no YAML", found=words, code=codes.PLAN_FILE) from None
    return _finish(content, str(path), lines, path.parent)


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"there is no plan {path}", code=codes.PLAN_FILE)
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path} is too large for a plan", code=codes.PLAN_FILE)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read", found=str(error), code=codes.PLAN_FILE) from None


def _lines(node: Any, path: str, file: Path, depth: int = 0) -> Iterator[tuple[str, int]]:
    """Line of every key; a key that stands twice is an error."""
    if depth > MAX_DEPTH:
        raise DataError(f"{file} is nested too deeply for a plan", code=codes.PLAN_FILE)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            place = f"{path}.{name}" if path else name
            if name in seen:
                raise DataError(
                    f"{file}, line {line}: {place} stands twice",
                    fix="keep one of them",
                    code=codes.PLAN_KEY,
                )
            seen.add(name)
            yield place, line
            yield from _lines(value, place, file, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield f"{path}[{i + 1}]", value.start_mark.line + 1
            yield from _lines(value, f"{path}[{i + 1}]", file, depth + 1)


def _error(
    file: str, lines: Mapping[str, int], path: str, why: str, *, found: str = "", fix: str = "",
    code: str = codes.PLAN_VALUE,
) -> DataError:  # fmt: skip
    line = next((lines[p] for p in _parents(path) if p in lines), None)
    place = f"{file}, line {line}" if line is not None else file
    return DataError(f"{place}: {path} {why}", found=found, fix=fix, code=code)


def _parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]


class _Reader:
    """Checks nested content against the declared keys."""

    def __init__(self, file: str, lines: Mapping[str, int], folder: Path) -> None:
        self.file, self.lines, self.folder = file, lines, folder

    def error(self, path: str, why: str, **more: str) -> DataError:
        return _error(self.file, self.lines, path, why, **more)

    def section(self, content: object, keys: Mapping[str, Key], path: str) -> dict[str, Any]:
        """Read one section; unknown keys are errors, absent ones take their defaults."""
        if not isinstance(content, Mapping):
            raise self.error(
                path or "the plan", "should be a section of keys", found=repr(content)[:80]
            )
        for name in content:
            if name not in keys:
                raise self.error(
                    f"{path}.{name}" if path else str(name),
                    "is not a key of a plan",
                    found=", ".join(keys),
                    fix=did_you_mean(name, keys, "see `imscope manufacture template`"),
                    code=codes.PLAN_KEY,
                )
        return {
            name: self.value(content, name, key, f"{path}.{name}" if path else name)
            for name, key in keys.items()
        }

    def value(self, content: Mapping[str, Any], name: str, key: Key, path: str) -> Any:
        """Read one value by its kind."""
        if name not in content or content[name] is None:
            if key.default is ...:
                why = f"is missing: {key.meaning}"
                raise self.error(path, why, fix=f"add {name}", code=codes.PLAN_KEY)
            if key.kind == "section" and isinstance(key.default, Mapping):
                return self.section({}, key.inner, path)
            if key.kind in ("quantity", "share") and key.default is not None:
                return read_quantity(key.default, path) if _finite(key.default) else _endless(path)
            return key.default
        given = content[name]
        if key.kind == "section":
            if not key.inner:  # free names, such as subsets
                return {str(k): float(v) for k, v in dict(given).items()}
            return self.section(given, key.inner, path)
        if key.kind == "list":
            if not isinstance(given, list) or not given:
                raise self.error(path, "should be a list of steps", found=repr(given)[:80])
            return [self.section(v, key.inner, f"{path}[{i + 1}]") for i, v in enumerate(given)]
        if key.kind in ("quantity", "share"):
            return self.quantity(given, key, path)
        return self.plain(given, key, path)

    def plain(self, given: object, key: Key, path: str) -> object:
        """Text, choices and whole numbers."""
        if key.kind == "choice" and given not in key.choices:
            raise self.error(
                path, "is none of the choices", found=repr(given),
                fix=did_you_mean(given, key.choices, f"one of {', '.join(key.choices)}"),
            )  # fmt: skip
        if key.kind == "integer" and (
            isinstance(given, bool)
            or not isinstance(given, int)
            or not key.low <= given <= key.high
        ):
            raise self.error(
                path, f"should be a whole number from {key.low:g} on", found=repr(given)
            )
        if key.kind == "text" and not isinstance(given, str):
            raise self.error(path, "should be text", found=repr(given))
        return given

    def quantity(self, given: object, key: Key, path: str) -> Quantity:
        """A number, a literal, or a mapping with its source and status."""
        source, status, value = "", "user", given
        if isinstance(given, Mapping):
            extra = set(given) - {"value", "source", "status"}
            if extra or "value" not in given:
                raise self.error(
                    path, "should hold value, source and status", found=", ".join(map(str, given)),
                    fix="inside braces put it in quotes: {value: \"beta(10, 17)\", ...}",
                    code=codes.PLAN_KEY,
                )  # fmt: skip
            value, source = given["value"], str(given.get("source") or "").strip()
            status = str(given.get("status") or "")
            if status not in STATUSES:
                words = ", ".join(f"{k} ({v})" for k, v in STATUSES.items())
                raise self.error(path, "needs a status", found=status or "none", fix=words,
                                 code=codes.PLAN_SOURCE)  # fmt: skip
        try:
            read = read_quantity(value, path, folder=self.folder, source=source, status=status)  # type: ignore[arg-type]
        except DataError as error:
            words = error.problem.removeprefix(path).strip()
            raise self.error(
                path, words, found=error.found, fix=error.fix, code=error.code
            ) from None
        if not read.fixed and not source:
            raise self.error(
                path, "is a distribution without a source", found=read.text, code=codes.PLAN_SOURCE,
                fix="write {value: ..., source: DOI or words, status: V, D, M or user}",
            )  # fmt: skip
        ends = [read.median] if read.fixed else [read.at(1e-6), read.at(1 - 1e-6)]
        if min(ends) < key.low or max(ends) > key.high:
            raise self.error(
                path, f"should lie between {key.low:g} and {key.high:g}: {key.meaning}",
                found=f"{read.text}, from {min(ends):.4g} to {max(ends):.4g}",
            )  # fmt: skip
        return read


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and value < float("inf")


def _endless(path: str) -> Quantity:
    return Quantity(path, "no limit", float("inf"), float("inf"))


def _finish(content: object, file: str, lines: Mapping[str, int], folder: Path) -> Plan:
    from imscope.decisions.manufacture.plan_check import check_plan

    reader = _Reader(file, lines, folder)
    values = reader.section(content, PLAN, "")
    plan = Plan(str(values["process"]["name"]), values, file, lines)
    check_plan(plan, folder)
    return plan


def _walk(value: Any) -> Iterator[Quantity]:
    if isinstance(value, Quantity):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)
