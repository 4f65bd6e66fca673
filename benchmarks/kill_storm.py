"""Sweeps of 50 short jobs while schedulers, supervisors and workers are killed at random moments: does the ledger lie?

    python benchmarks/kill_storm.py [--kills 100] [--seed 0] [--runs 50]

Sweep after sweep until all kills are spent. The jobs leave marks in a side channel (`short_job.py`), and what the
ledger says is held against these and against what was killed (`storm_truth.py`). Prints how often each happened; exits
1 where anything is wrong, and keeps the folder. The seed decides who is killed and when; the machine decides what they
were doing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from storm_truth import Kill, judge_storm

HERE = Path(__file__).resolve().parent
RUNNER = str(Path(sys.executable).with_name("runner"))
AGAIN = dict.fromkeys(("lost", "killed", "contradiction", "launch_refused", "interrupted"), 100_000)
WEIGHTS = {"scheduler": 1, "supervisor": 2, "worker": 2}
PAUSE = 0.15
"""Seconds between two kills, on average."""
SPARED = 0.9
"""Of the schedulers that have only just been started: else, on a slow machine, hardly any would come to work."""
PATIENCE = 120.0
"""Seconds that a sweep may take once nothing is killed any more."""
BEHIND = '"$@"\nexit $?\n'
"""A shell script that waits for its arguments as a command: the body is then no child of the supervisor."""


def main() -> int:
    """Storm until all kills are spent, then say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=50, help="in each sweep")
    asked = parser.parse_args()
    happened: Counter[str] = Counter()
    wrong: list[str] = []
    left, number, begun = asked.kills, 0, time.monotonic()
    while left > 0:
        number += 1
        folder = Path(tempfile.mkdtemp(prefix=f"storm-{asked.seed}-{number}-"))
        # Of its own for each sweep, so that one of them is hit by the same choices whatever became of those before.
        storm = Storm(folder, asked.runs, left, random.Random(f"{asked.seed}.{number}"))  # noqa: S311 - no secrets
        wrongs = storm.rage()
        left -= len(storm.kills)
        wrongs += judge_storm(folder, storm.kills, asked.runs, happened)
        print(
            f"sweep {number}: {len(storm.kills)} kills, {len(wrongs)} wrong{f', see {folder}' if wrongs else ''}",
            flush=True,
        )
        for line in wrongs:
            print(f"  WRONG: {line}")
        wrong += wrongs
        if not wrongs:
            shutil.rmtree(folder)
    for what, count in sorted(happened.items()):
        print(f"{count:6}  {what}")
    minutes = (time.monotonic() - begun) / 60
    print(f"{asked.kills} kills in {number} sweeps of {asked.runs} runs, {minutes:.1f} minutes: {len(wrong)} wrong")
    return int(bool(wrong))


@dataclass
class Storm:
    """One sweep, carried to its end by as many schedulers as it takes. `most` bounds the kills."""

    folder: Path
    runs: int
    most: int
    chance: random.Random
    kills: list[Kill] = field(default_factory=list)

    def rage(self) -> list[str]:
        """Returns what no scheduler may do, whatever was killed."""
        self._write()
        scheduler = self._start()
        quiet_since = time.monotonic()
        try:
            while (code := scheduler.poll()) in (None, -signal.SIGKILL):
                if code is not None:
                    time.sleep(self.chance.choice((0.0, 0.0, 0.5)))
                    scheduler = self._start()
                if len(self.kills) < self.most:
                    quiet_since = time.monotonic()
                    self._strike(scheduler)
                elif time.monotonic() - quiet_since > PATIENCE:
                    return [f"the sweep did not end within {PATIENCE:g} s of the last kill"]
                time.sleep(self.chance.expovariate(1 / PAUSE))
        finally:
            scheduler.kill()
            scheduler.wait()
            (self.folder / "kills.json").write_text(json.dumps([asdict(each) for each in self.kills], indent=1))
        return [] if code == 0 else [f"a scheduler ended with exit code {code}: {self._said()}"]

    def _write(self) -> None:
        (self.folder / "side").mkdir()
        (self.folder / "behind.sh").write_text(BEHIND)
        shell = ["bash", str(self.folder / "behind.sh")]
        numbers = list(range(self.runs))
        body = ["{python}", str(HERE / "short_job.py"), str(self.folder / "side"), "{run}", "{number}", "{seconds}"]
        sweep = {
            "name": "storm",
            "command": {"argv": ["{before}", *body, "{out}"], "name": "job", "env": {"PYTHONPATH": str(HERE.parent)}},
            "success": {"files": [{"path": "{out}/score.json", "metrics": ["score"]}], "report": True},
            "zip": {
                "number": numbers,
                "seconds": [round(self.chance.uniform(0.0, 1.0), 3) for _ in numbers],
                "before": [shell if number % 2 else [] for number in numbers],
            },
            "policy": {"retries": AGAIN, "wait": 0, "grace": 0.3},
            "resources": {"slots": 4},
        }
        (self.folder / "sweep.yaml").write_text(json.dumps(sweep, indent=1))

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "said.txt").open("ab") as said:
            return subprocess.Popen(
                (RUNNER, "sweep", "sweep.yaml"),
                cwd=self.folder,
                env={**os.environ, "RUNNER_SLOTS": str(self.folder / "slots")},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def _said(self) -> str:
        return (self.folder / "said.txt").read_text(errors="replace")[-1000:]

    def _strike(self, scheduler: subprocess.Popen[bytes]) -> None:
        """Kill somebody, if there is anybody of the kind that chance has named."""
        (what,) = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if what == "scheduler":
            if not self._is_at_work(scheduler) and self.chance.random() < SPARED:
                return
            scheduler.kill()
            scheduler.wait()
            self.kills.append(Kill(what, None, time.monotonic(), scheduler.pid))
            return
        victims = sorted(find(self.folder, what).items())
        if not victims:
            return
        pid, nonce = victims[-1] if self.chance.random() < 1 / 3 else self.chance.choice(victims)
        at = time.monotonic()
        if kill(pid, nonce):
            self.kills.append(Kill(what, nonce, at, pid))

    def _is_at_work(self, scheduler: subprocess.Popen[bytes]) -> bool:
        return f"process {scheduler.pid} " in read(self.folder / "runs" / "locks" / "storm.lock")


def find(folder: Path, what: str) -> Mapping[int, str]:
    """The supervisors or workers of the sweep in this folder, by pid, with the attempt they are of."""
    processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    named = {int(each.name): nonce for each in processes if (nonce := named_by_command(each, folder))}
    # A supervisor's child has its parent's command line until it executes its own program.
    unborn = {pid: nonce for pid, nonce in named.items() if named.get(parent_of(pid)) == nonce}
    if what == "supervisor":
        return {pid: nonce for pid, nonce in named.items() if pid not in unborn}
    return {int(each.name): nonce for each in processes if (nonce := named_by_environment(each, folder))} | unborn


def named_by_command(process: Path, folder: Path) -> str | None:
    parts = read(process / "cmdline").split("\0")
    ours = len(parts) > 3 and "runner.supervisor" in "".join(parts[:-3]) and parts[-3].startswith(f"{folder}/")
    return parts[-2] if ours else None


def named_by_environment(process: Path, folder: Path) -> str | None:
    environment = dict(part.partition("=")[::2] for part in read(process / "environ").split("\0"))
    ours = environment.get("RUNNER_ATTEMPT_DIR", "").startswith(f"{folder}/")
    return environment.get("RUNNER_ATTEMPT") if ours else None


def parent_of(pid: int) -> int:
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def kill(pid: int, nonce: str) -> bool:
    """Kill the process if it is still the one that was found."""
    with contextlib.suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            words: Sequence[str] = [read(Path(f"/proc/{pid}") / name) for name in ("cmdline", "environ")]
            if any(nonce in text for text in words):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            os.close(handle)
    return False


def read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
