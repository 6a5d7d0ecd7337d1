"""The database below the record: SQLite, or PostgreSQL for teams; append-only by trigger."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from imscope.core import codes
from imscope.core.errors import DataError

SCHEMA = 1
_LOCK = 7_315_204_119
META = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
EVENT = sa.Table(
    "event",
    META,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("prev", sa.Text, nullable=False, unique=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sqlite_strict=True,
)
ARTEFACT = sa.Table(
    "artefact",
    META,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("first_seq", sa.Integer, nullable=False),
    sqlite_strict=True,
)
PROJECTION = sa.Table(
    "record",
    META,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sqlite_strict=True,
)
TRIGGERS = ("event_no_update", "event_no_delete")


def engine_for(url: str) -> sa.Engine:
    """Open a database; every transaction takes the write lock at its start.

    Raises
    ------
    DataError
        The kind of database is not one of the two.
    """
    if url.startswith("sqlite:"):
        engine = sa.create_engine(url, connect_args={"timeout": 30})

        @sa.event.listens_for(engine, "connect")
        def _prepare(connection: object, _: object) -> None:
            connection.isolation_level = None  # type: ignore[attr-defined]
            cursor = connection.cursor()  # type: ignore[attr-defined]
            for line in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
                cursor.execute(f"PRAGMA {line}")
            cursor.close()

        return engine
    if url.startswith("postgresql+pg8000:"):
        return sa.create_engine(url)
    raise DataError(
        "a registry is kept in SQLite or in PostgreSQL",
        found=url.split(":", 1)[0],
        fix="give a URL that starts with postgresql+pg8000://",
        code=codes.REG_INPUT,
    )


@contextmanager
def transaction(engine: sa.Engine, *, write: bool) -> Iterator[sa.Connection]:
    """One transaction; a writing one waits for its turn and excludes other writers."""
    try:
        with engine.connect() as connection:
            sqlite = engine.dialect.name == "sqlite"
            if sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
            elif write:
                connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK") if sqlite else connection.rollback()
                raise
            connection.exec_driver_sql("COMMIT") if sqlite else connection.commit()
    except DBAPIError as error:
        raise DataError(
            "the database of the registry refused",
            found=str(error.orig).splitlines()[0][:200],
            fix="see whether another program holds it; nothing was written",
            code=codes.REG_LOCKED,
        ) from error


def create_tables(engine: sa.Engine) -> None:
    """Make all tables and the triggers that keep events as they are."""
    with transaction(engine, write=True) as connection:
        META.create_all(connection, checkfirst=False)
        for line in _trigger_lines(engine.dialect.name):
            connection.exec_driver_sql(line)


def _trigger_lines(dialect: str) -> list[str]:
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER event_no_{verb.lower()} BEFORE {verb} ON event BEGIN "
            "SELECT RAISE(ABORT, 'events are never changed'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    refuse = (
        "CREATE OR REPLACE FUNCTION event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are never changed'; END $$"
    )
    return [refuse] + [
        f"CREATE TRIGGER event_no_{verb.lower()} BEFORE {verb} ON event "
        "FOR EACH ROW EXECUTE FUNCTION event_refuse()"
        for verb in ("UPDATE", "DELETE")
    ]


def missing_triggers(connection: sa.Connection) -> list[str]:
    """Names of triggers that are not there, or are not those imscope made."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type='trigger'"
        )
        found = {str(name): str(sql) for name, sql in rows}
        want = dict(zip(TRIGGERS, _trigger_lines("sqlite"), strict=True))
        return [name for name in TRIGGERS if found.get(name) != want[name]]
    rows = connection.exec_driver_sql(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'event'::regclass AND tgenabled = 'O'"
    )
    present = {str(row[0]) for row in rows}
    return [name for name in TRIGGERS if name not in present]


def copy_sqlite(engine: sa.Engine, out: Path) -> None:
    """Copy a SQLite database while it is in use, by its own backup call."""
    import sqlite3

    source = engine.raw_connection()
    target = sqlite3.connect(out)
    try:
        source.driver_connection.backup(target)  # type: ignore[union-attr]
        target.execute("PRAGMA journal_mode=DELETE")
    finally:
        target.close()
        source.close()


def on_network(folder: Path) -> str:
    """Kind of network file system a folder lies on; empty when it lies on none."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts:
        _, place, name, *_ = line.split(" ")
        inside = str(folder.resolve()) + "/"
        if inside.startswith(place.rstrip("/") + "/") and len(place) >= len(best):
            best, kind = place, name
    remote = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre")
    return kind if kind.startswith(remote) else ""
