"""`runner sweep --dry-run`: every run as it would be started, and nothing started."""

from __future__ import annotations

from pathlib import Path

from db.board import Board
from runner import show
from runner.prepare import PreparedSweep


def describe_runs(prepared: PreparedSweep, root: Path) -> str:
    """A table of the runs, with what the ledger knows of them."""
    states = _known_states(root)
    facts = [run.work.facts for run in prepared.runs]
    header = ("label", "state", "run", *facts[0])
    rows = [
        (run.label, states.get(run.run_id, "new"), run.run_id, *known.values())
        for run, known in zip(prepared.runs, facts, strict=True)
    ]
    fine = "1 run is" if len(rows) == 1 else f"{len(rows)} runs are"
    where = f"sweep {prepared.name}, ledger {root / 'ledger.db'}"
    unchecked = "".join(f"\n{line}" for line in prepared.unchecked)
    return f"{show.table(header, rows)}{unchecked}\n{fine} fine; nothing was started ({where})"


def _known_states(root: Path) -> dict[str, str]:
    if not (root / "ledger.db").is_file():
        return {}
    board = Board(root / "ledger.db")
    states = board.states()
    board.close()
    return states
