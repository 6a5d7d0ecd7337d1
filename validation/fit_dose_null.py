"""Fit the null of the F of bounded dose-response curves; its scale stands in dose_null.py.

Run by hand: `python -m validation.fit_dose_null [CURVES]`.
"""

import sys

import numpy as np
from scipy import stats
from scipy.optimize import isotonic_regression

from imscope.analyses.screens.dose_null import DN, POINTS, dd_of
from imscope.analyses.screens.dose_response import fit_curves
from validation.common import rng_of


def main(curves: int = 3000) -> None:
    scales = []
    for n in POINTS.astype(int):
        rng = rng_of("dose null", int(n))
        dose = np.concatenate([[0.0], np.geomspace(0.001, 40, n - 1)])
        f = fit_curves(dose, 1 + rng.normal(0, 0.05, (curves, n)), smooth=False).f
        scale = float(np.quantile(f, 0.95) / stats.f.ppf(0.95, DN, dd_of(n)))
        p = stats.f.sf(f / scale, DN, dd_of(n))
        scales.append(round(scale, 4))
        print(n, scales[-1], *(f"{(p < a).mean():.4f}" for a in (0.1, 0.01, 0.001)), flush=True)
    print([round(float(v), 4) for v in isotonic_regression(scales).x])  # the scale rises with n


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
