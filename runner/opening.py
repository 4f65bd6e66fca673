"""Opening an attempt, in the one order that loses nothing whichever line the scheduler is killed at.

Attempt row, folder, plan, submit, submission row: an attempt that anyone could be running is always in the ledger, and
one that was never submitted can be told by its missing claim and fenced.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from db.ledger import Ledger, OpenAttempt
from db.records import BatchSplit, Limits, Plan, ResumeFrom
from runner.attempt_dir import AttemptDir, attempt_numbers, write_record
from runner.code_book import CodeBook
from runner.foresight import Foresight
from runner.launchers.interface import Launcher, Launching, LaunchRefused
from runner.placement import Placement
from runner.prepare import PreparedRun
from runner.slots import Slot
from runner.work import Assignment, Order
from sweeps.settings import Policy, Resources


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An attempt in the ledger. `launching` is nothing where its folder could not be made, and `refused` says why."""

    attempt: OpenAttempt
    slot: Slot
    launching: Launching | None
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class Opener:
    """All that is the same for every attempt of a scheduler. `wall`: see `db.records.Limits`."""

    ledger: Ledger
    root: Path
    sweep: str
    launcher: Launcher
    scheduler_id: int
    code: CodeBook
    foresight: Foresight
    resources: Resources
    policy: Policy
    wall: float | None = None

    def open_attempt(
        self,
        run: PreparedRun,
        batch: BatchSplit,
        slot: Slot,
        past: int,
        resume: ResumeFrom | None,
        evaluate: int | None,
        placement: Placement,
    ) -> Opened:
        """Open the next attempt of a run; `past` is the number of its latest one. It is to be submitted yet.

        `evaluate` bounds how many windows it evaluates at a time; `placement` is for a cluster.

        Raises:
            sqlalchemy.exc.IntegrityError: the ledger refuses: another attempt of the run is open, say.
        """
        number = max([past, *attempt_numbers(self.root / run.run_id)]) + 1
        nonce = os.urandom(16).hex()
        opened_at = time.time()
        attempt_id = self.ledger.record_attempt(
            batch=batch,
            foreseen=self.foresight.foreseen(run, batch, slot),
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
        opened = OpenAttempt(
            id=attempt_id,
            nonce=nonce,
            run_id=run.run_id,
            number=number,
            launcher=self.launcher.name,
            reference=None,
            opened_at=opened_at,
            sweep=self.sweep,
            device=slot.name,
        )
        try:
            _furnish(attempt.path, order)
            write_record(attempt.plan, plan)
        except OSError as error:
            why = f"its folder {attempt.path} cannot be written: {error.strerror}"
            return Opened(attempt=opened, slot=slot, launching=None, refused=why)
        launching = Launching(attempt=attempt, plan=plan, slot=slot, placement=placement)
        return Opened(attempt=opened, slot=slot, launching=launching)

    @property
    def verb(self) -> str:
        """What has happened to what was submitted, in a word."""
        return "started" if self.launcher.name == "local" else f"submitted to {self.launcher.name}"

    def submit(self, opened: Sequence[Opened]) -> list[Opened]:
        """Submit them together, and record what each is called now, or why it was refused."""
        launchings = [one.launching for one in opened if one.launching is not None]
        if not launchings:
            return list(opened)
        answers = iter(self.launcher.submit(launchings))
        submitted = [one if one.launching is None else _answered(one, next(answers)) for one in opened]
        self.ledger.record_submissions(
            {one.attempt.id: one.attempt.reference for one in submitted if one.attempt.reference}
        )
        return submitted

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
        return Limits(memory=asked.memory, seconds=asked.time, wall=self.wall, silence=silence, grace=self.policy.grace)


def _answered(opened: Opened, answer: str | LaunchRefused) -> Opened:
    if isinstance(answer, LaunchRefused):
        return replace(opened, refused=str(answer))
    return replace(opened, attempt=replace(opened.attempt, reference=answer))


def _furnish(folder: Path, order: Order) -> None:
    """Make the attempt's folder with all that its command expects in it."""
    folder.mkdir(parents=True)
    for name in order.folders:
        (folder / name).mkdir()
    for name, text in order.files.items():
        (folder / name).write_text(text, encoding="utf-8")
