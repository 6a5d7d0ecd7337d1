import os
import resource
import subprocess
import sys

import pytest

from imscope.core.errors import DataError
from imscope.io import guard_hdf5, h5_inspect


def test_no_file_opens_after_the_door_is_closed(tmp_path):
    """The walk could not reach a byte outside the file, even if it tried."""
    (tmp_path / "secret").write_text("s")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import h5_inspect\nh5_inspect.close_the_door()\nopen(sys.argv[2])\n"
    )
    folder = os.path.dirname(h5_inspect.__file__)
    done = subprocess.run(
        [sys.executable, "-c", code, folder, str(tmp_path / "secret")],
        capture_output=True,
        check=False,
    )
    assert b"Too many open files" in done.stderr
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 10


@pytest.mark.parametrize("body", ["import os; os.abort()", "raise SystemExit(3)", "print('odd')"])
def test_a_crash_of_the_inspection_is_an_error_with_a_code(tmp_path, monkeypatch, body):
    (tmp_path / "h5_inspect.py").write_text(body)
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    monkeypatch.setattr(guard_hdf5, "__file__", str(tmp_path / "guard_hdf5.py"))
    with pytest.raises(DataError) as caught:
        guard_hdf5.inspect_hdf5(tmp_path / "x.h5")
    assert caught.value.code == "E-H5-CRASH"


def test_the_inspection_bounds_its_memory_and_its_time():
    """The library may turn in circles on a damaged file; the process that reads it then ends."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import h5_inspect, resource as r\nh5_inspect.limit_self(500 << 20)\n"
        "print(r.getrlimit(r.RLIMIT_CPU)[0], r.getrlimit(r.RLIMIT_AS)[0] >> 20)\n"
    )
    folder = os.path.dirname(h5_inspect.__file__)
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == ["16", "1024"]
