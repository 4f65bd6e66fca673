"""The ledger as a file: opened, created, of the right version, in the right journal mode."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from db.errors import LedgerError, Refused
from db.schema import SCHEMA_VERSION
from db.sqlite import OLDEST_SQLITE, is_network_file_system

_TROUBLES = ("disk is full", "readonly", "disk I/O error", "unable to open", "malformed", "not a database")


def open_file(path: Path) -> tuple[sa.Engine, str]:
    """Open the file, made where there is none. Returns the engine of its one connection, and its journal mode.

    Raises:
        Refused: the file is no ledger, one of a later version, or this SQLite is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise Refused(f"SQLite {sqlite3.sqlite_version} is too old for the ledger; it needs {needed} or newer")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # isolation_level None: transactions begin and end where the ledger says, not where the driver guesses
        connect = {"timeout": 5.0, "isolation_level": None}
        url = sa.URL.create("sqlite", database=str(path))  # not text: a `?` in a path would begin its options
        engine = sa.create_engine(url, poolclass=sa.StaticPool, connect_args=connect)
        return engine, _prepare(engine, path)
    except sa.exc.DatabaseError as error:
        raise Refused(f"{path} cannot be used as a ledger: {error.orig}") from None
    except OSError as error:
        raise Refused(f"the folder {path.parent} of the ledger cannot be made: {error.strerror}") from None


def _prepare(engine: sa.Engine, path: Path) -> str:
    with engine.connect() as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if version > SCHEMA_VERSION:
            raise Refused(f"{path} is a ledger of version {version}; this runner writes version {SCHEMA_VERSION}")
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql("PRAGMA synchronous = FULL")
        if is_network_file_system(path.parent):
            return _journal_mode(connection, "DELETE")
        return _journal_mode(connection, "WAL")


def _journal_mode(connection: sa.Connection, wanted: str) -> str:
    """Change the journal mode if nobody is in the way; either works, WAL lets readers and the writer overlap."""
    try:
        mode = connection.exec_driver_sql(f"PRAGMA journal_mode = {wanted}").scalar_one()
    except sa.exc.OperationalError:  # a reader or another scheduler holds the file
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    return str(mode).upper()


def put_to_rest(engine: sa.Engine) -> None:
    """One file in journal mode DELETE; the last scheduler out does it."""
    with contextlib.suppress(sa.exc.DBAPIError), engine.connect() as connection:  # a full disk: it rests as it is
        _journal_mode(connection, "DELETE")
    engine.dispose()


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at `path`; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def trouble(error: sa.exc.DBAPIError, path: Path) -> LedgerError | None:
    """What keeps SQLite from working with the file, as a sentence; None where it is something else."""
    said = str(error.orig)
    if not isinstance(error, sa.exc.IntegrityError) and any(word in said for word in _TROUBLES):
        return LedgerError(f"the ledger {path} cannot be used: {said}; attempts run on, and what they leave remains")
    return None
