"""Limits of quality control, as the configuration sets them; for the run and for ``imscope qc``."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.engine.qc import QcSettings
from imscope.io.genes import gene_classes
from imscope.study.config import RunConfig


def qc_classes(features: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Gene classes whose share of a cell's counts quality control looks at."""
    classes = gene_classes(features)
    return {name: classes[name] for name in ("mito", "ribo", "haemoglobin")}


def qc_settings(config: RunConfig) -> QcSettings:
    """The engine's settings of quality control."""
    return QcSettings(
        n_mads=config.qc.n_mads,
        min_umi=config.qc.min_umi,
        min_genes=config.qc.min_genes,
        mito_ceiling=config.qc.max_mito_frac,
        shared=config.qc.shared_limits,
    )


def override_limits(
    limits: pd.DataFrame, fixed: Mapping[str, tuple[float | None, float | None]]
) -> pd.DataFrame:
    """Put limits fixed in the configuration in place of the suggested ones.

    Raises
    ------
    UsageError
        A metric is not known.
    """
    limits = limits.copy()
    for metric, ends in fixed.items():
        here = limits["metric"] == metric
        if not here.any():
            raise UsageError(
                f"qc.limits names the unknown metric {metric!r}",
                fix=f"use one of {', '.join(sorted(set(limits['metric'])))}",
                code=codes.CONFIG_VALUE,
            )
        limits.loc[here, ["low", "high"]] = [np.nan if e is None else float(e) for e in ends]
        limits.loc[here, "reason"] = "configuration"
    return limits
