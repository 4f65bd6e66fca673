"""What is concluded of attempts: verdicts, what was measured, and the history of a run. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from db.records import BatchSplit
from db.strict import refuse


@dataclass(frozen=True, kw_only=True)
class Testimony:
    """What one witness said of an attempt, and whether that agrees with a success."""

    witness: str
    said: str
    agrees: bool


@dataclass(frozen=True, kw_only=True)
class Succeeded:
    """Every witness agrees. Cannot be made otherwise."""

    because: str
    evidence: tuple[Testimony, ...]
    result_sha256: str

    def __post_init__(self) -> None:
        if not self.evidence or not all(line.agrees for line in self.evidence):
            refuse("evidence", "a success needs every witness to agree")


@dataclass(frozen=True, kw_only=True)
class Failed:
    """At least one witness disagrees; `kind` is a word of `runner.failures`."""

    kind: str
    because: str
    evidence: tuple[Testimony, ...]
    exit_code: int | None = None
    signal: int | None = None
    oom_kills: int = 0
    result_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Unverified:
    """A command ended with exit code 0, nothing speaks against it, and nothing proves it. Never green."""

    because: str
    evidence: tuple[Testimony, ...]

    def __post_init__(self) -> None:
        if not self.evidence or not all(line.agrees for line in self.evidence):
            refuse("evidence", "what a witness speaks against has failed")


Verdict = Succeeded | Failed | Unverified


Departure = Literal["settled", "interrupted", "halted", "broken_off"]
"""How a scheduler leaves: every run settled, asked to, because runs failed alike, or asked to twice, at once."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What an attempt cost and where it ran; None where nobody knows. Seconds and bytes."""

    host: str | None = None
    python: str | None = None
    torch: str | None = None
    driver: str | None = None
    device: str | None = None
    data_fingerprint: str | None = None
    parameters: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    wall: float | None = None
    cpu: float | None = None
    queue: float | None = None
    start: float | None = None
    data: float | None = None
    train: float | None = None
    evaluate: float | None = None
    peak_memory: int | None = None
    peak_host_memory: int | None = None
    memory_limit: int | None = None
    memory_limited_by: str | None = None
    memory_limit_reached: bool | None = None
    peak_reserved: int | None = None
    node: str | None = None


@dataclass(frozen=True, kw_only=True)
class PastAttempt:
    """An attempt as the ledger remembers it. `verdict` is None while it is open; `failure_kind` only of failed ones.

    `node` is where a cluster ran it; `start_step` is the step of the checkpoint that it started from, 0 without one.
    """

    number: int
    batch: BatchSplit
    code_fingerprint: str
    verdict: Literal["succeeded", "failed", "unverified"] | None
    failure_kind: str | None = None
    because: str = ""
    judged_at: float | None = None
    node: str | None = None
    start_step: int = 0


@dataclass(frozen=True, kw_only=True)
class History:
    """All that happened to one run, oldest first.

    `stopped` is the kind of the stop that is in force. Attempts up to `forgiven` came before the latest `runner retry`:
    they are facts, but count against no budget.
    """

    attempts: tuple[PastAttempt, ...] = ()
    stopped: Literal["failed", "cancelled", "unverified"] | None = None
    forgiven: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether the latest attempt is a proven success."""
        return bool(self.attempts) and self.attempts[-1].verdict == "succeeded"
