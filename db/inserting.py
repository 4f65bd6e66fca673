"""How a fact gets into the ledger's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
import tenacity
from sqlalchemy.dialects import sqlite

from db.schema import unique_keys


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
    """Insert those rows (of the same columns) that are not there yet. Returns how many.

    What is there is looked for first: the ledger refuses a key that it has. OR IGNORE would also pass over rows that a
    CHECK refuses.
    """
    if not rows:
        return 0
    before = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
    keys = [key for key in unique_keys(connection, table) if set(key) <= set(rows[0])]
    there = " OR ".join(" AND ".join(f"{column} = :{column}" for column in key) for key in keys)
    columns, values = ", ".join(rows[0]), ", ".join(f":{column}" for column in rows[0])
    statement = (
        f"INSERT INTO {table} ({columns}) SELECT {values} WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {there})"  # noqa: S608 - our own names
    )
    connection.execute(sa.text(statement), [_storable(row) for row in rows])
    return int(connection.exec_driver_sql("SELECT total_changes()").scalar_one() - before)


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: encodable(value) if isinstance(value, str) else value for key, value in row.items()}


def encodable(text: str) -> str:
    """Lone surrogates (bytes of a log or a path that were not UTF-8) are spelled out: SQLite cannot take them."""
    return text.encode("utf-8", "backslashreplace").decode()
