"""How a fact gets into the ledger's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
import tenacity
from sqlalchemy.dialects import sqlite


@tenacity.retry(
    retry=tenacity.retry_if_exception_message(match=r"(?s).*database is locked"),
    wait=tenacity.wait_random_exponential(max=2.0),
)
def patiently(connection: sa.Connection, statement: str) -> None:
    """Begin or commit, however long a reader or another scheduler holds the file."""
    connection.exec_driver_sql(statement)


def insert(connection: sa.Connection, table: str, row: Mapping[str, Any]) -> int:
    """Insert a new fact. Returns its row's id."""
    statement = sqlite.insert(sa.table(table, *map(sa.column, row))).values(_storable(row))
    return int(connection.execute(statement).lastrowid)


def insert_missing(connection: sa.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those rows (of the same keys) that are not there yet. Returns how many.

    ON CONFLICT, not OR IGNORE: that would also pass over rows which a CHECK refuses.
    """
    if not rows:
        return 0
    before = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
    statement = sqlite.insert(sa.table(table, *map(sa.column, rows[0]))).on_conflict_do_nothing()
    connection.execute(statement, [_storable(row) for row in rows])
    return int(connection.exec_driver_sql("SELECT total_changes()").scalar_one() - before)


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: encodable(value) if isinstance(value, str) else value for key, value in row.items()}


def encodable(text: str) -> str:
    """Lone surrogates (bytes of a log or a path that were not UTF-8) are spelled out: SQLite cannot take them."""
    return text.encode("utf-8", "backslashreplace").decode()
