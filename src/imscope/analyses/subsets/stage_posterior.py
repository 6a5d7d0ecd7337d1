"""Posterior of the stage of each cell from the counts of marker genes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from imscope.engine.on_off import (
    OnOffRates,
    on_off_log_likelihood,
    pooled_rates,
    update_on_rates,
)
from imscope.engine.panel_counts import PanelCounts
from imscope.evidence.stage_panel import TRIPLE, StagePanel

Floats = NDArray[np.float64]
ROWS = 4_096
_TRIPLE_STAGE = "mesenchymoangioblast"


@dataclass(frozen=True)
class StageModel:
    """Prior chances and rates restricted to the genes of a matrix.

    Attributes
    ----------
    panel
        All stages and genes.
    present
        Panel genes in the matrix, shape ``(n_genes,)``.
    scored
        Stages with enough core genes, shape ``(n_stages,)``.
    rates
        Rates of genes that are on and off.
    """

    panel: StagePanel
    present: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    rates: OnOffRates

    @cached_property
    def chances(self) -> list[tuple[float, Floats]]:
        """Each distinct prior chance with the table of stages and genes that have it."""
        on = self.panel.on
        return [(float(p), ((on == p) & self.present).astype(float)) for p in np.unique(on)]

    @cached_property
    def triple(self) -> NDArray[np.intp]:
        """Columns of the three genes that stand for the mesenchymoangioblast together."""
        return np.array([self.panel.genes.index(g) for g in TRIPLE], dtype=np.intp)


def coverage_of(panel: StagePanel, present: NDArray[np.bool_]) -> Floats:
    """Share of each stage's core genes that are in the matrix, shape ``(n_stages,)``.

    The last stage, ``unknown``, has no core genes: NaN.
    """
    n = panel.core.sum(axis=1)
    return np.where(n > 0, (panel.core & present).sum(axis=1) / np.maximum(n, 1), np.nan)


def make_model(panel: StagePanel, present: NDArray[np.bool_], min_coverage: float) -> StageModel:
    """Start from pooled prior rates; the mesenchymoangioblast needs all three of its genes."""
    coverage = coverage_of(panel, present)
    scored = ~(coverage < min_coverage)
    place = panel.stages.index(_TRIPLE_STAGE)
    scored[place] = coverage[place] == 1
    return StageModel(panel, present, scored, pooled_rates(len(panel.genes)))


def posterior(
    model: StageModel, counts: Floats, depth: Floats, ambient: Floats
) -> tuple[Floats, Floats]:
    """Posterior over the stages, and the chance that each gene is on.

    Parameters
    ----------
    model
        Prior chances and rates.
    counts, depth
        As in :class:`imscope.engine.panel_counts.PanelCounts`, for a few cells.
    ambient
        Expected rate of ambient counts, shape ``(n_genes,)``. Unit: UMI per 10,000 UMI.

    Returns
    -------
    stages
        Shape ``(n_cells, n_stages)``; rows sum to 1.
    genes
        Shape ``(n_cells, n_genes)``.
    """
    on, off = on_off_log_likelihood(counts, depth, model.rates, ambient=ambient)
    gain = np.exp(np.minimum(on - off, 500.0))
    mixed = [np.log1p(p * (gain - 1)) for p, _ in model.chances]
    log = np.zeros((len(counts), len(model.panel.stages)))
    for mix, (_, where) in zip(mixed, model.chances, strict=True):
        log += mix @ where.T
    if model.present[model.triple].all():
        _together(model, log, (on - off)[:, model.triple])
    log[:, ~model.scored] = -np.inf
    stages = np.exp(log - logsumexp(log, axis=1, keepdims=True))
    genes = np.zeros_like(counts)
    for mix, (p, where) in zip(mixed, model.chances, strict=True):
        genes += (stages @ where) * p * gain * np.exp(-mix)
    return stages, genes


def _together(model: StageModel, log: Floats, ratio: Floats) -> None:
    """Give the three genes at once to the mesenchymoangioblast alone; changes ``log``."""
    all_on = np.minimum(ratio, 500.0).sum(axis=1)
    for s, name in enumerate(model.panel.stages):
        p = model.panel.on[s, model.triple]
        mix = np.log1p(p * np.expm1(np.minimum(ratio, 500.0))).sum(axis=1)
        if name == _TRIPLE_STAGE:
            log[:, s] += all_on - mix
        else:
            share = np.minimum(np.exp(np.log(p).sum() + all_on - mix), 1 - 1e-12)
            log[:, s] += np.log1p(-share) - np.log1p(-p.prod())


def learn_rates(
    model: StageModel, panel: PanelCounts, ambient: Floats, rows: NDArray[np.intp], rounds: int
) -> StageModel:
    """Learn the rates of genes that are on from some cells, shrunk to the pooled prior.

    Parameters
    ----------
    ambient
        Rate of ambient counts per cell and gene group, shape ``(n_cells, n_genes)``, for ``rows``.
    """
    counts, depth = panel.counts[rows], panel.depth[rows]
    start = model.rates
    for _ in range(rounds):
        _, genes = posterior(model, counts, depth, ambient)
        model = StageModel(
            model.panel, model.present, model.scored, update_on_rates(start, counts, depth, genes)
        )
    return model


def ambient_rates(
    panel: PanelCounts,
    sample: NDArray[np.intp],
    names: list[str],
    *,
    known: Mapping[str, tuple[float, Floats]],
    default: float,
) -> Floats:
    """Expected ambient rate of each panel gene in each sample, shape ``(n_samples, n_genes)``.

    Parameters
    ----------
    sample
        Number of the sample of each cell.
    names
        Names of the samples.
    known
        Ambient share and profile over all features, by sample.
    default
        Share where it is not known; the profile is then the mean of the sample's cells.
    """
    out = np.zeros((len(names), len(panel.present)))
    for k, name in enumerate(names):
        share, profile = known.get(name, (default, np.zeros(0)))
        if not np.isfinite(share):
            share = default
        mine = sample == k
        if len(profile):
            out[k] = share * 1e4 * panel.profile(np.asarray(profile, dtype=np.float64))
        elif panel.depth[mine].sum() > 0:
            out[k] = share * 1e4 * panel.counts[mine].sum(axis=0) / panel.depth[mine].sum()
    return out
