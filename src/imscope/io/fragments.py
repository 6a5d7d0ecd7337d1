"""Fragment files of single-cell ATAC and names of peaks: read in pieces, every line checked."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.guard_text import open_text
from imscope.io.notice import first_few

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]

_PEAK = re.compile(r"^(?P<chromosome>[^\s:]+?)[:_-](?P<start>\d+)[-_](?P<end>\d+)$")
_NAMES = ("chromosome", "start", "end", "barcode", "count")
MAX_UNPACKED = 1 << 40
"""Fragment files are read in pieces, so only the ratio of packing limits them."""


@dataclass(frozen=True, slots=True)
class FragmentPiece:
    """Some consecutive fragments of the wanted cells.

    Attributes
    ----------
    chromosome
        Name without ``chr`` of each fragment.
    start, end
        0-based, half open. Unit: base pairs.
    cell
        Position of the barcode among the wanted cells.
    n_elsewhere
        Fragments of the piece on contigs that are not main chromosomes.
    n_lines
        Lines of the piece.
    """

    chromosome: NDArray[np.object_]
    start: Ints
    end: Ints
    cell: Ints
    n_elsewhere: int
    n_lines: int


def read_fragments(
    path: str | Path,
    cells: Sequence[str],
    ends: Mapping[str, int],
    *,
    piece_bytes: int = 1 << 23,
) -> Iterator[FragmentPiece]:
    """Read a fragment file in pieces, keeping the fragments of the wanted cells.

    Parameters
    ----------
    path
        Tab-separated chromosome, start, end, barcode and (optionally) count; plain or gzip, with
        ``#`` lines at the top.
    cells
        Barcodes that are wanted.
    ends
        Length of each main chromosome, by name without ``chr``. Unit: base pairs.
    piece_bytes
        Bytes read at a time.

    Raises
    ------
    DataError
        The archive is cut short, a line has wrong columns, a coordinate is impossible, or the
        lines are not sorted.
    """
    path = Path(path)
    wanted = {str(c): k for k, c in enumerate(cells)}
    rest, line = b"", 0
    state = _Order()
    with open_text(path, max_bytes=MAX_UNPACKED) as handle:
        while True:
            piece = handle.read(piece_bytes)
            text = rest + piece
            cut = len(text) if not piece else text.rfind(b"\n") + 1
            text, rest = text[:cut], text[cut:]
            if text.strip():
                frame = _parse(path, text, line)
                _check(path, frame, ends, line, state)
                yield _piece(frame, wanted, ends)
                line += text.count(b"\n")
            if not piece:
                return


@dataclass
class _Order:
    """What the last line was, to see that the next one comes after it."""

    chromosome: str = ""
    start: int = -1
    done: frozenset[str] = frozenset()


def _parse(path: Path, text: bytes, before: int) -> "pd.DataFrame":
    import pandas as pd

    types: Any = {"chromosome": "str", "start": np.int64, "end": np.int64, "barcode": "str"}
    try:
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(text),
            sep="\t",
            header=None,
            names=list(_NAMES),
            usecols=[0, 1, 2, 3],
            dtype=types,
            comment="#",
            index_col=False,
            na_filter=False,
            on_bad_lines="error",
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise _bad_line(path, text, before) from error
    marks = sum(x.count(b"\t") for x in text.split(b"\n") if x[:1] == b"#") if b"#" in text else 0
    fields = text.count(b"\t") - marks  # the parser forgives extra fields
    if fields not in (3 * len(frame), 4 * len(frame)):
        raise _bad_line(path, text, before)
    if (frame["barcode"] == "").any() or (frame["chromosome"] == "").any():
        raise _bad_line(path, text, before)
    return frame


def _bad_line(path: Path, text: bytes, before: int) -> DataError:
    for k, raw in enumerate(text.split(b"\n")):
        words = raw.rstrip(b"\r").split(b"\t")
        if raw.startswith(b"#") or not raw.strip():
            continue
        good = 4 <= len(words) <= 5 and words[1].isdigit() and words[2].isdigit() and words[3]
        if not good:
            shown = raw[:80].decode("utf-8", "replace")
            return DataError(
                f"{path}: line {before + k + 1:,} is no fragment",
                found=repr(shown),
                fix="expected chromosome, start, end, barcode, count, separated by tabs",
                code=codes.FRAGMENT_COLUMNS,
            )
    return DataError(f"{path} is no fragment file", code=codes.FRAGMENT_COLUMNS)


def _check(
    path: Path, frame: "pd.DataFrame", ends: Mapping[str, int], before: int, state: _Order
) -> None:
    """Coordinates lie on their chromosome and lines come in order."""
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    names = frame["chromosome"].str.removeprefix("chr")
    limit = names.map(dict(ends)).fillna(2**62).to_numpy(dtype=np.float64)
    bad = np.flatnonzero((start < 0) | (end <= start) | (end > limit))
    if bad.size:
        k = int(bad[0])
        shown = f"{frame['chromosome'].iloc[k]} {start[k]} {end[k]}"
        raise DataError(
            f"{path}: {bad.size:,} fragments have impossible coordinates",
            found=f"near line {before + k + 1:,}: {shown}",
            fix="coordinates are 0-based, half open, in GRCh38; check the genome build",
            code=codes.FRAGMENT_COORDINATES,
        )
    values = frame["chromosome"].to_numpy(dtype=object)
    turn = np.flatnonzero(values[1:] != values[:-1]) + 1
    runs = [str(v) for v in values[np.concatenate([[0], turn])]] if len(values) else []
    same = np.ones(len(values), dtype=bool)
    same[turn] = False
    back = np.zeros(len(values), dtype=bool)
    back[1:] = same[1:] & (start[1:] < start[:-1])
    if len(values) and runs[0] == state.chromosome:
        back[0] = start[0] < state.start
        runs = runs[1:]
    seen = set(state.done) | ({state.chromosome} - {""})
    again = next((r for k, r in enumerate(runs) if r in seen or r in runs[:k]), "")
    if back.any() or again:
        k = int(np.flatnonzero(back)[0]) if back.any() else 0
        where = f"near line {before + k + 1:,}" if back.any() else f"{again} comes back"
        raise DataError(
            f"{path} is not sorted by chromosome and start",
            found=where,
            fix="sort it: sort -k1,1 -k2,2n",
            code=codes.FRAGMENT_ORDER,
        )
    if len(values):
        state.done = frozenset((seen | set(runs)) - {str(values[-1])})
        state.chromosome, state.start = str(values[-1]), int(start[-1])


def _piece(
    frame: "pd.DataFrame", wanted: Mapping[str, int], ends: Mapping[str, int]
) -> FragmentPiece:
    names = frame["chromosome"].str.removeprefix("chr")
    main = names.isin(list(ends)).to_numpy()
    cell = frame["barcode"].map(dict(wanted)).fillna(-1).to_numpy(dtype=np.int64)
    keep = main & (cell >= 0)
    return FragmentPiece(
        names.to_numpy(dtype=object)[keep],
        frame["start"].to_numpy()[keep],
        frame["end"].to_numpy()[keep],
        np.asarray(cell[keep], dtype=np.int64),
        int((~main).sum()),
        len(frame),
    )


def parse_peaks(names: Sequence[str]) -> "pd.DataFrame":
    """Read coordinates out of the names of peaks.

    Parameters
    ----------
    names
        Such as ``chr1:10000-10500``, ``chr1-10000-10500`` or ``chr1_10000_10500``.

    Returns
    -------
    peaks
        ``chromosome`` (without ``chr``), ``start`` and ``end``, one row per name.

    Raises
    ------
    DataError
        A name holds no coordinates, or a peak ends before it starts.

    Examples
    --------
    >>> parse_peaks(["chr1:100-600", "chrX-5-25"]).values.tolist()
    [['1', 100, 600], ['X', 5, 25]]
    """
    import pandas as pd

    found = [_PEAK.match(str(n)) for n in names]
    bad = [str(n) for n, m in zip(names, found, strict=True) if m is None]
    if bad:
        raise DataError(
            f"{len(bad):,} of {len(names):,} peaks have no coordinates",
            found=first_few(bad),
            fix="name peaks chromosome:start-end",
            code=codes.PEAK_NAME,
        )
    rows = [
        (m["chromosome"].removeprefix("chr"), int(m["start"]), int(m["end"])) for m in found if m
    ]
    peaks = pd.DataFrame(rows, columns=["chromosome", "start", "end"])
    wrong = peaks.index[peaks["end"] <= peaks["start"]]
    if len(wrong):
        raise DataError(
            f"{len(wrong):,} peaks end before they start",
            found=str(names[int(wrong[0])]),
            code=codes.PEAK_NAME,
        )
    return peaks
