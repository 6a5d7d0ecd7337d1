import os
import struct
from pathlib import Path

import flowio
import numpy as np
import pytest

from imscope.core.codes import CODES
from imscope.core.errors import DataError
from imscope.io.fcs import compensate, marker_of, read_fcs

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
REAL = SHARED / "cite" / "flow_fcs"
NAMES = ["FSC-A", "FITC-A", "PE-A", "Time"]
EVENTS = np.array(
    [[1000.0, 50.0, -20.0, 1.0], [2000.0, 700.0, 10.0, 2.0], [1500.0, 90.0, 3000.0, 3.0]],
    dtype=np.float32,
)


class Draft:
    """A valid file whose every part a test may change before it is written."""

    def __init__(self, version="FCS3.1", mark="|"):
        self.version, self.mark = version, mark
        self.data = EVENTS.astype("<f4").tobytes()
        self.words = {
            "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$MODE": "L", "$NEXTDATA": "0",
            "$PAR": "4", "$TOT": "3", "$SPILLOVER": "2,FITC-A,PE-A,1,0.2,0.05,1",
        }  # fmt: skip
        for k, name in enumerate(NAMES, start=1):
            self.words |= {f"$P{k}N": name, f"$P{k}B": "32", f"$P{k}E": "0,0", f"$P{k}R": "262144"}
        self.words |= {"$P2S": "CD3 FITC", "$P3S": "CD14 PE"}
        self.header, self.change = {}, lambda t: t
        self.after = b"00000000"

    def body(self, first=0, last=0):
        words = dict(self.words)
        if self.version != "FCS2.0":
            words = {"$BEGINDATA": f"{first:010}", "$ENDDATA": f"{last:010}"} | words
        pairs = "".join(
            f"{k}{self.mark}{v.replace(self.mark, self.mark * 2)}{self.mark}"
            for k, v in words.items()
        )
        return self.change((self.mark + pairs).encode("utf-8"))

    def bytes(self):
        first = 58 + len(self.body())
        last = first + len(self.data) - 1
        text = self.body(first, last)
        places = {"text": 58, "text_end": 57 + len(text), "data": first, "data_end": last}
        places = {**places, "analysis": 0, "analysis_end": 0, **self.header}
        numbers = b"".join(f"{places[k]:>8}".encode() for k in places)
        return self.version.encode() + b"    " + numbers + text + self.data + self.after


def write(tmp_path, content):
    path = tmp_path / "a.fcs"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("version", ["FCS2.0", "FCS3.0", "FCS3.1"])
@pytest.mark.parametrize("mark", list("|/\\*!^.+?(~\t\x0c\x1e"))
def test_every_delimiter_and_version(tmp_path, version, mark):
    draft = Draft(version, mark)
    draft.words["$CYT"] = f"two{mark}words"
    data = read_fcs(write(tmp_path, draft.bytes()))
    np.testing.assert_array_equal(data.events, EVENTS)
    assert data.channels["marker"].tolist() == ["FSC-A", "CD3", "CD14", "Time"]
    assert data.channels["kind"].tolist() == ["scatter", "fluorescence", "fluorescence", "time"]
    assert data.keywords["$CYT"] == f"two{mark}words"
    assert not data.notices


@pytest.mark.parametrize("order", ["1,2,3,4", "4,3,2,1"])
@pytest.mark.parametrize("kind", ["F", "D", "I8", "I16", "I32", "mixed"])
def test_layouts(tmp_path, order, kind):
    draft = Draft()
    sign = "<" if order[0] == "1" else ">"
    bits = {"F": [32] * 4, "D": [64] * 4, "mixed": [8, 16, 32, 16]}.get(
        kind, [int(kind[1:] or 0) if kind[0] == "I" else 0] * 4
    )
    values = np.arange(12).reshape(3, 4) * 17 + 1
    letters = {"F": "f", "D": "d"}.get(kind) or ""
    by_bits = {8: "B", 16: "H", 32: "I"}
    form = sign + (letters * 4 or "".join(by_bits[b] for b in bits))
    draft.data = b"".join(struct.pack(form, *row.tolist()) for row in values)
    draft.words |= {"$BYTEORD": order, "$DATATYPE": kind[0] if kind in "FD" else "I"}
    for k, b in enumerate(bits, start=1):
        draft.words |= {f"$P{k}B": str(b), f"$P{k}R": str(min(2**b, 2**18))}
    np.testing.assert_array_equal(read_fcs(write(tmp_path, draft.bytes())).events, values)


def test_bits_above_an_integer_range_are_masked(tmp_path):
    draft = Draft()
    draft.words |= {"$DATATYPE": "I"} | {f"$P{k}B": "16" for k in range(1, 5)}
    draft.words |= {f"$P{k}R": "1024" for k in range(1, 5)}
    draft.data = struct.pack("<12H", *([1024 + 5, 7, 2048 + 9, 1023] * 3))
    assert read_fcs(write(tmp_path, draft.bytes())).events[0].tolist() == [5, 7, 9, 1023]


def test_amplifier_gain_and_time_step(tmp_path):
    draft = Draft()
    draft.words |= {"$DATATYPE": "I", "$TIMESTEP": "0.5", "$P1G": "4", "$P2E": "4,0", "$P4G": "9"}
    draft.words |= {f"$P{k}R": "1024" for k in range(1, 5)} | {f"$P{k}B": "16" for k in range(1, 5)}
    draft.data = struct.pack("<12H", *([400, 512, 3, 8] * 3))
    # decades 4 at half of the range: 10 ** (4 / 2) times the lowest value, which 0 sets to 1
    assert read_fcs(write(tmp_path, draft.bytes())).events[0].tolist() == [100, 100, 3, 4]


def test_compensation_undoes_the_spill(tmp_path):
    data = read_fcs(write(tmp_path, Draft().bytes()))
    spill = np.array([[1, 0.2], [0.05, 1]])
    np.testing.assert_allclose(compensate(data)[:, 1:3] @ spill, EVENTS[:, 1:3], rtol=1e-6)
    np.testing.assert_array_equal(compensate(data)[:, [0, 3]], EVENTS[:, [0, 3]])


def test_a_file_by_another_writer(tmp_path):
    path = tmp_path / "b.fcs"
    with path.open("wb") as handle:
        flowio.create_fcs(handle, EVENTS.ravel().tolist(), NAMES, ["", "CD3", "", ""])
    np.testing.assert_array_equal(read_fcs(path).events, EVENTS)


@pytest.mark.parametrize(
    ("label", "marker"),
    [
        ("BV785 - CD3", "CD3"), ("APCCy7 - CD4", "CD4"), ("CD8 PerCP-Cy5.5", "CD8"),
        ("CD105", "CD105"),
        ("PE-Cy7 CCR7", "CCR7"), ("HLA-DR FITC", "HLA-DR"), ("L/D Aqua - Viability", "Viability"),
        ("TCR Va7", "TCR Va7"), ("PE", "PE"), ("CD73:APC", "CD73"), ("", ""),
    ],
)  # fmt: skip
def test_antigen_in_the_label(label, marker):
    assert marker_of(label) == marker


# ---- damage: change one thing, name the code it must end in --------------------------------------


def words(**changes):
    def change(draft):
        for key, value in changes.items():
            draft.words[f"${key}"] = value
        draft.words = {k: v for k, v in draft.words.items() if v is not None}

    return change


def header(**changes):
    return lambda draft: draft.header.update(changes)


def misplaced(draft):
    """Header and TEXT place the events differently, and neither fits."""
    words(TOT="2")(draft)
    header(data=400)(draft)


def data(make):
    def change(draft):
        draft.data = make(draft.data)

    return change


def text(make):
    def change(draft):
        if isinstance(draft, bytes):
            raise TypeError
        draft.change = make

    return change


def spill(value):
    return words(SPILLOVER=value)


def values(number):
    return data(lambda d: np.full(12, number, "<f4").tobytes())


DAMAGE = {
    # header
    "empty file": (lambda b: b"", "E-FILE-EMPTY"),
    "three bytes": (lambda b: b[:3], "E-FCS-HEADER"),
    "ends in header": (lambda b: b[:40], "E-FCS-TRUNCATED"),
    "another magic": (lambda b: b"PNG" + b[3:], "E-FCS-HEADER"),
    "version 1": (lambda b: b"FCS1.0" + b[6:], "E-FCS-HEADER"),
    "version 4": (lambda b: b"FCS4.0" + b[6:], "E-FCS-HEADER"),
    "version of letters": (lambda b: b"FCSx.y" + b[6:], "E-FCS-HEADER"),
    "letters as offset": (lambda b: b[:10] + b"   abcde" + b[18:], "E-FCS-HEADER"),
    "negative offset": (lambda b: b[:10] + b"     -58" + b[18:], "E-FCS-HEADER"),
    "blank offset": (lambda b: b[:10] + b" " * 8 + b[18:], "E-FCS-HEADER"),
    "NUL offset": (lambda b: b[:10] + bytes(8) + b[18:], "E-FCS-HEADER"),
    "text in the header": (header(text=10), "E-FCS-OFFSETS"),
    "text ends before it begins": (header(text_end=57), "E-FCS-OFFSETS"),
    "text behind the file": (header(text_end=9_999_999), "E-FCS-TRUNCATED"),
    "no place of data fits": (misplaced, "E-FCS-OFFSETS"),
    "no data anywhere": (lambda b: cut_words(b, data=0, data_end=0), "E-FCS-OFFSETS"),
    "data over text": (lambda b: cut_words(b, data=60, data_end=107), "E-FCS-OFFSETS"),
    # truncation
    "cut in text": (lambda b: b[:200], "E-FCS-TRUNCATED"),
    "cut in data": (lambda b: b[:-20], "E-FCS-TRUNCATED"),
    "cut before data": (lambda b: b[: -(48 + 8)], "E-FCS-TRUNCATED"),
    # text
    "no delimiter": (text(lambda t: b"A" + t[1:]), "E-FCS-TEXT"),
    "NUL in text": (text(lambda t: t[:20] + b"\0" + t[21:]), "E-FCS-TEXT"),
    "text is one sign": (text(lambda t: b"|" * len(t)), "E-FCS-TEXT"),
    "text is spaces": (text(lambda t: b" " * len(t)), "E-FCS-TEXT"),
    "text is noise": (text(lambda t: bytes([7, 200, 31, 99] * 90)), "E-FCS-TEXT"),
    "value without keyword": (text(lambda t: t + b"lonely|"), "E-FCS-TEXT"),
    "a delimiter lost": (text(lambda t: t.replace(b"$TOT|", b"$TOT_")), "E-FCS-TEXT"),
    "delimiter inside a value": (text(lambda t: t.replace(b"CD3 FITC", b"CD3|FITC")), "E-FCS-TEXT"),
    "keyword twice": (text(lambda t: t + b"$TOT|4|"), "E-FCS-KEYWORD"),
    "keyword twice, other case": (text(lambda t: t + b"$par|5|"), "E-FCS-KEYWORD"),
    "second text behind the file": (words(BEGINSTEXT="9000", ENDSTEXT="9100"), "E-FCS-TRUNCATED"),
    "second text in the header": (words(BEGINSTEXT="5", ENDSTEXT="50"), "E-FCS-OFFSETS"),
    "second text is data": (words(BEGINSTEXT="420", ENDSTEXT="450"), None),
    "second text not a number": (words(BEGINSTEXT="x", ENDSTEXT="50"), "E-FCS-KEYWORD"),
    # keywords
    "no PAR": (words(PAR=None), "E-FCS-TEXT"),
    "no TOT": (words(TOT=None), "E-FCS-KEYWORD"),
    "no MODE": (words(MODE=None), "E-FCS-KEYWORD"),
    "no DATATYPE": (words(DATATYPE=None), "E-FCS-KEYWORD"),
    "no BYTEORD": (words(BYTEORD=None), "E-FCS-KEYWORD"),
    "PAR zero": (words(PAR="0"), "E-FCS-KEYWORD"),
    "PAR negative": (words(PAR="-4"), "E-FCS-KEYWORD"),
    "PAR huge": (words(PAR="99999999999"), "E-FCS-KEYWORD"),
    "PAR endless": (words(PAR="9" * 5000), "E-FCS-KEYWORD"),
    "PAR a fraction": (words(PAR="4.0"), "E-FCS-KEYWORD"),
    "PAR one more": (words(PAR="5"), "E-FCS-CHANNELS"),
    "PAR one less": (words(PAR="3"), "E-FCS-LENGTH"),
    "TOT one more": (words(TOT="4"), "E-FCS-LENGTH"),
    "TOT one less": (words(TOT="2"), "E-FCS-LENGTH"),
    "TOT zero": (words(TOT="0"), "E-FCS-LENGTH"),
    "TOT huge": (words(TOT="999999999999999999"), "E-FCS-LENGTH"),
    "TOT hexadecimal": (words(TOT="0x3"), "E-FCS-KEYWORD"),
    "TOT other digits": (words(TOT="٣"), "E-FCS-KEYWORD"),
    "TOT blank": (words(TOT=" "), "E-FCS-KEYWORD"),
    "histogram mode": (words(MODE="C"), "E-FCS-LAYOUT"),
    "ASCII data": (words(DATATYPE="A"), "E-FCS-LAYOUT"),
    "unknown data type": (words(DATATYPE="Q"), "E-FCS-LAYOUT"),
    "mixed byte order": (words(BYTEORD="3,4,1,2"), "E-FCS-LAYOUT"),
    "byte order of words": (words(BYTEORD="little"), "E-FCS-LAYOUT"),
    "double as float": (words(DATATYPE="D"), "E-FCS-LAYOUT"),
    "bits zero": (words(P2B="0"), "E-FCS-LAYOUT"),
    "bits ten": (words(DATATYPE="I", P2B="10"), "E-FCS-LAYOUT"),
    "bits huge": (words(P2B="4000000000"), "E-FCS-LAYOUT"),
    "bits missing": (words(P3B=None), "E-FCS-KEYWORD"),
    "bits differ": (words(DATATYPE="I", P3B="16", P3R="99"), "E-FCS-LENGTH"),
    "range missing": (words(P3R=None), "E-FCS-KEYWORD"),
    "range not a number": (words(P3R="high"), "E-FCS-KEYWORD"),
    "range infinite": (words(P3R="inf"), "E-FCS-KEYWORD"),
    "integer range too wide": (words(DATATYPE="I", P1R="99999999999"), "E-FCS-KEYWORD"),
    "integer range zero": (words(DATATYPE="I", P1R="0"), "E-FCS-KEYWORD"),
    "amplifier one number": (words(P2E="4"), "E-FCS-KEYWORD"),
    "amplifier words": (words(P2E="log,log"), "E-FCS-KEYWORD"),
    "amplifier endless": (words(P2E="4000,1"), "E-FCS-KEYWORD"),
    "amplifier NaN": (words(P2E="nan,1"), "E-FCS-KEYWORD"),
    "gain not a number": (words(P2G="high"), "E-FCS-KEYWORD"),
    "name missing": (words(P2N=None), "E-FCS-CHANNELS"),
    "name blank": (words(P2N="  "), "E-FCS-CHANNELS"),
    "name twice": (words(P2N="PE-A"), "E-FCS-CHANNELS"),
    "more data sets": (words(NEXTDATA="300"), "E-FCS-MORE-DATA"),
    "next data not a number": (words(NEXTDATA="none"), "E-FCS-KEYWORD"),
    # values
    "wrong byte order": (words(BYTEORD="4,3,2,1"), "E-FCS-VALUES"),
    "NaN": (values(np.nan), "E-FCS-VALUES"),
    "infinite": (values(np.inf), "E-FCS-VALUES"),
    "huge": (values(1e30), "E-FCS-VALUES"),
    "one NaN": (data(lambda d: d[:8] + struct.pack("<f", np.nan) + d[12:]), "E-FCS-VALUES"),
    "data shifted by one byte": (data(lambda d: b"\xff" + d), None),
    # spillover
    "spill too few": (spill("2,FITC-A,PE-A,1,0.2,0.05"), "E-FCS-SPILLOVER"),
    "spill too many": (spill("2,FITC-A,PE-A,1,0.2,0.05,1,9"), "E-FCS-SPILLOVER"),
    "spill n wrong": (spill("3,FITC-A,PE-A,1,0.2,0.05,1"), "E-FCS-SPILLOVER"),
    "spill n negative": (spill("-2,FITC-A,PE-A,1,0.2,0.05,1"), "E-FCS-SPILLOVER"),
    "spill n huge": (spill("999999999999,FITC-A"), "E-FCS-SPILLOVER"),
    "spill n zero": (spill("0"), "E-FCS-SPILLOVER"),
    "spill unknown channel": (spill("2,FITC-A,APC-A,1,0.2,0.05,1"), "E-FCS-SPILLOVER"),
    "spill channel twice": (spill("2,PE-A,PE-A,1,0.2,0.05,1"), "E-FCS-SPILLOVER"),
    "spill not a number": (spill("2,FITC-A,PE-A,1,x,0.05,1"), "E-FCS-SPILLOVER"),
    "spill NaN": (spill("2,FITC-A,PE-A,1,nan,0.05,1"), "E-FCS-SPILLOVER"),
    "spill huge": (spill("2,FITC-A,PE-A,1,1e300,0.05,1"), "E-FCS-SPILLOVER"),
    "spill singular": (spill("2,FITC-A,PE-A,1,1,1,1"), "E-FCS-SPILLOVER"),
    "spill no diagonal": (spill("2,FITC-A,PE-A,0,0.2,0.05,0"), "E-FCS-SPILLOVER"),
    "spill of spaces": (spill("2 FITC-A PE-A 1 0.2 0.05 1"), "E-FCS-SPILLOVER"),
    "two matrices": (words(SPILL="2,FITC-A,PE-A,1,0.3,0.05,1"), "E-FCS-SPILLOVER"),
}  # fmt: skip

HARMLESS = {
    "analysis offsets blank": lambda b: b[:42] + b" " * 16 + b[58:],
    "analysis offsets nonsense": header(analysis=0, analysis_end=0),
    "keyword twice, alike": text(lambda t: t + b"$TOT|3|"),
    "keywords in small letters": text(lambda t: t.replace(b"$TOT", b"$tot")),
    "byte order with spaces": words(BYTEORD="1, 2, 3, 4"),
    "type in small letters": words(DATATYPE="f", MODE="l"),
    "spaces round numbers": words(TOT=" 3 ", PAR="4  "),
    "last delimiter lost": text(lambda t: t[:-1] + b" "),
    "line end after text": text(lambda t: t + b"\r\n"),
    "no checksum": lambda b: b[:-8],
    "noise after the end": lambda b: b + b"x" * 1000,
    "header silent about data": header(data=0, data_end=0),
    "next data at the end": words(NEXTDATA=None),
    "empty value": text(lambda t: t + b"$OP||$INST|x|"),
    "Latin-1": text(lambda t: t + b"$OP|J\xf6rg|"),
    "UTF-8": words(OP="Jörg 李"),
    "range below 0 on floats": words(P4R="0"),
    "log amplifier on floats": words(P2E="4,1"),
    "spill by channel number": spill("2,2,3,1,0.2,0.05,1"),
    "spill with spaces": spill("2, FITC-A, PE-A, 1, 0.2, 0.05, 1"),
    "old compensation": lambda b: b.replace(b"$SPILLOVER", b"$COMP_____"),
    "time step of words": words(TIMESTEP="fast"),
}


def cut_words(content, **places):
    """The header alone places the events, and wrongly."""
    draft = Draft("FCS2.0")
    draft.header = places
    return draft.bytes()


def spoil(change):
    draft = Draft()
    try:
        out = change(draft.bytes())
    except (AttributeError, TypeError):
        out = None
    if isinstance(out, bytes):
        return out
    draft = Draft()
    change(draft)
    return draft.bytes()


def test_the_corpus_is_large():
    assert len(DAMAGE) >= 60


@pytest.mark.parametrize("name", [k for k, (_, code) in DAMAGE.items() if code])
def test_damage_ends_in_its_code(tmp_path, name):
    change, code = DAMAGE[name]
    content = spoil(change)
    assert content != Draft().bytes()
    with pytest.raises(DataError) as error:
        read_fcs(write(tmp_path, content))
    assert error.value.code == code, str(error.value)
    assert code in CODES


@pytest.mark.parametrize("name", [k for k, (_, code) in DAMAGE.items() if not code])
def test_damage_of_no_single_meaning_is_still_refused(tmp_path, name):
    with pytest.raises(DataError) as error:
        read_fcs(write(tmp_path, spoil(DAMAGE[name][0])))
    assert error.value.code in CODES


@pytest.mark.parametrize("name", list(HARMLESS))
def test_harmless_oddities_change_nothing(tmp_path, name):
    content = spoil(HARMLESS[name])
    data = read_fcs(write(tmp_path, content))
    np.testing.assert_array_equal(data.events, EVENTS)
    assert data.channels["channel"].tolist() == NAMES
    if "old" not in name:
        np.testing.assert_array_equal(data.spillover.matrix, [[1, 0.2], [0.05, 1]])


def test_a_damaged_matrix_can_be_left_unread(tmp_path):
    content = spoil(spill("2,FITC-A,PE-A,1,1,1,1"))
    data = read_fcs(write(tmp_path, content), spillover=False)
    np.testing.assert_array_equal(compensate(data), EVENTS)


def test_random_bytes_never_crash(tmp_path):
    """Every outcome is a value table of the right shape or an error with a code."""
    rng = np.random.default_rng(0)
    base = Draft().bytes()
    refused = 0
    for _ in range(400):
        content = bytearray(base)
        for at in rng.integers(0, len(base) - 56, rng.integers(1, 4)):
            content[at] = rng.integers(0, 256)
        outcome = attempt(write(tmp_path, bytes(content)))
        if isinstance(outcome, str):
            assert outcome in CODES
            refused += 1
        else:
            assert outcome.events.shape == (3, 4)
            assert np.isfinite(outcome.events).all()
    assert refused > 50


def attempt(path):
    try:
        return read_fcs(path)
    except DataError as error:
        return error.code


needs_shared = pytest.mark.skipif(
    not REAL.is_dir(), reason="the shared data are not here (IMSCOPE_SHARED_DATA)"
)


@pytest.mark.shared
@needs_shared
def test_real_files_agree_with_flowio():
    files = sorted(REAL.glob("*.fcs"))
    assert len(files) == 8
    for path in files:
        data = read_fcs(path)
        np.testing.assert_array_equal(data.events, flowio.FlowData(path).as_array())
        assert data.spillover is not None
        at = [data.channels["channel"].tolist().index(c) for c in data.spillover.channels]
        back = compensate(data)[:, at] @ data.spillover.matrix
        np.testing.assert_allclose(back, data.events[:, at], rtol=1e-6, atol=1e-3)


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("cut", [10, 58, 1_000, 5_000, 8_000, 13_000])
def test_real_files_cut_short(tmp_path, cut):
    content = (REAL / "hesc_day00.fcs").read_bytes()[:cut]
    with pytest.raises(DataError) as error:
        read_fcs(write(tmp_path, content))
    assert error.value.code in {"E-FCS-TRUNCATED"}
