"""Posterior of the stage of each cell from the counts of marker genes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imscope.engine.on_off import (
    OnOffRates,
    on_off_log_likelihood,
    update_rates,
)
from imscope.engine.panel_counts import PanelCounts
from imscope.evidence.stage_panel import (
    ABUNDANT,
    RATE_OFF,
    RATE_OFF_ABUNDANT,
    RATE_ON,
    RATE_ON_ABUNDANT,
    TRIPLE,
    StagePanel,
)

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
    abundant = np.array([g in ABUNDANT for g in panel.genes])
    rates = OnOffRates(
        np.where(abundant, RATE_ON_ABUNDANT, RATE_ON),
        np.where(abundant, RATE_OFF_ABUNDANT, RATE_OFF),
    )
    return StageModel(panel, present, scored, rates)


def stage_log_likelihood(
    model: StageModel, counts: Floats, depth: Floats, ambient: Floats
) -> tuple[Floats, Floats]:
    """Log likelihood of the counts in every stage, up to a term all stages share.

    Parameters
    ----------
    model
        Prior chances and rates.
    counts, depth
        As in :class:`imscope.engine.panel_counts.PanelCounts`, for a few cells.
    ambient
        Expected rate of ambient counts, shape ``(n_cells, n_genes)``. Unit: UMI per 10,000 UMI.

    Returns
    -------
    stages
        Shape ``(n_cells, n_stages)``; minus infinity where a stage is not scored.
    gain
        Likelihood of ``on`` over ``off`` for every count, shape ``(n_cells, n_genes)``.
    """
    on, off = on_off_log_likelihood(counts, depth, model.rates, ambient=ambient)
    ratio = np.clip(on - off, -500.0, 500.0)
    gain = np.exp(ratio)
    log = np.zeros((len(counts), len(model.panel.stages)))
    for p, where in model.chances:
        log += np.log1p(p * (gain - 1)) @ where.T
    if model.present[model.triple].all():
        _together(model, log, ratio[:, model.triple])
    _core_genes(model, log, gain)
    log[:, ~model.scored] = -np.inf
    return log, gain


def _core_genes(model: StageModel, log: Floats, gain: Floats) -> None:
    """Condition every stage on enough of its core genes being on; changes ``log``."""
    for s, name in enumerate(model.panel.stages):
        core = np.flatnonzero(model.panel.core[s] & model.present)
        least = min(model.panel.least[s], len(core) - 1)
        if len(core) < 3 or least < 1 or name == _TRIPLE_STAGE:
            continue
        p = model.panel.on[s, core]
        few = _fewer(p * gain[:, core] / (1 - p + p * gain[:, core]), least)
        prior = _fewer(p[None, :], least)
        log[:, s] += np.log(np.maximum(1 - few, 1e-12)) - np.log1p(-prior)


def _fewer(chance: Floats, least: int) -> Floats:
    """Chance that fewer than so many of independent events happen, one row per cell."""
    state = np.zeros((len(chance), least))
    state[:, 0] = 1.0
    for k in range(chance.shape[1]):
        p = chance[:, [k]]
        moved = state * (1 - p)
        moved[:, 1:] += state[:, :-1] * p
        state = moved
    return np.asarray(state.sum(axis=1))


def stage_posterior(
    log: Floats, sample: NDArray[np.intp], n_samples: int, *, rounds: int = 40
) -> Floats:
    """Posterior over the stages, with the mixture of stages in each sample as prior.

    Parameters
    ----------
    log
        Log likelihood, shape ``(n_cells, n_stages)``.
    sample
        Number of the sample of each cell.
    n_samples
        Number of samples.
    rounds
        Rounds of expectation and maximisation for the mixtures. Every stage starts with the weight
        of one cell in every sample, and keeps it.

    Returns
    -------
    posterior
        Shape of ``log``; rows sum to 1.
    """
    scored = np.isfinite(log).any(axis=0)
    weight = np.where(scored, 1.0, 0.0)[None, :].repeat(n_samples, axis=0)
    weight /= weight.sum(axis=1, keepdims=True)
    relative = np.exp(log - log.max(axis=1, keepdims=True))
    order = np.argsort(sample, kind="stable")
    sums = np.zeros((n_samples, log.shape[1]))
    out = relative
    for _ in range(rounds):
        out = relative * weight[sample]
        out /= out.sum(axis=1, keepdims=True)
        for s in range(log.shape[1]):
            sums[:, s] = np.bincount(sample[order], out[order, s], n_samples)
        fresh = (sums + scored) / (sums + scored).sum(axis=1, keepdims=True)
        moved = float(np.abs(fresh - weight).max())
        weight = fresh
        if moved < 1e-6:
            break
    return out


def _genes_on(model: StageModel, stages: Floats, gain: Floats) -> Floats:
    """Chance that each gene is on in each cell."""
    out = np.zeros_like(gain)
    for p, where in model.chances:
        out += (stages @ where) * p * gain / (1 + p * (gain - 1))
    return out


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
    model: StageModel,
    panel: PanelCounts,
    ambient: Floats,
    *,
    rows: NDArray[np.intp],
    sample: NDArray[np.intp],
    rounds: int,
) -> StageModel:
    """Learn the rates of genes that are on from some cells, shrunk to the pooled prior.

    Parameters
    ----------
    model
        Prior chances and pooled rates.
    panel
        Counts of all cells.
    ambient
        Rate of ambient counts of each cell of ``rows``, shape ``(n_rows, n_genes)``.
    rows
        Cells to learn from.
    sample
        Number of the sample of each of these cells.
    rounds
        Rounds.
    """
    counts, depth = panel.dense(rows), panel.depth[rows]
    start = model.rates
    for _ in range(rounds):
        log, gain = stage_log_likelihood(model, counts, depth, ambient)
        stages = stage_posterior(log, sample, int(sample.max()) + 1)
        rates = update_rates(start, counts, depth, _genes_on(model, stages, gain), ambient=ambient)
        model = StageModel(model.panel, model.present, model.scored, rates)
    return model


def ambient_rates(
    panel: PanelCounts,
    sample: NDArray[np.intp],
    names: Sequence[str],
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
            seen = panel.dense(mine).sum(axis=0)
            out[k] = share * 1e4 * seen / panel.depth[mine].sum()
    return out
