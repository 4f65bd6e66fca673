"""What a run's earlier attempts left behind means for its next one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from db.records import ResumeFrom
from db.verdicts import History
from runner.attempt_dir import AttemptDir
from runner.prepare import PreparedRun
from runner.resume import evaluated_at, newest_checkpoint


def resume_from(root: Path, run: PreparedRun, history: History) -> ResumeFrom | None:
    """The checkpoint that the next attempt starts from, where there is one."""
    steps = run.work.planned_steps
    if not run.work.resumes or steps is None:
        return None
    folder = root / run.run_id
    return newest_checkpoint(folder, history, code_fingerprint=run.work.code_fingerprint, planned_steps=steps)


def got_further(root: Path, run: PreparedRun, history: History) -> bool:
    """Whether the next attempt would go on from a later step than the latest one started from."""
    resume = resume_from(root, run, history)
    return resume is not None and resume.step > history.attempts[-1].start_step


def evaluated(root: Path, run: PreparedRun, history: History) -> Mapping[int, int]:
    """By number, how many windows at a time each attempt evaluated last whose training was complete."""
    if not run.work.resumes:
        return {}
    found = {past.number: evaluated_at(AttemptDir(root / run.run_id / str(past.number))) for past in history.attempts}
    return {number: micro for number, micro in found.items() if micro is not None}


def never_asked(root: Path, run: PreparedRun, history: History) -> str | None:
    """Why half the batch would change nothing, where the latest attempt did not ask for its batch."""
    if not run.work.must_ask or not history.attempts:
        return None
    last = AttemptDir(root / run.run_id / str(history.attempts[-1].number))
    return None if last.batch_asked.exists() else "it never called report.batch(), so it would not notice"
