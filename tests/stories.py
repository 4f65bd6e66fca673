"""Sweeps of jobs that mark what they do, so that what the ledger tells of them can be held against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sweeping import ROOT, Desk

BODY = ROOT / "tests" / "commands" / "marked.sh"
KILLING = ROOT / "tests" / "killing.py"


class Mark(NamedTuple):
    """`start`, `end` or, where another body of the run lived, `beside`."""

    what: str
    run: str
    nonce: str


class StoryDesk(Desk):
    """A desk whose jobs leave marks in a side channel."""

    @property
    def side(self) -> Path:
        return self.folder / "side"

    def write(
        self, *, seconds: float = 0.1, fates: Sequence[str] = ("well",), before: Any = (), **sections: Any
    ) -> None:
        """One job a fate. `before` stands before the command."""
        self.side.mkdir(exist_ok=True)
        argv = [*before, "bash", str(BODY), str(self.side), "{run}", "{seconds}", "{fate}", "{out}"]
        sweep = {
            "name": "story",
            "command": {"argv": argv, "name": "job", "env": {"NUMBER": "{number}"}},
            "success": {"files": [{"path": "{out}/metrics.json", "metrics": ["mse"]}]},
            "settings": {"seconds": seconds},
            "zip": {"number": list(range(len(fates))), "fate": list(fates)},
            "policy": {"wait": 0, "grace": 0.3, "retries": {"lost": 1000, "killed": 1000}},
            "resources": {"slots": 2},
        }
        (self.folder / "sweep.yaml").write_text(json.dumps({**sweep, **sections}, indent=1))

    def start_deadly(self, moment: str, *arguments: str) -> subprocess.Popen[str]:
        """`runner`, killed by itself at a moment of `killing.py`."""
        process = subprocess.Popen(
            (sys.executable, str(KILLING), moment, *arguments),
            cwd=self.folder,
            env={**os.environ, "RUNNER_SLOTS": str(self.folder / "slots")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self.started.append(process)
        return process

    def marks(self) -> list[Mark]:
        path = self.side / "marks"
        return [Mark(*line.split()) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_mark(self, what: str = "start") -> Mark | None:
        return next((mark for mark in self.marks() if mark.what == what), None)

    def wrongs(self) -> list[str]:
        """What may never be, whatever became of schedulers, as long as no supervisor was touched."""
        attempts = self.attempts()
        told = {row["nonce"]: row for row in attempts}
        marks = self.marks()
        found = [f"{mark}: two bodies at once" for mark in marks if mark.what == "beside"]
        found += [f"{mark}: not in the ledger" for mark in marks if mark.nonce not in told]
        started = [mark.nonce for mark in marks if mark.what == "start"]
        found += [f"{nonce}: started twice" for nonce in {*started} if started.count(nonce) > 1]
        ended = {mark.nonce for mark in marks if mark.what == "end"}
        for nonce, row in told.items():
            if (row["verdict"] == "succeeded") != (nonce in ended):
                found.append(f"its body {'ended' if nonce in ended else 'did not end'}: {row}")
            if (row["failure_kind"] == "interrupted") == (nonce in started):
                found.append(f"its body {'began' if nonce in started else 'never began'}: {row}")
        for run in {row["run"] for row in attempts}:
            ladder = [row for row in attempts if row["run"] == run]
            numbers = [row["attempt"] for row in ladder]
            folders = sorted(int(path.name) for path in (self.root / run).iterdir())
            if not numbers == folders == list(range(1, len(numbers) + 1)):
                found.append(f"{run}: attempts {numbers}, folders {folders}")
            if any(row["verdict"] in ("open", "succeeded") for row in ladder[:-1]):
                found.append(f"{run}: went on after {[row['verdict'] for row in ladder]}")
        return found
