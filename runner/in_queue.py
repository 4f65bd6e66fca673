"""Of the open attempts of sweeps, those that were given to a cluster, and where they stand there now.

Nothing is asked, nor imported for it, where there are none: `runner status` stays as quick as it is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from db.board import Board
from runner.queue_words import Stand


@dataclass(frozen=True, kw_only=True)
class InQueue:
    """`stands` by run. `asked`: there was something to ask for; `trouble` is why no answer came."""

    stands: dict[str, Stand] = field(default_factory=dict)
    asked: bool = False
    trouble: str | None = None


def ask_for(board: Board, runs: Collection[str]) -> InQueue:
    """Where the open attempts of these runs stand."""
    given = {run: reference for run, reference in board.open_submissions("slurm").items() if run in runs}
    if not given:
        return InQueue()
    from runner.slurm.live import ask_stands

    stands, trouble = ask_stands(given)
    return InQueue(stands=stands, asked=True, trouble=trouble)
