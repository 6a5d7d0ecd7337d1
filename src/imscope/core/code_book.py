"""What a code is, and the book in which each is written once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One documented code."""

    code: str
    meaning: str
    fix: str


CODES: dict[str, Code] = {}


def declare(code: str, meaning: str, fix: str) -> str:
    """Register a code and return it; a code is declared exactly once.

    Examples
    --------
    >>> from imscope.core import codes
    >>> codes.CONFIG_KEY in CODES
    True
    """
    if code in CODES:
        raise RuntimeError(f"code {code} is declared twice")
    CODES[code] = Code(code, meaning, fix)
    return code
