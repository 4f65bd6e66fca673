"""Sweeps carried out for real: the `runner` command as a person types it, in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
RUNNER = str(Path(sys.executable).with_name("runner"))
PATIENCE = 300.0
BASE: Mapping[str, Any] = {
    "name": "probe",
    "plugins": [str(ROOT / "tests" / "plugins")],
    "tasks": ["signal_prediction"],
    "data": {"window": 256, "max_windows": 1, "systems": [102]},
    "train": {"batch": 8, "steps": 4, "warmup_steps": 1, "log_every": 1, "checkpoint_every": 1},
    "policy": {"wait": 0.1, "grace": 1.0},
    "grid": {"backbone": ["tiny"]},
}


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Desk:
    """A folder with one sweep file and one root, and the commands typed in it."""

    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "runs"

    def write(self, **sections: Any) -> None:
        """The sweep file: JSON is YAML."""
        (self.folder / "sweep.yaml").write_text(json.dumps({**BASE, **sections}, indent=1))

    def start(self, *arguments: str, around: Sequence[str] = (), **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            (*around, RUNNER, *arguments),
            cwd=self.folder,
            env={**os.environ, "RUNNER_SLOTS": str(self.folder / "slots"), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self.started.append(process)
        return process

    def type(self, *arguments: str, **env: str) -> Done:
        """Type a command and wait for its end."""
        return finish(self.start(*arguments, **env))

    def sweep(self, *arguments: str, **env: str) -> Done:
        return self.type("sweep", "sweep.yaml", *arguments, **env)

    def status(self) -> list[dict[str, Any]]:
        """Every run of every sweep, with the name of its sweep."""
        facts = json.loads(self.type("status", "--json").out)
        return [{**run, "sweep": sweep["sweep"]} for sweep in facts["sweeps"] for run in sweep["runs"]]

    def only(self) -> dict[str, Any]:
        """The one run of the sweep."""
        (row,) = self.status()
        return row

    def attempts(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.type("sql", "SELECT * FROM attempts ORDER BY 1, 2", "--json").out)
        return rows

    def wait_for_step(self, number: int = 1) -> Path:
        """Wait until an attempt of this number has trained a step; return its folder."""

        def training() -> Path | None:
            found = [path.parent for path in self.root.glob(f"*/{number}/metrics.jsonl") if path.stat().st_size]
            return found[0] if found else None

        return wait_for(training)

    def clean_up(self) -> None:
        """End all that this desk started, supervisors of killed schedulers too."""
        for process in self.started:
            process.kill()
            process.communicate()
        for claim in self.root.glob("*/*/claim.json"):
            if not (claim.parent / "exit.json").exists():
                kill(json.loads(claim.read_text())["pid"])


def finish(process: subprocess.Popen[str]) -> Done:
    out, err = process.communicate(timeout=PATIENCE)
    return Done(process.returncode, out, err)


def wait_for(look: Callable[[], T | None]) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{look.__qualname__} saw nothing in {PATIENCE:g} s")


def supervisor_of(attempt: Path) -> int:
    return int(json.loads((attempt / "claim.json").read_text())["pid"])


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def carriers(nonce: str) -> list[int]:
    """Processes that belong to the attempt."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"RUNNER_ATTEMPT={nonce}".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found
