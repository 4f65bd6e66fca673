"""The summary of a sweep that has ended, for programs: from the ledger alone. Its schema is in docs/commands.md."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from db.board import Board
from db.verdicts import Departure

VERSION = 1
_OF_A_RUN = ("run", "label", "state", "failure_kind", "attempts", "because")


def summarise(root: Path, sweep: str, file: Path, *, ended: Departure) -> dict[str, Any]:
    """All of it. Numbers are finite: the ledger takes no others."""
    ledger = root / "ledger.db"
    with closing(Board(ledger)) as board:
        rows = board.run_status(sweep)
        (taken,) = board.rows("SELECT opened_at FROM current_sweep WHERE name = ?", (sweep,))
        metrics = _metrics(board, sweep)
        wasted = sum(_wasted(board, row["run"]) for row in rows)
    return {
        "version": VERSION,
        "sweep": sweep,
        "file": str(file),
        "root": str(root),
        "ledger": str(ledger),
        "ended": ended,
        "green": all(row["state"] == "succeeded" for row in rows),
        "counts": dict(Counter(row["state"] for row in rows)),
        "runs": [{**{key: row[key] for key in _OF_A_RUN}, "metrics": metrics.get(row["run"], {})} for row in rows],
        "wasted_seconds": wasted,
        "started_at": taken["opened_at"],
        "ended_at": time.time(),
    }


def _metrics(board: Board, sweep: str) -> dict[str, dict[str, float]]:
    """By run, the numbers it ended with; scores of tasks as `task.metric`."""
    query = (
        "SELECT run, metric AS name, value FROM final_metrics WHERE sweep = ? "
        "UNION ALL SELECT run, task || '.' || metric, value FROM leaderboard WHERE sweep = ?"
    )
    found: dict[str, dict[str, float]] = {}
    for row in board.rows(query, (sweep, sweep)):
        found.setdefault(row["run"], {})[row["name"]] = row["value"]
    return found


def _wasted(board: Board, run: str) -> float:
    """Seconds of the run's failed attempts, as far as they are known."""
    return sum(float(row["wall"] or 0) for row in board.attempts(run) if row["verdict"] == "failed")
