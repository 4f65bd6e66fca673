"""Opening an attempt, in the one order that loses nothing whichever line the scheduler is killed at.

Attempt row, folder, plan, submit, submission row: an attempt that anyone could be running is always in the ledger, and
one that was never submitted can be told by its missing claim and fenced.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from db.ledger import Ledger, OpenAttempt
from db.records import BatchSplit, Limits, Plan, ResumeFrom
from runner.attempt_dir import AttemptDir, attempt_numbers, write_record
from runner.code_book import CodeBook
from runner.launchers.interface import Launcher, LaunchRefused
from runner.prepare import PreparedRun
from runner.slots import Slot
from runner.work import Assignment, Order
from sweeps.settings import Policy, Resources


@dataclass(frozen=True, kw_only=True)
class Opener:
    """All that is the same for every attempt of a scheduler."""

    ledger: Ledger
    root: Path
    sweep: str
    launcher: Launcher
    scheduler_id: int
    code: CodeBook
    resources: Resources
    policy: Policy

    def open_attempt(
        self,
        run: PreparedRun,
        batch: BatchSplit,
        slot: Slot,
        past: int,
        resume: ResumeFrom | None,
        evaluate: int | None = None,
    ) -> tuple[OpenAttempt, str | None]:
        """Open the next attempt of a run; `past` is the number of its latest one.

        `evaluate` bounds how many windows it evaluates at a time.

        Returns the attempt, and why the launcher refused it, if it did.

        Raises:
            sqlalchemy.exc.IntegrityError: the ledger refuses: another attempt of the run is open, say.
        """
        number = max([past, *attempt_numbers(self.root / run.run_id)]) + 1
        nonce = os.urandom(16).hex()
        opened_at = time.time()
        attempt_id = self.ledger.record_attempt(
            batch=batch,
            nonce=nonce,
            run_id=run.run_id,
            number=number,
            scheduler_id=self.scheduler_id,
            start_step=resume.step if resume else 0,
            resumed_number=resume.attempt if resume else None,
            launcher=self.launcher.name,
            device=slot.name,
            code_id=self.code.id_of(run),
        )
        attempt = AttemptDir(self.root / run.run_id / str(number))
        order = run.work.order(self._assignment(run, batch, slot, number, attempt, evaluate))
        plan = self._plan(run, batch, slot, nonce, number, resume, order)
        reference, refused = self._submit(attempt, plan, order, slot)
        if reference is not None:
            self.ledger.record_submission(attempt_id, reference)
        opened = OpenAttempt(
            id=attempt_id,
            nonce=nonce,
            run_id=run.run_id,
            number=number,
            launcher=self.launcher.name,
            reference=reference,
            opened_at=opened_at,
            sweep=self.sweep,
            device=slot.name,
        )
        return opened, refused

    def _assignment(
        self,
        run: PreparedRun,
        batch: BatchSplit,
        slot: Slot,
        number: int,
        attempt: AttemptDir,
        evaluate: int | None,
    ) -> Assignment:
        return Assignment(
            folder=attempt,
            run_id=run.run_id,
            number=number,
            batch=batch,
            root=str(self.root),
            threads=self.resources.cpus,
            device=slot.device,
            evaluate=evaluate,
        )

    def _submit(self, attempt: AttemptDir, plan: Plan, order: Order, slot: Slot) -> tuple[str | None, str | None]:
        try:
            _furnish(attempt.path, order)
            write_record(attempt.plan, plan)
            return self.launcher.submit(attempt, plan, slot), None
        except LaunchRefused as refusal:
            return None, str(refusal)
        except OSError as error:
            return None, f"its folder {attempt.path} cannot be written: {error.strerror}"

    def _plan(
        self,
        run: PreparedRun,
        batch: BatchSplit,
        slot: Slot,
        nonce: str,
        number: int,
        resume: ResumeFrom | None,
        order: Order,
    ) -> Plan:
        return Plan(
            attempt_id=nonce,
            run_id=run.run_id,
            number=number,
            argv=order.argv,
            cwd=order.cwd,
            env={**order.env, **slot.env},
            batch=batch,
            planned_steps=run.work.planned_steps,
            required_metrics=order.required_metrics,
            settings=order.settings,
            limits=self._limits(run),
            start_step=resume.step if resume else 0,
            resume_from=resume,
            code_fingerprint=order.code_fingerprint,
            data_fingerprint=order.data_fingerprint,
            declared=order.declared,
            watched=order.watched,
        )

    def _limits(self, run: PreparedRun) -> Limits:
        asked = self.resources
        silence = run.work.silence if asked.silence is None else asked.silence
        return Limits(memory=asked.memory, seconds=asked.time, silence=silence, grace=self.policy.grace)


def _furnish(folder: Path, order: Order) -> None:
    """Make the attempt's folder with all that its command expects in it."""
    folder.mkdir(parents=True)
    for name in order.folders:
        (folder / name).mkdir()
    for name, text in order.files.items():
        (folder / name).write_text(text, encoding="utf-8")
