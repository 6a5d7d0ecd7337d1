"""Cells of a sample sheet: numbers, passages, dates, shares and words as people write them."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from imscope.core.names import FALSE_WORDS, TRUE_WORDS, is_missing

_ERRORS: Final = (
    "#REF! #N/A #NAME? #VALUE! #DIV/0! #NULL! #NUM! #SPILL! #CALC! #BEZUG! #NV #WERT! #ZAHL! "
    "ERR:502 ERR:508 ### ########"
)
SPREADSHEET_ERRORS: Final = frozenset(_ERRORS.split())
_HIDDEN: Final = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\u202a-\u202e]")
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_PLAIN_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]\d+)?")


class WrongValueError(ValueError):
    """A cell that cannot be taken; the text says what to write instead."""


def cleaned(text: str) -> str:
    r"""Take out characters nobody sees and put the usual blank for others.

    Examples
    --------
    >>> cleaned("Donor\u00a01\u200b ")
    'Donor 1'
    """
    seen = _HIDDEN.sub("", text)
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in seen).strip()


def level_key(text: str) -> str:
    """Form in which two spellings of one level are equal.

    Examples
    --------
    >>> level_key("Donor 1") == level_key("donor_01") == level_key("DONOR1")
    True
    >>> level_key("10x 3' v3") == level_key("10X_3p_v3") == level_key("10x Chromium 3\u2032 v3")
    True
    """
    word = unicodedata.normalize("NFKC", cleaned(text)).casefold()
    word = re.sub(r"(?<=[35])\s*(?:['\u2018\u2019\u2032`\u00b4]|prime|p(?=[^a-z]|$))", "p", word)
    word = re.sub(r"\b(?:genomics|chromium|single cell)\b", "", word)
    return re.sub(r"(?<!\d)0+(?=\d)", "", "".join(re.findall(r"[^\W_]+", word)))


def read_number(text: str, *, comma: bool, unit: str = "") -> tuple[float, str]:
    r"""Read one number; a decimal comma and the unit's own words are understood.

    Parameters
    ----------
    text
        The cell.
    comma
        The sheet separates fields by something else, so that ``12,500`` is a decimal number.
    unit
        Regular expression of words that may stand beside the number.

    Returns
    -------
    number, how
        The number, and what had to be understood (empty for a plain number).

    Raises
    ------
    WrongValueError
        Saying what to write instead.

    Examples
    --------
    >>> read_number("12,5", comma=False), read_number("1.234,5", comma=True)
    ((12.5, 'decimal comma'), (1234.5, 'decimal comma'))
    """
    word = text.strip()
    if unit:
        word = re.sub(rf"^(?:{unit})\s*|\s*(?:{unit})$", "", word, flags=re.IGNORECASE).strip()
    how = "unit left out" if word != text.strip() else ""
    if re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", word):
        return float(word), how
    if re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})*,\d+", word) and (
        comma or "." in word or not re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", word)
    ):
        return float(word.replace(".", "").replace(",", ".")), "decimal comma"
    if re.fullmatch(r"[-+]?\d+,\d+", word) and (comma or not re.fullmatch(r"\d{1,3},\d{3}", word)):
        return float(word.replace(",", ".")), "decimal comma"
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+\.\d+", word):
        return float(word.replace(",", "")), "thousands separator"
    if re.fullmatch(r"\d{1,3},\d{3}", word):
        raise WrongValueError("a comma may mean thousands or decimals: write it with a point")
    if re.match(r"^(?:[~<>≤≥≈±]|ca\.?|approx|about|circa)", word, re.IGNORECASE):
        raise WrongValueError("write one number; put what is uncertain into another column")
    if re.fullmatch(r"[\d.,]+\s*(?:-|–|to|/|±)\s*[\d.,]+", word):
        raise WrongValueError("write one number, not a range")
    raise WrongValueError("write one number with a decimal point, or leave it empty")


def read_passage(text: str) -> tuple[int, str]:
    """Read a passage: `5`, `P5`, `p 05`, `passage 5`, `5,0`, `P4+2` (thawed at 4, then 2 more).

    Raises
    ------
    WrongValueError
        Saying what to write instead.

    Examples
    --------
    >>> read_passage("P4"), read_passage("P4+2")
    ((4, ''), (6, 'P4+2 as passage 6'))
    """
    word = text.strip()
    if _date_like(word):
        raise WrongValueError("a spreadsheet made a date of it: write one whole number")
    bare = re.sub(r"^(?:passage|pass\.?|p)\s*[-#._:]?\s*", "", word, flags=re.IGNORECASE)
    sum_of = re.fullmatch(r"(\d{1,3})\s*\+\s*[pP]?\s*(\d{1,3})", bare)
    if sum_of:
        total = int(sum_of[1]) + int(sum_of[2])
        return total, f"{word} as passage {total}"
    whole = re.fullmatch(r"(\d{1,4})(?:[.,]0+)?", bare)
    if whole:
        return int(whole[1]), ""
    if re.fullmatch(r"\d+\s*(?:-|–|to|/|\bor\b|,|;)\s*[pP]?\d+", bare):
        raise WrongValueError("write the passage of the cells that were measured, one whole number")
    raise WrongValueError("write the passage as one whole number from 0, such as 5 or P5")


def _date_like(word: str) -> bool:
    months = "|".join(_MONTHS)
    return bool(
        re.fullmatch(rf"\d{{1,2}}[-. ](?:{months})\w*(?:[-. ]\d{{2,4}})?", word, re.IGNORECASE)
        or re.fullmatch(rf"(?:{months})\w*[-. ]\d{{1,4}}", word, re.IGNORECASE)
        or re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:[ T].*)?", word)
    )


def made_a_date(text: str) -> bool:
    """Whether a spreadsheet may have made a date or a power of ten of an id.

    Examples
    --------
    >>> made_a_date("2-Jan"), made_a_date("1.00E+05"), made_a_date("L2-1")
    (True, True, False)
    """
    months = "|".join(_MONTHS)
    return bool(
        re.fullmatch(rf"\d{{1,2}}-(?:{months})", text, re.IGNORECASE)
        or re.fullmatch(rf"(?:{months})-\d{{1,2}}", text, re.IGNORECASE)
        or re.fullmatch(r"\d(?:[.,]\d+)?E\+\d+", text)
    )


def read_date(text: str, *, day_first: bool | None = None) -> tuple[date, str]:
    """Read a date; `3/5/2024` is refused unless the column says which number is the day.

    Raises
    ------
    WrongValueError
        Saying what to write instead.

    Examples
    --------
    >>> read_date("03.05.2024"), read_date("2024-05-03")
    ((datetime.date(2024, 5, 3), 'day.month.year'), (datetime.date(2024, 5, 3), ''))
    """
    word = text.strip()
    iso = re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T][\d:.+Z-]*)?", word)
    packed = re.fullmatch(r"((?:19|20)\d{2})(\d{2})(\d{2})", word)
    dots = re.fullmatch(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", word)
    slash = re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})", word)
    named = re.fullmatch(r"(\d{1,2})[-. ]+([A-Za-z]{3,9})[-., ]+(\d{4})", word)
    turned = re.fullmatch(r"([A-Za-z]{3,9})[-. ]+(\d{1,2})[-., ]+(\d{4})", word)
    try:
        for match in (iso, packed):
            if match:
                return date(int(match[1]), int(match[2]), int(match[3])), ""
        if dots:
            return date(int(dots[3]), int(dots[2]), int(dots[1])), "day.month.year"
        if slash:
            return _slashed(int(slash[1]), int(slash[2]), int(slash[3]), day_first)
        if named and _month(named[2]):
            return date(int(named[3]), _month(named[2]), int(named[1])), ""
        if turned and _month(turned[1]):
            return date(int(turned[3]), _month(turned[1]), int(turned[2])), ""
    except ValueError as error:
        if isinstance(error, WrongValueError):
            raise
        raise WrongValueError("there is no such day: write dates as 2024-05-31") from None
    if re.fullmatch(r"[34]\d{4}(?:\.0)?", word):
        day = date(1899, 12, 30) + timedelta(days=int(float(word)))
        raise WrongValueError(f"a spreadsheet's day number (perhaps {day}): write 2024-05-31")
    raise WrongValueError("write dates as 2024-05-31")


def _slashed(a: int, b: int, year: int, day_first: bool | None) -> tuple[date, str]:
    if a > 12 or (b <= 12 and day_first is True):
        return date(year, b, a), "day/month/year"
    if b > 12 or day_first is False:
        return date(year, a, b), "month/day/year"
    if a == b:
        return date(year, a, b), ""
    raise WrongValueError("day and month cannot be told apart: write dates as 2024-05-31")


def _month(word: str) -> int:
    low = word[:3].casefold()
    return _MONTHS.index(low) + 1 if low in _MONTHS else 0


def day_comes_first(texts: Sequence[str]) -> bool | None:
    """Which of two numbers is the day, where the column itself settles it."""
    parts = [re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-]\d{4}", t.strip()) for t in texts]
    first = any(p and int(p[1]) > 12 for p in parts)
    second = any(p and int(p[2]) > 12 for p in parts)
    return None if first == second else first


def read_flag(text: str) -> bool:
    """Read yes or no.

    Raises
    ------
    WrongValueError
        Another word.
    """
    word = text.strip().casefold()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise WrongValueError("write yes or no, or leave it empty for no")


def read_covariate(
    texts: Sequence[str | None], *, comma: bool
) -> tuple[list[float | None] | list[str | None], str]:
    """Numbers where all given values are plain numbers, else text; ids keep their zeros.

    Returns
    -------
    values, how
        One per cell, ``None`` where nothing is given, and what had to be understood.

    Raises
    ------
    WrongValueError
        Shares stand with and without a percent sign.

    Examples
    --------
    >>> read_covariate(["93.5%", None, "88 %"], comma=False)
    ([93.5, None, 88.0], 'percent')
    >>> read_covariate(["007", "012"], comma=False)
    (['007', '012'], '')
    """
    given = [t.strip() for t in texts if t is not None]
    percent = [t.endswith("%") for t in given]
    if any(percent):
        bare = [t.removesuffix("%").strip() for t in given]
        numbers = _numbers(bare, comma=comma)
        if numbers is not None and not all(percent):
            raise WrongValueError(
                "some shares have a percent sign, some have none: write all alike"
            )
        if numbers is not None:
            return _spread(texts, numbers[0]), "percent"
    numbers = _numbers(given, comma=comma)
    if numbers is None:
        return list(texts), ""
    return _spread(texts, numbers[0]), numbers[1]


def _numbers(texts: Sequence[str], *, comma: bool) -> tuple[list[float], str] | None:
    """All texts as numbers, unless one is an id: leading zeros, very long, or no number."""
    if any(re.match(r"^[-+]?0\d", t) or len(re.sub(r"\D", "", t)) > 15 for t in texts):
        return None
    if all(_PLAIN_NUMBER.fullmatch(t) for t in texts):
        return [float(t) for t in texts], ""
    try:
        read = [read_number(t, comma=comma) for t in texts]
    except WrongValueError:
        return None
    if any("," not in t and not _PLAIN_NUMBER.fullmatch(t) for t in texts):
        return None
    return [number for number, _ in read], "decimal comma"


def _spread(texts: Sequence[str | None], numbers: Sequence[float]) -> list[float | None]:
    values = iter(numbers)
    return [None if t is None else next(values) for t in texts]


def missing(text: str) -> bool:
    """Whether a cell stands for no value; an error of a spreadsheet does not."""
    return is_missing(text) and text.strip().upper() not in SPREADSHEET_ERRORS


def spreadsheet_error(text: str) -> bool:
    """Whether a cell shows an error of a spreadsheet.

    Examples
    --------
    >>> spreadsheet_error("#REF!"), spreadsheet_error("#3")
    (True, False)
    """
    word = text.strip()
    return word.upper() in SPREADSHEET_ERRORS


def as_day(value: object) -> str:
    """Text of a date of a spreadsheet, with its time only where it has one."""
    if isinstance(value, datetime):
        plain = value.time().isoformat() == "00:00:00"
        return value.date().isoformat() if plain else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)
