"""Words for kinds and tissues of cells: which source class they mean, and which tissue."""

import re
from typing import Final

TISSUES: Final[dict[str, tuple[str, ...]]] = {
    "bone_marrow": ("bm", "bone marrow", "marrow", "bonemarrow", "bone marrow aspirate",
                    "iliac crest", "knochenmark"),
    "adipose": ("ad", "at", "adipose", "adipose tissue", "adipose derived", "fat", "lipoaspirate",
                "adipose derived stromal", "subcutaneous fat", "svf", "fettgewebe"),
    "umbilical_cord": ("uc", "umbilical cord", "cord", "cord tissue", "uct", "umbilical",
                       "umbilical cord tissue", "nabelschnur"),
    "whartons_jelly": ("wj", "wharton s jelly", "whartons jelly", "wharton jelly"),
    "cord_blood": ("ucb", "cb", "cord blood", "umbilical cord blood"),
    "placenta": ("pl", "placenta", "placental", "chorion", "chorionic villi", "decidua"),
    "amnion": ("am", "amnion", "amniotic membrane", "amniotic"),
    "amniotic_fluid": ("af", "amniotic fluid"),
    "dental_pulp": ("dp", "dental pulp", "pulp", "shed"),
    "periodontal_ligament": ("pdl", "periodontal ligament"),
    "gingiva": ("gingiva", "gingival"),
    "synovium": ("sm", "synovium", "synovial", "synovial membrane"),
    "skin": ("skin", "dermis", "dermal", "foreskin"),
    "endometrium": ("endometrium", "endometrial", "menstrual blood"),
    "muscle": ("muscle", "skeletal muscle"),
    "periosteum": ("periosteum", "periosteal"),
    "cartilage": ("cartilage",),
    "lung": ("lung",),
    "peripheral_blood": ("pb", "peripheral blood"),
    "iPSC": ("ipsc", "ips", "hipsc", "induced pluripotent", "ipsc derived", "hipsc derived",
             "induced pluripotent stem cell", "induced pluripotent stem cells"),
}  # fmt: skip
"""Tissue as it is written in every table, and the usual words for it."""

_TISSUE_OF: Final = {word: tissue for tissue, words in TISSUES.items() for word in words}
_MESENCHYMAL: Final = r"(?:mscs?|mesenchymal (?:stem|stromal)(?: cells?)?)"
_STROMAL: Final = rf"(?:{_MESENCHYMAL}|(?:stem|stromal) cells?|stromal)"
_SHORT: Final = {
    "asc": "adipose", "adsc": "adipose", "adscs": "adipose", "ascs": "adipose",
    "bmsc": "bone_marrow", "bmscs": "bone_marrow", "dpsc": "dental_pulp", "dpscs": "dental_pulp",
    "pdlsc": "periodontal_ligament", "pdlscs": "periodontal_ligament",
    "wjsc": "whartons_jelly", "scap": "dental_pulp", "shed": "dental_pulp",
}  # fmt: skip
"""One-word names of primary cells whose tissue is part of the name."""
_IPSC: Final = r"(?:h?ipscs?|hips|ips|induced pluripotent(?: stem)?(?: cells?)?)"
_INDUCED: Final = re.compile(
    rf"^(?:h?i ?mscs?|{_IPSC} (?:derived )?{_STROMAL}"
    rf"|{_STROMAL} (?:from|of|derived from) {_IPSC}|induced {_STROMAL}"
    rf"|pluripotent derived {_STROMAL})$"
)
_PLURIPOTENT: Final = re.compile(rf"^(?:human )?{_IPSC}(?: line)?$")
_PLAIN: Final = {
    "primary": "primary_MSC",
    "reference": "reference_line",
    "cell line": "reference_line",
    "control line": "reference_line",
    "progenitor": "intermediate",
    "progenitors": "intermediate",
    "neural crest": "intermediate",
    "mesoderm": "intermediate",
}


def plain_word(text: str) -> str:
    """Put a word of a table into the form in which words are compared.

    Examples
    --------
    >>> plain_word(" Wharton\u2019s-jelly "), plain_word("PDL (cum.)"), plain_word("Lot #")
    ('wharton s jelly', 'pdl cum', 'lot')
    """
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def tissue_of(text: str) -> str | None:
    """Tissue that a word means, as it is written in every table; nothing if it is not known.

    Examples
    --------
    >>> tissue_of("BM"), tissue_of("Wharton's jelly"), tissue_of("umbilical cord"), tissue_of("x")
    ('bone_marrow', 'whartons_jelly', 'umbilical_cord', None)
    """
    word = plain_word(text)
    return _TISSUE_OF.get(word) or _TISSUE_OF.get(word.removeprefix("human "))


def source_of(text: str) -> tuple[str, str | None] | None:
    """Source class that a word means, and the tissue it names; nothing if it is not known.

    Words for primary cells (`MSC`, `BM-MSC`, `hMSC`) never mean cells made from iPSC.

    Examples
    --------
    >>> source_of("BM-MSC"), source_of("hMSC"), source_of("UC MSCs")
    (('primary_MSC', 'bone_marrow'), ('primary_MSC', None), ('primary_MSC', 'umbilical_cord'))
    >>> source_of("iPSC-derived MSC"), source_of("hiPSC"), source_of("fibroblast")
    (('iMSC', None), ('iPSC', None), None)
    """
    word = plain_word(text)
    if _INDUCED.match(word):
        return "iMSC", None
    if _PLURIPOTENT.match(word):
        return "iPSC", None
    if word in _PLAIN:
        return _PLAIN[word], None
    rest = re.sub(r"^(?:human|primary|adult|native|tissue|h)\s+", "", word)
    rest = re.sub(r"^(?:primary|human)\s+", "", rest)
    for bare in dict.fromkeys((rest, rest.removeprefix("h"))):
        if bare in _SHORT:
            return "primary_MSC", _SHORT[bare]
        if re.fullmatch(_MESENCHYMAL, bare):
            return "primary_MSC", None
        found = _stromal_of_tissue(bare)
        if found is not None:
            return "primary_MSC", found
    return None


def _stromal_of_tissue(word: str) -> str | None:
    """Tissue of `bm msc`, `msc bm`, `bmmsc`, `msc from bone marrow`."""
    head = re.fullmatch(rf"(.+?)(?: derived)?(?: primary)? ?{_STROMAL}", word)
    tail = re.fullmatch(rf"{_STROMAL} (?:from |of |derived from )?(.+)", word)
    for match in (head, tail):
        tissue = match and _TISSUE_OF.get(match[1].removesuffix(" derived"))
        if tissue and tissue != "iPSC":
            return tissue
    return None
