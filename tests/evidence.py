"""Evidence of an attempt that went well, to be spoiled one witness at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from db.declared import Declared, DeclaredFile
from db.records import BatchSplit, Claim, ErrorRecord, Exit, MemoryWatch, Plan, Result, Usage
from runner.evidence import Evidence, Proof

PLAN = Plan(
    attempt_id="a" * 32,
    run_id="dlinear-000000000000",
    number=1,
    argv=("true",),
    cwd="/",
    batch=BatchSplit(micro=8, accum=2),
    planned_steps=100,
    required_metrics=("classification.accuracy",),
    settings={},
    code_fingerprint="c" * 64,
)
CLAIM = Claim(attempt_id=PLAN.attempt_id, host="h", boot_id="b", pid=7, pid_started=1, claimed_at=1.0)
EXIT = Exit(
    attempt_id=PLAN.attempt_id,
    exit_code=0,
    signal=None,
    started_at=10.0,
    ended_at=20.0,
    wall=10.0,
    usage=Usage(user=1.0, system=1.0),
    memory=MemoryWatch(how="none", limit=None, peak=1000, oom_kills=0),
    left_behind=0,
    log_bytes_dropped=0,
    ended_by=None,
    pid=8,
)
RESULT = Result(
    attempt_id=PLAN.attempt_id,
    run_id=PLAN.run_id,
    start_step=0,
    steps_done=100,
    metrics={"classification.accuracy": 0.9},
    parameters=10,
    parameters_changed=True,
    code_fingerprint=PLAN.code_fingerprint,
    pid=EXIT.pid,
)
GOOD = Evidence(plan=PLAN, claim=CLAIM, exit=EXIT, result=RESULT, result_sha256="0" * 64)


def spoiled(**changes: Any) -> Evidence:
    """The good evidence with some witnesses replaced."""
    return replace(GOOD, **changes)


def ended(**changes: Any) -> Exit:
    return replace(EXIT, **changes)


def killed(signal: int, **changes: Any) -> Exit:
    return replace(EXIT, exit_code=None, signal=signal, **changes)


def reported(**changes: Any) -> Result:
    return replace(RESULT, **changes)


def failed_with(kind: str, message: str = "it broke") -> Result:
    error = ErrorRecord(kind=kind, type="SomeError", message=message, traceback="")
    return replace(RESULT, metrics={}, steps_done=3, error=error)


FILE = DeclaredFile(path="/attempt/out/result.csv", metrics={"acc": "test_acc"})
PROOF = Proof(
    witness="file",
    name="out/result.csv",
    said="out/result.csv: 1 row, acc = 0.9",
    metrics={"acc": 0.9},
    sha256="1" * 64,
)
COMMAND = replace(PLAN, declared=Declared(files=(FILE,)), planned_steps=None, required_metrics=(), code_fingerprint="e")
GOOD_COMMAND = Evidence(plan=COMMAND, claim=CLAIM, exit=EXIT, proofs=(PROOF,))
TOLD = replace(RESULT, pid=99, metrics={"mse": 0.3}, parameters_changed=False, code_fingerprint=None)
"""As `report.done` writes it, from whichever process."""


def command(declared: Declared | None = None, **changes: Any) -> Evidence:
    """Good evidence of a command with some witnesses replaced; of another declaration where one is given."""
    if declared is None:
        return replace(GOOD_COMMAND, **changes)
    return replace(GOOD_COMMAND, **{"plan": replace(COMMAND, declared=declared), "proofs": (), **changes})


def unproven(kind: Any, said: str = "out/result.csv does not hold") -> Proof:
    return Proof(witness="file", name="out/result.csv", said=said, kind=kind)
