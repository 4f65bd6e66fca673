"""What the Slurm launcher costs beside Slurm itself, on a cluster whose commands are on PATH.

    python benchmarks/slurm_throughput.py [--tasks 1000] [--rounds 3]

Interleaved: raw `sbatch --array` of the very script that the launcher submits, and the launcher's own submission. Then
polls of so many jobs: how many of Slurm's commands each takes, and how long. The arrays are held, so nothing runs; all
pending jobs of this user are cancelled after each round. Exit code 1 where submission takes more than 1.2 times as long
as raw, or a poll more than three commands or half a second.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from db.records import BatchSplit, Plan
from runner.attempt_dir import AttemptDir
from runner.launchers.interface import Launching
from runner.launchers.slurm import SlurmLauncher
from runner.slots import Slot
from runner.slurm import commands
from sweeps.settings import Resources
from sweeps.slurm import Slurm

MOST_RATIO, MOST_COMMANDS, MOST_SECONDS = 1.2, 3, 0.5


def launchings(root: Path, count: int) -> list[Launching]:
    """As they are once opened: their plans were written, so their paths have been spelled."""
    slot = Slot(device="cpu", name="slurm", env={}, descriptor=None)
    folders = [root / f"run-{number}" / "1" for number in range(count)]
    return [
        Launching(attempt=AttemptDir(folder), plan=plan_of(number), slot=slot)
        for number, folder in enumerate(folders)
        if str(folder)
    ]


def plan_of(number: int) -> Plan:
    return Plan(
        attempt_id=f"{number:032x}",
        run_id=f"run-{number}",
        number=1,
        argv=("true",),
        cwd="/",
        batch=BatchSplit(micro=1, accum=1),
        planned_steps=None,
        required_metrics=(),
        settings={},
    )


def raw(script: Path) -> float:
    """Seconds for sbatch alone."""
    begun = time.monotonic()
    subprocess.run(["sbatch", "--parsable", str(script)], check=True, capture_output=True)
    return time.monotonic() - begun


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    ours, theirs, polls, asked_each = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="runner-slurm-throughput-") as folder:
        root = Path(folder)
        for _ in range(asked.rounds):
            launcher = SlurmLauncher(root, Slurm(extra={"hold": True}), Resources())
            given = launchings(root, asked.tasks)
            begun = time.monotonic()
            references = [str(reference) for reference in launcher.submit(given)]
            ours.append(time.monotonic() - begun)
            (script,) = [
                path
                for path in root.glob("slurm/*/*_submission.sh")
                if path.name.startswith(references[0].partition("_")[0])
            ]
            theirs.append(raw(script))
            time.sleep(1.5)
            with mock.patch.object(commands, "ask", wraps=commands.ask) as counted:
                begun = time.monotonic()
                looks = [launcher.look(reference) for reference in references]
                polls.append(time.monotonic() - begun)
                asked_each.append(counted.call_count)
            print(f"{len(looks)} looks, the first: {looks[0]}")
            subprocess.run(["scancel", "--me", "--state=PENDING"], check=False)
    ratio = statistics.median(ours) / statistics.median(theirs)
    told = f"{statistics.median(ours):.3f} s, raw sbatch {statistics.median(theirs):.3f} s, ratio {ratio:.2f}"
    print(f"submission of {asked.tasks} tasks: {told}")
    print(f"a poll of {asked.tasks} jobs: {max(polls):.3f} s at most, {max(asked_each)} commands")
    kept = ratio <= MOST_RATIO and max(polls) <= MOST_SECONDS and max(asked_each) <= MOST_COMMANDS
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
