"""Technical levels of a design: what may not be claimed of them, and plates that fell apart."""

import re

import numpy as np

from imscope.analyses.heterogeneity.compute import Heterogeneity
from imscope.analyses.heterogeneity.statistics import hi2
from imscope.core import codes
from imscope.core.result import Notice

FOLD = 3.0
"""Plates of one scheme whose index differs by this factor are pointed out."""
_WORDS = re.compile(
    r"(^|_)(plate|batch|library|lane|run|chip|flow_?cell|chemistry|pipeline|platform|protocol"
    r"|operator|sequencer|collected_at|day_of_run)(s|$|_)"
)


def is_technical(column: str) -> bool:
    """Whether a column names how cells were measured, not what they are.

    Examples
    --------
    >>> [is_technical(c) for c in ("plate", "batch", "plate_id", "lot", "source_class")]
    [True, True, True, False, False]
    """
    return _WORDS.search(column.casefold()) is not None


def technical_columns(h: Heterogeneity) -> list[str]:
    """Columns of the design that name how cells were measured."""
    return [str(c) for c in h.strata.columns if is_technical(str(c))]


def plates_apart(h: Heterogeneity) -> list[Notice]:
    """Point out technical levels of one platform whose samples differ three-fold in their index."""
    own = hi2(h.all_genes, (h.stratum == np.arange(len(h.strata))[:, None]).astype(np.float64))
    cells = h.strata["n_cells"].to_numpy(np.float64)
    good = np.isfinite(own) & (own > 0) & (cells >= h.settings.min_cells)
    out: dict[tuple[str, ...], Notice] = {}
    for column in technical_columns(h):
        for pool in range(len(h.universes)):
            rows = h.strata[good & (h.pool == pool)]
            values = own[good & (h.pool == pool)]
            names = rows[column].astype("object").map(str).to_numpy(dtype=object)
            levels = sorted(set(names[rows[column].notna().to_numpy()]))
            if len(levels) < 2:
                continue
            middle = {v: float(np.median(values[names == v])) for v in levels}
            low, high = min(middle, key=lambda v: middle[v]), max(middle, key=lambda v: middle[v])
            if middle[high] >= FOLD * middle[low]:
                words = (
                    f"{column} {high} has {middle[high] / middle[low]:.1f} times the index of "
                    f"{column} {low}: compare inside a {column} only"
                )
                out.setdefault((low, high), Notice(codes.W_PLATES, words, column))
    return list(out.values())
