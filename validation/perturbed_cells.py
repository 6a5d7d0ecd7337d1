"""Cells of a CRISPR screen as a folder of contrasts: target v non-targeting, inside each replicate."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp


def write_papalexi(source: Path, folder: Path) -> Path:
    """Write ``contrasts.tsv`` and ``differences.tsv`` of the 26 targets of the shared screen."""
    with gzip.open(source / "response.mtx.gz") as handle:
        counts = sp.csc_array(scipy.io.mmread(handle))
    genes = (source / "genes.txt").read_text().split()
    cells = pd.read_csv(source / "cells_used_by_reference.tsv.gz", sep="\t")
    rep = pd.read_csv(source / "cells.tsv.gz", sep="\t").set_index("cell")["bio_rep"]
    target = next(c for c in cells.columns if "target" in c)
    place = next(c for c in cells.columns if c == "cell" or "cell" in c)
    cells["rep"] = rep.reindex(cells[place]).to_numpy()
    sums = {
        key: np.asarray(counts[:, part[place].to_numpy() - 1].sum(axis=1)).ravel()
        for key, part in cells.groupby(["rep", target])
    }

    def logs(x):
        return np.log2((x + 1) / (x.sum() + len(x)) * 1e6)

    rows, columns = [], {"gene": genes}
    for (replicate, name), own in sums.items():
        if name == "non-targeting":
            continue
        label = f"{name}|{replicate}"
        rows.append({"contrast": label, "regulator": name, "sign": -1})
        columns[label] = logs(own) - logs(sums[(replicate, "non-targeting")])
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "contrasts.tsv", sep="\t", index=False)
    pd.DataFrame(columns).to_csv(folder / "differences.tsv", sep="\t", index=False)
    return folder
