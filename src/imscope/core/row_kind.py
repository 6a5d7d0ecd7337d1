"""What one row of a matrix is: a cell, a sorted well, a pool of cells, or a bulk library."""

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError
from imscope.core.names import did_you_mean, is_missing
from imscope.core.result import Notice

if TYPE_CHECKING:
    import pandas as pd

RowKind = Literal["cell", "well", "pool", "library"]

COLUMN: Final = "row_kind"
"""Column of the cell table that says it."""
POOLED: Final = ("n_pooled", "cells_per_row", "pool_size", "cells_in_pool", "cells_per_well")
"""Columns that give the number of cells in a row."""
WORDS: Final[dict[str, RowKind]] = {
    **dict.fromkeys(("cell", "cells", "single cell", "droplet"), "cell"),
    **dict.fromkeys(("well", "wells", "sorted well", "plate well"), "well"),
    **dict.fromkeys(("pool", "pools", "minibulk", "pseudobulk"), "pool"),
    **dict.fromkeys(("library", "libraries", "bulk", "bulk library", "array"), "library"),
}
DEEP: Final = 75_000.0
"""Counts of a row from which it can be a library: few cells show as many molecules."""
EVEN: Final = 0.85
"""Genes seen over genes a mixture of that depth shows; single cells show fewer."""
MOST_ROWS, LEAST_GENES, LOOKED_AT = 2_000, 2_000, 200


def decide_rows(
    source: BlockSource, obs: "pd.DataFrame", kind: str
) -> tuple[RowKind, tuple[Notice, ...]]:
    r"""Decide what a row is, from what the table says of it, else from the values.

    Parameters
    ----------
    source
        Counts or expression values.
    obs
        One row per row of the matrix. A column ``row_kind`` decides; so does a number of pooled
        cells above one.
    kind
        ``counts`` or ``expression``.

    Returns
    -------
    row_kind, notices
        ``cell`` unless something speaks against it. A notice says when it is not, and why.

    Raises
    ------
    DataError
        ``row_kind`` holds another word, or more than one kind.

    Notes
    -----
    A library of many cells shows nearly all genes that Poisson sampling of its profile shows at its
    depth; a cell, in which most genes are silent at a time, shows fewer. Rows are libraries when
    there are at most 2,000 of them, deep (75,000 counts) where they are counts, with at least 85 %
    of those genes. Pools of a few cells look like cells: only the table can tell them.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> two = MemoryBlocks.from_csr(sp.csr_array([[1, 0], [0, 2]]))
    >>> decide_rows(two, pd.DataFrame({"row_kind": ["bulk", "bulk"]}), "counts")[0]
    'library'
    >>> decide_rows(two, pd.DataFrame({"n_pooled": [9, 9]}), "counts")[0]
    'pool'
    """
    told = _told(obs)
    if told is not None:
        found, why = told
    elif _looks_like_libraries(source, kind):
        found, why = "library", "each row shows as many genes as a mixture of its depth"
    else:
        return "cell", ()
    if found == "cell":
        return found, ()
    words = f"the rows are taken as {PLURAL[found]}, not as cells: {why}"
    return found, (Notice(codes.W_ROW_KIND, words),)


PLURAL: Final[dict[RowKind, str]] = {
    "cell": "cells",
    "well": "sorted wells",
    "pool": "pools of cells",
    "library": "bulk libraries",
}


def _told(obs: "pd.DataFrame") -> tuple[RowKind, str] | None:
    """What the table says, if it says it."""
    if COLUMN in obs and len(obs):
        words = {str(v).strip().casefold() for v in obs[COLUMN].unique() if not is_missing(v)}
        kinds = {WORDS.get(w) for w in words}
        if None in kinds or len(kinds) > 1:
            unknown = sorted(w for w in words if w not in WORDS)
            raise DataError(
                f"column {COLUMN!r} must name one kind of row",
                found=", ".join(unknown or sorted(words)),
                fix=did_you_mean(unknown[0] if unknown else "", WORDS)
                or "write cell, well, pool or library; split a table that holds several",
                code=codes.ROW_KIND,
            )
        for kind in kinds:
            if kind is not None:
                return kind, f"column {COLUMN!r} says so"
    for column in POOLED:
        if column in obs and len(obs):
            import pandas as pd

            size = pd.to_numeric(obs[column], errors="coerce").median()
            if size > 1:
                return "pool", f"column {column!r} gives {size:g} cells a row"
    return None


def _looks_like_libraries(source: BlockSource, kind: str) -> bool:
    """Whether the values of some rows look like those of mixtures of many cells."""
    import scipy.sparse as sp

    n = source.n_cells
    if not 0 < n <= MOST_ROWS or source.n_features < LEAST_GENES:
        return False
    block = source.read(0, min(n, LOOKED_AT))
    if len(block.data) == 0 or block.data.min() < 0:
        return False
    data = block.data.astype(np.float64)
    matrix = sp.csr_array((data, block.indices, block.indptr), (block.n_rows, block.n_features))
    depth = np.asarray(matrix.sum(axis=1)).ravel()
    if kind == "counts" and np.median(depth) < DEEP:
        return False
    known = depth > 0
    share = sp.csr_array(sp.diags_array(1 / depth[known]) @ matrix[known])
    profile = np.asarray(share.mean(axis=0)).ravel()
    seen = np.asarray((matrix[known] != 0).sum(axis=1)).ravel()
    scale = depth[known] if kind == "counts" else np.full(int(known.sum()), 1e6)
    expected = np.array([(-np.expm1(-d * profile)).sum() for d in np.unique(scale)])
    place = np.searchsorted(np.unique(scale), scale)
    return bool(np.median(seen / np.maximum(expected[place], 1.0)) >= EVEN)
