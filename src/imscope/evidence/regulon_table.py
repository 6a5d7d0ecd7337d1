"""Which regulator acts on which gene, with sign, papers, source and licence of every pair.

The table (`data/regulons.tsv.gz`) is made by `tools/build_regulon_table.py`; its header and NOTICE
name sources and licences.
"""

import gzip
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

PERMITTED = frozenset({"CC BY 4.0", "CC0", "Apache-2.0", "MIT", "BSD-3-Clause"})
"""Licences under which a pair may be shipped."""
COLUMNS = ("regulator", "target", "sign", "papers", "from", "licence")


def _lines() -> list[str]:
    path = files("imscope.evidence") / "data" / "regulons.tsv.gz"
    return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()


@lru_cache(maxsize=1)
def regulons() -> "pd.DataFrame":
    """Read the bundled pairs of regulator and target.

    Returns
    -------
    table
        One row per pair: ``regulator``, ``target`` (gene symbols), ``sign`` (``+``, ``-``, or ``?``
        where no source states one), ``papers``, ``from`` (sources) and ``licence``. Treat it as
        read-only.

    Notes
    -----
    The sign of a text-mined pair comes from cue words and was not audited against the papers.

    Examples
    --------
    >>> table = regulons()
    >>> table.loc[table["regulator"] == "AEBP1", ["target", "sign"]].values.tolist()[0]
    ['FABP4', '-']
    """
    import pandas as pd

    rows = [line.split("\t") for line in _lines() if not line.startswith("#")]
    return pd.DataFrame(rows[1:], columns=rows[0], dtype="str").astype({"papers": "int64"})


def regulon_version() -> str:
    """Sources and licences of the bundled pairs, one line.

    Examples
    --------
    >>> "CC BY 4.0" in regulon_version()
    True
    """
    return " ".join(line[2:] for line in _lines() if line.startswith("#"))
