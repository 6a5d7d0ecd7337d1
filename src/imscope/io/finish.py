"""From a matrix as it stands in a file to cells: names and values checked, modalities apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource, CsrBlock, block_bounds
from imscope.core.cells import Cells
from imscope.core.errors import DataError, MethodError
from imscope.core.views import map_features
from imscope.io.count_check import doubt_counts, one_depth, sample_rows
from imscope.io.gene_names import about_features, refuse_unmapped
from imscope.io.genes import map_genes
from imscope.io.memory_size import half_of_memory
from imscope.io.notice import Notice, first_few
from imscope.io.protein_roles import antigen_name, protein_role
from imscope.io.raw import Modality, RawCounts
from imscope.io.raw_checks import checked, named, roles_of
from imscope.io.summed import SummedFeatures

if TYPE_CHECKING:
    import pandas as pd

_RNA_TYPES = ("gene expression", "gene", "rna", "")
_OTHER_TYPES = {"antibody capture": "protein", "crispr guide capture": "guide"}


def finish(raw: RawCounts, path: Path | str, *, max_bytes: int | None = None) -> Cells:
    """Check names and values, split modalities, map genes."""
    _check_cells([str(c) for c in raw.cells], raw, path)
    budget = half_of_memory() if max_bytes is None else max_bytes
    raw = checked(raw, path, max_bytes=budget)
    cells = [str(c) for c in raw.cells]
    _check_cells(cells, raw, path)
    rna, others, dropped = _split(raw)
    notices = list(raw.notices)
    if dropped:
        notices.append(
            Notice(
                codes.W_FEATURES_DROPPED,
                f"{sum(dropped.values()):,} features left out, of type {first_few(list(dropped))}",
            )
        )
    if not rna.size:
        raise DataError(
            f"{path} has no gene expression feature",
            found=f"{len(raw.names):,} features"
            + (f" of types {sorted(dropped)}" if dropped else ""),
            code=codes.GENES_NONE,
        )
    rows = _WhileOpen(raw.rows, str(path))
    source, features, more = _genes(raw, rna, rows, path)
    notices += more
    if raw.whole:
        notices += _doubts(source, path)
    modalities = {**raw.modalities, **_modalities(raw, others)}
    modalities = {k: _with_roles(k, m) for k, m in modalities.items()}
    notices += _about_cells(raw, modalities)

    def close() -> None:
        rows.closed.append(True)
        raw.close()

    return Cells(
        name=str(path),
        format=raw.format,
        where=raw.where,
        kind="counts" if raw.whole else "expression",
        source=source,
        features=features,
        obs=_obs(raw, cells),
        modalities=modalities,
        notices=tuple(notices),
        on_close=close,
    )


def _genes(
    raw: RawCounts, rna: NDArray[np.int64], rows: BlockSource, path: Path | str
) -> "tuple[BlockSource, pd.DataFrame, list[Notice]]":
    """RNA features under their stable ids: sums left out, probes of one gene added up."""
    names, symbols, notices, restored = named(raw, rna)
    roles = roles_of(raw, rna, names)
    out = roles == "none"
    if out.any() and not out.all():
        shown = [names[k] for k in np.flatnonzero(out)]
        notices.append(
            Notice(
                codes.W_GENES_NOT_GENES,
                f"{len(shown)} features are sums or statistics, left out: {first_few(shown)}",
            )
        )
        keep = np.flatnonzero(~out)
        rna, roles, names = rna[keep], roles[keep], [names[k] for k in keep]
        symbols = [symbols[k] for k in keep] if symbols is not None else None
    chosen = np.arange(len(names), dtype=np.int64)
    if restored and len(set(names)) < len(names):
        names, symbols, roles, chosen = _one_per_gene(names, symbols, roles)
        notices.append(
            Notice(
                codes.W_GENES_PROBES,
                f"{len(chosen):,} features were summed to {len(names):,} genes",
            )
        )
    features, more = map_genes(names, symbols, path=path)
    features["role"] = pd_text(roles)
    refuse_unmapped(names, features["mapped"].to_numpy(dtype=bool), roles, path)
    notices += [*more, *about_features(features)]
    mapping = np.full(len(raw.names), -1, dtype=np.int64)
    mapping[rna] = chosen
    if len(names) < len(chosen):
        return SummedFeatures(rows, mapping, len(names)), features, notices
    return map_features(rows, mapping, len(names)), features, notices


def _one_per_gene(
    names: list[str], symbols: list[str] | None, roles: NDArray[np.object_]
) -> tuple[list[str], list[str] | None, NDArray[np.object_], NDArray[np.int64]]:
    place = {name: k for k, name in enumerate(dict.fromkeys(names))}
    first = {name: k for k, name in reversed(list(enumerate(names)))}
    order = [first[name] for name in place]
    chosen = np.array([place[name] for name in names], dtype=np.int64)
    return list(place), [symbols[k] for k in order] if symbols else None, roles[order], chosen


def _doubts(source: BlockSource, path: Path | str) -> list[Notice]:
    """Refuse whole numbers that are no counts; reads are named."""
    blocks = sample_rows(source)
    doubt = doubt_counts(blocks)
    if doubt is None:
        depth = one_depth(blocks)
        words = f"all cells looked at sum to exactly {depth:,}: counts drawn down to one depth?"
        return [Notice(codes.W_MATRIX_ONE_DEPTH, words)] if depth else []
    if doubt.code == codes.MATRIX_READS:
        return [Notice(codes.W_MATRIX_READS, doubt.found)]
    raise DataError(
        f"{path}: its whole numbers are no counts of molecules",
        found=doubt.found,
        fix=doubt.fix,
        code=doubt.code,
    )


def _about_cells(raw: RawCounts, modalities: dict[str, Modality]) -> list[Notice]:
    notices = []
    if raw.stored_per_cell is not None:
        empty = int((raw.stored_per_cell == 0).sum())
        if empty:
            notices.append(
                Notice(codes.W_CELLS_EMPTY, f"{empty:,} of {len(raw.cells):,} cells have no counts")
            )
    if not raw.whole:
        notices.append(
            Notice(codes.W_MATRIX_EXPRESSION, f"{raw.where} is taken as expression values")
        )
    protein = modalities.get("protein")
    if protein is not None:
        shown = protein.features["role"].astype(str)
        other = [
            f"{n} as {r}" for n, r in zip(protein.features["symbol"], shown, strict=True)
            if r != "antigen"
        ]  # fmt: skip
        if other:
            notices.append(
                Notice(
                    codes.W_PROTEIN_ROLES,
                    f"{len(other)} of {len(shown)} protein columns are no antigens: "
                    f"{', '.join(other[:8])}" + (" and more" if len(other) > 8 else ""),
                )
            )
    return notices


def _with_roles(kind: str, modality: Modality) -> Modality:
    """Role of every protein column, by its name."""
    if kind != "protein":
        return modality
    features = modality.features.copy()
    known = [str(s) for s in features["symbol"]]
    ids = [str(s) for s in features["feature_id"]]
    roles = [
        protein_role(s) if protein_role(s) != "antigen" else protein_role(i)
        for s, i in zip(known, ids, strict=True)
    ]
    features["symbol"] = pd_text([antigen_name(s) for s in known])
    features["role"] = pd_text(roles)
    return replace(modality, features=features)


def with_roles(cells: Cells, given: Mapping[str, str]) -> Cells:
    """Cells whose protein columns have the roles of a user's table where it names them."""
    protein = cells.modalities.get("protein")
    if protein is None or not given:
        return cells
    features = protein.features.copy()
    keys = zip(features["symbol"], features["feature_id"], features["role"], strict=True)
    features["role"] = pd_text([given.get(str(s), given.get(str(f), r)) for s, f, r in keys])
    return replace(
        cells, modalities={**cells.modalities, "protein": replace(protein, features=features)}
    )


def pd_text(values: "Sequence[object] | NDArray[np.object_]") -> "pd.api.extensions.ExtensionArray":
    """Values as a column of text."""
    import pandas as pd

    return pd.array([str(v) for v in values], dtype="str")


@dataclass(frozen=True, slots=True)
class _WhileOpen:
    """Rows of a file that say so when they are asked for after it was closed."""

    rows: BlockSource
    name: str
    closed: list[bool] = field(default_factory=list)

    @property
    def n_cells(self) -> int:
        return self.rows.n_cells

    @property
    def n_features(self) -> int:
        return self.rows.n_features

    def read(self, start: int, stop: int) -> CsrBlock:
        if self.closed:
            raise MethodError(
                f"counts of {self.name} are asked for after it was closed",
                fix="do all reading inside the `with` block, or open it again",
                code=codes.CELLS_CLOSED,
            )
        return self.rows.read(start, stop)


def _obs(raw: RawCounts, cells: list[str]) -> "pd.DataFrame":
    import pandas as pd

    index = pd.Index(cells, dtype="str", name="cell")
    return pd.DataFrame(index=index) if raw.obs is None else raw.obs.set_axis(index, axis=0)


def _check_cells(cells: list[str], raw: RawCounts, path: Path | str) -> None:
    if not cells or (raw.stored_per_cell is not None and not raw.stored_per_cell.any()):
        raise DataError(
            f"{path} has no cell with any count",
            found=f"{len(cells):,} cells, {len(raw.names):,} features",
            fix="check that this is the right matrix",
            code=codes.CELLS_NONE,
        )
    if not all(c.strip() for c in cells):
        row = next(k for k, c in enumerate(cells) if not c.strip())
        raise DataError(f"{path}: cell {row + 1} has no name", code=codes.CELLS_NAME)
    if len(set(cells)) < len(cells):
        seen: set[str] = set()
        twice = [c for c in cells if c in seen or seen.add(c)]  # type: ignore[func-returns-value]
        raise DataError(
            f"{path}: {len(twice):,} cell names stand more than once",
            found=first_few(twice),
            fix="make them unique, such as by a sample prefix (`adata.obs_names_make_unique()`)",
            code=codes.CELLS_DUPLICATE,
        )


def _split(
    raw: RawCounts,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]], dict[str, int]]:
    """Positions of RNA features, of each other modality, and how many of which type are dropped."""
    if raw.types is None:
        return np.arange(len(raw.names), dtype=np.int64), {}, {}
    rna: list[int] = []
    others: dict[str, list[int]] = {}
    dropped: dict[str, int] = {}
    for k, kind in enumerate(t.strip().lower() for t in raw.types):
        if kind in _RNA_TYPES:
            rna.append(k)
        elif kind in _OTHER_TYPES:
            others.setdefault(_OTHER_TYPES[kind], []).append(k)
        else:
            dropped[raw.types[k]] = dropped.get(raw.types[k], 0) + 1
    return (
        np.array(rna, dtype=np.int64),
        {name: np.array(where, dtype=np.int64) for name, where in others.items()},
        dropped,
    )


def _modalities(raw: RawCounts, others: dict[str, NDArray[np.int64]]) -> dict[str, Modality]:
    """Read the columns of other modalities in one pass."""
    import pandas as pd
    import scipy.sparse as sp

    parts: dict[str, list[sp.csr_array]] = {name: [] for name in others}
    for low, high in block_bounds(raw.rows.n_cells) if others else ():
        block = raw.rows.read(low, high)
        whole = sp.csr_array(
            (block.data, block.indices, block.indptr), shape=(block.n_rows, block.n_features)
        )
        for name, where in others.items():
            parts[name].append(sp.csr_array(whole[:, where]))
    out = {}
    for name, where in others.items():
        ids = [raw.names[k] for k in where]
        features = pd.DataFrame(
            {
                "feature_id": pd.array(ids, dtype="str"),
                "symbol": pd.array(
                    [raw.symbols[k] for k in where] if raw.symbols is not None else ids, dtype="str"
                ),
            }
        )
        out[name] = Modality(features, sp.csr_array(sp.vstack(parts[name], "csr")))
    return out
