"""A scheduler takes a sweep: it records the sweep and itself."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass

from db.ledger import Ledger, RunRow
from runner.prepare import PreparedRun, PreparedSweep
from runner.processes import boot_id


@dataclass(frozen=True, kw_only=True)
class Tenure:
    """The ledger's ids of what was recorded."""

    sweep_id: int
    scheduler_id: int


def take_over(ledger: Ledger, sweep: PreparedSweep) -> Tenure:
    """Record all that attempts of this scheduler will refer to; whoever had the sweep before can open none any more."""
    sweep_id = ledger.record_sweep(
        name=sweep.name,
        digest=sweep.digest,
        file=str(sweep.file),
        profile=sweep.profile,
        profile_reason=sweep.profile_reason,
        runs=[_row(run) for run in sweep.runs],
    )
    scheduler_id = ledger.record_scheduler(
        sweep_id=sweep_id, host=socket.gethostname(), boot_id=boot_id(), pid=os.getpid()
    )
    return Tenure(sweep_id=sweep_id, scheduler_id=scheduler_id)


def _row(run: PreparedRun) -> RunRow:
    return RunRow(
        run_id=run.run_id,
        label=run.label,
        backbone=run.work.backbone,
        command=run.work.command,
        settings=json.dumps(run.work.settings, sort_keys=True),
        effective_batch=run.work.effective_batch,
        planned_steps=run.work.planned_steps,
    )
