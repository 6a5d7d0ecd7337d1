import gzip

import numpy as np
import pytest
import scipy.sparse as sp

from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import DataError, UsageError
from imscope.engine.chromatin import activity_from_fragments, activity_from_peaks
from imscope.evidence.gene_positions import gene_positions


def random_peaks(n, seed=0):
    rng = np.random.default_rng(seed)
    start = rng.integers(1_000_000, 60_000_000, n)
    return [f"chr{c}:{s}-{s + 400}" for c, s in zip(rng.integers(1, 20, n), start, strict=True)]


def peaks_at_starts(n, seed=0, shift=0):
    genes = gene_positions().sample(n, random_state=seed)
    start = np.where(genes["strand"] == "+", genes["start"], genes["end"]) + shift
    return [
        f"chr{c}:{max(s - 200, 1)}-{s + 200}"
        for c, s in zip(genes["chromosome"], start, strict=True)
    ]


def dense(source):
    block = source.read(0, source.n_cells)
    return sp.csr_array(
        (block.data, block.indices, block.indptr), (block.n_rows, block.n_features)
    ).toarray()


@pytest.mark.parametrize("distance", [0, 20_000])
def test_peaks_match_brute_force(distance):
    names = peaks_at_starts(60) + random_peaks(60)
    rng = np.random.default_rng(1)
    counts = rng.poisson(1.0, (5, 120)).astype(np.int32)
    found = activity_from_peaks(
        MemoryBlocks.from_csr(sp.csr_array(counts)), names, distance=distance
    )
    got = dense(found.source)
    want = np.zeros_like(got, dtype=float)
    genes = gene_positions()
    plus = (genes["strand"] == "+").to_numpy()
    low = genes["start"].to_numpy() - 1 - np.where(plus, 2_000, 0)
    high = genes["end"].to_numpy() + np.where(plus, 0, 2_000)
    for k, name in enumerate(names):
        chromosome, span = name[3:].split(":")
        a, b = map(int, span.split("-"))
        here = (genes["chromosome"] == chromosome).to_numpy()
        over = here & (a < high) & (b > np.maximum(low, 0))
        gap = np.where(over, 0, np.maximum(np.maximum(a - high, low - b), -1) + 1)
        weight = np.where(here & (gap <= distance), np.exp(-gap / 5_000), 0) if distance else over
        want += counts[:, [k]] * weight
    np.testing.assert_allclose(got, want, rtol=1e-5)
    assert got.any()


def test_blocks_change_nothing():
    counts = np.random.default_rng(1).poisson(1.0, (7, 50))
    found = activity_from_peaks(MemoryBlocks.from_csr(sp.csr_array(counts)), peaks_at_starts(50))
    whole = dense(found.source)
    part = found.source.read(3, 5)
    rows = sp.csr_array((part.data, part.indices, part.indptr), (2, part.n_features)).toarray()
    np.testing.assert_array_equal(rows, whole[3:5])
    assert part.start == 3


def test_fragments_and_peaks_agree(tmp_path):
    """A fragment that is a peak of one count gives the same genes, if its middle decides alike."""
    genes = gene_positions().set_index("symbol")
    rows = []
    for symbol in ("NT5E", "THY1", "ENG", "POU5F1"):
        gene = genes.loc[symbol]
        middle = (gene["start"] + gene["end"]) // 2
        rows.append((f"chr{gene['chromosome']}", middle - 50, middle + 50))
    rows.sort()
    path = tmp_path / "fragments.tsv.gz"
    text = "".join(f"{c}\t{a}\t{b}\tcell{k % 2}\t3\n" for k, (c, a, b) in enumerate(rows))
    path.write_bytes(gzip.compress(text.encode()))
    found = activity_from_fragments(path, ["cell0", "cell1"])
    counts = np.zeros((2, 4), dtype=np.int32)
    counts[[0, 1, 0, 1], range(4)] = 1
    names = [f"{c}:{a}-{b}" for c, a, b in rows]
    peaks = activity_from_peaks(MemoryBlocks.from_csr(sp.csr_array(counts)), names)
    np.testing.assert_array_equal(dense(found.source), dense(peaks.source))
    assert found.frac_used == 1
    assert {"NT5E", "THY1"} <= set(found.features["symbol"][dense(found.source).any(axis=0)])


def test_the_promoter_lies_before_the_start_by_strand():
    genes = gene_positions().set_index("symbol")
    gene = genes.loc["BCL2L1"]
    assert gene["strand"] == "-"
    before = f"chr20:{gene['end'] + 1_500}-{gene['end'] + 1_600}"
    behind = f"chr20:{gene['start'] - 1_600}-{gene['start'] - 1_500}"
    source = MemoryBlocks.from_csr(sp.csr_array([[1, 0], [0, 1]]))
    found = activity_from_peaks(source, [before, behind])
    at = found.features.index[found.features["symbol"] == "BCL2L1"][0]
    assert dense(found.source)[:, at].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["chr21:46709900-46710500"] * 3, "beyond the end"),
        ([f"scaffold{k}:1-9" for k in range(3)], "unknown contigs"),
        (random_peaks(3_000), "times as frequent at starts"),
    ],
)
def test_another_build_is_refused(names, what):
    source = MemoryBlocks.from_csr(sp.csr_array((1, len(names)), dtype=np.int32))
    with pytest.raises(DataError, match=what) as error:
        activity_from_peaks(source, names)
    assert error.value.code == "E-PEAK-BUILD"


def test_peaks_shifted_by_another_build_are_refused_and_right_ones_are_not():
    source = MemoryBlocks.from_csr(sp.csr_array((1, 3_000), dtype=np.int32))
    names = peaks_at_starts(1_500) + random_peaks(1_500)
    activity_from_peaks(source, names)
    with pytest.raises(DataError):
        activity_from_peaks(source, peaks_at_starts(1_500, shift=30_000) + random_peaks(1_500))


def test_barcodes_of_another_run_are_named(tmp_path):
    path = tmp_path / "fragments.tsv"
    path.write_text("chr1\t10\t60\tAAA\t1\n")
    with pytest.raises(DataError) as error:
        activity_from_fragments(path, ["CCC"])
    assert error.value.code == "E-FRAGMENT-EMPTY"


def test_a_negative_distance_is_refused():
    with pytest.raises(UsageError):
        activity_from_peaks(MemoryBlocks.from_csr(sp.csr_array([[1]])), ["chr1:1-9"], distance=-1)
