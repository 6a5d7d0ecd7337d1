"""Fit the null of the F of bounded dose-response curves; its numbers stand in dose_null.py."""
import numpy as np, time
from scipy import stats, optimize
from imscope.analyses.screens.dose_response import fit_curves

res = []
for n in (5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 24, 32, 48):
    rng = np.random.default_rng(n)
    M = 6000
    dose = np.r_[0, np.geomspace(0.001, 40, n - 1)]
    t = time.process_time()
    r = fit_curves(dose, 1 + rng.normal(0, 0.05, (M, n)))
    t = (time.process_time() - t) / M
    f = np.sort(r.f)
    q = (np.arange(M) + 0.5) / M
    qs = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998])
    obs = np.quantile(f, qs)
    w = 1 / np.sqrt(qs * (1 - qs))

    def loss(v):
        s, dn, dd = np.exp(v)
        d = np.log(s * stats.f.ppf(qs, dn, dd)) - np.log(obs)
        return (d * d).sum() + 1e-4 * (v**2).sum()

    best = min(
        (
            optimize.minimize(
                loss,
                [0, np.log(a), np.log(max(n - 4, 1))],
                method="Nelder-Mead",
                options=dict(maxiter=4000, xatol=1e-4, fatol=1e-7),
            )
            for a in (1.0, 3.0, 6.0)
        ),
        key=lambda o: o.fun,
    )
    s, dn, dd = np.exp(best.x)
    p = stats.f.sf(r.f / s, dn, dd)
    res.append((n, s, dn, dd))
    print(
        n,
        round(t * 1e3, 2),
        "ms",
        np.round([s, dn, dd], 4),
        best.fun,
        "p05",
        (p < 0.05).mean(),
        "p01",
        (p < 0.01).mean(),
        "p001",
        (p < 0.001).mean(),
        flush=True,
    )
print([round(r[1], 4) for r in res])
print([round(r[2], 4) for r in res])
print([round(r[3], 4) for r in res])
