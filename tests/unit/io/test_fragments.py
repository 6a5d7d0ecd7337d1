import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.core.errors import DataError
from imscope.io.fragments import parse_peaks, read_fragments

ENDS = {"1": 1_000, "2": 500}
GOOD = "# made by hand\nchr1\t10\t60\tAAA\t1\nchr1\t20\t90\tCCC\t2\nchr2\t5\t50\tAAA\t1\n"


def read(path, **options):
    return list(read_fragments(path, ["CCC", "AAA"], ENDS, **options))


def test_fragments_of_wanted_cells(tmp_path):
    path = tmp_path / "fragments.tsv.gz"
    path.write_bytes(gzip.compress((GOOD + "chrUn\t1\t9\tAAA\t1\nchrX9\t1\t9\tTTT\t1\n").encode()))
    (piece,) = read(path)
    assert piece.chromosome.tolist() == ["1", "1", "2"]
    assert piece.cell.tolist() == [1, 0, 1]
    assert piece.end.tolist() == [60, 90, 50]
    assert (piece.n_elsewhere, piece.n_lines) == (2, 5)


@given(st.integers(24, 200))
def test_size_of_pieces_changes_nothing(tmp_path_factory, size):
    path = tmp_path_factory.mktemp("f") / "f.tsv"
    path.write_text(GOOD)
    pieces = read(path, piece_bytes=size)
    assert np.concatenate([p.start for p in pieces]).tolist() == [10, 20, 5]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("chr1\t10\t60\n", "E-FRAGMENT-COLUMNS"),
        ("chr1 10 60 AAA 1\n", "E-FRAGMENT-COLUMNS"),
        ("chr1\tten\t60\tAAA\t1\n", "E-FRAGMENT-COLUMNS"),
        ("chr1\t10\t60\t\t1\n", "E-FRAGMENT-COLUMNS"),
        ("chr1\t10\t60\tAAA\t1\tx\ty\n", "E-FRAGMENT-COLUMNS"),
        ("chr1\t60\t60\tAAA\t1\n", "E-FRAGMENT-COORDINATES"),
        ("chr1\t10\t1001\tAAA\t1\n", "E-FRAGMENT-COORDINATES"),
        ("chr1\t-3\t10\tAAA\t1\n", "E-FRAGMENT-COORDINATES"),
        ("chr1\t30\t60\tAAA\t1\nchr1\t20\t60\tAAA\t1\n", "E-FRAGMENT-ORDER"),
        (GOOD + "chr1\t95\t99\tAAA\t1\n", "E-FRAGMENT-ORDER"),
        ("", "E-FILE-EMPTY"),
    ],
)
def test_malformed_files_end_in_their_code(tmp_path, text, code):
    path = tmp_path / "fragments.tsv"
    path.write_text(text)
    for size in (1 << 23, 30):
        with pytest.raises(DataError) as error:
            read(path, piece_bytes=size)
        assert error.value.code == code


def test_a_truncated_archive_is_refused(tmp_path):
    path = tmp_path / "fragments.tsv.gz"
    rng = np.random.default_rng(0)
    lines = [f"chr1\t{k}\t{k + 9}\t{rng.integers(1 << 40)}\t1\n" for k in range(900)]
    packed = gzip.compress("".join(lines).encode())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError) as error:
        read(path)
    assert error.value.code == "E-GZ-DAMAGED"


def test_names_of_peaks():
    with pytest.raises(DataError, match="1 of 2 peaks have no coordinates"):
        parse_peaks(["chr1:5-9", "peak_one"])
    with pytest.raises(DataError, match="end before"):
        parse_peaks(["chr1:9-5"])
