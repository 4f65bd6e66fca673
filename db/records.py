"""The files of an attempt folder as frozen records. Standard library only.

Both sides of an attempt import this: the scheduler, which never imports torch, and the worker, which never opens the
ledger. Bytes are bytes, times are seconds, clock times are seconds since 1970.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from db.declared import Declared
from db.strict import refuse, require_64_bits, require_positive

VERSION = 1
"""Of every file in an attempt folder. A file of another version is not read."""

EndedBy = Literal[
    "cancelled",
    "interrupted",
    "revoked",
    "time_limit",
    "wall_time",
    "stalled",
    "memory_limit",
    "lease_lost",
    "signal",
    "could_not_start",
    "file_in_the_way",
]
"""Why a supervisor ended its worker, or never started it."""
NEVER_STARTED: tuple[EndedBy, ...] = ("could_not_start", "file_in_the_way")


@dataclass(frozen=True, kw_only=True)
class BatchSplit:
    """How an effective batch is cut: `micro` samples at a time, `accum` gradients summed for one optimizer step."""

    micro: int
    accum: int

    def __post_init__(self) -> None:
        require_positive(self, "micro", "accum")

    @property
    def effective(self) -> int:
        return self.micro * self.accum

    def halved(self) -> BatchSplit | None:
        """At most half the micro batch with the effective batch unchanged; None when `micro` is 1 already.

        The new micro batch is the largest divisor of the effective batch that is at most half of the old one: exactly
        half for powers of two.
        """
        whole, most = self.effective, self.micro // 2
        small = [each for each in range(1, math.isqrt(whole) + 1) if whole % each == 0]
        micro = max((each for one in small for each in (one, whole // one) if each <= most), default=None)
        return None if micro is None else BatchSplit(micro=micro, accum=whole // micro)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the supervisor enforces. `grace` is the time between asking a process to end and killing it.

    `silence` is how long the attempt may go without a sign of life: its logs or its metrics grow, or are touched.
    `wall` is after how many seconds it has to be over because its cluster will end it soon.
    """

    memory: int | None = None
    seconds: float | None = None
    wall: float | None = None
    silence: float | None = None
    grace: float = 5.0
    log_bytes: int = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class ResumeFrom:
    """A checkpoint of an earlier attempt of the same run."""

    attempt: int
    step: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`plan.json`: all that an attempt is asked to do, written before it is launched.

    `argv` is what the supervisor starts in `cwd`, with `env` added to its own environment. `settings` and the rest are
    for the worker, which refuses what it cannot read. `code_fingerprint` and `data_fingerprint` are of the code and the
    recordings as they were checked before launch; nothing where nobody knows.

    `declared` is what makes a command of somebody else's a success; nothing where the worker is ours. The supervisor
    looks at the files that match `watched` (absolute; wild only below the attempt's folder) before the command starts
    and when it has ended.
    """

    attempt_id: str
    run_id: str
    number: int
    argv: tuple[str, ...]
    cwd: str
    batch: BatchSplit
    planned_steps: int | None
    required_metrics: tuple[str, ...]
    settings: Mapping[str, Any]
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    start_step: int = 0
    resume_from: ResumeFrom | None = None
    code_fingerprint: str | None = None
    data_fingerprint: str | None = None
    declared: Declared | None = None
    watched: tuple[str, ...] = ()
    version: int = VERSION

    def __post_init__(self) -> None:
        require_positive(self, "number", *(() if self.planned_steps is None else ("planned_steps",)))
        if not self.argv:
            refuse("argv", "an attempt needs a command")
        last = math.inf if self.planned_steps is None else self.planned_steps
        if not 0 <= self.start_step <= last:
            refuse("start_step", f"must lie between 0 and planned_steps ({self.planned_steps}), is {self.start_step}")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """`claim.json`: who runs the attempt. `fenced` claims are taken by a scheduler so that nobody ever runs it."""

    attempt_id: str
    host: str
    boot_id: str
    pid: int
    pid_started: int
    claimed_at: float
    slurm_job: str | None = None
    fenced: bool = False
    version: int = VERSION


@dataclass(frozen=True, kw_only=True)
class EndRequest:
    """`end.json`: the scheduler asks the supervisor to end the attempt, and why."""

    attempt_id: str
    why: Literal["cancelled", "interrupted", "revoked"]
    asked_at: float
    version: int = VERSION


@dataclass(frozen=True, kw_only=True)
class Evaluating:
    """`evaluating.json`: the training is complete and sound, and `micro` windows at a time are being evaluated."""

    attempt_id: str
    micro: int
    version: int = VERSION

    def __post_init__(self) -> None:
        require_positive(self, "micro")
        require_64_bits(self, "micro")


@dataclass(frozen=True, kw_only=True)
class MemoryWatch:
    """How memory was limited and what was seen. `how` is `none` where no limit was asked for.

    `peak` is the highest sum of anonymous memory over all processes of the attempt, sampled. `oom_kills` are the
    kernel's of its processes, nothing where it counts them for nobody alone; `shared_oom_kills` are those meanwhile in
    a cgroup that it shares with others. `limit_reached`: all that `limit` allows was in use once, as far as is known.
    """

    how: Literal["none", "cgroup_v2", "cgroup_v1", "sampled"]
    limit: int | None
    peak: int
    oom_kills: int | None
    shared_oom_kills: int = 0
    limit_reached: bool | None = None

    def __post_init__(self) -> None:
        require_64_bits(self, "limit", "peak", "oom_kills", "shared_oom_kills")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """CPU seconds of all reaped processes of the attempt."""

    user: float
    system: float


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What tells two states of a file apart without a clock. Times in nanoseconds, see inode(7)."""

    inode: int
    size: int
    modified: int
    changed: int


@dataclass(frozen=True, kw_only=True)
class FileSeen:
    """A watched file before the worker started and when it had ended; nothing where it was not there."""

    path: str
    before: Stamp | None
    after: Stamp | None


@dataclass(frozen=True, kw_only=True)
class Exit:
    """`exit.json`: how the worker, process `pid`, ended, as its parent saw it.

    `files` are the watched ones, `result.json` and `stdout.log`, as they were when the worker had ended: what processes
    left behind write afterwards proves nothing. `last_line` is the one of its output then, where the plan declares one:
    the log may be cut afterwards. `no_space` is why no more could be written into its folder by then
    (`No space left on device`); nothing where some could, or where what was missing was not space.
    """

    attempt_id: str
    exit_code: int | None
    signal: int | None
    started_at: float
    ended_at: float
    wall: float
    usage: Usage
    memory: MemoryWatch
    left_behind: int
    log_bytes_dropped: int
    ended_by: EndedBy | None
    detail: str | None = None
    pid: int | None = None
    files: tuple[FileSeen, ...] = ()
    last_line: str | None = None
    no_space: str | None = None
    version: int = VERSION

    def __post_init__(self) -> None:
        require_64_bits(self, "exit_code", "signal")
        if (self.exit_code is None) == (self.signal is None) and self.ended_by not in NEVER_STARTED:
            refuse("exit_code", "exactly one of exit_code and signal must be given")


@dataclass(frozen=True, kw_only=True)
class ErrorRecord:
    """The exception that ended a worker. `kind` is a failure's word where the type tells it, else `crashed`."""

    kind: str
    type: str
    message: str
    traceback: str
    bytes_asked: int | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """One task's headline metric on the whole test split beside its trivial baseline, both finite.

    `gain_at_least` is a lower confidence bound of how much better the value is than the baseline, in the metric's own
    measure (see `runner.gain`); nothing where nobody can tell.
    """

    task: str
    metric: str
    value: float
    baseline: float
    baseline_name: str
    higher_is_better: bool
    windows: int
    gain_at_least: float | None = None

    def __post_init__(self) -> None:
        for key in ("value", "baseline", *(("gain_at_least",) if self.gain_at_least is not None else ())):
            number = float(getattr(self, key))
            object.__setattr__(self, key, number)  # a number of numpy cannot be written as JSON
            if not math.isfinite(number):
                refuse(key, f"must be finite, is {number}")
        object.__setattr__(self, "windows", int(self.windows))
        object.__setattr__(self, "higher_is_better", bool(self.higher_is_better))
        require_positive(self, "windows")
        require_64_bits(self, "windows")

    @property
    def name(self) -> str:
        """As in `required_metrics`: `classification.accuracy`."""
        return f"{self.task}.{self.metric}"

    @property
    def beats_baseline(self) -> bool:
        """Whether it does so by more than luck."""
        return self.gain_at_least is not None and self.gain_at_least > 0


@dataclass(frozen=True, kw_only=True)
class PhaseSeconds:
    start: float = 0.0
    data: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where and under what an attempt ran."""

    python: str
    torch: str
    driver: str | None
    host: str
    device: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """`result.json`: the worker's own account, written last. Either complete, or holding an error.

    `pid` is the process that wrote it, `code_fingerprint` of the code that it ran.
    """

    attempt_id: str
    run_id: str
    start_step: int
    steps_done: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    scores: tuple[Score, ...] = ()
    parameters: int = 0
    parameters_changed: bool = False
    peak_memory: int = 0
    peak_reserved: int | None = None
    seconds: PhaseSeconds = PhaseSeconds()
    environment: Environment | None = None
    data_fingerprint: str | None = None
    code_fingerprint: str | None = None
    pid: int | None = None
    notes: tuple[str, ...] = ()
    error: ErrorRecord | None = None
    version: int = VERSION

    def __post_init__(self) -> None:
        require_64_bits(self, "start_step", "steps_done", "parameters", "peak_memory", "peak_reserved")
