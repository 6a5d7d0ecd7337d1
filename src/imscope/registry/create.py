"""Making a registry: folder, database, key of the checkpoints, first person."""

import json
import uuid
from pathlib import Path

from imscope import __version__
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.atomic import guarded, write_text
from imscope.registry import database, keys
from imscope.registry.record import Registry


def init_registry(
    folder: Path,
    *,
    person: str,
    printed_name: str,
    passphrase: str,
    solo: bool = False,
    url: str = "",
) -> Registry:
    """Make a registry with its first person and key.

    Parameters
    ----------
    folder
        New or empty folder.
    person, printed_name
        Short name and name as it is printed beside a signature.
    passphrase
        Of the person's key, at least 8 characters.
    solo
        For research by one person: all roles in one hand; every certificate says so.
    url
        Address of a PostgreSQL database; SQLite in the folder if not given.

    Raises
    ------
    DataError
        The folder is in use or lies on a network file system.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise DataError(
            "the folder of a new registry must be empty", found=str(folder), code=codes.REG_LOCKED
        )
    if len(passphrase) < 8:
        raise DataError(
            "a passphrase has at least 8 characters",
            found=f"{len(passphrase)}",
            code=codes.SIGN_PASSPHRASE,
        )
    guarded(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
    kind = database.on_network(folder)
    if kind and not url:
        raise DataError(
            "SQLite cannot be trusted on a network file system", found=kind, code=codes.REG_NETFS
        )
    for name in ("store", "keys", "anchors"):
        (folder / name).mkdir()
    secret = uuid.uuid4().hex
    (folder / "keys" / "checkpoint.secret").touch(mode=0o600)
    (folder / "keys" / "checkpoint.secret").write_text(secret, encoding="utf-8")
    public = keys.new_key(folder / "keys" / "checkpoint.json", secret)
    settings = {
        "registry": uuid.uuid4().hex,
        "schema": database.SCHEMA,
        "imscope": __version__,
        "url": url,
        "solo": solo,
        "checkpoint_key": public,
    }
    write_text(folder / "registry.json", json.dumps(settings, indent=1) + "\n")
    engine = database.engine_for(url or f"sqlite:///{folder / 'registry.sqlite'}")
    database.create_tables(engine)
    engine.dispose()
    registry = Registry(folder, actor=person)
    genesis = {k: settings[k] for k in ("registry", "schema", "imscope", "solo", "checkpoint_key")}
    registry.begin(genesis)
    roles = (
        ("analyst", "reviewer", "releaser", "administrator", "auditor")
        if solo
        else ("administrator",)
    )
    registry.enrol(person, printed_name, roles, passphrase)
    return registry
