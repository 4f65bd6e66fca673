"""What a run's earlier attempts left behind means for its next one."""

from __future__ import annotations

from pathlib import Path

from db.records import ResumeFrom
from db.verdicts import History
from runner.attempt_dir import AttemptDir
from runner.prepare import PreparedRun
from runner.resume import newest_checkpoint


def resume_from(root: Path, run: PreparedRun, history: History) -> ResumeFrom | None:
    """The checkpoint that the next attempt starts from, where there is one."""
    steps = run.work.planned_steps
    if not run.work.resumes or steps is None:
        return None
    folder = root / run.run_id
    return newest_checkpoint(folder, history, code_fingerprint=run.work.code_fingerprint, planned_steps=steps)


def never_asked(root: Path, run: PreparedRun, history: History) -> str | None:
    """Why half the batch would change nothing, where the latest attempt did not ask for its batch."""
    if not run.work.must_ask or not history.attempts:
        return None
    last = AttemptDir(root / run.run_id / str(history.attempts[-1].number))
    return None if last.batch_asked.exists() else "it never called report.batch(), so it would not notice"
