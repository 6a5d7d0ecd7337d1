import re
from pathlib import Path

import pytest

from imscope.core import codes
from imscope.core.rooms import load_declarations

load_declarations()  # rooms declare codes of their own
SRC = Path(codes.__file__).parents[2]
WRITTEN = re.compile(r"[\"']([EW]-[A-Z0-9]+(?:-[A-Z0-9]+)+)[\"']")


def test_every_code_is_complete_and_well_formed():
    for key, code in codes.CODES.items():
        assert key == code.code
        assert re.fullmatch(r"[EW]-[A-Z0-9]+(-[A-Z0-9]+)*", key)
        for text in (code.meaning, code.fix):
            assert text.endswith(".")
            assert len(text) > 10


def test_a_code_cannot_be_declared_twice():
    with pytest.raises(RuntimeError, match="declared twice"):
        codes.declare("E-CONFIG-KEY", "Again.", "Again.")


def test_every_code_in_the_source_is_declared():
    used = {c for path in SRC.rglob("*.py") for c in WRITTEN.findall(path.read_text("utf-8"))}
    assert used - {"E-MTX-INDEX"} <= set(codes.CODES)


def test_every_declared_code_is_used():
    declared = SRC / "core" / "codes"
    rest = "".join(p.read_text("utf-8") for p in SRC.rglob("*.py") if declared not in p.parents)
    names = {
        name: value
        for name, value in vars(codes).items()
        if name.isupper() and isinstance(value, str) and value in codes.CODES
    }
    unused = [n for n, c in names.items() if not re.search(rf"\b{n}\b", rest) and c not in rest]
    assert not [n for n in unused if n not in ("CONFIG_KEY", "CONFIG_VALUE")]
