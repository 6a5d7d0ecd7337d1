"""Header and TEXT of a flow cytometry file: every offset and keyword checked before it is used."""

import re
from dataclasses import dataclass
from pathlib import Path

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.notice import Notice, first_few

VERSIONS = ("FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2")
HEADER_BYTES = 58
MAX_TEXT = 64 * 2**20
"""Bytes of TEXT; real ones stay below one million."""
_NUMBER = re.compile(r"[0-9]{1,18}")
_LAYOUT = ("$PAR", "$DATATYPE", "$BYTEORD")
MAX_SETS = 100


@dataclass(frozen=True, slots=True)
class Segment:
    """First and last byte of a segment; ``None`` stands for one that is not there."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Bytes of the segment."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Head:
    """What the header and TEXT say.

    Attributes
    ----------
    version
        ``FCS2.0``, ``FCS3.0`` or ``FCS3.1``.
    keywords
        Keyword in capitals, as written, to value.
    data
        Where the events stand.
    notices
        What was unusual.
    """

    version: str
    keywords: dict[str, str]
    data: Segment
    notices: tuple[Notice, ...]


def read_head(content: bytes, path: Path) -> Head:
    """Read and check header and TEXT.

    Parameters
    ----------
    content
        The whole file.
    path
        File, for messages.

    Raises
    ------
    DataError
        The header, an offset or a keyword is wrong; each case has its own code.

    References
    ----------
    .. [1] Spidlen J et al (2010). Cytometry A 77A:97-100. doi:10.1002/cyto.a.20825
    """
    notices: list[Notice] = []
    version, text, data, _ = _header(content, path)
    keywords = _keywords(content, text, path, notices)
    if version != "FCS2.0":
        _supplement(content, keywords, path, notices)
    needed = _LAYOUT if version == "FCS3.2" else (*_LAYOUT, "$MODE")  # 3.2 has one mode
    missing = [k for k in needed if k not in keywords]
    if missing:
        raise DataError(
            f"{path} lacks keywords that FCS requires",
            found=f"missing: {', '.join(missing)}",
            fix="export the file again",
            code=codes.FCS_KEYWORD,
        )
    where = _data_segment(keywords, version, data, path, notices)
    if where.last == len(content) > where.first:  # counted from one instead of zero, or half open
        where = Segment(where.first, where.last - 1)
        notices.append(Notice(codes.W_FCS_OFFSETS, "DATA ends one byte behind the file"))
    _inside(content, where, "DATA", path)
    more = _second_text(keywords, path)
    if more is not None and where.first <= more.last and where.last >= more.first:
        raise DataError(
            f"{path}: DATA and the second TEXT overlap",
            found=f"TEXT {more.first}-{more.last}, DATA {where.first}-{where.last}",
            code=codes.FCS_OFFSETS,
        )
    if where.first <= text.last and where.last >= text.first:
        raise DataError(
            f"{path}: DATA and TEXT overlap",
            found=f"TEXT {text.first}-{text.last}, DATA {where.first}-{where.last}",
            code=codes.FCS_OFFSETS,
        )
    return Head(version, keywords, where, tuple(notices))


def whole_number(keywords: dict[str, str], name: str, path: Path) -> int:
    """Value of a keyword that must be a whole number, at least 0.

    Examples
    --------
    >>> whole_number({"$PAR": " 12 "}, "$PAR", Path("a.fcs"))
    12
    """
    text = keywords.get(name)
    if text is None or not _NUMBER.fullmatch(text.strip()):
        raise DataError(
            f"{path}: keyword {name} must be a whole number",
            found="it is missing" if text is None else repr(text[:40]),
            code=codes.FCS_KEYWORD,
        )
    return int(text)


def _header(content: bytes, path: Path) -> tuple[str, Segment, Segment, Segment]:
    if not content:
        raise DataError(f"{path} is empty", code=codes.FILE_EMPTY)
    head = content[:HEADER_BYTES]
    version = head[:6].decode("latin-1")
    if version not in VERSIONS:
        raise DataError(
            f"{path} does not begin like an FCS 2.0, 3.0 or 3.1 file",
            found=repr(version),
            fix="export it as FCS 3.1",
            code=codes.FCS_HEADER,
        )
    if len(head) < HEADER_BYTES:
        raise DataError(
            f"{path} ends inside its header", found=f"{len(head)} bytes", code=codes.FCS_TRUNCATED
        )
    places = [head[k : k + 8].decode("latin-1").strip(" ") for k in range(10, HEADER_BYTES, 8)]
    numbers = []
    for at, place in enumerate(places):
        if at >= 4 and not place:  # the places of ANALYSIS may be blank
            place = "0"
        if not _NUMBER.fullmatch(place):
            raise DataError(
                f"{path}: an offset in the header is not a number",
                found=f"place {at + 1} of 6 is {place!r}",
                code=codes.FCS_HEADER,
            )
        numbers.append(int(place))
    text = Segment(numbers[0], numbers[1])
    if text.first < HEADER_BYTES or text.last <= text.first:
        raise DataError(
            f"{path}: the offsets of TEXT are impossible",
            found=f"{text.first} to {text.last}",
            code=codes.FCS_OFFSETS,
        )
    _inside(content, text, "TEXT", path)
    return version, text, Segment(numbers[2], numbers[3]), Segment(numbers[4], numbers[5])


def _inside(content: bytes, segment: Segment, name: str, path: Path) -> None:
    if segment.last >= len(content):
        raise DataError(
            f"{path} is cut short",
            found=f"{name} should end at byte {segment.last:,}, the file has {len(content):,}",
            fix="copy it again and compare checksums",
            code=codes.FCS_TRUNCATED,
        )


def _keywords(content: bytes, where: Segment, path: Path, notices: list[Notice]) -> dict[str, str]:
    if where.length > MAX_TEXT:
        raise DataError(
            f"{path}: TEXT is far longer than keywords ever are",
            found=f"{where.length:,} bytes",
            code=codes.FCS_TEXT,
        )
    packed = content[where.first : where.last + 1]
    if b"\0" in packed.rstrip(b"\0 \r\n"):
        raise DataError(
            f"{path}: TEXT holds NUL bytes",
            found=f"first at byte {where.first + packed.index(bytes(1))}",
            code=codes.FCS_TEXT,
        )
    packed = packed.rstrip(b"\0")
    try:
        text = packed.decode("utf-8")
    except UnicodeDecodeError:
        text = packed.decode("latin-1")
        notices.append(Notice(codes.W_FCS_TEXT, "TEXT is not UTF-8; read as Latin-1"))
    if len(text) < 2:
        raise DataError(f"{path}: TEXT is empty", code=codes.FCS_TEXT)
    return _pairs(text, path, notices)


def _pairs(text: str, path: Path, notices: list[Notice]) -> dict[str, str]:
    """Cut TEXT at its delimiter; a doubled one stands for itself, or else for an empty value."""
    mark = text[0]
    if mark.isalnum() or mark == "$":
        raise DataError(
            f"{path}: TEXT does not begin with a delimiter", found=repr(mark), code=codes.FCS_TEXT
        )
    body = text.rstrip(" \r\n") if mark not in " \r\n" else text
    if body[-1] != mark:
        notices.append(Notice(codes.W_FCS_TEXT, "TEXT does not end with its delimiter"))
        body += mark
    by_rule = _cut(body, mark)
    pieces = by_rule
    if not _good(by_rule):
        pieces = body[1:-1].split(mark)
        if not _good(pieces):
            raise DataError(
                f"{path}: TEXT does not fall into keywords and values",
                found=f"{len(by_rule)} pieces between delimiters {mark!r}",
                code=codes.FCS_TEXT,
            )
        notices.append(Notice(codes.W_FCS_TEXT, "TEXT has empty values, which FCS forbids"))
    out: dict[str, str] = {}
    for key, value in zip(pieces[::2], pieces[1::2], strict=True):
        name = key.strip().upper()
        if name in out and out[name] != value:
            raise DataError(
                f"{path}: keyword {name} stands twice with different values",
                found=f"{out[name][:40]!r} and {value[:40]!r}",
                code=codes.FCS_KEYWORD,
            )
        if name in out:
            notices.append(Notice(codes.W_FCS_TEXT, f"keyword {name} stands twice, alike"))
        out[name] = value
    return out


def _good(pieces: list[str]) -> bool:
    """Pieces are pairs, every keyword has a name, and the layout is among them."""
    names = {p.strip().upper() for p in pieces[::2]}
    return len(pieces) % 2 == 0 and "" not in names and names.issuperset(_LAYOUT[:1])


def _cut(body: str, mark: str) -> list[str]:
    pieces, piece, at = [], [], 1
    while at < len(body):
        stop = body.find(mark, at)
        if stop < 0:
            break
        piece.append(body[at:stop])
        if body[stop + 1 : stop + 2] == mark and stop + 2 < len(body):
            piece.append(mark)
            at = stop + 2
            continue
        pieces.append("".join(piece))
        piece, at = [], stop + 1
    return pieces


def _supplement(
    content: bytes, keywords: dict[str, str], path: Path, notices: list[Notice]
) -> None:
    """Add the keywords of a supplemental TEXT segment."""
    where = _second_text(keywords, path)
    if where is None:
        return
    if where.first < HEADER_BYTES:
        raise DataError(
            f"{path}: the offsets of the second TEXT are impossible",
            found=f"{where.first} to {where.last}",
            code=codes.FCS_OFFSETS,
        )
    _inside(content, where, "the second TEXT", path)
    mark = content[where.first : where.first + 1].decode("latin-1")
    body = content[where.first + 1 : where.last + 1].decode("utf-8", errors="replace")
    pieces = _cut(mark + body if body.endswith(mark) else mark + body + mark, mark)
    names = [p.strip() for p in pieces[::2]]
    if len(pieces) % 2 or not all(n and n.isprintable() and len(n) < 200 for n in names):
        notices.append(
            Notice(codes.W_FCS_TEXT, "the second TEXT holds no keywords; it is left out")
        )
        return
    more = {k.strip().upper(): v for k, v in zip(pieces[::2], pieces[1::2], strict=True)}
    twice = [k for k, v in more.items() if keywords.get(k, v) != v]
    if twice:
        raise DataError(
            f"{path}: both TEXT segments give keywords, and differ",
            found=first_few(twice),
            code=codes.FCS_KEYWORD,
        )
    keywords.update(more)
    notices.append(Notice(codes.W_FCS_TEXT, f"{len(more)} keywords stand in a second TEXT"))


def _second_text(keywords: dict[str, str], path: Path) -> Segment | None:
    """Where the supplemental TEXT is said to stand, or None."""
    if not {"$BEGINSTEXT", "$ENDSTEXT"} <= set(keywords):
        return None
    where = Segment(
        whole_number(keywords, "$BEGINSTEXT", path), whole_number(keywords, "$ENDSTEXT", path)
    )
    return None if where.first == 0 or where.last <= where.first else where


def cut_sets(content: bytes, path: Path) -> list[tuple[int, int]]:
    """First and last byte (half open) of every data set of a file, told by `$NEXTDATA`.

    Parameters
    ----------
    content
        The whole file.
    path
        File, for messages.

    Raises
    ------
    DataError
        A data set is said to begin where none does.
    """
    starts, at = [0], 0
    while True:
        piece = content[at:] if at else content
        _, text, _, _ = _header(piece, path)
        keywords = _keywords(piece, text, path, [])
        after = whole_number(keywords, "$NEXTDATA", path) if "$NEXTDATA" in keywords else 0
        if after in (0, len(piece)):
            break
        if after < text.last or after > len(piece) or len(starts) >= MAX_SETS:
            raise _no_set(path, after, len(piece))
        if piece[after : after + 3] != b"FCS":
            if not piece[after:].strip(b"\0 \r\n"):
                break  # padding behind the last data set
            raise _no_set(path, after, len(piece))
        at += after
        starts.append(at)
    return list(zip(starts, [*starts[1:], len(content)], strict=True))


def _no_set(path: Path, after: int, size: int) -> DataError:
    return DataError(
        f"{path} says that another data set follows, and none does",
        found=f"$NEXTDATA is {after:,} in {size:,} bytes",
        fix="export the file again, or split it into one file per data set",
        code=codes.FCS_MORE_DATA,
    )


def _data_segment(
    keywords: dict[str, str], version: str, header: Segment, path: Path, notices: list[Notice]
) -> Segment:
    """Where the events stand: header and TEXT must agree, or one of them must be silent."""
    text = Segment(0, 0)
    if version != "FCS2.0" and {"$BEGINDATA", "$ENDDATA"} <= set(keywords):
        text = Segment(
            whole_number(keywords, "$BEGINDATA", path), whole_number(keywords, "$ENDDATA", path)
        )
    chosen = header if text.last == 0 else text
    if header.last and text.last and header != text:
        fits = [s for s in (header, text) if s.length == _expected(keywords)]
        if len(fits) == 1 and abs(header.last - text.last) != 1:
            word = "header" if fits[0] == header else "TEXT"
            notices.append(
                Notice(
                    codes.W_FCS_OFFSETS,
                    f"header and TEXT place the events differently; only the {word} fits $TOT, "
                    "channels and bits",
                )
            )
            return fits[0]
        if header.first != text.first or abs(header.last - text.last) != 1:
            raise DataError(
                f"{path}: header and TEXT place the events differently",
                found=f"header {header.first}-{header.last}, TEXT {text.first}-{text.last}",
                code=codes.FCS_OFFSETS,
            )
        chosen = Segment(text.first, max(header.last, text.last))
        notices.append(Notice(codes.W_FCS_OFFSETS, "header and TEXT differ by one byte of DATA"))
    if chosen.first < HEADER_BYTES or chosen.last < chosen.first - 1:
        raise DataError(
            f"{path}: the offsets of DATA are impossible",
            found=f"{chosen.first} to {chosen.last}",
            code=codes.FCS_OFFSETS,
        )
    return chosen


def _expected(keywords: dict[str, str]) -> int:
    """Bytes of all events by `$TOT`, channels and bits; -1 if they do not say."""
    try:
        n = int(keywords["$PAR"])
        if not 1 <= n <= 10_000:
            return -1
        bits = sum(int(keywords[f"$P{k}B"]) for k in range(1, n + 1))
        return int(keywords["$TOT"]) * bits // 8
    except (KeyError, ValueError):
        return -1
