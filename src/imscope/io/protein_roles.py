"""What a column of antibody counts is: an antigen, an isotype control, a hashtag or a spike."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.names import did_you_mean

Role = Literal["antigen", "isotype", "hashtag", "spike"]
ROLES: Final = ("antigen", "isotype", "hashtag", "spike")

_HASHTAG: Final = re.compile(
    r"(?:^|[^a-z])(?:hash(?:tag)?s?[-_ .]?(?:antibody)?[-_ .]?\w*|hto[-_ .]?\w*|cmo[-_ .]?\d+\w*|"
    r"sample[-_ ]?tag[-_ ]?\w*|multi[-_ ]?seq[-_ ]?\w*|lmo[-_ .]?\d+|bar\d{1,2}|"
    r"totalseq[-_]?[abc]?[-_ ]?(?:hash\w*|025\d\w*|030\d\w*|045\d\w*))|\|stabo",
    re.IGNORECASE,
)
_ISOTYPE: Final = re.compile(
    r"isotype|iso[-_ ]?(?:ctrl|control)|negative[-_ ]?control[-_ ]?(?:antibody|mab)"
    r"|(?:mouse|rat|hamster|ms|rt|m|r)[-_ ]*ig[gm][-_ ]?[\dabk]*"
    r"|(?:^|[-_ ])igg[-_ ]?[1234]?[abc]?(?:[-_ ]?(?:k|kappa|lambda|\u03ba|\u03bb))?"
    r"(?:[-_ ]?(?:ctrl|control).*)?$|(?:^|[-_ ])igm[-_ ]?(?:k|kappa|\u03ba|ctrl|control)",
    re.IGNORECASE,
)
_SPIKE: Final = re.compile(
    r"(?:^|[-_ ])(?:spike(?:[-_ ]?in)?\w*|drosophila\w*|h2av|beads?|ercc[-_]?\w*|unmapped"
    r"|no[-_ ]?match|total)(?:$|[-_ ])",
    re.IGNORECASE,
)
_TYPED: Final = re.compile(
    r"\|pabo$|_pabo$|\|ahs\d+|\|stabo$|^sampletag\d+|^(?:adt|ab|abseq|prot|protein|cite)[-_:]\S"
    r"|[-_]totalseq[-_]?[abcd]?$|^totalseq[-_]?[abcd]|^(?:hto|hashtag|hash[-_]tag)[-_ .]?\w*\d\w*$"
    r"|^(?:cmo|lmo)[-_.]?\d{2,}$",
    re.IGNORECASE,
)


def protein_role(name: str) -> Role:
    """Role of one column of antibody counts, by its name.

    Examples
    --------
    >>> [protein_role(n) for n in ("CD105", "Hashtag_1", "HTO-B0251", "Mouse IgG1k", "IgG1")]
    ['antigen', 'hashtag', 'hashtag', 'isotype', 'isotype']
    """
    bare = name.strip()
    if _HASHTAG.search(bare):
        return "hashtag"
    if _ISOTYPE.search(bare):
        return "isotype"
    return "spike" if _SPIKE.search(bare) else "antigen"


def protein_roles(names: Sequence[str], given: Mapping[str, str] | None = None) -> list[Role]:
    """One role per column, from a user's table where it names the column, else from the name.

    Parameters
    ----------
    names
        Names of the columns.
    given
        Name of a column to its role.

    Raises
    ------
    DataError
        The table names a column that is not there, or a role that is none.

    Examples
    --------
    >>> protein_roles(["CD73", "x1"], {"x1": "hashtag"})
    ['antigen', 'hashtag']
    """
    table = dict(given or {})
    for name, role in table.items():
        if role not in ROLES or name not in names:
            wrong, known = (role, ROLES) if role not in ROLES else (name, tuple(names))
            raise DataError(
                f"the roles of proteins name {wrong!r}",
                found=f"{name}: {role}",
                fix=did_you_mean(wrong, known, f"use one of {', '.join(known[:12])}"),
                code=codes.PROTEIN_ROLE,
            )
    return [table.get(n, protein_role(n)) for n in names]  # type: ignore[misc]


def type_by_name(name: str) -> str | None:
    """Type of a feature that no table gives a type, where its name leaves no doubt.

    Examples
    --------
    >>> type_by_name("CD105|ENG|AHS0053|pAbO"), type_by_name("ADT_CD73"), type_by_name("NT5E")
    ('Antibody Capture', 'Antibody Capture', None)
    """
    return "Antibody Capture" if _TYPED.search(name) else None


def antigen_name(name: str) -> str:
    """Name of an antigen without what a maker puts around it.

    Examples
    --------
    >>> antigen_name("CD105|ENG|AHS0053|pAbO"), antigen_name("CD73_TotalSeqB"), antigen_name("CD90")
    ('CD105', 'CD73', 'CD90')
    """
    bare = name.split("|")[0] if "|" in name else name
    bare = re.sub(r"[-_ ]totalseq[-_]?[abcd]?$", "", bare, flags=re.IGNORECASE)
    bare = re.sub(r"^(?:adt|ab|abseq|prot|protein|cite)[-_:]", "", bare, flags=re.IGNORECASE)
    return bare or name
