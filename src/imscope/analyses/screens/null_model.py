"""Negative binomial null of every gene, fitted once on control cells, many genes at a time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]
THETA_LOW, THETA_HIGH = 0.01, 1000.0
ITERATIONS = 30


@dataclass(frozen=True, slots=True, eq=False)
class NullModel:
    """Coefficients ``(n_columns, n_genes)`` and sizes ``(n_genes,)``."""

    beta: Floats
    theta: Floats


def fit_null_model(y: Floats, design: Floats) -> NullModel:
    r"""Fit :math:`y\sim NB(e^{X\beta},\theta)` for many genes.

    Parameters
    ----------
    y
        Counts, shape ``(n_cells, n_genes)``.
    design
        Shape ``(n_cells, n_columns)``, first column ones, others near unit scale.

    Returns
    -------
    model
        Sizes by maximum likelihood between 0.01 and 1,000.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.column_stack([np.ones(4000), rng.normal(0, 1, 4000)])
    >>> mu = np.exp(1 + 0.5 * x[:, 1])
    >>> model = fit_null_model(rng.negative_binomial(2, 2 / (2 + mu))[:, None] * 1.0, x)
    >>> model.beta[:, 0].round(1).tolist(), bool(abs(model.theta[0] - 2) < 0.3)
    ([1.0, 0.5], True)
    """
    n, p = design.shape
    mean = np.maximum(y.mean(axis=0), 1e-4)
    beta = np.zeros((p, y.shape[1]))
    beta[0] = np.log(mean)
    theta = np.full(y.shape[1], 10.0)
    outer = (design[:, :, None] * design[:, None, :]).reshape(n, p * p)
    for round_ in range(4):
        for _ in range(ITERATIONS):
            mu = np.exp(np.clip(design @ beta, -15, 12))
            shrink = 1 / (1 + mu / theta)
            w = mu * shrink
            gradient = design.T @ ((y - mu) * shrink)
            hessian = (outer.T @ w).T.reshape(-1, p, p) + 1e-6 * np.eye(p)
            step = np.clip(np.linalg.solve(hessian, gradient.T[..., None])[..., 0].T, -3, 3)
            beta += step
            if np.abs(step).max() < 1e-5:
                break
        mu = np.exp(np.clip(design @ beta, -15, 12))
        new = _theta(y, mu)
        moved = np.abs(np.log(new / theta)).max()
        theta = new
        if moved < 1e-3 and round_:
            break
    return NullModel(beta, theta)


def _theta(y: Floats, mu: Floats) -> Floats:
    """Newton steps on the log of theta, from a moment estimate where that is better."""
    extra = ((y - mu) ** 2 - mu).sum(axis=0)
    moment = np.where(extra > 0, (mu**2).sum(axis=0) / np.maximum(extra, 1e-12), THETA_HIGH)
    theta = np.clip(moment, THETA_LOW, THETA_HIGH)
    values = np.unique(y)
    for _ in range(12):
        if len(values) < 400:  # few different counts: digamma of each of them once
            first, second = np.zeros(len(theta)), np.zeros(len(theta))
            for v in values:
                m = (y == v).sum(axis=0)
                first += m * (digamma(v + theta) - digamma(theta))
                second += m * (polygamma(1, v + theta) - polygamma(1, theta))
        else:
            first = (digamma(y + theta) - digamma(theta)).sum(axis=0)
            second = (polygamma(1, y + theta) - polygamma(1, theta)).sum(axis=0)
        rest = mu + theta
        score = first + (np.log(theta / rest) + 1 - (y + theta) / rest).sum(axis=0)
        slope = second + (1 / theta - 2 / rest + (y + theta) / rest**2).sum(axis=0)
        g, h = score * theta, slope * theta**2 + score * theta
        step = np.where(h < 0, -g / np.minimum(h, -1e-9), np.sign(g) * 0.5)
        theta = np.clip(theta * np.exp(np.clip(step, -1, 1)), THETA_LOW, THETA_HIGH)
        if np.abs(step[(theta > THETA_LOW) & (theta < THETA_HIGH)]).max(initial=0.0) < 1e-4:
            break
    return theta
