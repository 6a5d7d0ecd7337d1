"""Networks of regulators: the bundled table, or a user's own in the usual formats."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.evidence.regulon_table import regulons
from imscope.io.genes import is_mouse_name, known_symbol
from imscope.io.loose_table import read_loose_table, read_text

if TYPE_CHECKING:
    import pandas as pd

RAISES = ("+", "1", "activat", "up-regulat", "up regulat", "upregulat", "induc", "increas")
LOWERS = ("-", "inhibit", "down-regulat", "down regulat", "downregulat", "repress", "decreas")
MOSTLY = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Pairs of regulator and target.

    Attributes
    ----------
    pairs
        ``regulator``, ``target``, ``weight`` (0 where the sign is not known); one row per pair.
    name, licence
        For every result that rests on it.
    """

    pairs: "pd.DataFrame"
    name: str
    licence: str


def bundled_network(*, unknown_sign: float = 0.0) -> Network:
    """Network that ships with imscope.

    Parameters
    ----------
    unknown_sign
        Weight of pairs without a sign; 0 leaves them out of signed methods.

    Examples
    --------
    >>> network = bundled_network()
    >>> network.licence, len(network.pairs) > 13_000
    ('CC BY 4.0', True)
    """
    table = regulons()
    papers = table["papers"].to_numpy(dtype=np.float64)
    sign = table["sign"].map({"+": 1.0, "-": -1.0, "?": unknown_sign}).to_numpy(dtype=np.float64)
    pairs = table[["regulator", "target"]].assign(weight=sign * papers / (papers + 1))
    licences = sorted({part for words in set(table["licence"]) for part in words.split("|")})
    return Network(pairs, "imscope regulons", ", ".join(licences))


def read_network(path: Path, *, licence: str = "not stated") -> Network:
    r"""Read a network.

    Parameters
    ----------
    path
        ``.gmt`` (sets without sign count as raised by their name), ``.sif`` (source, relation,
        target), or a table with ``source``, ``target`` and ``weight`` (or ``mor``, ``sign``), or
        a SIGNOR export (``ENTITYA``, ``ENTITYB``, ``EFFECT``).
    licence
        Licence the user states; printed beside every result.

    Raises
    ------
    DataError
        The file is of none of these forms, most of its genes are unknown, or they are of the mouse.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "own.sif"
    >>> _ = path.write_text("TP53\tactivates\tCDKN1A\nTP53\trepresses\tBIRC5\n")
    >>> read_network(path).pairs["weight"].tolist()
    [-1.0, 1.0]
    """
    import pandas as pd

    path = Path(path)
    ending = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    if ending == "gmt":
        rows = [line.split("\t") for line in read_text(path).splitlines() if line.strip()]
        found = [(r[0], gene, 1.0) for r in rows for gene in r[2:] if gene]
    elif ending == "sif":
        parts = [line.split() for line in read_text(path).splitlines() if line.strip()]
        _need(all(len(p) >= 3 for p in parts), path, "a line with fewer than three words")
        found = [(p[0], gene, _sign_of(p[1])) for p in parts for gene in p[2:]]
    else:
        found = _table_pairs(read_loose_table(path), path)
    pairs = pd.DataFrame(found, columns=["regulator", "target", "weight"])
    pairs["weight"] = pd.to_numeric(pairs["weight"], errors="coerce")
    _need(len(pairs) > 0, path, "no pairs")
    _need(bool(np.isfinite(pairs["weight"]).all()), path, "a weight that is no number")
    _known(pairs, path)
    means = pairs.groupby(["regulator", "target"], sort=True)["weight"].mean().reset_index()
    return Network(means, path.name, licence)


def _table_pairs(table: "pd.DataFrame", path: Path) -> list[tuple[str, str, float]]:
    """Pairs of a table with any of the usual heads."""
    lower = {str(c).lower(): c for c in table.columns}

    def column(*names: str) -> str | None:
        return next((lower[n] for n in names if n in lower), None)

    source = column("source", "regulator", "tf", "entitya")
    target = column("target", "gene", "entityb")
    value = column("weight", "mor", "sign", "effect")
    if source is None or target is None:
        raise _bad(path, f"columns: {', '.join(map(str, table.columns))}")
    names = zip(table[source].astype(str), table[target].astype(str), strict=True)
    if value is None:
        return [(s, t, 1.0) for s, t in names]
    given = table[value]
    signs = [float(v) if isinstance(v, int | float) else _sign_of(str(v)) for v in given]
    return [(s, t, w) for (s, t), w in zip(names, signs, strict=True)]


def _sign_of(word: str) -> float:
    """Sign of a relation in words; 0 where it states none."""
    try:
        return float(word)
    except ValueError:
        text = word.strip().strip('"').lower()
    if any(text.startswith(w) or f" {w}" in text for w in LOWERS):
        return -1.0
    return 1.0 if any(text.startswith(w) or f" {w}" in text for w in RAISES) else 0.0


def _known(pairs: "pd.DataFrame", path: Path) -> None:
    """Refuse a network of the mouse, or of names that are mostly no human genes."""
    names = sorted({*pairs["regulator"], *pairs["target"]})
    mouse = [n for n in names if is_mouse_name(n)]
    if len(mouse) >= MOSTLY * len(names):
        raise DataError(
            f"{path.name} is a network of mouse genes",
            found=f"{len(mouse):,} of {len(names):,} names, such as {mouse[0]}",
            fix="give the human genes they stand for",
            code=codes.REGULATORS_SPECIES,
        )
    unknown = [n for n in names if known_symbol(n) is None and not n.startswith("ENSG")]
    if len(unknown) > MOSTLY * len(names):
        raise _bad(path, f"{len(unknown):,} of {len(names):,} names unknown, such as {unknown[0]}")


def _need(fine: bool, path: Path, found: str) -> None:
    if not fine:
        raise _bad(path, found)


def _bad(path: Path, found: str) -> DataError:
    return DataError(
        f"{path.name} is no network of human regulators",
        found=found,
        fix="give source, target and weight with human gene symbols, SIF, GMT or a SIGNOR export",
        code=codes.REGULATORS_NETWORK,
    )
