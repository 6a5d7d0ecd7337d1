"""Gene names that a spreadsheet turned into dates, put back where that can be told."""

import re

from imscope.core import codes
from imscope.io.notice import Notice, first_few

_MONTH_FIRST = re.compile(r"(?i)^(mar|sep|dec|oct|feb|apr|nov)[-/ ]0?(\d{1,2})$")
_DAY_FIRST = re.compile(r"(?i)^0?(\d{1,2})[-/ ](mar|sep|dec|oct|feb|apr|nov)$")
_ISO = re.compile(r"^\d{4}-(\d{2})-(\d{2})(?: 00:00:00)?$")
_MONTHS = {2: "feb", 3: "mar", 4: "apr", 9: "sep", 10: "oct", 11: "nov", 12: "dec"}
_FAMILY = {"sep": "SEPTIN{}", "mar": "MARCHF{}", "dec": "DELEC{}"}
_OLD = {"sep": ("SEPT",), "mar": ("MARCH", "MARC"), "dec": ("DEC",)}
_PRESENT = {"MARC": "MTARC{}", "MARCH": "MARCHF{}", "SEPT": "SEPTIN{}", "DEC": "DELEC{}"}


def mend_excel(guides: list[str], genes: list[str]) -> tuple[list[str], list[Notice]]:
    """Put back genes that became dates.

    Parameters
    ----------
    guides, genes
        Names, one pair per line. The name of the guide tells the gene where it contains it.

    Returns
    -------
    genes, notices
        March 1 and 2 are MARCH1, MARCH2 or MARC1, MARC2: without the guide's name they cannot be
        told apart and stay as they are.

    Examples
    --------
    >>> mend_excel(["s1", "MARC1_2", "s3"], ["7-Sep", "1-Mar", "1-Mar"])[0]
    ['SEPTIN7', 'MTARC1', '1-Mar']
    """
    back: dict[str, str] = {}
    open_: list[str] = []
    out = list(genes)
    for k, (guide, gene) in enumerate(zip(guides, genes, strict=True)):
        date = _date(gene) if gene[:1].isdigit() or "-" in gene or "/" in gene else None
        if date is None:
            continue
        name = _gene_of(guide, *date)
        if name is None:
            open_.append(gene)
        else:
            out[k] = back[gene] = name
    notices = []
    if back:
        pairs = [f"{a} to {b}" for a, b in sorted(back.items())]
        notices.append(Notice(codes.W_SCREEN_EXCEL, f"dates put back: {first_few(pairs, 5)}"))
    if open_:
        words = f"dates that may be two genes stay as they are: {first_few(sorted(set(open_)))}"
        notices.append(Notice(codes.W_SCREEN_EXCEL, words))
    return out, notices


def _date(text: str) -> tuple[str, int] | None:
    if found := _MONTH_FIRST.match(text):
        return found[1].lower(), int(found[2])
    if found := _DAY_FIRST.match(text):
        return found[2].lower(), int(found[1])
    if found := _ISO.match(text):
        month = _MONTHS.get(int(found[1]))
        return None if month is None else (month, int(found[2]))
    return None


def _gene_of(guide: str, month: str, day: int) -> str | None:
    for old in _OLD.get(month, ()):
        if re.search(rf"(?i)(^|[^A-Z0-9]){old}{day}([^0-9]|$)", guide):
            return _PRESENT[old].format(day)
    if month == "mar" and day <= 2:
        return None
    return _FAMILY[month].format(day) if month in _FAMILY else None
