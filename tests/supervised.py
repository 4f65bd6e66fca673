"""Attempts of small commands, run by real supervisors."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from db.declared import Declared
from db.records import BatchSplit, EndRequest, Exit, Limits, Plan
from runner import processes
from runner.attempt_dir import AttemptDir, write_record
from runner.entry import bare_argv
from runner.liveness import end_survivors

QUICK = Limits(grace=0.3)
MIB = 2**20
ROOT = Path(__file__).resolve().parent.parent


def python(code: str) -> tuple[str, ...]:
    """A command that runs Python code, started as quickly as can be."""
    return (sys.executable, "-I", "-S", "-c", code)


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/bash", "-c", script)


def planned(
    folder: Path,
    argv: Sequence[str],
    *,
    limits: Limits = QUICK,
    env: Mapping[str, str] | None = None,
    cwd: str = "/",
    attempt_id: str | None = None,
    declared: Declared | None = None,
    watched: Sequence[str] = (),
    number: int = 1,
) -> AttemptDir:
    """An attempt folder with its plan, and for a command the folder that it writes into."""
    folder.mkdir(parents=True, exist_ok=True)
    if declared is not None:
        (folder / "out").mkdir()
    attempt = AttemptDir(folder)
    plan = Plan(
        attempt_id=attempt_id or os.urandom(8).hex(),
        run_id="run",
        number=number,
        argv=tuple(argv),
        cwd=cwd,
        batch=BatchSplit(micro=1, accum=1),
        planned_steps=1 if declared is None else None,
        required_metrics=(),
        settings={},
        env=env or {},
        limits=limits,
        declared=declared,
        watched=(*watched, *(file.path for file in declared.files)) if declared else tuple(watched),
    )
    write_record(attempt.plan, plan)
    return attempt


def start(
    attempt: AttemptDir, env: Mapping[str, str] | None = None, attempt_id: str | None = None
) -> subprocess.Popen[bytes]:
    """Its supervisor, as a child of ours."""
    argv = bare_argv("runner.supervisor", str(attempt.path), attempt_id or attempt.read_plan().attempt_id)
    with attempt.supervisor_log.open("ab") as log:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})}
        )


def ended(supervisor: subprocess.Popen[bytes], attempt: AttemptDir, within: float = 15.0) -> Exit:
    """Wait for the supervisor; what it recorded."""
    try:
        code = supervisor.wait(within)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()
        end_survivors(attempt.read_plan().attempt_id)
        raise
    assert code == 0, attempt.supervisor_log.read_text()
    return attempt.read_exit()


def supervise(attempt: AttemptDir, env: Mapping[str, str] | None = None) -> Exit:
    return ended(start(attempt, env), attempt)


def ask_to_end(attempt: AttemptDir, why: str = "cancelled", attempt_id: str | None = None) -> None:
    asked = EndRequest(attempt_id=attempt_id or attempt.read_plan().attempt_id, why=why, asked_at=time.time())  # type: ignore[arg-type]  # a word
    write_record(attempt.end_request, asked)


def until(condition: Callable[[], object], within: float = 10.0) -> None:
    """Wait for something to become so."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def carriers(attempt: AttemptDir) -> list[int]:
    return processes.carriers(attempt.read_plan().attempt_id)


def output(attempt: AttemptDir) -> str:
    """What the worker has printed so far."""
    return attempt.stdout.read_text() if attempt.stdout.exists() else ""
