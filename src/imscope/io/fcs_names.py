"""Antigens in the labels of flow and mass cytometry: without dye, metal, clone and species."""

import re

_DYES = (
    r"(?:FITC|AF[\s-]?\d{3}|Alexa(?:[\s-]?Fluor)?[\s-]?\d{3}|A\d{3}|"
    r"APC(?:[\s-]?(?:Cy\.?\s?[57](?:\.5)?|H7|R700|(?:e?Fluor|eF)\s?\d{3}|Fire\s?\d{3}|Vio\s?\d{3}|"
    r"Alexa\s?\d{3}|A\d{3}))?|"
    r"PE(?:[\s-]?(?:Cy\.?\s?5(?:[.-]?5)?|Cy\.?\s?7|CF594|Dazzle\s?594|TR|Texas[\s-]?Red|Vio\s?\d{3}|"
    r"(?:e?Fluor|eF)\s?\d{3}|Fire\s?\d{3}))?|P[CE](?:5\.5|5|7)|ECD|"
    r"PerCP(?:[\s-]?(?:Cy\.?\s?5(?:[.-]?5)?|Vio\s?\d{3}|(?:e?Fluor|eF)\s?\d{3}))?|"
    r"B[UV]V?\s?\d{3}|Brilliant[\s-]?(?:Violet|Ultra[\s-]?Violet|Blue)[\s-]?\d{3}|BB\d{3}|"
    r"R[BY]\d{3}|RealBlue\s?\d{3}|SB\d{3}|Super\s?Bright\s?\d{3}|eF(?:luor)?[\s-]?\d{3}|"
    r"Pacific[\s-]?(?:Blue|Orange)|PacB|PB|V\d{3}|VioBlue|VioGreen|Vio\s?\d{3}|Vio[\s-]?Bright[\s-]?\w+|"
    r"Qdot[\s-]?\d{3}|QD\d{3}|Cy\.?[357](?:\.5)?|Spark[\s-]?\w+[\s-]?\d{3}|NovaFluor[\s-]?\w+|"
    r"DyLight\s?\d{3}|StarBright\s?\w+\s?\d{3}|cFluor\s?\w+|Krome[\s-]?Orange|KrO|"
    r"L/D\s?\w+|FVS\d{3}|Zombie\s?\w+)"
)
_METAL = (
    r"(?:\d{2,3}(?:Y|In|La|Ce|Pr|Nd|Sm|Eu|Gd|Tb|Dy|Ho|Er|Tm|Yb|Lu|Pt|Bi|Cd|Pd|Rh|Ir|I|Xe|Ba)(?:Di)?|"
    r"\(?(?:Y|In|La|Ce|Pr|Nd|Sm|Eu|Gd|Tb|Dy|Ho|Er|Tm|Yb|Lu|Pt|Bi|Cd|Pd|Rh|Ir)\d{2,3}\)?(?:Di)?)"
)
_DYE = re.compile(_DYES, re.IGNORECASE)
_DYE_TAIL = re.compile(r"[\s_-]+" + _DYES + r"$", re.IGNORECASE)
_DYE_HEAD = re.compile(r"^" + _DYES + r"[\s_-]+(?=\S)", re.IGNORECASE)
_METAL_ALONE = re.compile(_METAL)
_METAL_TAIL = re.compile(r"\(?" + _METAL + r"\)?(?:Di)?$")
_PULSE = re.compile(r"(?<=\w)-[AHW]$")
_SPECIES = re.compile(
    r"(?:anti|human|mouse|rat|hu|hum|mu|ms|mAb|pAb|antibody|ab)"
    r"(?:[\s-]+(?:human|mouse|rat|hu|hum|mu|ms))?",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:anti[\s-]*)(?:(?:human|mouse|rat|hu|ms)[\s-]+)?", re.IGNORECASE)
_CLONE = re.compile(r"\(?(?:clone|cl\.?)\s*[:#]?\s*[\w./-]+\)?", re.IGNORECASE)
_CLUSTER = re.compile(
    r"CD\d+[A-Za-z]{0,4}(?:[./]\d+)?|HLA[\s-]?\w+|[A-Z]{2,4}[\s-]?A-?\d", re.IGNORECASE
)
_ALSO = re.compile(r"^(CD\d+[a-z]?)/[A-Za-z]\w+$")
"""A gene name behind the antigen."""
_CODE = re.compile(r"(?=[^\s]*\d)[A-Za-z0-9][\w./-]*")
"""Names of clones hold a digit: 5E10, AD2, RPA-T4, 266."""


def marker_of(label: str) -> str:
    """Antigen in a stain's label: what is left without dye, metal, clone and species.

    Parameters
    ----------
    label
        Text of `$PnS`, such as ``BV785 - CD3``, ``89Y_CD45`` or ``anti-human CD105 FITC``.

    Returns
    -------
    marker
        The antigen; empty when the label is.

    Examples
    --------
    >>> [marker_of(x) for x in ("BV785 - CD3", "CD45RA-PE", "CD3 FITC", "PE-Cy7 - CCR7", "HLA-DR")]
    ['CD3', 'CD45RA', 'CD3', 'CCR7', 'HLA-DR']
    >>> [marker_of(x) for x in ("89Y_CD45", "CD105_BV421-A", "anti-human CD105 FITC", "CD73 (AD2)")]
    ['CD45', 'CD105', 'CD105', 'CD73']
    """
    text = " ".join(label.split())
    if re.match(r"(?:FSC|SSC|FS|SS)\b", text, re.IGNORECASE):
        return text
    plain = _CLONE.sub(" ", _PULSE.sub("", text)).strip() or text
    plain = _PREFIX.sub("", plain) or plain
    parts = _parts(plain)
    kept = [p for p in parts if not (_DYE.fullmatch(p) or _METAL_ALONE.fullmatch(p))]
    kept = [p for p in kept if not _SPECIES.fullmatch(p)] or kept
    kept = [q for q in (_bare(p) for p in kept) if q] or kept
    if not kept:
        return text
    clusters = [k for k, p in enumerate(kept) if _CLUSTER.fullmatch(p)]
    if len(clusters) == 1:  # beside an antigen, a word with a digit is the name of a clone
        here = kept[clusters[0]]
        kept = [p for p in kept if p == here or not _CODE.fullmatch(p.strip("()[]"))]
    out = " ".join(p for p in kept if not (p.startswith("(") and len(kept) > 1))
    return out.strip() or text


def _parts(text: str) -> list[str]:
    parts = [p.strip() for p in re.split(r"\s+-\s+|\s*[:_|;,]\s*", text) if p.strip()]
    out: list[str] = []
    for part in parts:
        if _DYE.fullmatch(part):
            out.append(part)
            continue
        part = _DYE_TAIL.sub("", part)
        part = _DYE_HEAD.sub("", part)
        out += part.split()
    return out


def _bare(part: str) -> str:
    """Take off what hangs on a word: dye, metal, letter of the pulse."""
    for _ in range(3):
        before = part
        part = _PULSE.sub("", part)
        part = _ALSO.sub(r"\1", part)
        part = _DYE_TAIL.sub("", part) or part
        if _CLUSTER.match(part):
            part = _METAL_TAIL.sub("", part).rstrip("_-(") or part
        if part == before:
            break
    return "" if _DYE.fullmatch(part) or _METAL_ALONE.fullmatch(part) else part
