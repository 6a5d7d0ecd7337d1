"""All identity analyses in one pass over the counts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.identity.cycle import cycle_table, score_cycle
from imscope.analyses.identity.donor import DONOR_GENES, check_donors, sex_table
from imscope.analyses.identity.fractions import Groups, group_cells
from imscope.analyses.identity.hox import hox_table
from imscope.analyses.identity.isct import check_isct
from imscope.analyses.identity.panel_counts import collect_counts
from imscope.analyses.identity.senescence import (
    score_profiles,
    score_senescence,
    senescence_table,
)
from imscope.core.blocks import BlockSource
from imscope.engine.pseudobulk import sum_units
from imscope.evidence.gene_sets import genes_of

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.raw import Modality

_SETS = (
    *("cc_s", "cc_g2m", "senmayo", "senescence_arrest_up", "senescence_down"),
    *("isct_positive", "isct_negative", "hox_position"),
)


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Choices of the identity analyses.

    Attributes
    ----------
    by
        Column that makes the groups; ``sample`` by default, else all cells are one group.
    unit
        Column of the replicate units; the first of ``lot``, ``donor``, ``line``, ``clone``,
        ``batch``, ``sample`` by default.
    seed
        Of the choice of cells and the random sets.
    """

    by: str | None = None
    unit: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """Tables as declared in :mod:`imscope.core.schema`, and a table of cells.

    Attributes
    ----------
    cycle, senescence, profiles, panel, hox, sex, donors
        ``cycle_phases``, ``senescence``, ``senescence_profiles``, ``isct_panel``, ``hox_code``,
        ``donor_sex``, ``donor_match``.
    cells
        One row per cell: ``cycle_phase``, ``cycle_angle`` (radians), ``p_s``, ``p_g2m``,
        ``arrest_z``, ``sasp_z``, ``senescent``.
    settings
        What was asked for.
    """

    cycle: "pd.DataFrame"
    senescence: "pd.DataFrame"
    profiles: "pd.DataFrame"
    panel: "pd.DataFrame"
    hox: "pd.DataFrame"
    sex: "pd.DataFrame"
    donors: "pd.DataFrame"
    cells: "pd.DataFrame"
    settings: IdentitySettings

    @property
    def tables(self) -> dict[str, "pd.DataFrame"]:
        """The declared tables by name."""
        return {
            "isct_panel": self.panel,
            "cycle_phases": self.cycle,
            "senescence": self.senescence,
            "senescence_profiles": self.profiles,
            "hox_code": self.hox,
            "donor_sex": self.sex,
            "donor_match": self.donors,
        }


def describe_identity(
    source: BlockSource,
    features: "pd.DataFrame",
    obs: "pd.DataFrame",
    *,
    protein: "Modality | None" = None,
    settings: IdentitySettings | None = None,
    threads: int | None = None,
) -> Identity:
    """Compute the ISCT panel, cycle, senescence, HOX code, donor sex and donor match.

    Parameters
    ----------
    source, features
        Counts, and their features as :func:`imscope.io.genes.map_genes` gives them.
    obs
        One row per cell; ``is_reference``, ``sex``, ``donor``, ``source_class`` are used if there.
    protein
        Surface protein of the same cells.
    settings
        See :class:`IdentitySettings`.
    threads
        See :func:`imscope.engine.execute.thread_count`.

    Returns
    -------
    result
        See :class:`Identity`. What cannot be estimated says why in its ``status``.

    Raises
    ------
    DataError
        A column of groups or units does not exist or has gaps.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse as sp
    >>> from imscope.core.blocks import MemoryBlocks
    >>> from imscope.io.genes import map_genes
    >>> features, _ = map_genes(["NT5E", "THY1", "ENG", "XIST"])
    >>> source = MemoryBlocks.from_csr(sp.csr_array([[5, 9, 3, 1], [4, 7, 6, 1]]))
    >>> result = describe_identity(source, features, pd.DataFrame({"sample": ["a", "b"]}))
    >>> result.sex["call"].tolist()
    ['not estimable', 'not estimable']
    """
    import pandas as pd

    chosen = settings or IdentitySettings()
    groups = group_cells(obs, chosen.by, chosen.unit)
    wanted = [*sorted(genes_of(*_SETS)), *DONOR_GENES]
    panel = collect_counts(source, features, wanted, threads=threads)
    reference = _reference(obs)
    cycle = score_cycle(panel, groups, seed=chosen.seed)
    old = score_senescence(panel, cycle, reference=reference)
    cells = pd.DataFrame(
        {
            "cycle_phase": cycle.phase.astype(str),
            "cycle_angle": cycle.angle,
            "p_s": cycle.p_s,
            "p_g2m": cycle.p_g2m,
            "arrest_z": old.arrest_z,
            "sasp_z": old.sasp_z,
            "senescent": old.called,
        },
        index=obs.index,
    )
    return Identity(
        cycle_table(cycle, groups),
        senescence_table(old, panel, groups),
        score_profiles(
            sum_units(source, groups.group, len(groups.names), threads=threads),
            features,
            groups.names,
            reference=_reference_groups(reference, groups),
            seed=chosen.seed,
        ),
        check_isct(panel, groups, protein=protein),
        hox_table(panel, groups),
        sex_table(panel, groups, sheet=_column(obs, "sex")),
        check_donors(panel, groups, donor=_column(obs, "donor"), kind=_column(obs, "source_class")),
        cells,
        chosen,
    )


def _column(obs: "pd.DataFrame", name: str) -> "pd.Series | None":
    return obs[name] if name in obs.columns else None


def _reference(obs: "pd.DataFrame") -> NDArray[np.bool_] | None:
    """Cells of samples the sheet calls a reference, or nothing where there is none."""
    column = _column(obs, "is_reference")
    if column is None:
        return None
    words = column.astype(str).str.strip().str.lower()
    mask = words.isin(["true", "1", "1.0", "yes"]).to_numpy(dtype=bool)
    return mask if mask.any() else None


def _reference_groups(reference: NDArray[np.bool_] | None, groups: Groups) -> NDArray[np.bool_]:
    """Groups made of reference cells only."""
    n = len(groups.names)
    if reference is None:
        return np.zeros(n, dtype=bool)
    return np.array([bool(reference[groups.group == g].all()) for g in range(n)])
