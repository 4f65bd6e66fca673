"""Where sweeps stand, for programs: from the ledger, and for what waits for a cluster, from that.

`docs/status.schema.json` is the schema of all of it.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from db.board import Board, Row
from runner.in_queue import InQueue, ask_for
from runner.queue_words import Stand
from runner.show import STATES

VERSION = 1
OPEN = ("running", "unobserved")
"""States of runs with an open attempt."""
_OF_A_RUN = ("position", "run", "label", "backbone", "command", "state", "failure_kind", "attempts", "because")
_OF_A_SCHEDULER = ("host", "pid", "started_at", "last_seen", "ended", "ended_at")


def status(board: Board, root: Path, sweep: str | None = None) -> dict[str, Any]:
    """What `runner status --json` prints: of one sweep or of all. Numbers are finite: the ledger takes no others."""
    rows = board.run_status(sweep)
    queue = ask_for(board, {row["run"] for row in rows if row["state"] in OPEN})
    sweeps = [_sweep(board, taken, rows, queue) for taken in board.schedulers(sweep)]
    green = bool(sweeps) and all(one["green"] for one in sweeps)
    asked = {"answers": queue.trouble is None, "trouble": queue.trouble} if queue.asked else None
    return {**head(board, root), "green": green, "hidden_runs": board.hidden(), "slurm": asked, "sweeps": sweeps}


def ended(board: Board, root: Path, sweep: str) -> dict[str, Any]:
    """What `on_end` is told: the sweep as `status` shows it, in one piece."""
    (taken,) = board.schedulers(sweep)
    return {**head(board, root), **_sweep(board, taken, board.run_status(sweep), InQueue())}


def head(board: Board, root: Path) -> dict[str, Any]:
    return {"version": VERSION, "root": str(root), "ledger": str(board.path), "read_at": time.time()}


def scheduler(taken: Row) -> dict[str, Any]:
    """The process that works on a sweep, or did last."""
    return {"alive": bool(taken["alive"]), **{key: taken[key] for key in _OF_A_SCHEDULER}}


def _sweep(board: Board, taken: Row, rows: list[Row], queue: InQueue) -> dict[str, Any]:
    own = [row for row in rows if row["sweep"] == taken["sweep"]]
    found = Counter(row["state"] for row in own)
    metrics = _metrics(board, taken["sweep"])
    return {
        "sweep": taken["sweep"],
        "file": taken["file"],
        "profile": taken["profile"],
        "green": found["succeeded"] == len(own),
        "counts": {state: found[state] for state in STATES},
        "scheduler": scheduler(taken),
        "wasted_seconds": _wasted(board, taken["sweep"]),
        "runs": [
            {
                **{key: row[key] for key in _OF_A_RUN},
                "metrics": metrics.get(row["run"], {}),
                "queue": _stand(queue.stands.get(row["run"])),
            }
            for row in own
        ],
    }


def _stand(stand: Stand | None) -> dict[str, Any] | None:
    return None if stand is None else {"launcher": "slurm", **vars(stand)}


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


def _wasted(board: Board, sweep: str) -> float:
    """Seconds of the sweep's failed attempts, as far as they are known."""
    query = "SELECT total(wall) AS seconds FROM failures WHERE run IN (SELECT run FROM run_status WHERE sweep = ?)"
    return float(board.rows(query, (sweep,))[0]["seconds"])
