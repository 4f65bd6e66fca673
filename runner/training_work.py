"""Trainings of ours: a backbone and its tasks, carried out by `runner.worker`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.strict import to_data
from runner.entry import worker_argv
from runner.predicted import StepMemory
from runner.work import Assignment, Order
from sweeps.settings import RunSettings


@dataclass(frozen=True, kw_only=True)
class Training:
    """A run of one of our backbones that passed every check. `shape` is that of its memory."""

    run: RunSettings
    required_metrics: tuple[str, ...]
    parameters: int
    couples_samples: bool
    code_fingerprint: str
    data_digest: str | None
    shape: str
    memory: StepMemory | None = None

    command = None
    why_indivisible = None
    must_ask = False
    resumes = True
    silence = 3600.0

    @property
    def backbone(self) -> str:
        return self.run.backbone

    @property
    def settings(self) -> Mapping[str, Any]:
        data: Mapping[str, Any] = to_data(self.run)
        return data

    @property
    def effective_batch(self) -> int:
        return self.run.train.batch

    @property
    def planned_steps(self) -> int:
        return self.run.train.steps

    @property
    def facts(self) -> Mapping[str, object]:
        return {
            "parameters": f"{self.parameters:,}",
            "batch": self.effective_batch,
            "steps": self.planned_steps,
            "depends on the micro batch": "yes" if self.couples_samples else "no",
        }

    def order(self, assignment: Assignment) -> Order:
        return Order(
            argv=worker_argv("runner.worker", str(assignment.folder.path)),
            cwd=str(Path.cwd()),
            settings={
                "run": self.settings,
                "root": assignment.root,
                "threads": assignment.threads,
                "device": assignment.device,
            },
            required_metrics=self.required_metrics,
            code_fingerprint=self.code_fingerprint,
            data_fingerprint=self.data_digest,
        )
