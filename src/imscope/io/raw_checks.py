"""What is asked of every matrix whatever its format: which side are genes, and what is no gene."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import MemoryBlocks, block_bounds
from imscope.core.errors import DataError
from imscope.core.views import select_rows
from imscope.io.count_check import sample_rows
from imscope.io.gene_names import choose_names, feature_roles, no_cells, restore_name
from imscope.io.genes import gene_score, known_symbol
from imscope.io.notice import Notice, first_few
from imscope.io.protein_roles import type_by_name
from imscope.io.raw import RawCounts

if TYPE_CHECKING:
    import pandas as pd

_SAMPLE: Final = 2_000
_CLEAR: Final = 0.3


def checked(raw: RawCounts, path: object, *, max_bytes: int) -> RawCounts:
    """Turn a swapped matrix, leave out sums, and type features that only their names tell."""
    raw = _turned(raw, path, max_bytes)
    raw = _without_sum_cells(raw)
    return _typed(raw)


def text_columns(frame: "pd.DataFrame | None") -> dict[str, list[str]]:
    """Columns of text of a table, by name."""
    if frame is None:
        return {}
    return {
        str(c): [str(v) for v in frame[c]]
        for c in frame.columns
        if frame[c].dtype.kind in "OSTU" or str(frame[c].dtype) in ("str", "category", "string")
    }


def _spread(names: "list[str] | NDArray[np.object_]") -> list[str]:
    step = max(1, len(names) // _SAMPLE)
    return [str(n) for n in names[::step]]


def _turned(raw: RawCounts, path: object, max_bytes: int) -> RawCounts:
    """Turn a matrix whose cells have names of genes while its features have none."""
    as_cells = _spread(raw.cells)
    score = gene_score([restore_name(n)[0] for n in as_cells])
    if score < 0.5:
        return raw
    columns = [raw.names, *([raw.symbols] if raw.symbols else []), *raw.columns.values()]
    features = max(gene_score([restore_name(n)[0] for n in _spread(c)]) for c in columns)
    if score - features < _CLEAR:
        return raw
    stored = int(raw.stored_per_cell.sum()) if raw.stored_per_cell is not None else 0
    if stored * 24 > max_bytes:
        raise DataError(
            f"{path} has genes as rows and must be turned in memory",
            found=f"{stored:,} values",
            fix="turn it and write it again (`adata.T`)",
            code=codes.FILE_MEMORY,
        )
    import scipy.sparse as sp

    blocks = [raw.rows.read(a, b) for a, b in block_bounds(raw.rows.n_cells)]
    whole = sp.vstack(
        [
            sp.csr_array((b.data, b.indices, b.indptr), shape=(b.n_rows, b.n_features))
            for b in blocks
        ]
    )
    csr = sp.csr_array(whole.T.tocsr())
    told = Notice(
        codes.W_MATRIX_TRANSPOSED,
        f"{raw.where} has genes where cells should be ({score:.0%} of {len(raw.cells):,} names are "
        f"genes, {features:.0%} of the {len(raw.names):,} features); turned",
    )
    cells = np.array(raw.names, dtype=object)
    return replace(
        raw,
        rows=MemoryBlocks.from_csr(csr),
        cells=cells,
        names=[str(c) for c in raw.cells],
        symbols=None,
        types=None,
        columns=text_columns(raw.obs),
        obs=raw.var,
        var=raw.obs,
        modalities={},
        notices=[*raw.notices, told],
        stored_per_cell=np.diff(csr.indptr).astype(np.int64),
    )


def _without_sum_cells(raw: RawCounts) -> RawCounts:
    """Leave out columns of a table that are sums or names, not cells."""
    out = no_cells([str(c) for c in raw.cells])
    if out.all() or not out.any():
        out = _sum_of_others(raw) if not out.any() else np.zeros(len(out), dtype=bool)
        if not out.any():
            return raw
    keep = np.flatnonzero(~out).astype(np.int64)
    lost = [str(c) for c in raw.cells[out]]
    told = Notice(
        codes.W_GENES_NOT_GENES,
        f"{len(lost)} of {len(raw.cells):,} cells are sums or names, left out: {first_few(lost)}",
    )
    return replace(
        raw,
        rows=select_rows(raw.rows, keep),
        cells=raw.cells[keep],
        obs=None if raw.obs is None else raw.obs.iloc[keep],
        modalities={k: replace(m, counts=m.counts[keep]) for k, m in raw.modalities.items()},
        notices=[*raw.notices, told],
        stored_per_cell=None if raw.stored_per_cell is None else raw.stored_per_cell[keep],
    )


def _sum_of_others(raw: RawCounts) -> NDArray[np.bool_]:
    """Whether the first or last cell is the sum of all others, by whatever name."""
    out = np.zeros(len(raw.cells), dtype=bool)
    n = raw.rows.n_cells
    if not 3 <= n <= 20_000 or raw.stored_per_cell is None:
        return out
    for k in (0, n - 1):
        if raw.stored_per_cell[k] < raw.stored_per_cell.max():
            continue
        sums = np.zeros(raw.rows.n_features)
        for low, high in block_bounds(n):
            block = raw.rows.read(low, high)
            sums += np.bincount(block.indices, weights=block.data, minlength=len(sums))
        own = raw.rows.read(k, k + 1)
        mine = np.bincount(own.indices, weights=own.data, minlength=len(sums))
        out[k] = bool(mine.sum() > 0 and np.allclose(sums, 2 * mine, rtol=1e-9))
    return out


def _typed(raw: RawCounts) -> RawCounts:
    """Give features without types those that their names leave no doubt about."""
    if raw.types is not None and len({t.strip().lower() for t in raw.types}) > 1:
        return raw
    found = [None if known_symbol(n) else type_by_name(n) for n in raw.names]
    number = sum(f is not None for f in found)
    if not number or number == len(found):
        return raw
    shown = [n for n, f in zip(raw.names, found, strict=True) if f]
    told = Notice(
        codes.W_FEATURES_TYPED,
        f"{number:,} features are proteins by their names: {first_few(shown)}",
    )
    types = [f or "Gene Expression" for f in found]
    return replace(raw, types=types, notices=[*raw.notices, told])


def sum_features(
    raw: RawCounts, rna: NDArray[np.int64], roles: NDArray[np.object_]
) -> NDArray[np.bool_]:
    """Which unknown features are the sum of all others in every cell looked at."""
    out = np.zeros(len(rna), dtype=bool)
    unsure = np.flatnonzero(roles == "gene")
    unsure = unsure[[gene_score([raw.names[rna[k]]]) == 0 for k in unsure]]
    if not 0 < unsure.size <= 500 or raw.rows.n_cells < 3:
        return out
    place = np.full(len(raw.names), -1, dtype=np.int64)
    place[rna] = np.arange(len(rna))
    total, own = [], []
    for block in sample_rows(raw.rows):
        row = np.repeat(np.arange(block.n_rows), np.diff(block.indptr))
        new = place[block.indices]
        keep = new >= 0
        value = block.data.astype(np.float64)
        total.append(np.bincount(row[keep], weights=value[keep], minlength=block.n_rows))
        for k in unsure:
            mine = new == k
            own.append((k, np.bincount(row[mine], weights=value[mine], minlength=block.n_rows)))
    sums = np.concatenate(total)
    for k in unsure:
        mine = np.concatenate([v for i, v in own if i == k])
        seen = sums > 0
        out[k] = bool(seen.sum() >= 3 and np.allclose(2 * mine[seen], sums[seen], rtol=1e-6))
    return out


def named(
    raw: RawCounts, rna: NDArray[np.int64]
) -> tuple[list[str], list[str] | None, list[Notice], bool]:
    """Names and symbols of the RNA features, what must be told, and whether any was restored."""
    found = choose_names(
        [raw.names[k] for k in rna],
        [raw.symbols[k] for k in rna] if raw.symbols is not None else None,
        {name: [v[k] for k in rna] for name, v in raw.columns.items()},
    )
    return found.names, found.symbols, found.notices, bool(found.restored.any())


def roles_of(raw: RawCounts, rna: NDArray[np.int64], names: list[str]) -> NDArray[np.object_]:
    """Roles of the RNA features by name, and of those that are the sum of all others."""
    roles = feature_roles(names)
    roles[sum_features(raw, rna, roles)] = "none"
    return roles
