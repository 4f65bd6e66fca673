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
    fine = _fine(sum(run.unchecked is None for run in prepared.runs), len(rows))
    where = f"sweep {prepared.name}, ledger {root / 'ledger.db'}"
    unchecked = "".join(f"\n{line}" for line in prepared.unchecked)
    return f"{show.table(header, rows)}{unchecked}\n{fine}; nothing was started ({where})"


def _fine(checked: int, of: int) -> str:
    """What was not checked never counts as passed."""
    fine = "1 run is fine" if checked == 1 else f"{checked} runs are fine"
    left = f"{of - checked} {'was' if of - checked == 1 else 'were'} not checked"
    return fine if checked == of else f"{fine}, {left}" if checked else left


def _known_states(root: Path) -> dict[str, str]:
    if not (root / "ledger.db").is_file():
        return {}
    board = Board(root / "ledger.db")
    states = board.states()
    board.close()
    return states
