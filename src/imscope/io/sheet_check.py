"""Every line of a sample sheet checked: what each value means, and all that is wrong at once."""

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imscope.core import codes
from imscope.core.names import did_you_mean
from imscope.core.schema import DESIGN_FACTORS, SOURCE_CLASSES
from imscope.core.sources import source_of, tissue_of
from imscope.io.notice import Notice, first_few
from imscope.io.sheet_names import PATHS, Fault
from imscope.io.sheet_values import (
    WrongValueError,
    day_comes_first,
    level_key,
    made_a_date,
    missing,
    read_covariate,
    read_date,
    read_flag,
    read_number,
    read_passage,
    spreadsheet_error,
)

if TYPE_CHECKING:
    from imscope.io.sheet_table import SheetTable

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)")
_IDS = ("donor", "line", "clone", "lot", "batch", "library", "pair", "operator")
_UNITS = {
    "population_doublings": "pdls?|pds?|doublings",
    "day": "days?|d|tag",
    "donor_age": "years?|yrs?|y|yo|jahre",
}
_UNKNOWN = ("unknown", "?", "missing")


@dataclass
class Faulty:
    """What is wrong and what must be told, as it is found."""

    faults: list[Fault]
    notices: list[Notice]

    def wrong(self, code: str, problem: str, found: str = "", fix: str = "") -> None:
        """Add one fault."""
        self.faults.append(Fault(code, problem, found, fix))

    def tell(self, code: str, message: str) -> None:
        """Add one notice."""
        self.notices.append(Notice(code, message))


def check_lines(
    path: Path, names: list[str], table: "SheetTable", result: Faulty, *, check_paths: bool
) -> list[dict[str, Any]]:
    """Values of every line by column; faults and notices are added to ``result``."""
    rows: list[dict[str, Any]] = [{} for _ in table.lines]
    numbers = [n for n, _ in table.lines]
    for k, name in enumerate(names):
        cells = [fields[k] for _, fields in table.lines]
        given = _given(name, cells, numbers, result)
        if name in ("path", "raw_path"):
            read = _paths(path, name, given, numbers, result, check=check_paths)
        elif name in DESIGN_FACTORS or name in ("sample", *PATHS):
            read = _factor(name, given, numbers, result, comma=table.comma)
        else:
            read = _plain(name, given, result, comma=table.comma)
        for row, value in zip(rows, read, strict=True):
            if value is not None:
                row[name] = value
    _samples(rows, names, numbers, result)
    _sources(rows, numbers, result)
    return rows


def _place(number: int, column: str, value: object) -> str:
    return f"line {number}, column {column}: {value!r}"


def _given(name: str, cells: list[str], numbers: list[int], result: Faulty) -> list[str | None]:
    """Cells without the words for a missing value; errors of a spreadsheet are faults."""
    broken = [(n, c) for n, c in zip(numbers, cells, strict=True) if c and spreadsheet_error(c)]
    for number, cell in broken:
        result.wrong(
            codes.SHEET_FORMULA,
            f"{name} holds an error of a spreadsheet",
            _place(number, name, cell),
            "correct the formula, or leave the cell empty",
        )
    words = Counter(c for c in cells if c and missing(c))
    if words and name not in ("sample", "path"):
        shown = ", ".join(f"{w!r} {n} times" if n > 1 else repr(w) for w, n in words.items())
        more = ""
        if name == "condition" and any(w.casefold() == "none" for w in words):
            more = "; write 'untreated' if it names a condition"
        result.tell(
            codes.W_SHEET_MISSING,
            f"{name}: {sum(words.values())} of {len(cells)} samples have no value: {shown}{more}",
        )
    gone = {c for _, c in broken} | set(words)
    return [None if not c or c in gone else c for c in cells]


def _factor(
    name: str, given: list[str | None], numbers: list[int], result: Faulty, *, comma: bool
) -> list[Any]:
    """Values of a known column in their own type."""
    read, how = _reader(name, given, comma)
    out: list[Any] = []
    understood: list[str] = []
    for number, cell in zip(numbers, given, strict=True):
        if cell is None or read is None:
            out.append(cell)
            continue
        try:
            value, words = read(cell)
        except WrongValueError as error:
            result.wrong(
                codes.SHEET_VALUE,
                f"{name} has a wrong value",
                _place(number, name, cell),
                str(error),
            )
            value, words = None, ""
        if words:
            understood.append(f"{cell!r} as {value}" if " as " not in words else words)
        out.append(value)
    if understood:
        result.tell(
            codes.W_SHEET_VALUES,
            f"{name}: {len(understood)} values were understood in another notation{how}: "
            f"{'; '.join(dict.fromkeys(understood))[:200]}",
        )
    if read is None and name not in ("select", "sample_key", "sample", "source_class"):
        _spellings(name, given, result)
    return out


def _reader(
    name: str, given: list[str | None], comma: bool
) -> tuple[Callable[[str], tuple[Any, str]] | None, str]:
    if name == "passage":
        return read_passage, ""
    if name in _UNITS:

        def number(text: str) -> tuple[Any, str]:
            value, how = read_number(text, comma=comma, unit=_UNITS[name])
            if value < 0 and name != "day":
                raise WrongValueError("write a number from 0")
            return value, how

        return number, ""
    if name == "collected_at":
        first = day_comes_first([g for g in given if g])
        return lambda text: read_date(text, day_first=first), ""
    if name == "is_reference":
        return lambda text: (read_flag(text), ""), ""
    return None, ""


def _spellings(name: str, given: list[str | None], result: Faulty) -> None:
    """Point out levels that differ only in spelling, and ids a spreadsheet may have turned."""
    levels = dict.fromkeys(g for g in given if g)
    by_key: dict[str, list[str]] = {}
    for level in levels:
        by_key.setdefault(level_key(level) or level, []).append(level)
    alike = [v for v in by_key.values() if len(v) > 1]
    if alike:
        shown = "; ".join(" / ".join(map(repr, v)) for v in alike[:5])
        result.tell(
            codes.W_SHEET_LEVELS,
            f"{name}: {len(alike)} levels stand in several spellings, each counted apart: {shown}",
        )
    turned = [g for g in levels if name in _IDS and made_a_date(g)]
    if turned:
        result.tell(
            codes.W_SHEET_LEVELS,
            f"{name}: a spreadsheet may have turned {first_few(turned)} into dates or numbers",
        )


def _plain(name: str, given: list[str | None], result: Faulty, *, comma: bool) -> list[Any]:
    """Covariates as text; they become numbers where all of them are."""
    try:
        _, how = read_covariate(given, comma=comma)
    except WrongValueError as error:
        result.wrong(
            codes.SHEET_VALUE,
            f"{name} has values of several kinds",
            ", ".join(dict.fromkeys(repr(g) for g in given if g))[:120],
            str(error),
        )
        return list(given)
    if how:
        shown = next((g for g in given if g), "")
        words = "percent signs were left out" if how == "percent" else f"{how} was understood"
        result.tell(codes.W_SHEET_VALUES, f"{name}: {words}, first {shown!r}")
    elif any(isinstance(v, str) for v in given):
        _spellings(name, given, result)
    return list(given)


def _paths(
    sheet: Path,
    name: str,
    given: list[str | None],
    numbers: list[int],
    result: Faulty,
    *,
    check: bool,
) -> list[Path | None]:
    out: list[Path | None] = []
    for number, text in zip(numbers, given, strict=True):
        if text is None:
            out.append(None)
            continue
        unset = [
            m[1] or m[3]
            for m in _VARIABLE.finditer(text)
            if m[2] is None and not os.environ.get(m[1] or m[3])
        ]
        if unset:
            result.wrong(
                codes.SHEET_VARIABLE,
                f"the environment variable {unset[0]} is not set",
                _place(number, name, text),
                f"export {unset[0]}=/folder/of/the/data, or write the path out",
            )
            out.append(None)
            continue
        full = Path(_VARIABLE.sub(_replaced, text)).expanduser()
        full = full if full.is_absolute() else sheet.parent / full
        out.append(full)
        if "\0" in text or (check and not full.exists()):
            windows = bool(re.match(r"^[A-Za-z]:\\|^\\\\", text)) or "\\" in text
            result.wrong(
                codes.SHEET_PATH,
                f"there is no file {full}",
                _place(number, name, text),
                "this is a path of another system: write it with / as seen from here"
                if windows
                else "correct the path; relative paths start at the folder of the sheet",
            )
    return out


def _replaced(match: re.Match[str]) -> str:
    return os.environ.get(match[1] or match[3]) or match[2] or ""


def _samples(
    rows: list[dict[str, Any]], names: list[str], numbers: list[int], result: Faulty
) -> None:
    seen: dict[str, int] = {}
    for row, number in zip(rows, numbers, strict=True):
        if "path" in names and "path" not in row and not _told(result, number, "path"):
            result.wrong(
                codes.SHEET_PATH, f"line {number} has no path", "", "write the file or folder"
            )
        if "select" in row:
            _selection(row["select"], number, result)
        if "sample" not in names:
            continue
        name = row.get("sample", "")
        if not name or re.search(r"\s", name) or missing(name) or "/" in name or "\\" in name:
            result.wrong(
                codes.SHEET_SAMPLE,
                "a sample name is empty or has a space"
                if not re.search(r"[/\\]", name)
                else "a sample name has a slash",
                _place(number, "sample", name),
                "give each sample one short name without spaces",
            )
        elif name in seen:
            result.wrong(
                codes.SHEET_SAMPLE,
                f"sample {name!r} stands twice",
                f"in lines {seen[name]} and {number}",
                "give each sample its own name",
            )
        seen.setdefault(name, number)
    keys = Counter(level_key(n) for n in seen if n)
    alike = [n for n in seen if n and keys[level_key(n)] > 1]
    if alike:
        result.tell(
            codes.W_SHEET_LEVELS, f"sample names differ only in spelling: {first_few(alike, 6)}"
        )


def _told(result: Faulty, number: int, column: str) -> bool:
    start = f"line {number}, column {column}: "
    return any(f.found.startswith(start) for f in result.faults)


def _selection(text: str, number: int, result: Faulty) -> None:
    for part in (p.strip() for p in text.split(";")):
        column, mark, values = part.partition("=")
        if part and not (mark and column.strip() and all(v.strip() for v in values.split("|"))):
            result.wrong(
                codes.SHEET_SELECT,
                f"a selection is not `column=value`: {part!r}",
                _place(number, "select", text),
                "write `column=value`, joined by `;`, with `|` between values",
            )
            return


def _sources(rows: list[dict[str, Any]], numbers: list[int], result: Faulty) -> None:
    """Source classes and tissues by their meaning; what contradicts itself is a fault."""
    taken: Counter[str] = Counter()
    for row, number in zip(rows, numbers, strict=True):
        tissue = row.get("source_tissue")
        known = tissue_of(tissue) if tissue else None
        if known and known != tissue:
            taken[f"source_tissue {tissue!r} as {known!r}"] += 1
            row["source_tissue"] = known
        word = row.get("source_class")
        if word is None or word in SOURCE_CLASSES:
            continue
        meant = source_of(word) or next(
            ((c, None) for c in SOURCE_CLASSES if level_key(c) == level_key(word)), None
        )
        if meant is None:
            _unknown_class(word, number, result)
            continue
        kind, named = meant
        row["source_class"] = kind
        taken[f"source_class {word!r} as {kind!r}" + (f" of {named}" if named else "")] += 1
        if named and known and named != known and (named, known) not in _WITHIN:
            result.wrong(
                codes.SHEET_LEVELS,
                f"source_class says {named} and source_tissue says {known}",
                f"line {number}: {word!r} and {tissue!r}",
                "correct one of them",
            )
        elif named and not tissue:
            row["source_tissue"] = named
    if taken:
        shown = "; ".join(f"{k} ({n} samples)" for k, n in taken.items())
        result.tell(codes.W_SHEET_VALUES, f"words for sources were taken by meaning: {shown}")


_WITHIN = {
    ("umbilical_cord", "whartons_jelly"), ("whartons_jelly", "umbilical_cord"),
    ("umbilical_cord", "cord_blood"), ("placenta", "amnion"),
}  # fmt: skip


def _unknown_class(word: str, number: int, result: Faulty) -> None:
    tissue = tissue_of(word)
    result.wrong(
        codes.SHEET_WORD,
        f"source_class is not one of {', '.join(SOURCE_CLASSES)}",
        _place(number, "source_class", word),
        f"{word!r} is a tissue: write it under source_tissue, and `primary_MSC` here"
        if tissue
        else did_you_mean(word, SOURCE_CLASSES, "use one of these words, or `other`"),
    )
