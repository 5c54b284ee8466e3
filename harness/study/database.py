"""The study's database: SQLite with a write-ahead log unless a URL says PostgreSQL.

SQLite is durable before `commit` returns (synchronous=FULL), and each write transaction takes the lock at
its start (BEGIN IMMEDIATE) and waits for its turn, so several processes write without losing anything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from harness.types import BadInput

_WAIT_MS = 8_000
_LOCK = 5_264_113
"""The PostgreSQL advisory lock under which a participant's whole plan is made."""


def connect(url: str, reading: bool = False) -> Engine:
    """Return an engine for a database URL. Raises BadInput where it is no URL of SQLite or PostgreSQL.

    reading: never create or change the database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadInput(f"--database {shown(url)}: no database URL; write sqlite:///FILE") from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url, parsed.database, reading)
    if parsed.get_backend_name() != "postgresql":
        raise BadInput(f"--database {shown(url)}: SQLite and PostgreSQL are known here")
    try:
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ" if reading else "READ COMMITTED",
        )
    except ModuleNotFoundError as error:
        raise BadInput("PostgreSQL needs psycopg: python -m pip install -e '.[postgresql]'") from error


def shown(url: str) -> str:
    """Return a URL as it may be printed: without its password."""
    try:
        return make_url(url)._replace(password=None).render_as_string(hide_password=False)
    except ArgumentError:
        return "(not a URL)"


@contextmanager
def writing(engine: Engine, exclusive: bool = False) -> Iterator[Connection]:
    """Give a transaction that is durable when the block ends, or leaves nothing.

    exclusive: one such block at a time over all replicas, for what is decided from what the database holds.
    """
    with engine.execution_options(writing=True).begin() as connection:
        if exclusive and connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        yield connection


def _sqlite(url: str, file: str | None, reading: bool) -> Engine:
    if not file or file == ":memory:":
        raise BadInput(f"--database {url}: several processes share it, so it must be a file: sqlite:///FILE")
    if reading and not Path(file).is_file():
        raise BadInput(f"{file}: no such database; no study was begun there (harness.serve RUN_DIR --study)")
    if not reading:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{os.fspath(Path(file).absolute())}")

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # the driver must not begin transactions of its own
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_WAIT_MS}")
        if reading:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
