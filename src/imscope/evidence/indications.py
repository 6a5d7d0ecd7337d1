"""Indications: which programmes matter, by weight, and the wet assays that must back them."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from pydantic import Field

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.evidence.epitopes import spelling
from imscope.evidence.records import Strict, Text

NO_VALIDATION = "no clinical validation"
"""The label every panel carries."""


class _Entry(Strict):
    name: Text
    aliases: tuple[Text, ...] = ()
    what: Text
    weights: dict[str, float] = Field(min_length=1)
    assays: tuple[Text, ...] = Field(min_length=1)
    records: tuple[Text, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Indication:
    """What a lot should hold to suit an indication.

    Attributes
    ----------
    name, aliases, what
        Stable name, other names, and the disease in words.
    weights
        Programme to weight; absolute weights add up to 1, a negative one counts against.
        Our own choice.
    assays
        Wet assays the panel must be backed by.
    records
        Ids of records of evidence to read with it.
    label
        What has to be printed beside every score.
    note
        When the panel misleads.
    """

    name: str
    aliases: tuple[str, ...]
    what: str
    weights: Mapping[str, float]
    assays: tuple[str, ...]
    records: tuple[str, ...]
    label: str
    note: str


@lru_cache(maxsize=1)
def all_indications() -> Mapping[str, Indication]:
    """Every registered indication by name.

    Examples
    --------
    >>> list(all_indications())[:2]
    ['immunomodulation', 'angiogenesis']
    """
    import yaml

    text = (files("imscope.evidence") / "data" / "indications.yaml").read_text(encoding="utf-8")
    entries = [_Entry.model_validate(row) for row in yaml.safe_load(text)["indications"]]
    return MappingProxyType({e.name: _indication(e) for e in entries})


def _indication(entry: _Entry) -> Indication:
    total = sum(abs(w) for w in entry.weights.values())
    return Indication(
        name=entry.name,
        aliases=entry.aliases,
        what=entry.what,
        weights=MappingProxyType({p: w / total for p, w in entry.weights.items()}),
        assays=entry.assays,
        records=entry.records,
        label=NO_VALIDATION,
        note=entry.note,
    )


def find_indication(name: str) -> Indication:
    """Find an indication by name or alias, in any spelling.

    Parameters
    ----------
    name
        Such as ``immunomodulation``, ``GVHD``, ``OA``.

    Raises
    ------
    UsageError
        No indication has this name.

    Examples
    --------
    >>> find_indication("gvhd").assays[0]
    'T-cell suppression by licensed cells'
    """
    known = {spelling(n): i for i in all_indications().values() for n in (i.name, *i.aliases)}
    found = known.get(spelling(name))
    if found is None:
        near = difflib.get_close_matches(spelling(name), list(known), n=1)
        raise UsageError(
            f"no indication is called {name!r}",
            found=f"nearest: {known[near[0]].name}" if near else "no near name",
            fix=f"use one of: {', '.join(all_indications())}",
            code=codes.EVIDENCE_INDICATION,
        )
    return found


def indication_panel(name: str) -> Mapping[str, float]:
    """Weights of the programmes that matter for an indication.

    Parameters
    ----------
    name
        Name or alias of the indication.

    Returns
    -------
    weights
        Programme to weight, read-only. Absolute weights add up to 1; a negative weight means that
        the programme counts against the lot.

    Raises
    ------
    UsageError
        No indication has this name.

    Notes
    -----
    The weights are our own choice and have no clinical validation: print
    :attr:`Indication.label` and :attr:`Indication.assays` beside every score made with them.

    Examples
    --------
    >>> panel = indication_panel("GVHD")
    >>> panel["immunomodulation"], panel["immunogenicity"]
    (0.5, -0.125)
    """
    return find_indication(name).weights
