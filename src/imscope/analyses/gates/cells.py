"""Labelled cells of one file, as gates need them: proteins, genes, labels."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imscope.core import codes
from imscope.core.cells import require_columns
from imscope.core.errors import DataError, UsageError
from imscope.evidence.surface import antibody_target

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.blocks import BlockSource
    from imscope.core.cells import Cells

DONOR_COLUMNS = ("donor", "sample", "batch")
LAB_COLUMNS = ("lab", "study_name", "study", "site", "batch")
MAX_PANEL = 400
"""A matrix with fewer features, nearly all of them antibodies, is taken for protein."""


@dataclass(frozen=True)
class GateCells:
    """Cells of one file.

    Attributes
    ----------
    proteins
        Raw protein counts, one row per cell; no column where none were measured.
    genes
        Symbols of the features of ``source``.
    source
        RNA counts, or None.
    obs
        One row per cell.
    donor, lab
        Columns of ``obs`` in use; empty when there is none.
    notes
        How the file was understood.
    """

    proteins: "pd.DataFrame"
    genes: tuple[str, ...]
    source: "BlockSource | None"
    obs: "pd.DataFrame"
    donor: str
    lab: str
    notes: tuple[str, ...]


@contextmanager
def open_gate_cells(
    data: object, *, donor: str | None = None, lab: str | None = None
) -> Iterator[GateCells]:
    """Open labelled cells for gating.

    Parameters
    ----------
    data
        Anything :func:`imscope.io.open_cells` takes: a path, a run folder, an ``AnnData``.
    donor, lab
        Columns of donor and laboratory; by default the usual names are looked for.

    Yields
    ------
    cells
        Valid inside the ``with`` block.

    Raises
    ------
    DataError
        The file cannot be read, or a named column does not exist.
    """
    from imscope.io.open import open_cells

    with open_cells(data) as counts:
        require_columns(counts.obs, *(name for name in (donor, lab) if name is not None))
        columns = [str(c) for c in counts.obs.columns]
        donor = donor or next((c for c in DONOR_COLUMNS if c in columns), "")
        lab = lab or next((c for c in LAB_COLUMNS if c in columns and c != donor), "")
        yield _understood(counts, donor, lab)


def target_mask(obs: "pd.DataFrame", target: str) -> tuple[str, str]:
    """Split ``COLUMN=LABEL`` and check both against the cells.

    Parameters
    ----------
    obs
        One row per cell.
    target
        Such as ``label=B cells``.

    Returns
    -------
    column, label
        As they stand in the table.

    Raises
    ------
    UsageError
        There is no ``=``.
    DataError
        The column or label does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> target_mask(pd.DataFrame({"label": ["T", "B"]}), "label=B")
    ('label', 'B')
    """
    column, found, label = target.partition("=")
    column, label = column.strip(), label.strip()
    if not found or not column or not label:
        raise UsageError(
            "a target is a column and one of its labels",
            found=repr(target),
            fix="--target COLUMN=LABEL",
            code=codes.GATE_TARGET,
        )
    require_columns(obs, column)
    known = obs[column].astype(str).unique().tolist()
    if label not in known:
        raise DataError(
            f"column {column!r} has no label {label!r}",
            found=", ".join(sorted(known)[:12]),
            fix="give one of them",
            code=codes.GATE_TARGET,
        )
    return column, label


def _understood(counts: "Cells", donor: str, lab: str) -> GateCells:
    import pandas as pd

    names = [str(s) for s in counts.features["symbol"]]
    written = [str(s) for s in counts.features.get("source_name", counts.features["symbol"])]
    notes: tuple[str, ...] = ()
    source: BlockSource | None = counts.source
    genes = tuple(names)
    if "protein" in counts.modalities:
        mod = counts.modalities["protein"]
        frame = pd.DataFrame(
            mod.counts.toarray(), counts.obs.index, [str(s) for s in mod.features["symbol"]]
        )
    elif _is_panel(written, counts.features["mapped"].tolist()):
        block = counts.source.read(0, counts.source.n_cells)
        import scipy.sparse as sp

        whole = sp.csr_array(
            (block.data, block.indices, block.indptr), shape=(block.n_rows, block.n_features)
        )
        frame = pd.DataFrame(whole.toarray(), counts.obs.index, written)
        source, genes = None, ()
        notes = (f"the {len(written)} features are antibodies: the matrix is read as protein",)
    else:
        frame = pd.DataFrame(index=counts.obs.index)
    return GateCells(frame, genes, source, counts.obs, donor, lab, notes)


def _is_panel(names: list[str], mapped: list[bool]) -> bool:
    """Tell antibodies from genes: few, nearly all known as antibodies, some of them no gene."""
    if not names or len(names) > MAX_PANEL or all(mapped):
        return False
    known = [antibody_target(n).kind != "unknown" for n in names]
    return sum(known) / len(names) >= 0.8
