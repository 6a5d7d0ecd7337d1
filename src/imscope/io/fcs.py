"""Flow cytometry files (FCS 2.0 to 3.2, LMD): guarded reading of events, channels and spillover.

Header and keywords are checked in :mod:`imscope.io.fcs_text`. FlowIO then decodes the events from a
plain copy that holds nothing but the checked layout and the bytes of the DATA segment, so text of
unknown origin never reaches it.
"""

import io
import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.fcs_names import marker_of
from imscope.io.fcs_spillover import MAX_CHANNELS, Spillover, read_spillover
from imscope.io.fcs_text import Head, cut_sets, read_head, whole_number
from imscope.io.guard_text import require_regular
from imscope.io.notice import Notice, first_few

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 8 * 2**30
_ORDERS = {
    ",".join(map(str, order)): "<" if order[0] == 1 else ">"
    for n in (2, 3, 4, 8)
    for order in (range(1, n + 1), range(n, 0, -1))
} | {"1": "<"}
_ANTIGEN = re.compile(r"CD\d|HLA|SSEA|STRO", re.IGNORECASE)
_SCATTER = re.compile(r"^(FSC|SSC|FS|SS)\b|^(FSC|SSC)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class FlowData:
    """One flow cytometry file.

    Attributes
    ----------
    path, version
        The file and its version.
    events
        float64, shape ``(n_events, n_channels)``: linear values, not compensated. Unit: the
        detector's.
    channels
        One row per channel: ``channel`` (detector, `$PnN`), ``label`` (`$PnS`), ``marker`` (the
        antigen as far as the label tells), ``kind`` (scatter, time, fluorescence or other),
        ``range`` (top of the scale).
    spillover
        Matrix of the header, or None.
    keywords
        Keyword in capitals to value.
    notices
        What must be told about the file.
    """

    path: Path
    version: str
    events: NDArray[np.float64]
    channels: "pd.DataFrame"
    spillover: Spillover | None
    keywords: dict[str, str]
    notices: tuple[Notice, ...]


def read_fcs(
    path: str | Path,
    *,
    spillover: bool = True,
    data_set: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> FlowData:
    """Read a flow cytometry file after checking every offset, keyword and value.

    Parameters
    ----------
    path
        FCS 2.0, 3.0, 3.1 or 3.2 file, or LMD, with events in list mode.
    spillover
        Read the spillover matrix too; a damaged one is an error. False leaves it unread.
    data_set
        Number of the data set in a file that holds several, from 1. Left out, the best is taken:
        with labels before without, then the finest values, then the first; the others are told.
    max_bytes
        Longest file read.

    Returns
    -------
    data
        Linear events, not compensated; see :func:`compensate`.

    Raises
    ------
    DataError
        The file is missing, damaged or of a layout that is not read. Each case has its own code.

    Notes
    -----
    A changed byte inside the events cannot be noticed unless it makes a value impossible: few
    programs write the checksum.

    References
    ----------
    .. [1] Spidlen J et al (2010). Cytometry A 77A:97-100. doi:10.1002/cyto.a.20825

    Examples
    --------
    >>> import tempfile
    >>> from flowio import create_fcs
    >>> path = Path(tempfile.mkdtemp()) / "two.fcs"
    >>> with path.open("wb") as handle:
    ...     _ = create_fcs(handle, [1.0, 2.0, 3.0, 4.0], ["FSC-A", "FITC-A"], ["", "CD3 FITC"])
    >>> data = read_fcs(path)
    >>> data.channels["marker"].tolist(), data.events[:, 1].tolist()
    (['FSC-A', 'CD3'], [2.0, 4.0])
    """
    path = Path(path)
    content = _content(path, max_bytes)
    content, head, told = _one_set(content, path, data_set)
    notices = [*head.notices, *told]
    table = _channels(head, path, notices)
    raw = _decode(content, head, table, path, notices)
    del content
    events = _linear(raw, head, table, notices)
    matrix = (
        read_spillover(head.keywords, table["channel"].tolist(), path, notices)
        if spillover
        else None
    )
    shown = ["channel", "label", "marker", "kind", "range"]
    return FlowData(path, head.version, events, table[shown], matrix, head.keywords, tuple(notices))


def _one_set(content: bytes, path: Path, wanted: int | None) -> tuple[bytes, Head, list[Notice]]:
    """The data set that is read, and which are left out."""
    places = cut_sets(content, path)
    if wanted is not None and not 1 <= wanted <= len(places):
        raise DataError(
            f"{path} has no data set {wanted}",
            found=f"it holds {len(places)}",
            fix="name one of these",
            code=codes.FCS_MORE_DATA,
        )
    if len(places) == 1:
        return content, read_head(content, path), []
    pieces = [content[start:stop] for start, stop in places]
    if wanted is not None:
        return pieces[wanted - 1], read_head(pieces[wanted - 1], path), []
    heads = [read_head(piece, path) for piece in pieces]
    best = max(range(len(heads)), key=lambda k: (*_worth(heads[k]), -k))
    sizes = ", ".join(h.keywords.get("$TOT", "?").strip()[:12] for h in heads)
    told = Notice(
        codes.W_FCS_SETS,
        f"the file holds {len(heads)} data sets of {sizes} events; set {best + 1} is read, "
        "the others are left out",
    )
    return pieces[best], heads[best], [told]


def _worth(head: Head) -> tuple[bool, float]:
    """Labels count before fine values."""
    words = head.keywords
    channels = [k for k in words if re.fullmatch(r"\$P\d+N", k)]
    labelled = any(words.get(f"{k[:-1]}S", "").strip() for k in channels)
    ranges = []
    for k in channels:
        try:
            ranges.append(float(words.get(f"{k[:-1]}R", "0")))
        except ValueError:
            ranges.append(0.0)
    return labelled, float(np.median(ranges)) if ranges else 0.0


def compensate(data: FlowData) -> NDArray[np.float64]:
    r"""Events with the spillover of the header removed: :math:`x = y\,S^{-1}`.

    Parameters
    ----------
    data
        A file read with its spillover.

    Returns
    -------
    events
        Shape ``(n_events, n_channels)``; channels outside the matrix are unchanged. A file without
        a matrix comes back as it is (there is a notice about it).

    References
    ----------
    .. [1] Bagwell CB, Adams EG (1993). Ann N Y Acad Sci 677:167-184.
       doi:10.1111/j.1749-6632.1993.tb38775.x
    """
    out = data.events.copy()
    if data.spillover is not None:
        names = data.channels["channel"].tolist()
        at = [names.index(c) for c in data.spillover.channels]
        out[:, at] = np.linalg.solve(data.spillover.matrix.T, out[:, at].T).T
    return out


def _content(path: Path, max_bytes: int) -> bytes:
    require_regular(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}", code=codes.FILE_MISSING)
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise DataError(
                f"{path} is larger than allowed", found=f"{size:,} bytes", code=codes.FILE_MEMORY
            )
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} could not be read", found=str(error.strerror), code=codes.FILE_READ
        ) from error


def _channels(head: Head, path: Path, notices: list[Notice]) -> "pd.DataFrame":
    """Channel by channel: names, bits, range and amplification, all checked."""
    import pandas as pd

    words = head.keywords
    n = whole_number(words, "$PAR", path)
    if not 1 <= n <= MAX_CHANNELS:
        raise DataError(
            f"{path} has an impossible number of channels", found=f"{n:,}", code=codes.FCS_KEYWORD
        )
    kind = _layout(head, path)
    rows = [_channel(words, k, kind, path, notices) for k in range(1, n + 1)]
    names = [str(r["channel"]) for r in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path}: channel names stand more than once",
            found=first_few(twice),
            fix="give every channel its own $PnN",
            code=codes.FCS_CHANNELS,
        )
    return pd.DataFrame(rows)


def _layout(head: Head, path: Path) -> str:
    """Data type, after mode, type and byte order were found readable."""
    words = head.keywords
    kind, mode = words["$DATATYPE"].strip().upper(), words.get("$MODE", "L").strip().upper()
    order = words["$BYTEORD"].replace(" ", "")
    if mode != "L" or kind not in ("F", "D", "I") or order not in _ORDERS:
        raise DataError(
            f"{path} stores events in a way that is not read",
            found=f"$MODE {mode[:20]!r}, $DATATYPE {kind[:20]!r}, $BYTEORD {order[:20]!r}",
            fix="export as list mode, float or integer, little or big endian",
            code=codes.FCS_LAYOUT,
        )
    return kind


def _channel(
    words: dict[str, str], k: int, kind: str, path: Path, notices: list[Notice]
) -> dict[str, object]:
    name, label = words.get(f"$P{k}N", "").strip(), words.get(f"$P{k}S", "").strip()
    if not name:
        raise DataError(
            f"{path}: channel {k} has no name", found=f"$P{k}N missing", code=codes.FCS_CHANNELS
        )
    bits = whole_number(words, f"$P{k}B", path)
    if bits not in {"F": (32,), "D": (64,), "I": (8, 16, 24, 32, 40, 48, 64)}[kind]:
        raise DataError(
            f"{path}: channel {k} ({name}) has {bits} bits, which type {kind} is not read with",
            fix="export as 32 bit float",
            code=codes.FCS_LAYOUT,
        )
    own = words.get(f"$P{k}DATATYPE", kind).strip().upper()
    if own != kind:
        raise DataError(
            f"{path}: channel {k} ({name}) is of another type than the rest",
            found=f"$P{k}DATATYPE {own[:8]!r}, $DATATYPE {kind!r}",
            fix="export all channels as 32 bit float",
            code=codes.FCS_LAYOUT,
        )
    top = _number(words, f"$P{k}R", path)
    if kind == "I" and not (1 <= top <= 2**bits and top == int(top)):
        raise DataError(
            f"{path}: channel {k} ({name}) has a range its {bits} bits cannot hold",
            found=f"$P{k}R {words[f'$P{k}R'][:40]!r}",
            code=codes.FCS_KEYWORD,
        )
    if kind != "I" and not top > 0:
        notices.append(Notice(codes.W_FCS_VALUES, f"channel {name} has no range above 0"))
    decades, lowest = _amplification(words, k, path)
    if kind != "I" and decades:
        notices.append(
            Notice(codes.W_FCS_TEXT, f"$P{k}E is ignored: floating values are stored linear")
        )
        decades = 0.0
    gain = _number(words, f"$P{k}G", path, default=1.0)
    time = name.upper() == "TIME"
    scatter = bool(_SCATTER.match(name))
    return {
        "channel": name,
        "label": label,
        "marker": marker_of(label) or (marker_of(name) if _ANTIGEN.search(name) else name),
        "kind": "time" if time else "scatter" if scatter else "fluorescence" if label or
        name.upper().endswith(("-A", "-H", "-W")) else "other",
        "range": top,
        "bits": bits,
        "decades": decades,
        "lowest": lowest,
        "gain": 1.0 if time or gain <= 0 else gain,
    }  # fmt: skip


def _number(words: dict[str, str], name: str, path: Path, default: float | None = None) -> float:
    text = words.get(name, "").strip()
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(
            f"{path}: keyword {name} must be a number",
            found=repr(text[:40]) if name in words else "it is missing",
            code=codes.FCS_KEYWORD,
        )
    return value


def _amplification(words: dict[str, str], k: int, path: Path) -> tuple[float, float]:
    """Decades and lowest value of a logarithmic amplifier; (0, 0) is linear."""
    parts = words.get(f"$P{k}E", "0,0").split(",")
    try:
        decades, lowest = (float(p) for p in parts)
    except ValueError:
        decades, lowest = math.nan, math.nan
    if not (0 <= decades <= 20 and 0 <= lowest < math.inf):
        raise DataError(
            f"{path}: $P{k}E must be two numbers, decades and lowest value",
            found=repr(words.get(f"$P{k}E", "")[:40]),
            code=codes.FCS_KEYWORD,
        )
    return decades, (lowest or 1.0) if decades else 0.0


def _decode(
    content: bytes, head: Head, table: "pd.DataFrame", path: Path, notices: list[Notice]
) -> NDArray[np.float64]:
    words, where = head.keywords, head.data
    per_event = int(table["bits"].sum()) // 8
    if "$TOT" in words:
        n = whole_number(words, "$TOT", path)
    elif head.version == "FCS2.0":
        n = where.length // per_event
    else:
        raise DataError(f"{path} lacks $TOT", code=codes.FCS_KEYWORD)
    extra = where.length - n * per_event
    if extra not in (0, 1):
        raise DataError(
            f"{path}: events, channels and bits do not fit the length of DATA",
            found=f"{n:,} events of {per_event} bytes, DATA has {where.length:,} bytes",
            fix="export the file again",
            code=codes.FCS_LENGTH,
        )
    if extra:
        notices.append(Notice(codes.W_FCS_OFFSETS, "DATA is one byte longer than its events"))
    if n == 0:
        raise DataError(f"{path} has no events", found="$TOT 0", code=codes.FCS_LENGTH)
    stored = content[where.first : where.first + n * per_event]
    kind, order = words["$DATATYPE"].strip().upper(), words["$BYTEORD"].replace(" ", "")
    widths = set(table["bits"].tolist())
    usual = kind != "I" or (len(widths) == 1 and widths <= {8, 16, 32})
    events = (_flowio if usual else _packed_integers)(stored, kind, order, table, n)
    _plausible(events, stored, kind, order, table, path, notices)
    return events


def _flowio(
    stored: bytes, kind: str, order: str, table: "pd.DataFrame", n: int
) -> NDArray[np.float64]:
    """Decode with FlowIO from a file of our own making."""
    from flowio import FlowData as Decoder

    order = "1,2,3,4" if _ORDERS[order] == "<" else "4,3,2,1"
    words = {"PAR": len(table), "TOT": n, "DATATYPE": kind, "BYTEORD": order, "MODE": "L"}
    for k, (bits, top) in enumerate(zip(table["bits"], table["range"], strict=True), start=1):
        words |= {
            f"P{k}N": f"C{k}", f"P{k}B": int(bits), f"P{k}E": "0,0",
            f"P{k}R": int(top) if kind == "I" else 1,
        }  # fmt: skip
    text = "/" + "".join(f"${key}/{value}/" for key, value in words.items())
    first = 58 + len(text)
    places = (58, first - 1, first, first + len(stored) - 1, 0, 0)
    # version 2.0 takes offsets from the header alone; 0 there means more than 8 digits
    if places[3] <= 99_999_999:
        head = "FCS2.0    " + "".join(f"{p:>8}" for p in places)
    else:
        text = f"/$BEGINDATA/{{:0>18}}/$ENDDATA/{{:0>18}}{text}"
        length = len(text.format(0, 0))
        first = 58 + length
        text = text.format(first, first + len(stored) - 1)
        head = "FCS3.1    " + "".join(f"{p:>8}" for p in (58, first - 1, 0, 0, 0, 0))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        decoded = Decoder(io.BytesIO(head.encode() + text.encode() + stored))
    with np.errstate(all="ignore"):  # what is not finite is told below
        return np.asarray(decoded.events, dtype=np.float64).reshape(n, len(table))


def _packed_integers(
    stored: bytes, kind: str, order: str, table: "pd.DataFrame", n: int
) -> NDArray[np.float64]:
    """Integers of other or of mixed widths: whole bytes each, the bits of the range kept."""
    del kind
    raw = np.frombuffer(stored, dtype=np.uint8).reshape(n, -1)
    out = np.empty((n, len(table)), dtype=np.float64)
    at = 0
    for k, (bits, top) in enumerate(zip(table["bits"], table["range"], strict=True)):
        width = int(bits) // 8
        piece = raw[:, at : at + width].astype(np.uint64)
        if _ORDERS[order] == ">":
            piece = piece[:, ::-1]
        value = np.zeros(n, dtype=np.uint64)
        for byte in range(width):
            value |= piece[:, byte] << np.uint64(8 * byte)
        mask = (1 << max(0, int(top) - 1).bit_length()) - 1
        out[:, k] = value & np.uint64(mask)
        at += width
    return out


def _plausible(
    events: NDArray[np.float64],
    stored: bytes,
    kind: str,
    order: str,
    table: "pd.DataFrame",
    path: Path,
    notices: list[Notice],
) -> None:
    """Values must be finite, and more plausible than those of the other byte order."""
    top = table["range"].to_numpy(dtype=np.float64)
    bad = ~np.isfinite(events)
    odd = _odd(events, top)
    if (bad.any() or odd > 0.02) and kind != "I":
        swapped = np.frombuffer(
            stored, ("<" if _ORDERS[order] == ">" else ">") + ("f4" if kind == "F" else "f8")
        )
        with np.errstate(all="ignore"):
            other = _odd(swapped.astype(np.float64).reshape(events.shape), top)
        if other < odd / 4:
            raise DataError(
                f"{path}: events look as if $BYTEORD named the wrong byte order",
                found=f"{odd:.0%} of values are impossible as read, {other:.0%} the other way",
                fix="correct $BYTEORD or export the file again",
                code=codes.FCS_VALUES,
            )
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{path}: {int(bad.sum()):,} values are not finite",
            found=f"first is event {row + 1}, channel {table['channel'].iloc[column]}",
            fix="export the file again",
            code=codes.FCS_VALUES,
        )
    if np.abs(events).max() > 1e15:
        raise DataError(
            f"{path}: values are larger than any detector gives",
            found=f"up to {np.abs(events).max():.3g}",
            fix="export the file again",
            code=codes.FCS_VALUES,
        )
    beyond = (events > np.where(top > 0, top, np.inf) * (1 + 1e-6)) & (
        table["kind"] != "time"
    ).to_numpy()
    if kind != "I" and beyond.any():
        names = table["channel"][beyond.any(axis=0)].tolist()
        n = int(beyond.any(axis=1).sum())
        text = f"{n:,} events lie beyond the range of {first_few(names)}"
        notices.append(Notice(codes.W_FCS_VALUES, text))


def _odd(values: NDArray[np.float64], top: NDArray[np.float64]) -> float:
    """Share of values no detector gives: not finite, far beyond the range, or nearly nothing."""
    size = np.abs(values)
    limit = np.where(top > 0, top, 1e6) * 1e4
    return float(np.mean(~np.isfinite(values) | (size > limit) | ((size > 0) & (size < 1e-15))))


def _linear(
    raw: NDArray[np.float64], head: Head, table: "pd.DataFrame", notices: list[Notice]
) -> NDArray[np.float64]:
    """Undo logarithmic amplifiers, gain and the time step."""
    out = raw.copy()
    columns = ("decades", "lowest", "range", "gain", "kind")
    rows = zip(*(table[c].tolist() for c in columns), strict=True)
    for k, (decades, lowest, top, gain, kind) in enumerate(rows):
        if decades > 0:
            out[:, k] = lowest * 10 ** (decades * out[:, k] / top)
        elif gain != 1.0:
            out[:, k] /= gain
        if kind == "time":
            step = head.keywords.get("$TIMESTEP", "").strip()
            try:
                seconds = float(step) if step else 1.0
            except ValueError:
                seconds = math.nan
            if math.isfinite(seconds) and seconds > 0:
                out[:, k] *= seconds
            else:
                notices.append(Notice(codes.W_FCS_TEXT, f"$TIMESTEP {step[:20]!r} is not used"))
    return out
