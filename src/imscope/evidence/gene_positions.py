"""Where every human gene lies in GRCh38: chromosome, arm, band, start, end and strand.

The table (`data/gene_positions.tsv.gz`) is made by `tools/build_gene_positions.py`; its header and
NOTICE name sources and licences.
"""

import gzip
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

RECURRENT_ARMS = ("1q", "8p", "8q", "12p", "12q", "17p", "17q", "20q", "Xp", "Xq")
"""Arms that are gained again and again in human pluripotent cells."""

AMPLICON_BAND = "20q11.21"
"""The recurrent gain too small to be seen in single cells."""


@lru_cache(maxsize=1)
def gene_positions() -> "pd.DataFrame":
    """Read the bundled table of gene positions.

    Returns
    -------
    table
        One row per protein-coding gene or lncRNA with a symbol, in order of place: ``symbol``,
        ``feature_id`` (Ensembl), ``chromosome`` (`1`-`22`, `X`, `Y`), ``arm`` (such as `17q`),
        ``band`` (such as `17q21.31`, empty where it is not known), ``start``, ``end`` (1-based,
        GRCh38) and ``strand``. Treat it as read-only.

    Examples
    --------
    >>> table = gene_positions().set_index("symbol")
    >>> table.loc["BCL2L1", ["chromosome", "arm", "band"]].tolist()
    ['20', '20q', '20q11.21']
    """
    import pandas as pd

    rows = [line.split("\t") for line in _lines() if not line.startswith("#")]
    table = pd.DataFrame(rows[1:], columns=rows[0], dtype="str")
    table["feature_id"] = "ENSG" + table["feature_id"].str.zfill(11)
    table["arm"] = table["chromosome"] + table["arm"]
    known = table["band"] != ""
    table["band"] = (table["chromosome"] + table["band"]).where(known, "")
    return table.astype({"start": "int64", "end": "int64"})


@lru_cache(maxsize=1)
def chromosome_ends() -> dict[str, int]:
    """Length of every main chromosome in GRCh38.

    Returns
    -------
    lengths
        By name without ``chr``. Unit: base pairs.

    Examples
    --------
    >>> chromosome_ends()["17"]
    83257441
    """
    words = [line.split() for line in _lines() if line.startswith("# chromosome:")]
    return {w[2]: int(w[3]) for w in words}


@lru_cache(maxsize=1)
def chromosome_arms() -> tuple[str, ...]:
    """Arms with genes, in order of chromosome.

    Examples
    --------
    >>> chromosome_arms()[:3]
    ('1p', '1q', '2p')
    """
    return tuple(dict.fromkeys(gene_positions()["arm"]))


def arms_of(names: Iterable[str]) -> list[str]:
    """Arm of each gene, by Ensembl id or symbol; empty where the gene is not in the table.

    Parameters
    ----------
    names
        Ensembl ids (with or without version) or symbols.

    Examples
    --------
    >>> arms_of(["POU5F1", "ENSG00000141510", "unheard"])
    ['6p', '17p', '']
    """
    return _column(names, "arm")


def bands_of(names: Iterable[str]) -> list[str]:
    """Band of each gene, by Ensembl id or symbol; empty where it is not known.

    Parameters
    ----------
    names
        Ensembl ids (with or without version) or symbols.

    Examples
    --------
    >>> bands_of(["TPX2", "unheard"])
    ['20q11.21', '']
    """
    return _column(names, "band")


def _column(names: Iterable[str], column: str) -> list[str]:
    known = _by_name(column)
    return [known.get(n.split(".")[0] if n.startswith("ENSG") else n, "") for n in map(str, names)]


@lru_cache(maxsize=2)
def _by_name(column: str) -> dict[str, str]:
    table = gene_positions()
    out = dict(zip(table["symbol"], table[column], strict=True))
    return {**out, **dict(zip(table["feature_id"], table[column], strict=True))}


@lru_cache(maxsize=1)
def _lines() -> list[str]:
    path = files("imscope.evidence") / "data" / "gene_positions.tsv.gz"
    return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
