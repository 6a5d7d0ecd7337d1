"""Counts of a pooled screen: guides by samples, with the gene and the kind of every guide."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.guide_names import mend_excel
from imscope.io.loose_table import numbers_of, read_loose_table
from imscope.io.notice import Notice, first_few

if TYPE_CHECKING:
    import pandas as pd

CONTROL_KINDS = ("non-targeting", "safe-targeting", "nonessential", "essential")
"""Kinds of control guides known by name."""
_NON_TARGETING = re.compile(
    r"(?i)^(non[-_ ]?targeting|non[-_ ]?target|ntc?|neg(ative)?[-_ ]?(ctrl|control)|"
    r"no[-_ ]?site|scramble[d]?|luciferase|egfp|lacz)([-_ ]?\d*)$"
)
_SAFE = re.compile(r"(?i)^(safe[-_ ]?(harbou?r|targeting)?|aavs1|rosa26)([-_ ]?\d*)$")


@dataclass(frozen=True, eq=False)
class GuideCounts:
    """A count table of guides.

    Attributes
    ----------
    counts
        Shape ``(n_guides, n_samples)``; NaN where a count is missing. Unit: reads.
    guides
        One row per guide: ``guide``, ``gene``, ``control_type`` (empty for none).
    samples
        Names of the samples.
    ledger
        What was left out: ``what``, ``why``, ``n``, ``examples``.
    notices
        What must be told about the file.
    """

    counts: NDArray[np.float64]
    guides: "pd.DataFrame"
    samples: tuple[str, ...]
    ledger: "pd.DataFrame"
    notices: tuple[Notice, ...] = ()

    def columns(self, names: list[str]) -> NDArray[np.int64]:
        """Positions of samples by name."""
        where = {s: k for k, s in enumerate(self.samples)}
        return np.array([where[n] for n in names], dtype=np.int64)


def read_guide_counts(path: str | Path) -> GuideCounts:
    r"""Read a count table of guides.

    Parameters
    ----------
    path
        Text table (guide, gene, then samples; ``.gz`` too), or ``.h5ad`` with guides in ``obs`` and
        samples in ``var`` or the other way round, and a column ``gene``.

    Returns
    -------
    counts
        Guides without a gene are left out and stand in the ledger.

    Raises
    ------
    DataError
        Too few columns, a count that is negative or no number, or a guide twice for one gene.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "counts.tsv"
    >>> _ = path.write_text("id\tgene\tT0\tT1\ng 1\tTP53\t7\t30\ng 2\t\t5\t6\ng 3\tACTB\t9\tNA\n")
    >>> read = read_guide_counts(path)
    >>> read.guides["guide"].tolist(), read.counts.tolist(), read.ledger["n"].tolist()
    (['g 1', 'g 3'], [[7.0, 30.0], [9.0, nan]], [1])
    """
    path = Path(path)
    if path.suffix.lower() == ".h5ad":
        return _from_annotated(path)
    table = read_loose_table(path)
    if table.shape[1] < 4 or not len(table):
        raise DataError(
            f"{path} is not a count table of guides",
            found=f"{len(table)} rows and columns {', '.join(map(str, table.columns[:6]))}",
            fix="guide, gene and at least two samples, one column each",
            code=codes.SCREEN_COLUMNS,
        )
    names = [str(c) for c in table.columns[2:]]
    extra = [n for n in names if n.lower() in ("control_type", "is_control")]
    samples = [n for n in names if n not in extra]
    values = numbers_of(path, table, samples).to_numpy()
    kinds = _kinds_given(table, extra)
    return assemble(
        path, _texts(table.iloc[:, 0]), _texts(table.iloc[:, 1]), values, samples, kinds=kinds
    )


def assemble(
    path: Path,
    guides: list[str],
    genes: list[str],
    values: NDArray[np.float64],
    samples: list[str],
    *,
    kinds: list[str] | None = None,
) -> GuideCounts:
    """Check and put together a count table from its parts, with its ledger.

    Raises
    ------
    DataError
        A count is negative, infinite, or a guide stands twice for one gene.
    """
    import pandas as pd

    bad = np.argwhere((values < 0) | np.isinf(values))
    if len(bad):
        i, j = bad[0]
        raise DataError(
            f"{path}: counts are negative or infinite",
            found=f"{len(bad)} values, first {values[i, j]:g} of {guides[i]!r} in {samples[j]!r}",
            fix="give raw reads, not log ratios",
            code=codes.SCREEN_VALUES,
        )
    genes, notices = mend_excel(guides, genes)
    table = pd.DataFrame({"guide": guides, "gene": genes, "control_type": kinds or ""})
    table["control_type"] = table["control_type"].astype(str)
    kept = (table["guide"] != "") & (table["gene"] != "")
    ledger = []
    if not kept.all():
        lost = table.loc[~kept, "guide"].tolist()
        ledger.append(("guides", "no gene or no name", len(lost), first_few(lost)))
        notices.append(
            Notice(codes.W_SCREEN_GENELESS, f"{len(lost):,} guides without gene: {first_few(lost)}")
        )
    empty = np.isnan(values).all(axis=1) & kept.to_numpy()
    if empty.any():
        lost = table.loc[empty, "guide"].tolist()
        ledger.append(("guides", "no count in any sample", len(lost), first_few(lost)))
    keep = kept.to_numpy() & ~empty
    table, values = table[keep].reset_index(drop=True), values[keep]
    table, more = _unique(path, table)
    table["control_type"] = _guess_kinds(table)
    holes = int(np.isnan(values).sum())
    if holes:
        more.append(Notice(codes.W_SCREEN_NA, f"{holes:,} counts are missing; left out by sample"))
    left = pd.DataFrame(ledger, columns=["what", "why", "n", "examples"])
    return GuideCounts(values, table, tuple(samples), left, (*notices, *more))


def _unique(path: Path, table: "pd.DataFrame") -> tuple["pd.DataFrame", list[Notice]]:
    twice = table.duplicated(["guide", "gene"])
    if twice.any():
        first = table.loc[twice, "guide"].iloc[0]
        raise DataError(
            f"{path}: guides stand more than once",
            found=f"{int(twice.sum())} lines repeat a guide and gene, first is {first!r}",
            fix="keep one line per guide, or add the lines up before",
            code=codes.SCREEN_DUPLICATE,
        )
    again = table.duplicated("guide", keep=False)
    if not again.any():
        return table, []
    shared = sorted(set(table.loc[again, "guide"]))
    table = table.copy()
    table.loc[again, "guide"] = table.loc[again, "guide"] + "|" + table.loc[again, "gene"]
    words = f"{len(shared):,} guides stand for two or more genes: {first_few(shared)}"
    return table, [Notice(codes.W_SCREEN_REPEAT, words)]


def _texts(column: "pd.Series") -> list[str]:
    values = column.astype("object").where(column.notna(), "")
    return [str(v).strip() for v in values]


def _kinds_given(table: "pd.DataFrame", extra: list[str]) -> list[str] | None:
    for name in extra:
        if name.lower() == "control_type":
            return _texts(table[name])
    for name in extra:
        words = [t.lower() in ("true", "1", "yes") for t in _texts(table[name])]
        return ["non-targeting" if w else "" for w in words]
    return None


def _guess_kinds(table: "pd.DataFrame") -> "pd.Series":
    """Kinds of control by the name of the gene, where the file does not say."""
    given = table["control_type"]
    if (given != "").any():
        wrong = sorted(set(given) - {"", *CONTROL_KINDS})
        if wrong:
            raise DataError(
                "a kind of control is not known",
                found=wrong[0],
                fix=f"use {', '.join(CONTROL_KINDS)}",
                code=codes.SCREEN_CONTROLS,
            )
        return given
    names = table["gene"].unique()
    kind = {n: "non-targeting" for n in names if _NON_TARGETING.match(n)}
    kind |= {n: "safe-targeting" for n in names if _SAFE.match(n)}
    return table["gene"].map(lambda name: kind.get(name, "")).astype(str)


def _dense(
    layout: str, arrays: "list[Any]", shape: tuple[int, int], path: Path
) -> NDArray[np.float64]:
    """Values of a matrix as stored, dense: screens have few samples."""
    import scipy.sparse as sp

    if layout == "dense":
        return np.asarray(arrays[0], dtype=np.float64)
    kind = sp.csr_array if layout == "csr" else sp.csc_array
    try:
        matrix = kind(tuple(arrays), shape=shape)
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise DataError(
            f"{path}: its matrix does not hold together",
            found=str(error),
            fix="write it again with anndata",
            code=codes.MATRIX_SHAPE,
        ) from None
    return np.asarray(matrix.toarray(), dtype=np.float64)


def _from_annotated(path: Path) -> GuideCounts:
    from imscope.io.annotated import need, read_frame
    from imscope.io.guard_hdf5 import hdf5_errors, open_hdf5
    from imscope.io.matrix import check_shape, stored_matrix

    if not path.is_file():
        raise DataError(f"there is no file {path}", code=codes.FILE_MISSING)
    handle = open_hdf5(path)
    try:
        with hdf5_errors(path):
            obs, _ = read_frame(need(handle, "obs", path), path, "obs", top=handle)
            var, _ = read_frame(need(handle, "var", path), path, "var", top=handle)
            layers = handle.get("layers")
            node = layers["counts"] if layers is not None and "counts" in layers else handle["X"]
            stored = stored_matrix(node, path, "X or layers/counts")
            parts = [stored.data, stored.indices, stored.indptr]
            check_shape(stored, len(obs), len(var))
            arrays = [None if part is None else np.asarray(part[...]) for part in parts]
    finally:
        handle.close()
    values = _dense(stored.layout, arrays, (len(obs), len(var)), path)
    if "gene" not in obs.columns and "gene" in var.columns:
        obs, var, values = var, obs, values.T
    if "gene" not in obs.columns:
        raise DataError(
            f"{path} has no column 'gene'",
            found=f"obs: {', '.join(obs.columns) or 'nothing'}; "
            f"var: {', '.join(var.columns) or 'nothing'}",
            fix="name the gene of every guide in `gene`",
            code=codes.SCREEN_COLUMNS,
        )
    kinds = _kinds_given(obs, [c for c in obs.columns if c in ("control_type", "is_control")])
    guides, samples = [str(g) for g in obs.index], [str(s) for s in var.index]
    return assemble(path, guides, _texts(obs["gene"]), values, samples, kinds=kinds)
