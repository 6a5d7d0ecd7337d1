"""Answers of the methods as declared tables."""

from typing import TYPE_CHECKING

import numpy as np

from imscope.analyses.screens.pooled_frame import Answer
from imscope.core.schema import SCREEN_GENES, SCREEN_GUIDES, SCREEN_LEDGER
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd


def gene_table(answer: Answer) -> "pd.DataFrame":
    """Table ``screen_genes`` of one contrast, best first; ties keep the order of names."""
    import pandas as pd

    table = pd.DataFrame(
        {
            **({"contrast": answer.contrast} if answer.contrast else {}),
            "gene": answer.frame.genes,
            "n_guides": answer.n_guides.astype(np.int64),
            "log2_fc": answer.effect,
            "ci_low": answer.low,
            "ci_high": answer.high,
            "score": answer.score,
            "p_value": answer.p_two,
            "q_value": benjamini_hochberg(answer.p_two),
            "p_depleted": answer.p_low,
            "q_depleted": benjamini_hochberg(answer.p_low),
            "p_enriched": answer.p_high,
            "q_enriched": benjamini_hochberg(answer.p_high),
            **answer.more,
        }
    )
    order = np.lexsort((-np.abs(np.nan_to_num(answer.tie)), answer.order_by))
    table = table.iloc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return SCREEN_GENES.check(table)


def guide_table(answer: Answer) -> "pd.DataFrame":
    """Table ``screen_guides`` of one contrast."""
    import pandas as pd

    g = answer.guides
    table = pd.DataFrame({c.name: g[c.name] for c in SCREEN_GUIDES.columns})
    if answer.contrast:
        table["guide"] = table["guide"] + f" [{answer.contrast}]"
    return SCREEN_GUIDES.check(table)


def ledger_table(ledger: "pd.DataFrame", answers: list[Answer]) -> "pd.DataFrame":
    """Table ``screen_ledger``: what the reader and the methods left out."""
    import pandas as pd

    rows = [tuple(r) for r in ledger.itertuples(index=False)]
    for answer in answers:
        reason = np.asarray(answer.guides["reason"])
        names = np.asarray(answer.guides["guide"])
        where = f" ({answer.contrast})" if answer.contrast else ""
        for why in sorted(set(reason) - {""}):
            mine = names[reason == why]
            rows.append(("guides", why + where, len(mine), ", ".join(map(str, mine[:3]))))
        lost = answer.frame.genes[answer.n_guides == 0]
        if len(lost):
            rows.append(("genes", f"no guide left{where}", len(lost), ", ".join(lost[:3])))
    table = pd.DataFrame(rows, columns=[c.name for c in SCREEN_LEDGER.columns])
    return SCREEN_LEDGER.check(table.astype({"n": "int64"}))
