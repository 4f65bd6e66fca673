"""Which checkpoint the next attempt of a run starts from. Standard library only: the scheduler asks, without torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from db.records import Evaluating, ResumeFrom
from db.verdicts import History
from runner.attempt_dir import AttemptDir, BadRecord, attempt_numbers, read_bounded, read_record
from runner.regular_file import reading


def newest_checkpoint(
    run_folder: Path, history: History, *, code_fingerprint: str, planned_steps: int
) -> ResumeFrom | None:
    """The furthest whole checkpoint that earlier attempts under the same code left, or None to start anew.

    A checkpoint of the last step counts only where its attempt went on to evaluate: then its training was proven to be
    complete and sound. Otherwise nothing would be left to train, so nothing could be proven.
    """
    same_code = {past.number for past in history.attempts if past.code_fingerprint == code_fingerprint}
    candidates = [
        (step, number)
        for number in same_code
        for step in attempt_numbers(AttemptDir(run_folder / str(number)).checkpoints)
        if 0 < step <= planned_steps
    ]
    for step, number in sorted(candidates, reverse=True):
        if step == planned_steps and evaluated_at(AttemptDir(run_folder / str(number))) is None:
            continue
        digest = _proven_digest(AttemptDir(run_folder / str(number)).checkpoints / str(step))
        if digest is not None:
            return ResumeFrom(attempt=number, step=step, sha256=digest)
    return None


def evaluated_at(attempt: AttemptDir) -> int | None:
    """How many windows at a time it evaluated last; nothing where its training was not complete."""
    try:
        told = read_record(attempt.evaluating, Evaluating)
        return told.micro if told.attempt_id == attempt.read_plan().attempt_id else None
    except (OSError, BadRecord):
        return None


def _proven_digest(place: Path) -> str | None:
    """The SHA-256 of the checkpoint's tensors, if it is the one its record names."""
    try:
        expected = json.loads(read_bounded(place / "checkpoint.json"))["sha256"]
        with reading(place / "state.safetensors") as file:
            digest = hashlib.sha256()
            while block := file.read(2**20):
                digest.update(block)
    except (OSError, ValueError, KeyError, TypeError, BadRecord):
        return None
    return digest.hexdigest() if digest.hexdigest() == expected else None
