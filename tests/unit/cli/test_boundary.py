"""Every problem leaves as one message, a code and its exit class."""

import errno
import io
import os
import sys
import time
from pathlib import Path

import pytest

from imscope.cli.boundary import as_problem, guarded_call
from imscope.core.codes import CODES
from imscope.core.errors import ENVIRONMENT, DataError, UsageError
from imscope.core.terminal import PrintableStream, printable


def call(error, capsys):
    def work():
        raise error

    with pytest.raises(SystemExit) as ended:
        guarded_call(work)
    return ended.value.code, capsys.readouterr().err


@pytest.fixture(autouse=True)
def no_arguments(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["imscope"])


@pytest.mark.parametrize(
    ("error", "exit_class", "code"),
    [
        (DataError("x", code="E-H5-SIZE"), 1, "E-H5-SIZE"),
        (DataError("x", code="E-WRITE-FAILED"), 4, "E-WRITE-FAILED"),
        (UsageError("x", code="E-CONFIG-KEY"), 2, "E-CONFIG-KEY"),
        (OSError(errno.ENOSPC, "no space"), 4, "E-DISK-FULL"),
        (OSError(errno.EDQUOT, "quota"), 4, "E-DISK-FULL"),
        (OSError(errno.EFBIG, "too large"), 4, "E-DISK-FULL"),
        (PermissionError(errno.EACCES, "denied"), 4, "E-PERMISSION"),
        (OSError(errno.EROFS, "read-only"), 4, "E-PERMISSION"),
        (OSError(errno.EMFILE, "too many"), 4, "E-FILES-OPEN"),
        (OSError(errno.EIO, "fault"), 4, "E-DISK-FAULT"),
        (OSError(errno.ENOTCONN, "odd"), 4, "E-SYSTEM"),
        (MemoryError(), 4, "E-MEMORY"),
        (KeyError("x"), 5, "E-INTERNAL"),
        (RecursionError("deep"), 5, "E-INTERNAL"),
        (FileNotFoundError(errno.ENOENT, "gone"), 5, "E-INTERNAL"),
        (AssertionError(), 5, "E-INTERNAL"),
    ],
)
def test_every_error_has_a_code_and_a_class(error, exit_class, code, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    got, words = call(error, capsys)
    assert got == exit_class
    assert f"code: {code}" in words
    assert code in CODES
    assert "Traceback" not in words
    assert bool(list(tmp_path.iterdir())) == (exit_class == 5)


def test_codes_of_the_environment_are_declared():
    assert set(CODES) >= ENVIRONMENT


def test_a_fault_of_ours_is_written_down(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _, words = call(ZeroDivisionError("by \x1b[31m zero"), capsys)
    (report,) = tmp_path.iterdir()
    assert str(report) in words
    text = report.read_text()
    assert "ZeroDivisionError" in text
    assert "Traceback" in text
    assert "\x1b" not in text + words


def test_no_report_can_be_written(capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    got, words = call(KeyError("x"), capsys)
    assert got == 5
    assert "could not be written" in words


def test_the_cause_decides():
    error = RuntimeError("library")
    error.__cause__ = OSError(errno.ENOSPC, "no space")
    assert as_problem(error).code == "E-DISK-FULL"


def test_the_interrupt_passes(capsys):
    def work():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded_call(work)
    assert not isinstance(sys.stdout, PrintableStream)


def test_a_pipe_is_refused_before_it_is_opened(tmp_path, monkeypatch, capsys):
    os.mkfifo(tmp_path / "pipe")
    start = time.monotonic()
    for argument in (str(tmp_path / "pipe"), f"--config={tmp_path / 'pipe'}"):
        monkeypatch.setattr(sys, "argv", ["imscope", "run", argument])
        got, words = call(KeyError("not reached"), capsys)
        assert (got, "E-FILE-KIND" in words) == (2, True)
    assert time.monotonic() - start < 5


OBEYED = [chr(c) for c in (*range(32), *range(127, 160)) if chr(c) not in "\n\t"]
OBEYED += list("\u202e\u2066\u2028\u200f\ud800")


@pytest.mark.parametrize("sign", OBEYED, ids=lambda s: f"{ord(s):04x}")
def test_nothing_a_terminal_obeys_gets_out(sign):
    out = io.StringIO()
    PrintableStream(out).write(f"a{sign}b")
    assert out.getvalue() == printable(f"a{sign}b")
    assert sign not in out.getvalue()
    assert f"{ord(sign):02x}" in out.getvalue()


def test_commands_print_through_the_boundary(capsys):
    import typer

    def work():
        typer.echo("lot \x08 A")
        typer.echo("words \x07", err=True)
        print("plain")

    guarded_call(work)
    seen = capsys.readouterr()
    assert seen.out == "lot \\x08 A\nplain\n"
    assert seen.err == "words \\x07\n"


def test_plain_text_is_untouched():
    text = "CD73\u207a µm \u00b1 0.5\n\tα-SMA \u2713"
    assert printable(text) == text


def test_colours_of_our_own_tables_pass_in_a_terminal_only():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown, piped = Terminal(), io.StringIO()
    for out in (shown, piped):
        PrintableStream(out).write("\x1b[1mbold\x1b[0m \x1b]0;title\x07")
    assert shown.getvalue() == "\x1b[1mbold\x1b[0m \\x1b]0;title\\x07"
    assert "\x1b" not in piped.getvalue()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deep.yaml", "[" * 50_000 + "]" * 50_000),
        ("deep.json", '{"a":' * 50_000 + "1" + "}" * 50_000),
        ("deep.toml", "a=" + "[" * 50_000 + "]" * 50_000),
        ("aliases.yaml", "a: &a [x, x]\nqc: [*a, *a]\n"),
        ("large.yaml", "# " + "x" * 3_000_000),
        ("bytes.yaml", "\x00\x01"),
    ],
)
def test_configurations_made_to_break_the_reader(tmp_path, name, text):
    from imscope.study.read_config import read_config

    path = Path(tmp_path / name)
    path.write_text(text)
    start = time.monotonic()
    with pytest.raises(UsageError) as caught:
        read_config(path)
    assert caught.value.code == "E-CONFIG-VALUE"
    assert time.monotonic() - start < 10


def test_a_sheet_of_a_million_columns_is_refused_at_once(tmp_path):
    from imscope.io.sheet import read_sheet

    path = tmp_path / "s.csv"
    names = ",".join(f"c{k}" for k in range(1_000_000))
    path.write_text(f"sample,path,{names}\nA,x.h5ad\n")
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        read_sheet(path)
    assert caught.value.code == "E-SHEET-WIDE"
    assert time.monotonic() - start < 10
