"""A cluster that does as a test tells it: stands in for Slurm's commands where there is none.

`Scripted` lays out a folder with `sbatch`, `squeue`, `sacct` and `scancel`, links to this file that keep all they know
beside it. Jobs are real processes of this host; what is said of them is true unless the test says otherwise: a word of
Slurm's for a job, a command that fails, no accounts, jobs that wait. Standard library only: the commands start quickly.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NODE = "node-1"
KILL_WAIT = 5.0
"""Seconds between SIGTERM and SIGKILL: `KillWait` of slurm.conf."""
NO_CONTROLLER = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
NOWHERE = "sbatch: error: Batch job submission failed: Requested node configuration is not available"
FULL = (
    "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS "
    "policy (job submit limit, user's size and/or time limits)"
)
LOST_ANSWER = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


class Scripted:
    """`env` is what a client of it needs; what it is told holds for all of Slurm's commands from then on."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "state"
        self._state.mkdir(parents=True)
        commands = folder / "bin"
        commands.mkdir()
        for name in (*COMMANDS, "srun"):
            link = commands / name
            link.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {__file__} {name} {self._state} "$@"\n')
            link.chmod(0o755)
        self.env = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}

    def tell(self, **said: Any) -> None:
        """`words` and `reasons` by job; `silent` by command, what it fails with; `limit`, how many jobs it takes at
        once; `lose_answers`, to how many submissions; `accounts`, `hold`.
        """
        _write(self._state / "said.json", json.dumps({**_said(self._state), **said}))

    def jobs(self) -> list[str]:
        return [path.name for path in _jobs(self._state)]

    def forget(self) -> None:
        """As a controller that has lost its state: no job of before is known to it."""
        for path in _jobs(self._state):
            path.rename(path.with_name(f"forgotten.{path.name}"))

    def begun(self, job: str) -> bool:
        return (self._state / job / "pid").exists()

    def clean_up(self) -> None:
        _scancel(self._state, [path.name for path in _jobs(self._state)])
        for path in _jobs(self._state):
            if (path / "pid").exists() and not (path / "end").exists():
                with suppress(ProcessLookupError):
                    os.killpg(int((path / "pid").read_text()), signal.SIGKILL)


# What the commands do


def _sbatch(state: Path, arguments: Sequence[str]) -> int:
    assert not arguments, "its script comes on standard input, and all that it is asked stands there"
    script = sys.stdin.read()
    lines = [line for line in script.splitlines() if line.startswith("#SBATCH --")]
    words = [shlex.split(line)[1].removeprefix("--").partition("=") for line in lines]
    options = {name: value for name, _, value in words}
    first, last = options["array"].partition("%")[0].split("-")
    if NODE in options.get("exclude", ""):
        sys.stderr.write(f"{NOWHERE}\n")
        return 1
    held = sum(not (path / "end").exists() and not (path / "cancelled").exists() for path in _jobs(state))
    if held + int(last) + 1 - int(first) > _said(state).get("limit", 10_000):
        sys.stderr.write(f"{FULL}\n")
        return 1
    with _locked(state):
        array = 1 + max((int(path.name.partition("_")[0]) for path in _jobs(state)), default=0)
        for index in range(int(first), int(last) + 1):
            job = f"{array}_{index}"
            (state / job).mkdir()
            spelled = {"%%": "%", "%A": str(array), "%a": str(index)}
            output = re.sub("%.", lambda match: spelled[match[0]], options["output"])  # noqa: B023 - used at once
            told = {"name": options["job-name"], "submitted": _now(), "output": output, "script": script}
            _write(state / job / "job.json", json.dumps(told))
    for index in range(int(first), int(last) + 1):
        subprocess.Popen(
            [sys.executable, "-IS", __file__, "monitor", str(state), f"{array}_{index}"],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    left = _said(state).get("lose_answers", 0)
    if left:
        _write(state / "said.json", json.dumps({**_said(state), "lose_answers": left - 1}))
        sys.stderr.write(f"{LOST_ANSWER}\n")
        return 1
    sys.stdout.write(f"Submitted batch job {array}\n")
    return 0


def _monitor(state: Path, arguments: Sequence[str]) -> int:
    """Run one job to its end."""
    (job,) = arguments
    # Held open: another job may get its number, and a folder of that name, once its own was forgotten.
    folder = Path(f"/proc/{os.getpid()}/fd/{os.open(state / job, os.O_DIRECTORY)}")
    told = json.loads((folder / "job.json").read_text())
    while _said(state).get("hold") and not (folder / "cancelled").exists():
        time.sleep(0.02)
    if (folder / "cancelled").exists():
        return 0
    array, index = job.split("_")
    names = {"SLURM_JOB_ID": array, "SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": index}
    script = folder / "script"
    script.write_text(told["script"])
    with Path(told["output"]).open("ab") as log:
        process = subprocess.Popen(
            ["/bin/bash", str(script)],
            env={**os.environ, **names},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _write(folder / "pid", str(process.pid))
    ended = _end(folder, process)
    _write(folder / "end", f"0:{-ended}" if ended < 0 else f"{ended}:0")
    return 0


def _end(folder: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait for it; a job that was cancelled is killed after a while."""
    kill_at = None
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(0.02)
        if kill_at is None and (folder / "cancelled").exists():
            kill_at = time.monotonic() + KILL_WAIT
        if kill_at is not None and time.monotonic() > kill_at:
            os.killpg(process.pid, signal.SIGKILL)


def _squeue(state: Path, arguments: Sequence[str]) -> int:
    names = _listed(arguments, "--name=")
    for path in _jobs(state):
        told = json.loads((path / "job.json").read_text())
        if told["name"] in names:
            word, reason = _word(state, path)
            node = NODE if (path / "pid").exists() else ""
            sys.stdout.write(f"{path.name}|{told['name']}|{told['submitted']}|{word}|{node}|{reason}\n")
    return 0


def _sacct(state: Path, arguments: Sequence[str]) -> int:
    if not _said(state).get("accounts", True):
        sys.stderr.write("Slurm accounting storage is disabled\n")
        return 1
    names, arrays = _listed(arguments, "--name="), _listed(arguments, "--jobs=")
    for path in _jobs(state):
        told = json.loads((path / "job.json").read_text())
        if told["name"] in names or path.name.partition("_")[0] in arrays:
            word, _ = _word(state, path)
            begun, over = (path / "pid").exists(), (path / "end").exists()
            code = (path / "end").read_text() if over else "0:0"
            times = f"{told['submitted'] if begun else 'Unknown'}|{_now() if over or not begun else 'Unknown'}"
            rows = [(path.name, told["name"]), *([(f"{path.name}.batch", "batch")] if begun else [])]
            for job, name in rows:
                sys.stdout.write(f"{job}|{name}|{told['submitted']}|{word}|{code}|{times}|{NODE}\n")
    return 0


def _scancel(state: Path, arguments: Sequence[str]) -> int:
    for job in arguments:
        folder = state / job
        if not folder.is_dir() or (folder / "end").exists():
            continue
        (folder / "cancelled").touch()
        with suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(int((folder / "pid").read_text()), signal.SIGTERM)
    return 0


COMMANDS: Mapping[str, Callable[[Path, Sequence[str]], int]] = {
    "sbatch": _sbatch,
    "squeue": _squeue,
    "sacct": _sacct,
    "scancel": _scancel,
}


def _word(state: Path, job: Path) -> tuple[str, str]:
    """Slurm's word and reason for it."""
    said = _said(state)
    if job.name in said.get("words", {}):
        return said["words"][job.name], "None"
    cancelled = (job / "cancelled").exists()
    if (job / "end").exists():
        code = (job / "end").read_text()
        return ("CANCELLED by 1000" if cancelled else "COMPLETED" if code == "0:0" else "FAILED"), "None"
    if (job / "pid").exists():
        return "RUNNING", "None"
    if cancelled:
        return "CANCELLED by 1000", "None"
    return "PENDING", said.get("reasons", {}).get(job.name, "Priority")


def _said(state: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((state / "said.json").read_text())
    except FileNotFoundError:
        return {}
    return said


def _jobs(state: Path) -> list[Path]:
    return sorted(path for path in state.glob("[0-9]*_[0-9]*") if (path / "job.json").exists())


def _listed(arguments: Sequence[str], option: str) -> list[str]:
    return next((it.removeprefix(option).split(",") for it in arguments if it.startswith(option)), [])


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _write(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text)
    new.rename(path)


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    command, state, *arguments = sys.argv[1:]
    folder = Path(state)
    if command == "monitor":
        return _monitor(folder, arguments)
    silent = _said(folder).get("silent", {})
    if command in silent:
        sys.stderr.write(f"{silent[command]}\n")
        return 1
    return COMMANDS[command](folder, [it for it in arguments if it != "--quiet"])


if __name__ == "__main__":
    sys.exit(main())
