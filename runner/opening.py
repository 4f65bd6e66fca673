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
from db.strict import to_data
from runner.attempt_dir import AttemptDir, attempt_numbers, write_record
from runner.entry import worker_argv
from runner.launchers.interface import Launcher, LaunchRefused
from runner.prepare import PreparedRun
from runner.slots import Slot
from sweeps.settings import Policy, Resources


@dataclass(frozen=True, kw_only=True)
class Opener:
    """All that is the same for every attempt of a scheduler. `code_ids` maps a code fingerprint to the ledger's id."""

    ledger: Ledger
    root: Path
    sweep: str
    launcher: Launcher
    scheduler_id: int
    code_ids: dict[str, str]
    resources: Resources
    policy: Policy

    def open_attempt(
        self, run: PreparedRun, batch: BatchSplit, slot: Slot, past: int, resume: ResumeFrom | None
    ) -> tuple[OpenAttempt, str | None]:
        """Open the next attempt of a run; `past` is the number of its latest one.

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
            device=slot.device,
            code_id=self.code_ids[run.code_fingerprint],
        )
        attempt = AttemptDir(self.root / run.run_id / str(number))
        plan = self._plan(run, batch, slot, nonce, number, resume, attempt)
        reference, refused = self._submit(attempt, plan, slot)
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
        )
        return opened, refused

    def _submit(self, attempt: AttemptDir, plan: Plan, slot: Slot) -> tuple[str | None, str | None]:
        try:
            attempt.path.mkdir(parents=True)
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
        attempt: AttemptDir,
    ) -> Plan:
        return Plan(
            attempt_id=nonce,
            run_id=run.run_id,
            number=number,
            argv=worker_argv("runner.worker", str(attempt.path)),
            cwd=str(Path.cwd()),
            env=dict(slot.env),
            batch=batch,
            planned_steps=run.settings.train.steps,
            required_metrics=run.required_metrics,
            settings={
                "run": to_data(run.settings),
                "root": str(self.root),
                "threads": self.resources.cpus,
                "device": slot.device,
            },
            limits=Limits(memory=self.resources.memory, seconds=self.resources.time, grace=self.policy.grace),
            start_step=resume.step if resume else 0,
            resume_from=resume,
            code_fingerprint=run.code_fingerprint,
            data_fingerprint=run.data_digest,
        )
