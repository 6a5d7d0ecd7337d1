import numpy as np
import pytest
from scipy import stats

from imscope.analyses.clones.edit import (
    Flank,
    call_edit,
    one_allele_by_chance,
    wild_type_upper,
)
from imscope.analyses.clones.identity import check_identity, find_foreign_cells, str_match
from imscope.core.errors import DataError


def reads(rng, genotype, depth=10):
    share = np.where(genotype == 1, rng.beta(5.06, 5.06, len(genotype)), genotype / 2)
    total = rng.poisson(depth, len(genotype))
    alt = rng.binomial(total, 0.005 + 0.99 * share)
    return total - alt, alt


def sibling(rng, f):
    parents = rng.random((2, 2, len(f))) < f

    def child():
        pick = rng.integers(0, 2, (2, len(f)))
        return sum(
            np.take_along_axis(parents[k], pick[k][None], axis=0)[0].astype(int) for k in (0, 1)
        )

    return child(), child()


def test_own_line_strangers_and_siblings():
    rng = np.random.default_rng(2)
    seen = {"own": [], "stranger": [], "sibling": []}
    for _ in range(150):
        f = rng.uniform(0.1, 0.5, 50)
        me, sib = sibling(rng, f)
        stranger = rng.binomial(2, f)
        for name, g in (("own", me), ("stranger", stranger), ("sibling", sib)):
            ref, alt = reads(rng, g)
            found = check_identity(
                ref, alt, {"A": me, "B": rng.binomial(2, f)}, expected="A", frequency=f
            )
            seen[name].append(found.verdict)
    assert seen["own"].count("CONTRADICTS") == 0
    assert seen["own"].count("MATCHES") >= 0.97 * 150
    assert "MATCHES" not in seen["stranger"]
    assert seen["stranger"].count("CONTRADICTS") >= 0.99 * 150
    assert seen["sibling"].count("MATCHES") <= 0.01 * 150


def test_clones_of_one_donor_are_never_told_apart_by_germline_variants():
    rng = np.random.default_rng(3)
    f = np.full(400, 0.3)
    g = rng.binomial(2, f)
    ref, alt = reads(rng, g)
    found = check_identity(ref, alt, {"c1": g, "c2": g}, expected="c1", frequency=f)
    assert found.verdict == "NOT TESTABLE"
    assert "clones of one donor" in found.reason


def test_few_variants_and_bad_input():
    f = np.full(10, 0.3)
    found = check_identity([5] * 10, [0] * 10, {"A": [0] * 10}, expected="A", frequency=f)
    assert found.verdict == "NOT TESTABLE"
    for act, code in (
        (
            lambda: check_identity([1], [0], {"A": [0]}, expected="Z", frequency=[0.3]),
            "E-CLONE-PARENT",
        ),
        (
            lambda: check_identity([-1], [0], {"A": [0]}, expected="A", frequency=[0.3]),
            "E-CLONE-COUNTS",
        ),
        (
            lambda: check_identity([1], [0], {"A": [7]}, expected="A", frequency=[0.3]),
            "E-CLONE-VARIANTS",
        ),
        (
            lambda: check_identity([1], [0], {"A": [0]}, expected="A", frequency=[1.3]),
            "E-CLONE-VARIANTS",
        ),
    ):
        with pytest.raises(DataError) as error:
            act()
        assert error.value.code == code


@pytest.mark.parametrize(("share", "n"), [(0.0, 2000), (0.001, 3000), (0.005, 2000), (0.02, 1000)])
def test_foreign_cells_bound_covers(share, n):
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(200):
        foreign = rng.random(n) < share
        total = rng.poisson(15, n) + 5
        other = rng.binomial(total, np.where(foreign, 0.95, 0.055))
        found = find_foreign_cells(total - other, other, soup=0.05)
        covered += found.upper_95 >= share
    assert covered >= 0.93 * 200
    assert find_foreign_cells([9] * 100, [0] * 100).upper_95 == pytest.approx(1 - 0.05 ** (1 / 100))


def test_no_false_foreign_cell_in_a_million():
    rng = np.random.default_rng(1)
    total = rng.poisson(10, 1_000_000)
    other = rng.binomial(total, 0.055)
    assert find_foreign_cells(total - other, other, soup=0.05).n_foreign == 0


@pytest.mark.parametrize(
    ("n", "percent"), [(5, 12.5), (10, 2.1), (15, 0.58), (20, 0.21), (30, 0.04)]
)
def test_allele_unseen_by_chance(n, percent):
    assert 100 * one_allele_by_chance(n) == pytest.approx(percent, rel=0.08)


@pytest.mark.parametrize(("n", "bound"), [(100, 0.030), (300, 0.010), (1000, 0.003)])
def test_wild_type_bound_is_exact(n, bound):
    assert wild_type_upper(0, n) == pytest.approx(1 - 0.05 ** (1 / n))
    assert wild_type_upper(0, n) == pytest.approx(bound, rel=0.02)
    assert wild_type_upper(3, n) == pytest.approx(stats.beta.ppf(0.95, 4, n - 3))


BOTH = (Flank(-900, 12, 9), Flank(1500, 10, 14))
LOST = (Flank(-900, 21, 0), Flank(1500, 0, 24))


@pytest.mark.parametrize(
    ("counts", "flanks", "verdict"),
    [
        ((20, 22, 0), (), "EDIT SEEN (heterozygous)"),
        ((0, 40, 0), BOTH, "EDIT SEEN (homozygous, two copies seen)"),
        ((0, 40, 0), LOST, "EDIT SEEN (one copy likely)"),
        ((0, 40, 0), BOTH[:1], "EDIT SEEN (homozygous or hemizygous)"),
        ((0, 12, 0), BOTH, "EDIT SEEN (zygosity not resolved)"),
        ((0, 2, 0), BOTH, "NOT COVERED"),
        ((60, 4, 0), (), "WILD TYPE PRESENT"),
        ((40, 0, 0), (), "WILD TYPE"),
        ((20, 10, 15), (), "OTHER ALLELE"),
    ],
)
def test_edit_words(counts, flanks, verdict):
    assert call_edit("c", "LMNA", counts, flanks=flanks).verdict == verdict


def test_two_copies_are_rarely_seen_where_there_is_one():
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(1000):
        total = rng.integers(5, 60)
        flanks = []
        for d in (-800, 1200):
            n = rng.integers(5, 40)
            kept = rng.integers(0, 2)
            miss = rng.binomial(n, 0.005)
            flanks.append(Flank(d, n - miss if kept else miss, miss if kept else n - miss))
        alt = rng.binomial(total, 0.995)
        found = call_edit("c", "x", (int(total - alt), int(alt), 0), flanks=flanks)
        wrong += "two copies" in found.verdict
    assert wrong <= 5


def test_heterozygous_clones_are_rarely_called_homozygous():
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(1000):
        total = int(rng.integers(5, 80))
        alt = int(rng.binomial(total, rng.beta(5.06, 5.06)))
        found = call_edit("c", "x", (total - alt, alt, 0), flanks=BOTH)
        wrong += "two copies" in found.verdict
    assert wrong <= 5


def test_what_was_expected_is_held_against_what_is_seen():
    assert (
        call_edit("c", "x", (0, 40, 0), flanks=BOTH, expected="heterozygous").verdict
        == "CONTRADICTS"
    )
    assert call_edit("c", "x", (40, 0, 0), expected="homozygous").verdict == "CONTRADICTS"
    assert (
        call_edit("c", "x", (40, 0, 0), edited_is_ref=True).verdict
        == "EDIT SEEN (homozygous or hemizygous)"
    )
    with pytest.raises(DataError):
        call_edit("c", "x", (-1, 0, 0))


def test_str_profiles():
    a = {"TH01": ["6", "9"], "TPOX": ["8"], "D5": ["11", "12"]}
    assert str_match(a, a) == (1.0, 3)
    assert str_match(a, {"TH01": ["7"], "D5": ["11", "13"]}) == (pytest.approx(2 / 7), 2)
