"""Cells: counts, features, what is known of each cell; the one container every analysis takes.

It alone answers which column names the independent unit, which cells have no value, which words
mean yes, and whether the values are counts, so that no two analyses can answer differently.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imscope.core import codes
from imscope.core.blocks import BlockSource
from imscope.core.errors import DataError, MethodError
from imscope.core.names import did_you_mean, is_missing, level_name, natural_key, read_truth
from imscope.core.result import Notice
from imscope.core.row_kind import PLURAL, RowKind

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

Kind = Literal["counts", "expression"]

UNITS: Final = ("lot", "donor", "clone", "line")
"""Columns that name independent units, in order of preference; then each sample is a unit."""


@dataclass(frozen=True)
class Modality:
    """Features of another kind, measured in the same cells.

    Attributes
    ----------
    features
        One row per feature: ``feature_id``, ``symbol``.
    counts
        Shape ``(n_cells, n_features)``; int32 counts, or float32 if they are not whole.
    """

    features: "pd.DataFrame"
    counts: "sp.csr_array"


@dataclass(frozen=True, eq=False)
class Groups:
    """Cells by the levels of a column.

    Attributes
    ----------
    column
        The column; ``"all"`` when all cells are one group.
    names
        Levels in their natural order, as text.
    codes
        Number of the level of each cell, int64, shape ``(n_cells,)``.
    """

    column: str
    names: tuple[str, ...]
    codes: NDArray[np.int64]

    def rows(self, level: int | str) -> NDArray[np.int64]:
        """Rows of the cells of one level."""
        number = self.names.index(level) if isinstance(level, str) else level
        return np.flatnonzero(self.codes == number).astype(np.int64)

    @property
    def labels(self) -> NDArray[np.object_]:
        """Name of the level of each cell, shape ``(n_cells,)``."""
        return np.array(self.names, dtype=object)[self.codes]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Cells per level, shape ``(n_levels,)``."""
        return np.bincount(self.codes, minlength=len(self.names))


def unit_column(table: "pd.DataFrame", asked: str | None = None) -> str:
    """Name of the column of the independent units; the one place that decides it.

    Parameters
    ----------
    table
        One row per sample or per cell.
    asked
        What the user named; checked, then taken.

    Returns
    -------
    column
        ``asked``, else the first of ``lot``, ``donor``, ``clone``, ``line`` with at least two
        levels, else ``"sample"`` (also where the table has no such column: then every row of it
        belongs to one sample).

    Raises
    ------
    DataError
        ``asked`` is not a column.

    Examples
    --------
    >>> import pandas as pd
    >>> unit_column(pd.DataFrame({"sample": ["a", "b"], "line": ["L", "L"], "clone": ["1", "2"]}))
    'clone'
    """
    if asked is not None:
        if asked != "sample":
            require_columns(table, asked)
        return asked
    return next((u for u in UNITS if u in table and table[u].nunique() > 1), "sample")


def unit_names(table: "pd.DataFrame", asked: str | None = None) -> NDArray[np.object_]:
    """Independent unit of each row; a row without a unit name is a unit of its sample's name.

    Examples
    --------
    >>> import pandas as pd
    >>> unit_names(pd.DataFrame({"sample": ["a", "b", "c"], "lot": ["1", None, "2"]})).tolist()
    ['1', 'b', '2']
    """
    column = unit_column(table, asked)
    own = [level_name(v) for v in table["sample"]] if "sample" in table else ["all"] * len(table)
    if column == "sample":
        return np.array(own, dtype=object)
    return np.array(
        [o if is_missing(v) else level_name(v) for v, o in zip(table[column], own, strict=True)],
        dtype=object,
    )


def require_columns(table: "pd.DataFrame", *names: str) -> None:
    """Refuse a column that is not there, pointing to the nearest name.

    Raises
    ------
    DataError
        With the columns that are there.

    Examples
    --------
    >>> import pandas as pd
    >>> require_columns(pd.DataFrame({"lot": []}), "Lot")
    Traceback (most recent call last):
        ...
    imscope.core.errors.DataError: there is no column 'Lot'
      found: columns: lot
      fix: did you mean lot?
      code: E-CELLS-COLUMN
    """
    for name in names:
        if name not in table.columns:
            shown = [str(c) for c in table.columns]
            raise DataError(
                f"there is no column {name!r}",
                found=f"columns: {', '.join(shown[:20]) or 'none'}"
                + (f" and {len(shown) - 20} more" if len(shown) > 20 else ""),
                fix=did_you_mean(name, shown, "name one of these columns"),
                code=codes.CELLS_COLUMN,
            )


@dataclass(frozen=True, eq=False)
class Cells:
    """Counts of cells, ready to be read in blocks, with everything known about each cell.

    Attributes
    ----------
    source
        RNA features only, ``n_cells`` rows. Unit: UMI, where ``kind`` is ``"counts"``.
    features
        One row per feature: ``feature_id``, ``symbol``, ``mapped`` and more,
        see :func:`imscope.io.genes.map_genes`.
    obs
        One row per cell, index unique names.
    kind
        ``counts`` (int32) or ``expression`` (float32, any scale).
    modalities
        ``protein``, ``guide`` and others measured in the same cells.
    rows
        What one row is, decided when the cells were opened: :mod:`imscope.core.row_kind`.
    notices
        What must be told about where the cells come from.
    name
        Where they come from, for messages.
    format, where
        Format of the file and the place of the counts in it, such as ``layers['counts']``.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> cells = Cells(
    ...     MemoryBlocks.from_csr(sp.csr_array([[1, 0], [0, 2], [3, 4]])),
    ...     pd.DataFrame({"feature_id": ["g", "h"], "symbol": ["g", "h"]}),
    ...     pd.DataFrame({"sample": ["a", "a", "b"]}),
    ... )
    >>> cells.groups().names, cells.take(cells.groups().rows("a")).n_cells
    (('a', 'b'), 2)
    """

    source: BlockSource
    features: "pd.DataFrame"
    obs: "pd.DataFrame"
    kind: Kind = "counts"
    modalities: Mapping[str, Modality] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    name: str = "the cells"
    format: str = ""
    where: str = ""
    on_close: Callable[[], None] = field(default=lambda: None, repr=False)
    rows: RowKind = "cell"

    def __post_init__(self) -> None:
        sizes = {"cells": len(self.obs)} | {
            k: m.counts.shape[0] for k, m in self.modalities.items()
        }
        wrong = [f"{n:,} {k}" for k, n in sizes.items() if n != self.source.n_cells]
        if len(self.features) != self.source.n_features:
            wrong.append(f"{len(self.features):,} features")
        if wrong:
            raise DataError(
                "the tables of cells and features do not fit the counts",
                found=f"{', '.join(wrong)} for a matrix of {self.source.n_cells:,} x "
                f"{self.source.n_features:,}",
                code=codes.CELLS_LENGTH,
            )

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.source.n_cells

    @property
    def n_features(self) -> int:
        """Number of RNA features."""
        return self.source.n_features

    def groups(self, by: str | None = None) -> Groups:
        """Cells by the levels of a column.

        Parameters
        ----------
        by
            The column; by default ``sample`` where there is one, else all cells are one group.
            ``"all"`` puts all cells into one group.

        Raises
        ------
        DataError
            There is no such column, or a cell has no value in it: call :meth:`known` first, which
            leaves such cells out and says how many.
        """
        column = by or ("sample" if "sample" in self.obs else "all")
        if column == "all" and "all" not in self.obs:
            return Groups("all", ("all",), np.zeros(self.n_cells, dtype=np.int64))
        require_columns(self.obs, column)
        return _groups(column, self.obs[column])

    def unit_column(self, asked: str | None = None) -> str:
        """Column of the independent units, see :func:`unit_column`."""
        return unit_column(self.obs, asked)

    def units(self, asked: str | None = None) -> Groups:
        """Cells by independent unit; a cell without a unit name belongs to its sample's own."""
        return _groups(self.unit_column(asked), unit_names(self.obs, asked))

    def flags(self, column: str) -> NDArray[np.bool_]:
        """Yes and no of a column in any of the usual words; all no where it is not there."""
        if column not in self.obs:
            return np.zeros(self.n_cells, dtype=bool)
        return read_truth(self.obs[column], column)

    def known(self, *columns: str | None) -> Self:
        """Leave out the cells that have no value in one of the columns, and say how many.

        Parameters
        ----------
        columns
            Columns that are needed; ``None``, ``"all"`` and ``"sample"`` where there is none are
            passed over.

        Raises
        ------
        DataError
            A column is not there, or no cell has a value in it.
        """
        keep = np.ones(self.n_cells, dtype=bool)
        told = []
        for column in dict.fromkeys(columns):
            if column is None or (column in ("all", "sample") and column not in self.obs):
                continue
            require_columns(self.obs, column)
            gaps = np.array([is_missing(v) for v in self.obs[column]], dtype=bool)
            if gaps.all():
                raise DataError(
                    f"no cell has a value in column {column!r}",
                    fix="fill the column, or name another one",
                    code=codes.CELLS_GAPS,
                )
            if gaps.any():
                words = f"{gaps.sum():,} of {len(gaps):,} cells have no {column} and are left out"
                told.append(Notice(codes.W_CELLS_LEFT_OUT, words))
            keep &= ~gaps
        if keep.all():
            return self
        return replace(self.take(np.flatnonzero(keep)), notices=(*self.notices, *told))

    def need_counts(self, question: str) -> None:
        """Refuse values that are no counts.

        Raises
        ------
        MethodError
            Naming the question that needs counts.
        """
        if self.kind != "counts":
            raise MethodError(
                f"{question} needs UMI counts",
                found=f"{self.name} holds other expression values",
                fix="give the raw count matrix",
                code=codes.CELLS_COUNTS,
            )

    @property
    def single(self) -> bool:
        """Whether a row is one cell, in a droplet or a well."""
        return self.rows in ("cell", "well")

    def need_cells(self, question: str) -> None:
        """Refuse rows that are pools of cells or bulk libraries.

        Raises
        ------
        MethodError
            Naming the question that is about single cells.
        """
        if not self.single:
            raise MethodError(
                f"{question} needs single cells",
                found=f"{self.n_cells:,} {PLURAL[self.rows]} in {self.name}",
                fix="give single cells, or say with a column `row_kind` that the rows are",
                code=codes.ROW_CELLS,
            )

    def take(self, rows: NDArray[np.integer]) -> Self:
        """Choose cells by their rows, in the given order; nothing is read."""
        from imscope.core.views import select_rows

        chosen = np.ascontiguousarray(rows, dtype=np.int64)
        parts = {k: Modality(m.features, m.counts[chosen]) for k, m in self.modalities.items()}
        return replace(
            self,
            source=select_rows(self.source, chosen),
            obs=self.obs.iloc[chosen],
            modalities=parts,
        )

    def with_obs(self, **columns: "ArrayLike") -> Self:
        """Add or replace columns of the cells."""
        return replace(self, obs=self.obs.assign(**{k: np.asarray(v) for k, v in columns.items()}))

    def close(self) -> None:
        """Close the file behind the cells; counts cannot be read afterwards."""
        self.on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _groups(column: str, values: "pd.Series | NDArray[np.object_]") -> Groups:
    """Number the levels of a column; a gap is an error."""
    import pandas as pd

    series = pd.Series(np.asarray(values, dtype=object))
    number, levels = pd.factorize(series)  # by first appearance; gaps get -1
    gaps = np.isin(number, [-1, *(i for i, v in enumerate(levels) if is_missing(v))])
    if gaps.any():
        raise DataError(
            f"column {column!r} of the cells has gaps",
            found=f"{gaps.sum():,} of {len(gaps):,} cells have none",
            fix="fill the gaps, or leave these cells out",
            code=codes.CELLS_GAPS,
        )
    names = [level_name(v) for v in levels]
    keys = {n: natural_key(v) for v, n in zip(levels, names, strict=True)}
    order = sorted(keys, key=lambda n: keys[n])
    place = np.array([order.index(n) for n in names], dtype=np.int64)
    return Groups(column, tuple(order), place[number] if len(place) else number.astype(np.int64))
