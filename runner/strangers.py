"""Attempts of a run that the ledger does not know of: it was deleted, or replaced by an older copy of itself."""

from __future__ import annotations

from pathlib import Path

from runner.attempt_dir import AttemptDir, BadRecord, attempt_numbers
from runner.liveness import end_survivors, fence, is_alive, lives_elsewhere


def stranger_lives(run_folder: Path, last_known: int) -> bool:
    """Whether one of them lives, so that nothing may be started beside it; what a dead one left behind is ended.

    Raises:
        Surviving: what a dead one left behind cannot be ended.
    """
    later = [AttemptDir(run_folder / str(number)) for number in attempt_numbers(run_folder) if number > last_known]
    if any(_may_live(attempt) for attempt in later):
        return True
    for attempt in later:
        try:
            nonce = attempt.read_plan().attempt_id
        except (OSError, BadRecord):
            continue
        if not lives_elsewhere(attempt):
            end_survivors(nonce, (attempt.stdout, attempt.stderr), within=1.0)
    return False


def _may_live(attempt: AttemptDir) -> bool:
    """One that nobody has claimed yet is fenced: it can never start now."""
    if not attempt.claim.exists() and fence(attempt):
        return False
    return is_alive(attempt)
