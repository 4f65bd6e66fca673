"""Trainings of ours: a backbone and its tasks, carried out by `runner.worker`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from db.records import BatchSplit
from db.strict import to_data
from runner.entry import worker_argv
from runner.predicted import StepMemory
from runner.recompute import recompute_up_to
from runner.work import Assignment, Order
from sweeps.settings import Memory, Recompute, RunSettings

ALLOCATOR = "PYTORCH_ALLOC_CONF"
COUPLED = (
    "what becomes of a window depends on the others of its micro batch (`couples_samples`), so smaller ones would be "
    "another experiment"
)
_ALLOCATORS = (ALLOCATOR, "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
"""As torch spells it now, and in older versions."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A run of one of our backbones that passed every check. `shape` is that of its memory.

    `recompute` is as the sweep file says; `predicted_up_to` is the largest micro batch that has to compute activations
    anew, where that was predicted. `allocator` goes into the environment where there is a GPU.
    """

    run: RunSettings
    required_metrics: tuple[str, ...]
    parameters: int
    couples_samples: bool
    code_fingerprint: str
    data_digest: str | None
    shape: str
    memory: StepMemory | None = None
    recompute: Recompute = "auto"
    predicted_up_to: int | None = None
    allocator: Mapping[str, str] = field(default_factory=dict)

    command = None
    must_ask = False
    resumes = True
    silence = 3600.0

    @property
    def backbone(self) -> str:
        return self.run.backbone

    @property
    def why_indivisible(self) -> str | None:
        return COUPLED if self.couples_samples else None

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

    def recomputes(self, batch: BatchSplit) -> bool:
        """Whether an attempt that cuts its batch so computes activations anew: not where that saves nothing."""
        up_to = self.predicted_up_to
        if up_to is None:
            up_to = recompute_up_to(self.recompute, self.effective_batch)
        return batch.micro <= up_to and (self.memory is None or bool(self.memory.recomputed))

    def order(self, assignment: Assignment) -> Order:
        return Order(
            argv=worker_argv("runner.worker", str(assignment.folder.path)),
            cwd=str(Path.cwd()),
            settings={
                "run": self.settings,
                "root": assignment.root,
                "threads": assignment.threads,
                "device": assignment.device,
                "recompute": self.recomputes(assignment.batch),
                "evaluate": assignment.evaluate,
            },
            env=self.allocator if assignment.device == "cuda" else {},
            required_metrics=self.required_metrics,
            code_fingerprint=self.code_fingerprint,
            data_fingerprint=self.data_digest,
        )


def allocator_settings(memory: Memory, environment: Mapping[str, str]) -> Mapping[str, str]:
    """What torch's allocator of GPU memory is told; nothing where the environment tells it something already."""
    told = any(name in environment for name in _ALLOCATORS)
    return {ALLOCATOR: "expandable_segments:True"} if memory.expandable_segments and not told else {}
