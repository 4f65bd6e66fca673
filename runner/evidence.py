"""What an attempt left behind: all that a verdict is drawn from."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from db.records import Claim, EndRequest, ErrorRecord, Exit, Plan, Result
from runner.attempt_dir import AttemptDir
from runner.launchers.looks import Account
from runner.log_signs import Signs
from runner.regular_file import reading

FaultKind = Literal["non_finite", "incomplete", "no_result", "bad_result"]
TAIL_BYTES = 8 * 1024
SAME = 1e-6
"""Relative: what a number may lose where one of two was written in single precision."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A record is there but cannot be believed."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One thing that was declared: where it holds, `kind` is None and `sha256` its content; else a failure's word."""

    witness: Literal["file", "last line"]
    name: str
    said: str
    kind: FaultKind | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All witnesses of one attempt that is over. None: the witness left nothing.

    `refused` is the launcher's sentence where it would not take the attempt. `survivors` counts processes of the
    attempt that were found alive, and ended, after its supervisor was gone. `submitted`: the launcher took it.
    `last_words` is the last line that it printed, `proofs` are of what the sweep file declares, `signs` what the logs
    show. `reported`: it reported numbers; `non_finite` is the first of them that is not finite, in words. `restarted`:
    its host was, after it was claimed there. `unreadable_numbers` is why nobody could read what it reported.
    `account` is how the launcher itself saw it end, where it watches what it starts.
    `unwritable` is why nothing can be written into its folder, where the end of it was not.
    """

    plan: Plan | Unreadable | None
    claim: Claim | Unreadable | None = None
    end_request: EndRequest | Unreadable | None = None
    exit: Exit | Unreadable | None = None
    result: Result | Unreadable | None = None
    result_sha256: str | None = None
    last_words: str = ""
    refused: str | None = None
    survivors: int = 0
    submitted: bool = True
    proofs: tuple[Proof, ...] = ()
    signs: Signs = field(default_factory=Signs)
    reported: bool = False
    non_finite: str | None = None
    unreadable_numbers: str | None = None
    restarted: bool = False
    unwritable: str | None = None
    account: Account | None = None

    @property
    def is_command(self) -> bool:
        """Whether what ran is somebody else's command, and not our own worker."""
        return isinstance(self.plan, Plan) and self.plan.declared is not None

    @property
    def must_report(self) -> bool:
        """Whether a result is needed: it is declared, or what ran is ours, or it began to report and proves nothing."""
        if not isinstance(self.plan, Plan) or self.plan.declared is None:
            return True
        return self.plan.declared.report or (self.reported and not self.plan.declared.anything)

    @property
    def tells_completeness(self) -> bool:
        """Whether what proves a success proves too that nothing was left to do."""
        plan = self.plan
        if not isinstance(plan, Plan) or plan.declared is None:
            return True
        stepped = plan.planned_steps is not None and self.own_result is not None
        return plan.declared.tells_completeness or stepped

    @property
    def disagreement(self) -> str | None:
        """The first metric that two sources hold, and not the same, in words."""
        result = self.own_result
        reported = [("what it reported", result.metrics)] if result and result.error is None else []
        seen: dict[str, tuple[float, str]] = {}
        for source, metrics in (*((proof.name, proof.metrics) for proof in self.proofs), *reported):
            for name, value in metrics.items():
                first, where = seen.setdefault(name, (value, source))
                if where != source and not math.isclose(first, value, rel_tol=SAME):
                    told = f"metric `{name}` is {first:.9g} in {where} and {value:.9g} in {source}"
                    return f"{told}; give each its own name, or declare only one of them"
        return None

    @property
    def final_metrics(self) -> Mapping[str, float]:
        """The finite numbers that an attempt without an error ended with, reported or in declared files."""
        result = self.own_result
        if result is not None and result.error is not None:
            return {}
        metrics = dict(result.metrics) if result else {}
        for proof in self.proofs:
            metrics |= proof.metrics
        return {name: value for name, value in metrics.items() if math.isfinite(value)}

    @property
    def error(self) -> ErrorRecord | None:
        """The exception that the worker of this very attempt reported."""
        result = self.own_result
        return result.error if result else None

    @property
    def own_result(self) -> Result | None:
        """The result, if it is readable and of this attempt and run."""
        if not isinstance(self.result, Result) or not isinstance(self.plan, Plan):
            return None
        same = (self.result.attempt_id, self.result.run_id) == (self.plan.attempt_id, self.plan.run_id)
        return self.result if same else None

    @property
    def own_exit(self) -> Exit | None:
        """How the worker ended, if that is readable and of this attempt."""
        if not isinstance(self.exit, Exit) or not isinstance(self.plan, Plan):
            return None
        return self.exit if self.exit.attempt_id == self.plan.attempt_id else None


def tail(attempt: AttemptDir, limit: int = TAIL_BYTES) -> tuple[str, str]:
    """The end of what the attempt said, and where: on stderr, or where it is silent there (`2>&1 | tee`) on stdout."""
    said = end_of(attempt.stderr, limit).decode(errors="replace")
    if said.strip():
        return said, "stderr"
    return end_of(attempt.stdout, limit).decode(errors="replace"), "stdout"


def end_of(log: Path, limit: int = TAIL_BYTES) -> bytes:
    try:
        with reading(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
            return file.read(limit)
    except OSError:
        return b""
