"""The ledger's tables, triggers and views: made where there are none, and those of an older version carried over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

SCHEMA_VERSION = 3
NOT_FACTS = frozenset({"pulse"})
_OLD = "old_"


def bring_up_to_date(connection: sa.Connection) -> None:
    """Make what is missing, inside the caller's transaction.

    A later version only ever adds tables and columns, and lifts what was demanded; so all that an older ledger holds is
    copied, column by column, into tables of this version. Its triggers are made last: they judge what is new, not what
    is copied.
    """
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    statements = [statement for script in ("schema.sql", "views.sql") for statement in _statements(script)]
    triggers = [statement for statement in statements if "CREATE TRIGGER" in statement]
    if version != SCHEMA_VERSION:
        older = _put_aside(connection) if version else ()
        _run(connection, (statement for statement in statements if statement not in triggers))
        for table in older:
            _copy(connection, table)
        _run(connection, (f"DROP TABLE {_OLD}{table}" for table in reversed(older)))
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    _guard(connection, triggers)


def _guard(connection: sa.Connection, triggers: Sequence[str]) -> None:
    """Make the triggers that are missing: a ledger of this version may be older than some of them."""
    there = set(_named(connection, "trigger"))
    named = {statement.partition("CREATE TRIGGER ")[2].split()[0]: statement for statement in triggers}
    refusals = {f"{table}_{word}": sql for table in _facts(connection) for word, sql in _refusals(connection, table)}
    _run(connection, [statement for name, statement in {**named, **refusals}.items() if name not in there])


def _put_aside(connection: sa.Connection) -> Sequence[str]:
    """Rename the tables, in the order in which they were made, and drop all that is not a table."""
    for kind in ("trigger", "view", "index"):
        _run(connection, (f"DROP {kind} {name}" for name in _named(connection, kind)))
    tables = _named(connection, "table")
    _run(connection, (f"ALTER TABLE {table} RENAME TO {_OLD}{table}" for table in tables))
    return tables


def _copy(connection: sa.Connection, table: str) -> None:
    known, older = (_columns(connection, name) for name in (table, f"{_OLD}{table}"))
    common = ", ".join(column for column in older if column in known)
    connection.exec_driver_sql(f"INSERT INTO {table} ({common}) SELECT {common} FROM {_OLD}{table}")  # noqa: S608 - our own names


def _columns(connection: sa.Connection, table: str) -> Sequence[str]:
    return [row.name for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")]


def _facts(connection: sa.Connection) -> Sequence[str]:
    return sorted(set(_named(connection, "table")) - NOT_FACTS)


def _refusals(connection: sa.Connection, table: str) -> Iterator[tuple[str, str]]:
    """Triggers that keep a table's facts as they are, by their words. OR REPLACE would delete what no trigger sees."""
    for verb in ("UPDATE", "DELETE", "REPLACE"):
        event, word = ("INSERT", f"WHEN {_known(connection, table)} ") if verb == "REPLACE" else (verb, "")
        name = f"refuses_{verb.lower()}"
        refusal = f"BEGIN SELECT RAISE(ABORT, 'facts are never changed: {table} refuses {verb}'); END"
        yield name, f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} {word}{refusal}"


def _known(connection: sa.Connection, table: str) -> str:
    """SQL: whether there is a row with one of the keys of the new one."""
    keys = [[f"{column} = NEW.{column}" for column in key] for key in unique_keys(connection, table)]
    return " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {' AND '.join(key)})" for key in keys)  # noqa: S608 - our own names


def unique_keys(connection: sa.Connection, table: str) -> list[tuple[str, ...]]:
    """The columns that tell a row of a table from all others: each key by itself, `rowid` where there is one."""
    indexes = [row.name for row in connection.exec_driver_sql(f"PRAGMA index_list({table})") if row.unique]
    keys = [tuple(row.name for row in connection.exec_driver_sql(f"PRAGMA index_info({name})")) for name in indexes]
    own = tuple(row.name for row in connection.exec_driver_sql(f"PRAGMA table_info({table})") if row.pk)
    return [*keys, *([] if own in keys else [own]), *([("rowid",)] if _has_rowid(connection, table) else [])]


def _has_rowid(connection: sa.Connection, table: str) -> bool:
    made = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).scalar_one()
    return "WITHOUT ROWID" not in made


def _named(connection: sa.Connection, kind: str) -> Sequence[str]:
    """What there is of a kind, in the order in which it was made; SQLite's own left out."""
    query = "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    return connection.exec_driver_sql(query, (kind,)).scalars().all()


def _run(connection: sa.Connection, statements: Iterator[str] | Sequence[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in (Path(__file__).parent / script).read_text().splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
