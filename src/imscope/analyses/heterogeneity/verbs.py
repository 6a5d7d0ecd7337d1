"""The verbs of the room: cells in, tables out; each is the twin of a command."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from imscope.analyses.heterogeneity.carriers import gene_table, programme_table
from imscope.analyses.heterogeneity.comparison import compare_groups
from imscope.analyses.heterogeneity.compute import (
    KEY_COLUMNS,
    MEASURED,
    Heterogeneity,
    compute_heterogeneity,
)
from imscope.analyses.heterogeneity.decomposition import Decomposition, split_levels
from imscope.analyses.heterogeneity.floor import with_floor
from imscope.analyses.heterogeneity.freeze import freeze_profile
from imscope.analyses.heterogeneity.frozen import Profile
from imscope.analyses.heterogeneity.indices import index_result
from imscope.analyses.heterogeneity.planning import pilot_table
from imscope.analyses.heterogeneity.relative import MARK, references, relative_table
from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
from imscope.analyses.heterogeneity.slopes import FRACTION, with_fractions
from imscope.core.result import Notice, Result
from imscope.core.schema import CLAIMS, DESIGN_FACTORS, HETEROGENEITY_INDEX, HETEROGENEITY_LEVELS
from imscope.io.count_check import refuse_reads
from imscope.io.genes import gene_classes
from imscope.io.open import open_cells
from imscope.io.same_cells import refuse_same_cells

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.cells import Cells

NO_COUNTS = "not estimable: the matrix holds expression values, not counts"
_ALWAYS = ("sample", *DESIGN_FACTORS, *KEY_COLUMNS, *MEASURED, MARK, "is_pool", "plate")


def measure(
    data: object,
    *columns: str | None,
    settings: HeterogeneitySettings | None = None,
    profile: Profile | None = None,
    threads: int | None = None,
) -> Heterogeneity:
    """Sum up cells once, for any number of tables of this room.

    Parameters
    ----------
    data
        :class:`~imscope.core.cells.Cells`, an ``AnnData`` or ``MuData`` in memory, a path; or what
        this function returned, which is passed on.
    columns
        Columns that are needed besides the known design factors; cells without a value in one of
        them are left out with a notice. ``None`` and ``"all"`` are passed over.
    settings, profile, threads
        As for :func:`compute_heterogeneity`.

    Raises
    ------
    DataError
        A column does not exist.
    MethodError
        The values are no counts.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> counts = np.random.default_rng(0).poisson(6.0, (80, 200)).astype("float32")
    >>> obs = pd.DataFrame({"lot": ["a"] * 40 + ["b"] * 40}, index=[f"c{k}" for k in range(80)])
    >>> from imscope.io import gene_table
    >>> genes = gene_table()["symbol"].astype(str).drop_duplicates().to_numpy()[:200]
    >>> adata = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=genes))
    >>> measure(adata, "lot").strata["n_cells"].tolist()
    [40, 40]
    """
    return _measured(data, *columns, settings=settings, profile=profile, threads=threads)[0]


def _measured(
    data: object,
    *columns: str | None,
    settings: HeterogeneitySettings | None,
    profile: Profile | None = None,
    threads: int | None = None,
) -> tuple[Heterogeneity, tuple[Notice, ...]]:
    if isinstance(data, Heterogeneity):
        return data, ()
    cells: Cells = open_cells(data)
    cells.need_counts("heterogeneity")
    refuse_reads(cells)
    unit = settings.replicate_unit if settings is not None else None
    wanted = [c for c in (*columns, unit) if c is not None and c != "all"]
    known = cells.known(*columns, unit if unit in wanted else None)
    chosen = [c for c in dict.fromkeys((*_ALWAYS, *wanted)) if c in known.obs.columns]
    h = compute_heterogeneity(
        known.source,
        known.features,
        known.obs[chosen].copy(),
        classes=gene_classes(known.features),
        settings=settings,
        profile=profile,
        threads=threads,
    )
    return h, known.notices[len(cells.notices) :]


def _distinct(data: object) -> object:
    """Refuse one library listed as several: its copies are no replicates."""
    if isinstance(data, Heterogeneity):
        return data
    cells = open_cells(data)
    cells.need_counts("heterogeneity")
    refuse_same_cells(cells)
    return cells


def _fractions(data: object) -> dict[str, float]:
    """Senescent fraction by sample, where the cells have one."""
    obs = None if isinstance(data, Heterogeneity) else open_cells(data).obs
    if obs is None or FRACTION not in obs or "sample" not in obs:
        return {}
    known = obs[obs[FRACTION].notna()].drop_duplicates("sample")
    return dict(zip(known["sample"].astype(str), known[FRACTION].astype(float), strict=True))


def _settings(
    settings: HeterogeneitySettings | None, unit: str | None, seed: int | None = None
) -> HeterogeneitySettings:
    from dataclasses import replace

    given: dict[str, Any] = {} if unit is None else {"replicate_unit": unit}
    if seed is not None:
        given["seed"] = seed
    return replace(settings or HeterogeneitySettings(), **given)


def _frame(table: "pd.DataFrame", name: str, result: Result) -> "pd.DataFrame":
    """A table that tells where it is from: name, settings and notices in its ``attrs``."""
    told = [asdict(n) for n in result.notices]
    table.attrs["imscope"] = {"table": name, "settings": dict(result.settings), "notices": told}
    return table


def index(
    data: object,
    by: str | None = None,
    *,
    unit: str | None = None,
    settings: HeterogeneitySettings | None = None,
    profile: Profile | None = None,
    seed: int | None = None,
) -> "pd.DataFrame":
    """Noise-corrected heterogeneity of every group, with interval and caveats.

    Parameters
    ----------
    data
        As for :func:`measure`; expression values give rows that say why there is no index.
    by
        Column that makes the groups; ``sample`` where there is one by default, else all cells.
    unit
        Column of the independent units; found by default.
    settings, profile, seed
        As for :func:`compute_heterogeneity`; ``seed`` overrides that of the settings.

    Returns
    -------
    table
        ``heterogeneity_index`` of :mod:`imscope.core.schema`; ``attrs["imscope"]`` holds the
        settings and what must be told.

    Raises
    ------
    DataError
        A column does not exist.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> counts = np.random.default_rng(0).poisson(6.0, (80, 200)).astype("float32")
    >>> obs = pd.DataFrame({"lot": ["a"] * 40 + ["b"] * 40}, index=[f"c{k}" for k in range(80)])
    >>> from imscope.io import gene_table
    >>> genes = gene_table()["symbol"].astype(str).drop_duplicates().to_numpy()[:200]
    >>> adata = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=genes))
    >>> table = index(adata, by="lot")
    >>> table["group"].tolist(), bool(table["hi2"].abs().max() < 0.01)
    (['a', 'b'], True)
    """
    result = index_tables(data, by, settings=_settings(settings, unit, seed), profile=profile)
    name = HETEROGENEITY_INDEX.name
    return _frame(result.tables[name], name, result)


def index_tables(
    data: object,
    by: str | None = None,
    *,
    settings: HeterogeneitySettings | None = None,
    profile: Profile | None = None,
    floor_from: str | None = None,
    relative_to: str | None = None,
    also: Sequence[str] = (),
) -> Result:
    """Index with all that may stand beside it, as the command gives it.

    Parameters
    ----------
    data, by, settings, profile
        As for :func:`index`.
    floor_from
        Measure the technical floor, see :func:`with_floor`.
    relative_to
        Reference of the ratios, see :func:`relative_table`; made without it where the design names
        a reference.
    also
        ``"ratios"``: also where no reference is named, their status says so. ``"carriers"``: the
        tables of genes and programmes.

    Returns
    -------
    result
        Tables ``heterogeneity_index`` and, where made, ``heterogeneity_relative``,
        ``heterogeneity_genes``, ``heterogeneity_programmes``.
    """
    default = "sample"
    if not isinstance(data, Heterogeneity):
        data = open_cells(data)
        if data.kind != "counts":
            return _no_counts(data, by)
        default = "sample" if "sample" in data.obs else "all"
    named = [w.partition("=")[0] for w in (floor_from, relative_to) if w and "=" in w]
    h, notices = _measured(data, by, *named, settings=settings, profile=profile)
    column = by or default
    if floor_from is not None:
        h = with_floor(h, floor_from)
    found = index_result(h, column)
    tables = dict(found.tables)
    if "ratios" in also or relative_to is not None or references(h).any():
        tables["heterogeneity_relative"] = relative_table(h, column, reference=relative_to)
    if "carriers" in also:
        tables["heterogeneity_genes"] = gene_table(h, column)
        tables["heterogeneity_programmes"] = programme_table(h, column)
    return Result(tables, notices=(*notices, *found.notices), settings=found.settings)


def _no_counts(cells: "Cells", by: str | None) -> Result:
    groups = cells.known(by).groups(by)
    table = HETEROGENEITY_INDEX.frame(
        {
            "group": name,
            "n_cells": int(n),
            "status": NO_COUNTS,
        }
        for name, n in zip(groups.names, groups.sizes, strict=True)
    )
    return Result({HETEROGENEITY_INDEX.name: table})


def decompose(
    data: object,
    levels: Sequence[str],
    *,
    unit: str | None = None,
    settings: HeterogeneitySettings | None = None,
    programmes: bool = True,
    threads: int | None = None,
    **more: Any,
) -> Decomposition:
    """Split heterogeneity into what each level of the design adds.

    Parameters
    ----------
    data
        As for :func:`measure`.
    levels
        Columns, coarse to fine, such as ``["source_class", "donor", "batch"]``; the cell is always
        the last level. Levels that cross are fitted as crossed.
    unit, settings, threads
        As for :func:`index`.
    programmes
        Also decompose every gene set with enough genes.
    more
        Further arguments of :func:`split_levels`.

    Returns
    -------
    decomposition
        Table ``heterogeneity_levels``, total, and what cannot be told apart.

    Raises
    ------
    DataError
        A column does not exist.
    MethodError
        The cells cannot be compared, or a cell has no value for a level.
    """
    data = _distinct(data)
    h, _ = _measured(data, *levels, settings=_settings(settings, unit), threads=threads)
    made = split_levels(h, levels, programmes=programmes, **more)
    about = Result(settings=asdict(h.settings))
    _frame(made.table, HETEROGENEITY_LEVELS.name, about)
    return made


def compare(
    data: object,
    by: str,
    *,
    unit: str | None = None,
    test: str | None = None,
    reference: str | None = None,
    settings: HeterogeneitySettings | None = None,
    registered: str | None = None,
) -> "pd.DataFrame":
    """Test claims A, B and C between groups, with replicate units and never cells.

    Parameters
    ----------
    data
        As for :func:`measure`. A column ``senescent_fraction``, one value per sample, adds the
        slope of senescence to claim C.
    by
        Column of the groups, such as ``source_class``.
    unit
        Column of the independent units; found by default.
    test, reference
        Groups to compare; by default every group with the usual reference (primary cells).
    settings
        Margin, level, order and adjustment of the claims.
    registered
        Hash of the settings fixed before the data were read. Any other settings make every claim
        NOT TESTABLE.

    Returns
    -------
    claims
        As :func:`compare_groups` gives it.

    Raises
    ------
    DataError
        A column or group does not exist.
    """
    chosen = None if isinstance(data, Heterogeneity) else _settings(settings, unit)
    data = _distinct(data)
    h, notices = _measured(data, by, unit, settings=chosen)
    h = with_fractions(h, _fractions(data))
    table = compare_groups(h, by, unit=unit, test=test, reference=reference, registered=registered)
    about = Result(notices=notices, settings=asdict(h.settings))
    return _frame(table, CLAIMS.name, about)


def plan_from_pilot(
    data: object,
    by: str,
    *,
    unit: str | None = None,
    settings: HeterogeneitySettings | None = None,
    threads: int | None = None,
) -> "pd.DataFrame":
    """Tabulate the power of the user's own design from its pilot, by units and cells.

    Parameters
    ----------
    data
        Pilot cells, as for :func:`measure`.
    by
        Column of the groups to compare.
    unit, settings, threads
        As for :func:`compare`.
    """
    h, _ = _measured(data, by, unit, settings=_settings(settings, unit), threads=threads)
    return pilot_table(h, by, unit=unit)


def profile(
    data: object,
    name: str,
    *,
    unit: str | None = None,
    settings: HeterogeneitySettings | None = None,
    floor_from: str | None = None,
    why: str = "all samples given",
    threads: int | None = None,
) -> Profile:
    """Freeze genes and weights, so that later lots can be compared with these.

    Parameters
    ----------
    data
        As for :func:`measure`: three or more independent units.
    name
        Of the profile.
    unit, settings, threads
        As for :func:`index`.
    floor_from
        Also freeze the technical floor, see :func:`with_floor`.
    why
        How these samples were chosen.

    Raises
    ------
    MethodError
        Fewer than 3 units.
    """
    h, _ = _measured(data, settings=_settings(settings, unit), threads=threads)
    if floor_from is not None:
        h = with_floor(h, floor_from, threads=threads)
    return freeze_profile(h, name, why=why)
