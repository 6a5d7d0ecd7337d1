import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from imscope.registry import keys
from imscope.registry.create import init_registry

PASSPHRASE = "correct horse"


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch):
    """The cost of the key derivation is tested once, in test_keys."""
    monkeypatch.setattr(keys, "_MEMORY_KIB", 64)


@pytest.fixture
def registry(tmp_path):
    made = init_registry(
        tmp_path / "registry",
        person="ada",
        printed_name="Ada Lovelace",
        passphrase=PASSPHRASE,
        solo=True,
    )
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def place():
    """A folder another user may enter: pytest's own are closed to all but their owner."""
    with tempfile.TemporaryDirectory(
        prefix="imscope-pg-", dir="/tmp", ignore_cleanup_errors=True
    ) as made:
        yield Path(made)


@pytest.fixture(scope="session")
def postgres(place):
    """A PostgreSQL of our own on loopback, or a reason to skip."""
    places = [
        shutil.which("initdb"),
        *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))),
    ]
    found = [p for p in places if p]
    if not found:
        pytest.skip("PostgreSQL is not installed")
    binaries = Path(found[-1]).parent
    data, user = place / "data", []
    if os.getuid() == 0:
        if subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
            pytest.skip("PostgreSQL does not run as root and there is no other user for it")
        shutil.chown(place, "postgres")
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    made = subprocess.run(
        [*user, binaries / "initdb", "-A", "trust", "-U", "postgres", "-N", "-D", data],
        capture_output=True,
        text=True,
        check=False,
        cwd="/tmp",
    )
    if made.returncode:
        pytest.skip(f"PostgreSQL cannot be set up: {made.stderr[-200:]}")
    port = 20_000 + os.getpid() % 20_000
    server = subprocess.Popen(
        [*user, binaries / "postgres", "-D", data, "-p", str(port), "-k", "", "-h", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/tmp",
    )
    import pg8000.dbapi

    for _ in range(100):
        try:
            pg8000.dbapi.connect("postgres", host="127.0.0.1", port=port).close()
            break
        except Exception:  # noqa: BLE001  not up yet
            time.sleep(0.1)
    else:
        server.kill()
        pytest.skip("PostgreSQL did not start")
    yield f"postgresql+pg8000://postgres@127.0.0.1:{port}/postgres"
    server.terminate()
    server.wait(20)


@pytest.fixture
def team(postgres, tmp_path):
    import sqlalchemy as sa

    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    made = init_registry(
        tmp_path / "team",
        person="ada",
        printed_name="Ada Lovelace",
        passphrase=PASSPHRASE,
        solo=True,
        url=postgres,
    )
    yield made
    made.engine.dispose()
