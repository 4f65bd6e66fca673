"""What commands cost beside a bare interpreter: CPU seconds, interleaved, the median of several rounds.

    python benchmarks/commands.py [--runs 1000] [--rounds 15]

The floors that this project set itself: `runner --help` at most 4 times `python -c pass`, `runner status` on a ledger
of 1,000 runs at most 6 times. Exits 1 where one is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from db.ledger import Ledger, RunRow
from db.records import BatchSplit
from db.verdicts import Failed, Measured

RUNNER = str(Path(sys.executable).with_name("runner"))


def main() -> int:
    """Print a row a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_ledger(Path(folder) / "ledger.db", asked.runs)
        commands = {
            "python -c pass": ((sys.executable, "-c", "pass"), 1.0),
            "runner --help": ((RUNNER, "--help"), 4.0),
            f"runner status ({asked.runs} runs)": ((RUNNER, "status", "--root", folder), 6.0),
            "runner why RUN": ((RUNNER, "why", "dlinear-000000000000", "--root", folder), 6.0),
        }
        costs: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(asked.rounds):
            for name, (argv, _) in commands.items():
                costs[name].append(cpu_seconds(argv))
    floor = statistics.median(costs["python -c pass"])
    missed = False
    for name, (_, limit) in commands.items():
        median = statistics.median(costs[name])
        missed |= median > limit * floor
        print(f"{name:32} {median * 1000:7.1f} ms CPU {median / floor:5.2f} x (at most {limit:g} x)")
    return int(missed)


def cpu_seconds(argv: Sequence[str]) -> float:
    """User and system time of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_ledger(path: Path, count: int) -> None:
    """A sweep of `count` runs, each with an attempt that failed."""
    ledger = Ledger(path)
    runs = [
        RunRow(
            run_id=f"dlinear-{number:012x}",
            label=f"dlinear seed={number}",
            backbone="dlinear",
            settings="{}",
            effective_batch=16,
            planned_steps=100,
        )
        for number in range(count)
    ]
    sweep = ledger.record_sweep(
        name="large", digest="d", file="large.yaml", profile=None, profile_reason="the file has no profiles", runs=runs
    )
    scheduler = ledger.record_scheduler(sweep_id=sweep, host="h", boot_id="b", pid=os.getpid())
    ledger.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff=None)
    for number, run in enumerate(runs):
        attempt = ledger.record_attempt(
            batch=BatchSplit(micro=16, accum=1),
            run_id=run.run_id,
            nonce=f"{number:032x}",
            number=1,
            scheduler_id=scheduler,
            start_step=0,
            resumed_number=None,
            launcher="local",
            device="cpu",
            code_id="c",
        )
        ledger.record_verdict(attempt, Failed(kind="crashed", because="it broke", evidence=()), Measured(wall=1.0))
    ledger.close()


if __name__ == "__main__":
    sys.exit(main())
