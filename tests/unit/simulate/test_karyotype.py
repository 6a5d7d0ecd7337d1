import numpy as np
import pytest

from imscope.core.errors import UsageError
from imscope.simulate.karyotype import KaryotypeSettings, simulate_karyotype_lot

ARMS = ["17q"] * 40 + ["1p"] * 160


def test_carriers_have_half_as_much_again():
    knobs = KaryotypeSettings(cells=2_000, gene_noise=0, programmes=0, lot_noise=0, depth_spread=0)
    made = simulate_karyotype_lot(ARMS, knobs, lot=0, gains={"17q": (0.25, 1.5)})
    share = made.counts[:, :40].sum(axis=1) / made.counts.sum(axis=1)
    yes = made.carriers["17q"]
    assert yes.sum() == 500
    plain = share[~yes].mean()
    np.testing.assert_allclose(plain, 0.039, rtol=0.02)
    np.testing.assert_allclose(share[yes].mean(), 1.5 * plain / (1 + 0.5 * plain), rtol=0.02)


def test_the_same_seed_gives_the_same_cells():
    knobs = KaryotypeSettings(cells=20)
    a, b, c = (simulate_karyotype_lot(ARMS, knobs, lot=k).counts for k in (1, 1, 2))
    assert (a != b).nnz == 0
    assert (a != c).nnz > 0


def test_a_lot_without_cells_is_refused():
    with pytest.raises(UsageError):
        KaryotypeSettings(cells=0)
