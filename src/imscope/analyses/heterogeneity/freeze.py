"""A reference profile made from a cohort: its genes, weights and floors, frozen."""

import numpy as np

from imscope.analyses.heterogeneity.compute import Heterogeneity, pool_names
from imscope.analyses.heterogeneity.frozen import Profile, Weights
from imscope.core import codes
from imscope.core.errors import MethodError

MIN_UNITS = 3
"""Independent units a profile needs: with fewer it is the portrait of one lot."""


def freeze_profile(h: Heterogeneity, name: str, *, why: str = "all samples given") -> Profile:
    """Freeze the genes, weights and floor of a cohort, so that later lots can be charted.

    Parameters
    ----------
    h
        From :func:`compute_heterogeneity`, without a profile.
    name
        Of the profile.
    why
        How its samples were chosen.

    Raises
    ------
    MethodError
        The cohort has fewer than 3 independent units.

    Notes
    -----
    With the profile, HI2, HI_c and programmes of a lot are the same digits whatever else is in the
    run; the comparability key ends in the hash of the profile.
    """
    units = sorted(set(h.units_of().astype(str)))
    if len(units) < MIN_UNITS:
        raise MethodError(
            "a reference profile needs more independent units",
            found=f"{len(units)} ({h.replicate_column}), {MIN_UNITS} are needed",
            fix="freeze it from more lots",
            code=codes.HETEROGENEITY_PROFILE,
        )
    ids = h.features["feature_id"].astype(str).to_numpy()
    names = np.array(pool_names(h.strata))
    weights = {}
    for k, universe in enumerate(h.universes):
        floor = h.floors[k] if h.floors else None
        weights[str(names[h.pool == k][0])] = Weights(
            tuple(ids[universe.genes]),
            tuple(float(v) for v in universe.reference[universe.genes]),
            tuple(ids[universe.genes & ~universe.without]),
            universe.note,
            None if floor is None else (floor.hi2, floor.low, floor.high, floor.words),
        )
    samples = sorted(set(h.strata["sample"].astype(str)))
    made_from = {"samples": samples, "units": units, "chosen": why}
    return Profile(name, tuple(ids), weights, h.replicate_column, made_from, h.settings.digest)
