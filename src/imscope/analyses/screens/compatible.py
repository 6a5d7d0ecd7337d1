"""Files of method `rra` in the layout that downstream tools of the field read."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imscope.io.atomic import write_text
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd


def gene_summary(genes: "pd.DataFrame") -> "pd.DataFrame":
    """Gene table with the columns ``id``, ``num`` and ``neg|…``, ``pos|…``, best depletion first.

    Parameters
    ----------
    genes
        ``screen_genes`` of method ``rra``.
    """
    import pandas as pd

    out = pd.DataFrame({"id": genes["gene"], "num": genes["n_guides"]})
    for side, name in (("neg", "depleted"), ("pos", "enriched")):
        p, score = genes[f"p_{name}"], genes[f"score_{name}"]
        order = np.lexsort((genes["gene"], score))
        rank = np.empty(len(genes), dtype=np.int64)
        rank[order] = np.arange(1, len(genes) + 1)
        out[f"{side}|score"] = score
        out[f"{side}|p-value"] = p
        out[f"{side}|fdr"] = genes[f"q_{name}"]
        out[f"{side}|rank"] = rank
        out[f"{side}|goodsgrna"] = genes[f"good_{name}"].fillna(0).astype("int64")
        out[f"{side}|lfc"] = genes["log2_fc"]
    return out.sort_values("neg|rank", kind="stable").reset_index(drop=True)


def guide_summary(guides: "pd.DataFrame") -> "pd.DataFrame":
    """Guide table in the same manner."""
    import pandas as pd

    low, high = guides["p_low"], guides["p_high"]
    two = np.minimum(2 * np.minimum(low, high), 1.0)
    return pd.DataFrame(
        {
            "sgrna": guides["guide"],
            "Gene": guides["gene"],
            "control_mean": guides["control_mean"],
            "treat_mean": guides["treatment_mean"],
            "LFC": guides["log2_fc"],
            "score": guides["z"],
            "p.low": low,
            "p.high": high,
            "p.twosided": two,
            "FDR": benjamini_hochberg(two),
            "high_in_treatment": guides["treatment_mean"] > guides["control_mean"],
        }
    )[guides["tested"].to_numpy()]


def write_summaries(folder: Path, tables: "Mapping[str, pd.DataFrame]") -> int:
    """Write ``gene_summary.txt`` and ``sgrna_summary.txt``, five digits as is usual there."""
    files = {
        "gene_summary.txt": gene_summary(tables["screen_genes"]),
        "sgrna_summary.txt": guide_summary(tables["screen_guides"]),
    }
    for name, table in files.items():
        text = table.to_csv(sep="\t", index=False, float_format="%.5g", lineterminator="\n")
        write_text(folder / name, text)
    return len(files)
