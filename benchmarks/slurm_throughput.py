"""What the Slurm launcher costs beside Slurm itself, on a cluster whose commands are on PATH.

    python benchmarks/slurm_throughput.py [--tasks 1000] [--rounds 60] [--polls 5]

Interleaved, each after the same preparation and with Slurm at rest: raw `sbatch --array` of the very script that the
launcher submits, and the launcher's own submission. Then polls of so many jobs: how many of Slurm's commands each
takes, and how long. The arrays are held, so nothing runs; all pending jobs of this user are cancelled before each.

Exit code 1 where submission takes more than 1.2 times as long as raw, by the medians of all rounds, or a poll more than
three commands or half a second. A submission is a matter of milliseconds, which a few rounds do not tell apart.
"""

from __future__ import annotations

import argparse
import json
import random
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
from runner.launchers.looks import Queued
from runner.launchers.slurm import SlurmLauncher
from runner.slots import Slot
from runner.slurm import commands
from runner.slurm.array import ARRAY
from runner.slurm.reference import Reference
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


def quiet() -> None:
    """Until Slurm has nothing of this user's to do: what comes next shall find it as what came before."""
    subprocess.run(["scancel", "--me", "--state=PENDING"], check=False)
    time.sleep(0.4)


def raw(script: Path) -> float:
    """Seconds for sbatch alone."""
    begun = time.monotonic()
    subprocess.run(["sbatch", "--parsable", str(script)], check=True, capture_output=True)
    return time.monotonic() - begun


def submitted(root: Path, given: list[Launching]) -> tuple[float, list[str], SlurmLauncher]:
    """Seconds that the launcher takes, and what it gave them."""
    launcher = SlurmLauncher(root, Slurm(extra={"hold": True}), Resources())
    begun = time.monotonic()
    references = launcher.submit(given)
    seconds = time.monotonic() - begun
    return seconds, [str(reference) for reference in references], launcher


def written(script: Path, references: list[str], root: Path) -> Path:
    """The script of this array, in a file of its own."""
    described = root / "slurm" / Reference(references[0]).name / ARRAY
    script.write_text(json.loads(described.read_text().partition("\n")[0])["script"])
    return script


def compared(root: Path, tasks: int, rounds: int) -> tuple[float, float]:
    """Seconds of our submission and of raw sbatch: medians, in an order that is drawn anew for each round."""
    script = written(root / "script.sh", submitted(root, launchings(root, tasks))[1], root)
    seconds: dict[str, list[float]] = {"ours": [], "raw": []}
    for _ in range(rounds):
        for way in random.sample(list(seconds), len(seconds)):
            quiet()
            given = launchings(root, tasks)
            seconds[way].append(submitted(root, given)[0] if way == "ours" else raw(script))
    return statistics.median(seconds["ours"]), statistics.median(seconds["raw"])


def polled(root: Path, tasks: int) -> tuple[float, int]:
    """Seconds of a poll, and how many commands it takes."""
    _, references, launcher = submitted(root, launchings(root, tasks))
    time.sleep(1.5)
    with mock.patch.object(commands, "ask", wraps=commands.ask) as counted:
        begun = time.monotonic()
        looks = [launcher.look(reference) for reference in references]
        seconds = time.monotonic() - begun
    if not all(isinstance(look, Queued) for look in looks):
        sys.exit("a job that is held was not seen to wait")
    return seconds, counted.call_count


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--polls", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runner-slurm-throughput-") as folder:
        ours, theirs = compared(Path(folder), asked.tasks, asked.rounds)
        quiet()
        polls = [polled(Path(folder), asked.tasks) for _ in range(asked.polls)]
        quiet()
    longest, most = max(seconds for seconds, _ in polls), max(count for _, count in polls)
    told = f"{1000 * ours:.1f} ms, raw sbatch {1000 * theirs:.1f} ms, ratio {ours / theirs:.2f}"
    print(f"submission of {asked.tasks} tasks: {told}")
    print(f"a poll of {asked.tasks} jobs: {longest:.3f} s at most, {most} commands")
    return 0 if ours <= MOST_RATIO * theirs and longest <= MOST_SECONDS and most <= MOST_COMMANDS else 1


if __name__ == "__main__":
    sys.exit(main())
