"""Headers of a sample sheet: which column each one means, however it is written."""

import re
from dataclasses import dataclass, field
from typing import Final

from imscope.core import codes
from imscope.core.schema import DESIGN_FACTORS
from imscope.core.sources import plain_word
from imscope.io.notice import Notice, first_few

PATHS: Final = ("path", "raw_path", "sample_key", "select")
COLUMNS: Final = ("sample", *PATHS, *DESIGN_FACTORS)
"""Every column of a sample sheet that imscope knows by name."""

_WORDS: Final[dict[str, str]] = {
    "sample": "sample id|sample name|sampleid|samplename|sample no|sample number|probe|proben id",
    "path": "file path|filepath|matrix|matrix path|count matrix|counts|counts path|data path"
    "|matrix file|path to matrix|path to counts|h5|h5ad|h5 path|location|pfad",
    "raw_path": "raw|raw matrix|raw file|raw h5|unfiltered|unfiltered path|unfiltered matrix"
    "|raw counts path",
    "sample_key": "samplekey|sample column|obs column",
    "select": "selection|cell selection|cells",
    "source_class": "class|cell type|celltype|cell class|cell source|source|source type"
    "|type of cell|type of cells|product type|cell product|zelltyp",
    "source_tissue": "tissue|tissue source|tissue of origin|tissue origin|tissue type|origin"
    "|source of tissue|gewebe",
    "donor": "donor id|donor no|donor number|donor name|donor code|donors|donorid|subject"
    "|subject id|patient|patient id|individual|participant|donor line|spender",
    "line": "lines|line id|ipsc line|hipsc line|ips line|cell line|parental line|line name"
    "|ipsc line id|zelllinie",
    "clone": "clones|clone id|clone no|clone number|clone name|subclone|ipsc clone|cloneid|klon",
    "lot": "lots|lot id|lot no|lot nr|lot number|lot name|lotid|lotnumber|product lot"
    "|manufacturing lot|charge|chargen nr|charge nr|los",
    "batch": "batches|batch id|batch no|batch nr|batch number|batch name|batchid|run|run id"
    "|sequencing batch|sequencing run|seq run|seq batch|library batch",
    "passage": "passages|passage no|passage nr|passage number|passage at harvest|p no|p nr"
    "|passagenumber|passageno|passage level|culture passage",
    "population_doublings": "pd|pds|pdl|pdls|cpd|cpds|cpdl|cum pd|cum pdl|pd cum|pdl cum"
    "|pdl cumulative|pd cumulative|cumulative pd|cumulative pds|cumulative pdl|doublings"
    "|population doubling|population doubling level|population doubling levels"
    "|cumulative population doublings|cumulative population doubling|cumulative doublings"
    "|cumulative population doubling level|cum population doublings",
    "day": "days|day of differentiation|differentiation day|culture day|day in culture"
    "|days in culture|day of culture|timepoint day|day no|tag",
    "condition": "conditions|treatment|treatments|treatment group|arm|experimental condition"
    "|culture condition|bedingung",
    "platform": "chemistry|assay|technology|platforms|library chemistry|library prep|library kit"
    "|single cell platform|plattform",
    "library": "libraries|library id|library name|lib|lib id|libraryid",
    "is_reference": "reference|is ref|ref|reference sample|isreference|is reference sample",
    "pair": "pairs|pair id|paired with|matched pair|pairing",
    "sex": "gender|donor sex|donor gender|sex of donor|geschlecht",
    "donor_age": "age|age years|donor age years|age of donor|age in years|age y|donor age y|alter",
    "collected_at": "collection date|date collected|date of collection|harvest date"
    "|date of harvest|sampling date|harvested at|harvested on|collected on",
    "operator": "technician|operator id|operator name|performed by|handled by|bediener",
}
SYNONYMS: Final = {w: column for column, words in _WORDS.items() for w in words.split("|")}
"""What other people call the columns, in the form of :func:`imscope.core.sources.plain_word`."""

_KNOWN: Final = {plain_word(c): c for c in COLUMNS} | SYNONYMS
_TYPED: Final = {w: c for w, c in _KNOWN.items() if len(w) >= 5 and c not in ("select", "path")}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a sheet.

    Attributes
    ----------
    code
        An ``E-SHEET`` code of :mod:`imscope.core.codes`.
    problem, found, fix
        What is wrong, what was seen and where, what to do.
    """

    code: str
    problem: str
    found: str = ""
    fix: str = ""


@dataclass
class Header:
    """Names of the columns as imscope uses them, with what must be told.

    Attributes
    ----------
    names
        One per column of the sheet.
    notices
        Which headers were taken for which columns.
    faults
        What is wrong with the header.
    """

    names: list[str]
    notices: list[Notice] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def column_of(header: str) -> str | None:
    """Column that a header means; nothing if it is a covariate.

    Examples
    --------
    >>> column_of("Lot #"), column_of("PDL (cum.)"), column_of("Cell type "), column_of("medium")
    ('lot', 'population_doublings', 'source_class', None)
    """
    return _KNOWN.get(plain_word(header))


def misspelt_column(header: str) -> str | None:
    """Column that a header misses by a slip of the keys.

    Examples
    --------
    >>> misspelt_column("pasage"), misspelt_column("popluation_doublings"), misspelt_column("plate")
    ('passage', 'population_doublings', None)
    """
    word = plain_word(header)
    if len(word) < 4 or word in _KNOWN:
        return None
    for known, column in _TYPED.items():
        allowed = 2 if len(known) >= 9 else 1
        if abs(len(known) - len(word)) <= allowed and _slips(word, known, allowed) <= allowed:
            return column
    return None


def _slips(a: str, b: str, limit: int) -> int:
    """Edits between two words, a swap of neighbours being one."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, start=1):
        row = [i]
        for j, y in enumerate(b, start=1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        if min(row) > limit:
            return limit + 1
        rows.append(row)
    return rows[-1][-1]


def read_header(cells: list[str]) -> Header:
    """Give every header its column; what is ambiguous, doubled or misspelt is a fault.

    Examples
    --------
    >>> read_header(["Sample ID", "path", "Lot #", "medium"]).names
    ['sample', 'path', 'lot', 'medium']
    """
    found = Header(list(cells))
    exact = {c for c in cells if c in COLUMNS}
    meant: dict[str, list[int]] = {}
    for k, cell in enumerate(cells):
        if cell in COLUMNS:
            continue
        column = column_of(cell)
        if column is not None:
            meant.setdefault(column, []).append(k)
    if "sample" not in exact and "sample" not in meant and len(meant.get("library", ())) == 1:
        meant["sample"] = meant.pop("library")  # a list of libraries without any other name
    _map_synonyms(found, cells, exact, meant)
    for k, cell in enumerate(cells):
        slip = misspelt_column(cell) if found.names[k] == cell and cell not in COLUMNS else None
        if slip and slip not in found.names:
            found.faults.append(
                Fault(
                    codes.SHEET_COLUMN,
                    f"column {cell!r} is nearly {slip!r}",
                    f"column {k + 1} of the header",
                    f"rename {cell!r} to {slip!r}, or give it quite another name",
                )
            )
    _check(found, cells)
    return found


def _map_synonyms(
    found: Header, cells: list[str], exact: set[str], meant: dict[str, list[int]]
) -> None:
    taken = []
    for column, places in meant.items():
        same = [k for k in places if plain_word(cells[k]) == plain_word(column)]
        if column in exact and not same:  # the column is there; the other is a covariate
            found.notices.append(
                Notice(
                    codes.W_SHEET_COLUMNS,
                    f"{first_few([cells[k] for k in places])} could also mean {column!r}, which "
                    "the sheet has; kept as covariate",
                )
            )
        elif column in exact or len(places) > 1:
            shown = [*([column] if column in exact else []), *(cells[k] for k in places)]
            found.faults.append(
                Fault(
                    codes.SHEET_COLUMN,
                    f"{len(shown)} columns mean {column!r}",
                    ", ".join(map(repr, shown)),
                    f"keep one of them under the name {column!r}",
                )
            )
        else:
            found.names[places[0]] = column
            taken.append(f"{cells[places[0]]!r} as {column}")
    if taken:
        found.notices.append(
            Notice(
                codes.W_SHEET_COLUMNS, f"columns were taken by their meaning: {', '.join(taken)}"
            )
        )
    if "donor" in found.names and "line" in plain_word(cells[found.names.index("donor")]):
        found.notices.append(
            Notice(
                codes.W_SHEET_COLUMNS,
                "a column of donors or lines is taken as donors; give lines a column of their own "
                "to tell them apart",
            )
        )


def _check(found: Header, cells: list[str]) -> None:
    missing = [c for c in ("sample", "path") if c not in found.names]
    twice = [h for k, h in enumerate(cells) if h and h in cells[:k]]
    for name in dict.fromkeys(twice):
        found.faults.append(
            Fault(codes.SHEET_COLUMN, f"column {name!r} stands twice", ", ".join(cells), "keep one")
        )
    loose = {"sample": ("name", "id", "sample"), "path": ("file", "filename", "files", "folder")}
    for name in missing:
        near = [c for c in cells if plain_word(c) in loose[name]]
        found.faults.append(
            Fault(
                codes.SHEET_COLUMN,
                f"no column {name!r}",
                ", ".join(cells),
                f"rename {near[0]!r} to {name!r}" if near else _ADVICE[name],
            )
        )


_ADVICE: Final = {
    "sample": "add a column `sample` with one short name per library",
    "path": "add a column `path` with the file or folder of each library; `imscope sheet FOLDER` "
    "writes a sheet with paths from a delivery folder",
}


def covariate_notice(names: list[str]) -> Notice | None:
    """Say which columns are kept as covariates and are no design factors."""
    own = [re.sub(r"\s+", " ", n) for n in names if n not in COLUMNS]
    if not own:
        return None
    return Notice(
        codes.W_SHEET_COVARIATES,
        f"{len(own)} columns are kept as covariates, not as design factors: {first_few(own, 8)}",
    )
