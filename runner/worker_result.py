"""What a worker tells of its attempt: facts gathered on the way, and the error that ended it."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from db.errors import AttemptError, Refused
from db.records import Environment, ErrorRecord, PhaseSeconds, Plan, Result, Score
from db.strict import Invalid
from runner.report import describe, kind_of

Phase = Literal["start", "data", "train", "evaluate"]

_DRIVER = Path("/proc/driver/nvidia/version")
_STAT = Path("/proc/self/stat")
_MOST_TEXT = 20_000
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_ASKED = re.compile(r"tried to allocate ([\d.]+) (bytes|KiB|MiB|GiB|TiB)", re.IGNORECASE)


@dataclass(kw_only=True)
class Account:
    """Filled while the attempt goes on, so that a failure can still tell what was reached.

    `evaluated` is how many windows at a time were evaluated last.
    """

    plan: Plan
    steps_done: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    scores: tuple[Score, ...] = ()
    parameters: int = 0
    gradient_seen: bool = False
    parameters_changed: bool = False
    peak_memory: int = 0
    peak_reserved: int | None = None
    seconds: dict[Phase, float] = field(default_factory=dict)
    environment: Environment | None = None
    data_fingerprint: str | None = None
    code_fingerprint: str | None = None
    notes: list[str] = field(default_factory=list)
    evaluated: int | None = None

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """Time a phase, also one that fails."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - start

    def result(self, error: ErrorRecord | None = None) -> Result:
        """The account as `result.json`; with an error, without metrics and scores."""
        return Result(
            attempt_id=self.plan.attempt_id,
            run_id=self.plan.run_id,
            start_step=self.plan.start_step,
            steps_done=self.steps_done,
            metrics={} if error else self.metrics,
            scores=() if error else self.scores,
            parameters=self.parameters,
            parameters_changed=self.parameters_changed,
            peak_memory=self.peak_memory,
            peak_reserved=self.peak_reserved,
            seconds=PhaseSeconds(**self.seconds),
            environment=self.environment,
            data_fingerprint=self.data_fingerprint,
            code_fingerprint=self.code_fingerprint,
            pid=os.getpid(),
            notes=tuple(map(writable, [*self.notes, *self._of_evaluation()])),
            error=error,
        )

    def _of_evaluation(self) -> Iterator[str]:
        if self.evaluated is not None and self.evaluated < self.plan.batch.micro:
            yield f"evaluated {self.evaluated} windows at a time at last, for more ran out of memory"


def score_metrics(scores: tuple[Score, ...]) -> Mapping[str, float]:
    """`<task>.<metric>` and `<task>.baseline` of each score."""
    values = {score.name: score.value for score in scores}
    return {**values, **{f"{score.task}.baseline": score.baseline for score in scores}}


def describe_error(error: BaseException) -> ErrorRecord:
    """The error as a record. Its texts are cut to a bounded length, the traceback at its start."""
    told = describe(error, failure_kind)
    return ErrorRecord(
        kind=told.kind,
        type=writable(told.type),
        message=writable(told.message)[:_MOST_TEXT],
        traceback=writable(told.traceback)[-_MOST_TEXT:],
        bytes_asked=bytes_asked(told.message),
    )


def writable(text: str) -> str:
    """The text as UTF-8 can hold it; what stands for a byte of a file's name (`os.fsdecode`) is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def failure_kind(error: BaseException, message: str) -> str:
    """The failure's word: an error of ours tells it; of any other as scripts report it."""
    if isinstance(error, AttemptError):
        return error.kind
    return "config" if isinstance(error, (Refused, Invalid)) else kind_of(error, message)


def bytes_asked(message: str) -> int | None:
    """How much torch asked for when it ran out of memory: `Tried to allocate 12.00 GiB`."""
    found = _ASKED.search(message)
    return (
        int(float(found[1]) * {unit.lower(): size for unit, size in _UNITS.items()}[found[2].lower()])
        if found
        else None
    )


def describe_environment(device: torch.device) -> Environment:
    return Environment(
        python=platform.python_version(),
        torch=torch.__version__,
        driver=_driver(),
        host=platform.node(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    )


def process_age() -> float:
    """Seconds since this process was started, interpreter and imports included. See proc(5), field 22 of `stat`."""
    after_name = _STAT.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)


def _driver() -> str | None:
    """The NVIDIA driver's version, where there is one."""
    if not _DRIVER.exists():
        return None
    found = re.search(r"Kernel Module\D*([\d.]+)", _DRIVER.read_text(encoding="utf-8", errors="replace"))
    return found[1] if found else None
