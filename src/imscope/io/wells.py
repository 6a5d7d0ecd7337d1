"""Wells and their roles."""

import re
from pathlib import Path

from imscope.core import codes
from imscope.core.errors import DataError

ROLES = (
    "sample",
    "negative",
    "positive",
    "patient_vehicle",
    "corrected_vehicle",
    "toxic",
    "empty",
    "other",
)
FORMATS = ((4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of 24-, 48-, 96-, 384- and 1,536-well plates."""
_WELL = re.compile(r"^([A-Za-z]{1,2})[ _-]?0*(\d{1,2})$")
_WORDS = {
    "sample": ("sample", "compound", "", "nan", "none", "trt", "treated"),
    "negative": (
        "negative",
        "neg",
        "dmso",
        "vehicle",
        "negcon",
        "neg_control",
        "untreated",
        "negative_control",
        "control_negative",
    ),
    "positive": (
        "positive",
        "pos",
        "poscon",
        "pos_control",
        "positive_control",
        "control_positive",
    ),
    "patient_vehicle": ("patient_vehicle", "patient_dmso", "disease_vehicle", "patient_control"),
    "corrected_vehicle": (
        "corrected_vehicle",
        "corrected_dmso",
        "isogenic_vehicle",
        "healthy_vehicle",
        "corrected_control",
    ),
    "toxic": ("toxic", "toxic_control", "patient_toxic_control", "kill", "patient_toxic"),
    "empty": ("empty", "blank", "unused"),
    "other": ("other", "contaminated", "contamination"),
}
_ROLE = {word: role for role, words in _WORDS.items() for word in words}


def role_of(text: str) -> str:
    """Role of a well from the word a file uses for it.

    Raises
    ------
    DataError
        The word is not known.

    Examples
    --------
    >>> role_of("DMSO"), role_of("pos"), role_of("")
    ('negative', 'positive', 'sample')
    """
    role = _ROLE.get(text.strip().lower())
    if role is None:
        raise DataError(
            f"the role {text!r} of a well is not known",
            fix=f"use {', '.join(ROLES)}",
            code=codes.PLATE_ROLE,
        )
    return role


def parse_wells(
    names: list[str], path: object = "the table"
) -> tuple[list[str], list[int], list[int]]:
    """Wells as ``A01`` with row and column from 1; all must fit one plate format.

    Raises
    ------
    DataError
        A name is not a well, or lies outside 1,536 wells.

    Examples
    --------
    >>> parse_wells(["a1", "P24", "AF48"])
    (['A01', 'P24', 'AF48'], [1, 16, 32], [1, 24, 48])
    """
    rows, columns, out = [], [], []
    made: dict[str, tuple[str, int, int]] = {}
    for name in names:
        if name not in made:
            found = _WELL.match(name.strip())
            row = 0
            if found:
                for letter in found[1].upper():
                    row = 26 * row + ord(letter) - 64
            column = int(found[2]) if found else 0
            if not (1 <= row <= FORMATS[-1][0] and 1 <= column <= FORMATS[-1][1]):
                raise DataError(
                    f"{Path(str(path)).name}: {name!r} is not a well",
                    fix="A01 to P24, or AF48",
                    code=codes.PLATE_WELL,
                )
            made[name] = (f"{found[1].upper() if found else ''}{column:02d}", row, column)
        well, row, column = made[name]
        out.append(well)
        rows.append(row)
        columns.append(column)
    return out, rows, columns


def plate_format(rows: list[int], columns: list[int]) -> tuple[int, int]:
    """Smallest usual plate that holds these wells.

    Examples
    --------
    >>> plate_format([1, 9], [1, 12])
    (16, 24)
    """
    r, c = max(rows), max(columns)
    return next(f for f in FORMATS if r <= f[0] and c <= f[1])
