"""The ledger's reader: opens the file read-only, through the views, from any account. Standard library only.

`status` and `why` must answer in a blink, so nothing here imports SQLAlchemy.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from db.errors import LedgerError, Refused
from db.foreseen import Device, Sight
from db.sights import SIGHTS, sight
from db.strict import nearest

Row = dict[str, Any]

MADE_WITHIN = 2.0
"""Seconds for which an empty file is taken for a ledger that is just being made."""

_HARMLESS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_HARMLESS_PRAGMAS = frozenset({"table_info", "table_list", "table_xinfo", "index_list", "user_version"})


SEEN_SECONDS = 20.0
"""A scheduler whose pulse is older is not believed to live: the same as in the view `watched_run`."""


class NoSuchRun(Refused):
    """The ledger knows no run of that name, or more than one."""


class Board:
    """A ledger opened for reading."""

    def __init__(self, path: Path) -> None:
        """Open the ledger at `path`.

        Raises:
            Refused: there is none, or it cannot be read.
        """
        if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for names that are too long
            raise Refused(f"there is no ledger at {path}; `runner sweep FILE` makes one, --root says where it lies")
        self.path = path
        try:
            self._connection = sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True, timeout=5.0)
            self._connection.row_factory = sqlite3.Row
            self._connection.text_factory = lambda data: data.decode(errors="replace")
            self._wait_until_it_is_made()
            self._connection.execute("SELECT 1 FROM run_status LIMIT 1")
        except sqlite3.Error as error:
            raise Refused(f"{path} cannot be read as a ledger: {error}") from None

    def _wait_until_it_is_made(self) -> None:
        """Whoever makes a ledger makes the file first, and then all that is in it at one stroke."""
        deadline = time.monotonic() + MADE_WITHIN
        while time.monotonic() < deadline:
            if self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                return
            time.sleep(0.02)

    def close(self) -> None:
        self._connection.close()

    def rows(self, query: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Row]:
        """Run one of our own queries.

        Raises:
            LedgerError: the file cannot be read now: a writer holds it for too long, or it is damaged.
        """
        try:
            return [dict(row) for row in self._connection.execute(query, parameters)]
        except sqlite3.Error as error:
            raise LedgerError(f"the ledger {self.path} cannot be read: {error}") from None

    def sql(self, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a person's query; nothing but reading is allowed. Returns the columns' names and the rows.

        Raises:
            Refused: SQLite refused it, or it tried to do more than read.
        """
        self._connection.set_authorizer(_authorize)
        try:
            cursor = self._connection.execute(query)
            if cursor.description is None:
                raise Refused('SQL: the query asks for nothing; for instance: runner sql "SELECT * FROM run_status"')
            return _distinct(column[0] for column in cursor.description), [tuple(row) for row in cursor]
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise Refused(f"SQL: {error} (the ledger is open for reading only; `SELECT` from its views)") from None
        finally:
            self._connection.set_authorizer(None)

    def sweeps(self) -> list[str]:
        return [row["name"] for row in self.rows("SELECT name FROM current_sweep ORDER BY scheduler_id DESC")]

    def schedulers(self, sweep: str | None = None) -> list[Row]:
        """Of one sweep or of all, by name: its file and profile, and the process that works on it, or did last.

        `alive` is 1 while it was seen just now. `ended` says how it left; without, and not alive, it was killed.
        """
        query = (
            "SELECT cs.name AS sweep, cs.file, cs.profile, c.host, c.pid, c.opened_at AS started_at, "
            "coalesce(p.last_seen, d.recorded_at) AS last_seen, d.how AS ended, d.recorded_at AS ended_at, "
            "coalesce(abs((julianday('now') - 2440587.5) * 86400.0 - p.last_seen) < :seen, 0) AS alive "
            "FROM current_sweep cs JOIN scheduler c ON c.id = cs.scheduler_id "
            "LEFT JOIN pulse p ON p.scheduler_id = c.id LEFT JOIN departure d ON d.scheduler_id = c.id "
            "WHERE :sweep IS NULL OR cs.name = :sweep ORDER BY cs.name"
        )
        return self.rows(query, {"seen": SEEN_SECONDS, "sweep": sweep})

    def run_status(self, sweep: str | None = None) -> list[Row]:
        """Rows of `run_status`, of one sweep or of all."""
        if sweep is None:
            return self.rows("SELECT * FROM run_status ORDER BY sweep, position")
        if sweep not in self.sweeps():
            raise Refused(f"the ledger has no sweep `{sweep}`{nearest(sweep, self.sweeps())}")
        return self.rows("SELECT * FROM run_status WHERE sweep = ? ORDER BY position", (sweep,))

    def find_run(self, name: str) -> str:
        """The id of the run with this id or label, this beginning of an id, or this part of a label.

        Raises:
            NoSuchRun: none or several fit; the message names them.
        """
        if not name:
            raise NoSuchRun("an empty name fits every run; `runner status` names them")
        current = self.rows("SELECT DISTINCT run, label FROM run_status")
        # A run that is part of its sweep now comes before those of earlier expansions.
        found = _fitting(name, current)
        if not found:
            known = self.rows("SELECT DISTINCT run_id AS run, label FROM member")
            found = _fitting(name, known)
        if len(found) == 1:
            return str(found.pop())
        if found:
            raise NoSuchRun(
                f"`{name}` fits {len(found)} runs: {', '.join(sorted(found)[:10])}; say more of the id, or "
                "put a label that holds spaces in quotes"
            )
        hint = nearest(name, {row[key] for row in known for key in ("run", "label")}) if len(known) <= 1000 else ""
        raise NoSuchRun(f"the ledger has no run `{name}`{hint}")

    def states(self) -> dict[str, str]:
        """The state of every run there ever was, also of runs that their sweep no longer names."""
        query = (
            "SELECT r.id AS run, coalesce("
            "(SELECT s.kind FROM stop s WHERE s.run_id = r.id AND s.id NOT IN (SELECT stop_id FROM reopening)), "
            "(SELECT coalesce(v.word, 'open') FROM attempt a LEFT JOIN verdict v ON v.attempt_id = a.id "
            "WHERE a.run_id = r.id ORDER BY a.number DESC LIMIT 1), 'waiting') AS state FROM run r"
        )
        known = {str(row["run"]): str(row["state"]) for row in self.rows(query)}
        return known | {str(row["run"]): str(row["state"]) for row in self.run_status()}

    def hidden(self) -> int:
        """How many runs have attempts but belong to no sweep's latest form."""
        query = "SELECT count(DISTINCT run) AS n FROM attempts WHERE run NOT IN (SELECT run FROM run_status)"
        return int(self.rows(query)[0]["n"])

    def expansions(self, run: str) -> list[Row]:
        """Every expansion of a sweep that named the run, the latest last; `current` is 1 or 0."""
        query = (
            "SELECT s.name AS sweep, m.label, r.backbone, r.command, s.id IN (SELECT id FROM current_sweep) AS current "
            "FROM member m JOIN sweep s ON s.id = m.sweep_id JOIN run r ON r.id = m.run_id "
            "WHERE m.run_id = ? ORDER BY s.id"
        )
        return self.rows(query, (run,))

    def open_submissions(self, launcher: str) -> dict[str, str | None]:
        """By run, what this launcher calls its open attempt; nothing where nobody recorded that it was submitted."""
        query = (
            "SELECT a.run_id AS run, s.reference FROM attempt a LEFT JOIN submission s ON s.attempt_id = a.id "
            "WHERE a.launcher = ? AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.attempt_id = a.id)"
        )
        return {row["run"]: row["reference"] for row in self.rows(query, (launcher,))}

    def attempts(self, run: str) -> list[Row]:
        return self.rows("SELECT * FROM attempts WHERE run = ? ORDER BY attempt", (run,))

    def knows_memory(self) -> bool:
        """Whether its views tell of memory: one that no sweep has carried over yet from version 2 does not."""
        return bool(self.rows("SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = 'memory'"))

    def sights(self, shape: str, device: Device) -> tuple[Sight, ...]:
        """What became of attempts of this shape on devices of this kind, where a limit of its memory was known."""
        return tuple(map(sight, self.rows(SIGHTS, {"shape": shape, "device": device})))

    def evidence(self, run: str, attempt: int) -> str:
        """The evidence of a judged attempt, as JSON text; `[]` while it is open."""
        query = "SELECT evidence FROM verdict JOIN attempt ON attempt.id = attempt_id WHERE run_id = ? AND number = ?"
        found = self.rows(query, (run, attempt))
        return str(found[0]["evidence"]) if found else "[]"

    def notes(self, sweep: str) -> dict[str, list[str]]:
        """What a reader of the sweep's scores should know, each with the labels of the runs it was said of."""
        query = (
            "SELECT n.note, s.label FROM run_status s JOIN notes n ON n.run = s.run AND n.attempt = s.attempts "
            "WHERE s.sweep = ? ORDER BY n.position, s.position"
        )
        found: dict[str, list[str]] = {}
        for row in self.rows(query, (sweep,)):
            found.setdefault(row["note"], []).append(row["label"])
        return found

    def departure(self, sweep: str) -> str | None:
        """How the sweep's latest scheduler left; None where it was killed, or lives. See the table's comment."""
        query = "SELECT how FROM departure d JOIN current_sweep c ON c.scheduler_id = d.scheduler_id WHERE c.name = ?"
        return next((str(row["how"]) for row in self.rows(query, (sweep,))), None)

    def scores(self, sweep: str) -> list[Row]:
        return self.rows("SELECT * FROM leaderboard WHERE sweep = ? ORDER BY task, place", (sweep,))

    def final_metrics(self, sweep: str) -> list[Row]:
        return self.rows("SELECT * FROM final_metrics WHERE sweep = ? ORDER BY position, metric", (sweep,))


def _fitting(name: str, known: Sequence[Row]) -> set[str]:
    exact = {row["run"] for row in known if name in (row["run"], row["label"])}
    begun = {row["run"] for row in known if row["run"].startswith(name)}
    return exact or begun or {row["run"] for row in known if name in row["label"]}


def _distinct(names: Iterable[str]) -> list[str]:
    """Columns of one name are numbered as SQLite does in its subqueries: `run`, `run:1`."""
    found: list[str] = []
    for name in names:
        tries = (name, *(f"{name}:{number}" for number in range(1, len(found) + 2)))
        found.append(next(one for one in tries if one not in found))
    return found


def _authorize(action: int, first: str | None, *_: object) -> int:
    if action in _HARMLESS or (action == sqlite3.SQLITE_PRAGMA and first in _HARMLESS_PRAGMAS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
