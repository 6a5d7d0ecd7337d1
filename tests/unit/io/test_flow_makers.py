"""Flow files as fourteen makers write them: layouts of their own, values and markers as meant."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from imscope.core.errors import DataError
from imscope.io.fcs import read_fcs
from imscope.io.fcs_names import marker_of

SHARED = Path(os.environ.get("IMSCOPE_SHARED_DATA", "/nonexistent")) / "flow_makers"
N = 40


def packed(values, bits, order):
    """Integers of any whole number of bytes each."""
    out = bytearray()
    for row in values.tolist():
        for value, width in zip(row, bits, strict=True):
            raw = int(value).to_bytes(width // 8, "little" if order == "<" else "big")
            out += raw
    return bytes(out)


def file(version, words, data, *, mark="/", gap=0, second=b"", shift=0, text_first=True):
    """A data set: header, TEXT, DATA, and what stands behind."""

    def text(first, last, more):
        places = {} if version == "FCS2.0" else {
            "$BEGINDATA": str(first), "$ENDDATA": str(last), "$BEGINSTEXT": str(more[0]),
            "$ENDSTEXT": str(more[1]), "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0",
        }  # fmt: skip
        pairs = {**places, **words}
        return (mark + "".join(f"{k}{mark}{v}{mark}" for k, v in pairs.items())).encode("latin-1")

    body = text("0" * 8, "0" * 8, ("0" * 8, "0" * 8))
    start = 58 + len(body) + gap if text_first else 58
    begin = 58 if text_first else 58 + len(data)
    more = (0, 0)
    if second:
        more = (start + len(data), start + len(data) + len(second) - 1)
    eight = [f"{x:08}" for x in (start, start + len(data) - 1, *more)]
    body = text(eight[0], eight[1], (eight[2], eight[3]))
    numbers = (begin, begin + len(body) - 1, start + shift, start + shift + len(data) - 1, 0, 0)
    head = version.encode() + b"    " + b"".join(f"{n:>8}".encode() for n in numbers)
    if text_first:
        return head + body + bytes(gap) + data + second
    return head + data + body


def layout(names, bits, tops, *, order, kind, n=N, labels=(), **more):
    words = {
        "$BYTEORD": order, "$DATATYPE": kind, "$MODE": "L", "$NEXTDATA": "0",
        "$PAR": str(len(names)), "$TOT": str(n),
    }  # fmt: skip
    for k, (name, b, top) in enumerate(zip(names, bits, tops, strict=True), start=1):
        words |= {f"$P{k}N": name, f"$P{k}B": str(b), f"$P{k}R": str(top), f"$P{k}E": "0,0"}
    for k, label in enumerate(labels, start=1):
        if label:
            words[f"$P{k}S"] = label
    return {**words, **more}


def whole(rng, tops, n=N):
    return np.column_stack([rng.integers(0, t, n) for t in tops])


def floats(rng, m, order):
    values = rng.normal(500, 300, (N, m)).astype(np.float32)
    return values, values.astype(f"{order}f4").tobytes()


def diva(rng, mark="/", order=">"):
    names = ["FSC-A", "SSC-A", "FITC-A", "PE-A", "APC-A", "Time"]
    values, data = floats(rng, 6, order)
    labels = ["", "", "CD73 FITC", "CD105 PE", "CD90 APC", ""]
    words = layout(names, [32] * 6, [262144] * 6, order="4,3,2,1" if order == ">" else "1,2,3,4",
                   kind="F", labels=labels, **{"$CYT": "LSRFortessa", "$TIMESTEP": "1",
                   "SPILL": "3,FITC-A,PE-A,APC-A,1,.1,0,.02,1,.01,0,0,1"})  # fmt: skip
    return file("FCS3.0", words, data, mark=mark), values, ["CD73", "CD105", "CD90"]


def calibur(rng, mark="\\", order=">"):
    tops = [1024] * 5
    values = whole(rng, tops)
    names = ["FSC-H", "SSC-H", "FL1-H", "FL2-H", "Time"]
    words = layout(names, [16] * 5, tops, order="4,3,2,1" if order == ">" else "1,2,3,4", kind="I",
                   labels=["", "", "CD73 FITC", "CD105 PE", ""],
                   **{"$CYT": "FACSCalibur", "$P3E": "4,0", "$P4E": "4,0"})  # fmt: skip
    want = values.astype(float)
    want[:, 2:4] = 10 ** (4 * want[:, 2:4] / 1024)
    return (
        file("FCS2.0", words, packed(values, [16] * 5, order), mark=mark),
        want,
        ["CD73", "CD105"],
    )


def accuri(rng, mark="/", order=">"):
    tops = [16_777_216] * 6 + [16_384]
    values = whole(rng, tops)
    names = ["FSC-A", "SSC-A", "FL1-A", "FL2-A", "FL3-A", "Width", "Time"]
    words = layout(names, [32] * 7, tops, order="4,3,2,1" if order == ">" else "1,2,3,4", kind="I",
                   labels=["", "", "CD73", "CD105", "CD90", "", ""],
                   **{"$CYT": "Accuri C6", "$TIMESTEP": "0.1"})  # fmt: skip
    want = values.astype(float)
    want[:, 6] *= 0.1
    return (file("FCS3.0", words, packed(values, [32] * 7, order), mark=mark, text_first=False),
            want, ["CD73", "CD105", "CD90"])  # fmt: skip


def cytek(rng, mark="\\", order=">"):
    tops = [30_000] + [1_024] * 5
    values = whole(rng, tops)
    names = ["TIME", "FSC", "SSC", "FL1", "FL2", "FL3"]
    words = layout(names, [24] * 6, tops, order="4,3,2,1" if order == ">" else "1,2,3,4", kind="I",
                   labels=["", "", "", "CD73 FITC", "", ""],
                   **{"$CYT": "xP5", "$TIMESTEP": "0.001"})  # fmt: skip
    want = values.astype(float)
    want[:, 0] *= 0.001
    return (
        file("FCS3.0", words, packed(values, [24] * 6, order), mark=mark, gap=200),
        want,
        ["CD73"],
    )


def guava(rng, mark="|", order="<"):
    bits, tops = [8, 16, 16, 24, 32], [256, 65_536, 1_000, 16_777_216, 11_209_599]
    values = whole(rng, tops)
    names = ["FSC-HLin", "GRN-HLog", "YEL-HLog", "RED-HLog", "Width"]
    words = layout(names, bits, tops, order="4,3,2,1" if order == ">" else "1,2,3,4", kind="I",
                   labels=["", "CD73", "CD105", "CD90", ""], **{"$CYT": "easyCyte"})  # fmt: skip
    return (file("FCS3.0", words, packed(values, bits, order), mark=mark), values.astype(float),
            ["CD73", "CD105", "CD90"])  # fmt: skip


def macsquant(rng, mark="/", order="<"):
    values, data = floats(rng, 4, order)
    words = layout(["HDR-T", "FSC-A", "B1-A", "B2-A"], [32] * 4, [262_144] * 4, kind="F",
                   order="4,3,2,1" if order == ">" else "1,2,3,4",
                   labels=["", "", "CD73-VioBlue", "CD105-PE-Vio770"],
                   **{"$CYT": "MACSQuant", "$SPILLOVER": "2,B1-A,B2-A"})  # fmt: skip
    return file("FCS3.1", words, data, mark=mark), values, ["CD73", "CD105"]


def cyflow(rng, mark="/", order="<"):
    tops = [65_536] * 4
    values = whole(rng, tops)
    words = layout(["FSC", "SSC", "FL1", "FL2"], [16] * 4, tops, kind="I",
                   order="4,3,2,1" if order == ">" else "1,2,3,4",
                   labels=["", "", "CD73 FITC", "CD105 PE"], **{"$CYT": "Cube_8"})  # fmt: skip
    second = b"PK\x03\x04" + rng.integers(0, 255, 600, dtype=np.uint8).tobytes()
    content = file("FCS3.0", words, packed(values, [16] * 4, order), mark=mark, second=second)
    return content, values.astype(float), ["CD73", "CD105"]


def cyan(rng, mark="|", order="<"):
    """The header places the events elsewhere; only TEXT fits them."""
    tops = [65_536] * 4
    values = whole(rng, tops)
    words = layout(["FS Lin", "SS Lin", "FITC Log", "PE Log"], [16] * 4, tops, kind="I",
                   order="4,3,2,1" if order == ">" else "1,2,3,4",
                   labels=["", "", "CD73", "CD105"], **{"$CYT": "CyAn"})  # fmt: skip
    content = file("FCS3.0", words, packed(values, [16] * 4, order), mark=mark)
    end = int(content[34:42])
    return content[:34] + f"{end + 900:>8}".encode() + content[42:], values.astype(float), [
        "CD73", "CD105"]  # fmt: skip


def lmd(rng, mark="\\", order="<"):
    """Two data sets of the same events: ten bits with labels, twenty bits without."""
    fine = whole(rng, [1_048_576] * 4)
    coarse = fine >> 10
    sign = "4,3,2,1" if order == ">" else "1,2,3,4"
    labels = ["", "", "CD73-FITC", "CD105-PE"]
    one = layout(["FS Lin", "SS Lin", "FL1 Log", "FL2 Log"], [16] * 4, [1_024] * 4, kind="I",
                 order="1,2" if order == "<" else "2,1", labels=labels)  # fmt: skip
    first = file("FCS2.0", {**one, "$NEXTDATA": "00000000"}, packed(coarse, [16] * 4, order),
                 mark=mark)  # fmt: skip
    first = first.replace(b"$NEXTDATA" + mark.encode() + b"00000000",
                          b"$NEXTDATA" + mark.encode() + f"{len(first):08}".encode())  # fmt: skip
    two = layout(["FS", "SS", "FL1", "FL2"], [32] * 4, [1_048_576] * 4, order=sign, kind="I")
    second = file("FCS3.0", two, packed(fine, [32] * 4, order), mark=mark, text_first=False)
    return first + second, coarse.astype(float), ["CD73", "CD105"]


def gallios(rng, mark="\\", order="<"):
    """Two data sets, both with labels: the finer one counts."""
    content, coarse, markers = lmd(rng, mark, order)
    cut = content.index(b"FCS3.0")
    fine = whole(rng, [1_048_576] * 4)
    two = layout(["FS INT", "SS INT", "FL1 INT", "FL2 INT"], [32] * 4, [1_048_576] * 4, kind="I",
                 order="4,3,2,1" if order == ">" else "1,2,3,4",
                 labels=["", "", "CD73-FITC", "CD105-PE"])  # fmt: skip
    del coarse
    return content[:cut] + file("FCS3.0", two, packed(fine, [32] * 4, order), mark=mark,
                                text_first=False), fine.astype(float), markers  # fmt: skip


def helios(rng, mark="\\", order=">"):
    values, data = floats(rng, 4, order)
    words = layout(["Time", "Y89Di", "Pr141Di", "Nd142Di"], [32] * 4, [10_000] * 4, kind="F",
                   order="4,3,2,1" if order == ">" else "1,2,3,4",
                   labels=["Time", "89Y_CD45", "141Pr_CD73", "142Nd_CD105"],
                   **{"$CYT": "DVSSCIENCES-CYTOF-6.7"})  # fmt: skip
    return file("FCS3.0", words, data, mark=mark), values, ["CD45", "CD73", "CD105"]


def aurora(rng, mark="\x0c", order="<"):
    names = ["Time", "FSC-A", "BV421-A", "FITC-A"]
    values, data = floats(rng, 4, order)
    words = layout(
        names,
        [32] * 4,
        [4_194_304] * 4,
        kind="F",
        order="4,3,2,1" if order == ">" else "1,2,3,4",
        labels=["", "", "CD105_BV421-A", "anti-human CD73 FITC"],
        **{"$CYT": "Aurora", "$SPILLOVER": "3,BV421-A,FITC-A,AF-A,1,.1,0,0,1,0,0,0,1"},
    )
    return file("FCS3.1", words, data, mark=mark), values, ["CD105", "CD73"]


def attune(rng, mark="|", order="<"):
    names = ["Time", "FSC-A", "BL1-A", "YL1-A"]
    values, data = floats(rng, 4, order)
    words = layout(
        names,
        [32] * 4,
        [1_048_576] * 4,
        kind="F",
        order="4,3,2,1" if order == ">" else "1,2,3,4",
        labels=["", "", "CD73 (AD2) FITC", "PE CD105"],
        **{"$CYT": "Attune NxT"},
    )
    words.pop("$MODE")
    return file("FCS3.2", words, data, mark=mark), values, ["CD73", "CD105"]


def sony(rng, mark="!", order="<"):
    values = rng.normal(500, 300, (N, 4))
    words = layout(["FSC-A", "BSC-A", "FITC-A", "PE-A"], [64] * 4, [1_048_576] * 4, kind="D",
                   order="4,3,2,1" if order == ">" else "1,2,3,4",
                   labels=["", "", "FITC : CD73", "PE : CD105"], **{"$CYT": "SH800S"})  # fmt: skip
    return (file("FCS3.1", words, values.astype(f"{order}f8").tobytes(), mark=mark), values,
            ["CD73", "CD105"])  # fmt: skip


MAKERS = (diva, calibur, accuri, cytek, guava, macsquant, cyflow, cyan, lmd, gallios, helios,
          aurora, attune, sony)  # fmt: skip
VARIANTS = [(mark, order) for mark in ("|", "/", "\x1e") for order in "<>"]
READ = [(m, mark, order) for m in MAKERS for mark, order in VARIANTS]


def test_there_are_enough_files_by_enough_makers():
    assert len(READ) >= 60
    assert len(MAKERS) >= 10


@pytest.mark.parametrize(
    ("maker", "mark", "order"), READ, ids=[f"{m.__name__}-{ord(k):x}-{o}" for m, k, o in READ]
)
def test_every_maker_is_read_as_meant(tmp_path, maker, mark, order):
    rng = np.random.default_rng(3)
    content, values, markers = maker(rng, mark, order)
    path = tmp_path / ("a.lmd" if maker in (lmd, gallios) else "a.fcs")
    path.write_bytes(content)
    data = read_fcs(path)
    np.testing.assert_allclose(data.events, values, rtol=1e-6)
    fluorescent = data.channels[data.channels["label"].str.contains("CD")]
    assert fluorescent["marker"].tolist() == markers


def test_each_data_set_can_be_asked_for(tmp_path):
    path = tmp_path / "a.lmd"
    content, coarse, _ = lmd(np.random.default_rng(3))
    path.write_bytes(content)
    best, second = read_fcs(path), read_fcs(path, data_set=2)
    assert any(n.code == "W-FCS-SETS" for n in best.notices)
    np.testing.assert_array_equal(best.events, coarse)
    np.testing.assert_array_equal(second.events.astype(int) >> 10, coarse)
    with pytest.raises(DataError, match="no data set 3"):
        read_fcs(path, data_set=3)


@pytest.mark.parametrize("after", ["7", "99999999", "00000400"])
def test_a_data_set_that_is_not_there_is_refused(tmp_path, after):
    content, _, _ = diva(np.random.default_rng(3))
    path = tmp_path / "a.fcs"
    path.write_bytes(content.replace(b"$NEXTDATA/0/", f"$NEXTDATA/{after}/".encode()))
    with pytest.raises(DataError) as caught:
        read_fcs(path)
    assert caught.value.code in ("E-FCS-MORE-DATA", "E-FCS-OFFSETS", "E-FCS-TRUNCATED",
                                 "E-FCS-LENGTH")  # fmt: skip


def test_a_matrix_that_names_more_channels_is_cut_and_that_is_said(tmp_path):
    content, _, _ = aurora(np.random.default_rng(3))
    path = tmp_path / "a.fcs"
    path.write_bytes(content)
    data = read_fcs(path)
    assert data.spillover.channels == ("BV421-A", "FITC-A")
    np.testing.assert_array_equal(data.spillover.matrix, [[1, 0.1], [0, 1]])
    assert any("AF-A" in n.message for n in data.notices)


def test_the_place_that_fits_is_taken_and_that_is_said(tmp_path):
    content, _, _ = cyan(np.random.default_rng(3))
    path = tmp_path / "a.fcs"
    path.write_bytes(content)
    assert any("only the TEXT fits" in n.message for n in read_fcs(path).notices)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "events", "channels"),
    [
        ("beckman_several_sets.lmd", 18_110, 8),
        ("cyflow_cube_8.fcs", 725, 10),
        ("cytek_xp5_24bit.fcs", 23_126, 8),
        ("macsquant_3_1_custom.fcs", 10_000, 19),
        ("variable_integer_widths.fcs", 2, 26),
    ],
)
def test_real_makers(name, events, channels):
    if not (SHARED / name).exists():
        pytest.skip("the files of the makers are not on this machine")
    assert read_fcs(SHARED / name).events.shape == (events, channels)


@pytest.mark.parametrize(
    ("label", "marker"),
    [
        ("89Y_CD45", "CD45"), ("CD45_89Y", "CD45"), ("CD45(Y89)Di", "CD45"),
        ("209Bi_CD11b", "CD11b"), ("CD44_166Er", "CD44"), ("CD105_BV421-A", "CD105"),
        ("CD3-BV421-H", "CD3"), ("CD90 APC-Cy7-A", "CD90"), ("CD14-APC-H7", "CD14"),
        ("CD19 PC7", "CD19"), ("CD3 ECD", "CD3"), ("CD166 PE/Cy7", "CD166"),
        ("CD105-PE-Vio770", "CD105"), ("anti-human CD105 FITC", "CD105"),
        ("mouse anti-human CD90 5E10 FITC", "CD90"), ("Anti-Hu CD34-PE", "CD34"),
        ("CD73 (AD2)", "CD73"), ("CD146 PE clone P1H12", "CD146"), ("CD45 HI30 BV510", "CD45"),
        ("CD271 (LNGFR)", "CD271"), ("CD274 (PD-L1)", "CD274"), ("CD105/ENG FITC", "CD105"),
        ("HLA-DR PerCP-Cy5.5", "HLA-DR"), ("HLA-ABC FITC", "HLA-ABC"), ("CD45 RA", "CD45 RA"),
        ("CD79a", "CD79a"), ("STRO-1 AF647", "STRO-1"), ("SSEA-4-PE", "SSEA-4"),
        ("Ki-67", "Ki-67"), ("GD2 PE", "GD2"), ("FSC-A", "FSC-A"), ("PE-A", "PE-A"), ("", ""),
    ],
)  # fmt: skip
def test_markers_lose_metals_dyes_clones_and_species(label, marker):
    assert marker_of(label) == marker
    assert marker_of(marker) == marker


def test_values_of_the_largest_width_are_whole(tmp_path):
    words = layout(["A", "B"], [64, 40], [1 << 50, 1 << 40], order="1,2,3,4", kind="I", n=2)
    values = np.array([[3, 5], [1 << 49, (1 << 40) - 1]])
    path = tmp_path / "a.fcs"
    data = b"".join(struct.pack("<Q", a) + int(b).to_bytes(5, "little") for a, b in values.tolist())
    path.write_bytes(file("FCS3.1", words, data))
    np.testing.assert_array_equal(read_fcs(path).events, values)
