"""Seconds that a sweep of many seeds wastes on running out of memory: halved, predicted, or learnt from the ledger.

    python benchmarks/wasted_by_memory.py [--seeds 20] [--rounds 4]

Every run needs 512 MiB for its whole batch and is allowed 600 MiB with all that Python and torch take, so that half the
batch fits. Three modes: nothing is known before (`memory: {predict: false, learn: false}`), what is predicted
(`predict`), what the ledger has seen (`learn`). The seeds are taken in rounds and the modes in turn, so that all meet
the same load; each mode has a ledger of its own, and two attempts run side by side. Seconds are those of the view
`waste`.

Exits with 1 where a mode breaks its promise: every run succeeds; memory never runs out with prediction, once at most
with learning, and in every run without both, or the limit would show nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNNER = str(Path(sys.executable).with_name("runner"))
PLUGINS = Path(__file__).resolve().parent.parent / "tests" / "plugins"
MIB = 2**20
MODES: Mapping[str, Mapping[str, bool]] = {
    "neither": {"predict": False, "learn": False},
    "predict": {"predict": True, "learn": False},
    "learn": {"predict": False, "learn": True},
}
SWEEP: Mapping[str, Any] = {
    "name": "wasted",
    "plugins": [str(PLUGINS)],
    "tasks": ["signal_prediction"],
    "data": {"window": 256, "max_windows": 1, "systems": [102]},
    "train": {"batch": 8, "steps": 2, "warmup_steps": 1, "log_every": 1},
    "grid": {"backbone": ["hungry"]},
    "backbones": {"hungry": {"each": 64 * MIB}},
    "resources": {"memory": "600MiB", "slots": 2, "gpus": "none"},
    "policy": {"wait": 0.1},
}


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What became of one mode. `wasted` and `spent` are seconds of attempts: those that failed of memory, and all."""

    succeeded: int
    attempts: int
    out_of_memory: int
    wasted: float
    spent: float


def carry_out(folder: Path, mode: str, seeds: Sequence[int]) -> float:
    """Run the sweep for these seeds; return how long it took. Whether it went well, its ledger tells."""
    file = folder / f"{mode}.yaml"
    file.write_text(json.dumps({**SWEEP, "memory": MODES[mode], "seeds": list(seeds)}))
    begun = time.monotonic()
    argv = (RUNNER, "sweep", str(file), "--root", str(folder / mode))
    # What is freed is given back, so that a peak is one of the step and not of the allocator.
    env = {**os.environ, "RUNNER_SLOTS": str(folder / "slots"), "MALLOC_MMAP_THRESHOLD_": "65536"}
    subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    return time.monotonic() - begun


def ask(folder: Path, mode: str, query: str) -> dict[str, Any]:
    argv = (RUNNER, "sql", query, "--json", "--root", str(folder / mode))
    (row,) = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout)
    found: dict[str, Any] = row
    return found


def tally(folder: Path, mode: str) -> Tally:
    kinds = "failure_kind IN ('host_oom', 'cuda_oom')"
    wasted = f"SELECT coalesce(sum(attempts), 0) AS n, coalesce(sum(seconds), 0.0) AS s FROM waste WHERE {kinds}"  # noqa: S608 - ours
    lost = ask(folder, mode, wasted)
    made = ask(folder, mode, "SELECT count(*) AS n, sum(verdict = 'succeeded') AS won, sum(wall) AS s FROM attempts")
    return Tally(
        succeeded=made["won"], attempts=made["n"], out_of_memory=lost["n"], wasted=lost["s"], spent=made["s"] or 0.0
    )


def broken(mode: str, seen: Tally, seeds: int) -> str | None:
    """Which promise the mode broke. Pure."""
    if seen.succeeded != seeds:
        return f"{seen.succeeded} of {seeds} runs succeeded"
    if mode == "neither":
        few = seen.out_of_memory < seeds
        return f"memory ran out only {seen.out_of_memory} times: the limit is not tight" if few else None
    most = {"predict": 0, "learn": 1}[mode]
    return f"memory ran out {seen.out_of_memory} times, at most {most}" if seen.out_of_memory > most else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each mode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=4)
    asked = parser.parse_args(arguments)
    parts = [range(asked.seeds)[part :: asked.rounds] for part in range(asked.rounds)]
    took = dict.fromkeys(MODES, 0.0)
    with tempfile.TemporaryDirectory(prefix="runner-wasted-") as name:
        folder = Path(name)
        for number, seeds in enumerate(filter(len, parts)):
            for mode in list(MODES)[number % 3 :] + list(MODES)[: number % 3]:
                took[mode] += carry_out(folder, mode, seeds)
        seen = {mode: tally(folder, mode) for mode in MODES}
    head = f"{'runs':>5} {'attempts':>9} {'out of memory':>14} {'wasted':>9} {'of all':>9} {'sweeps took':>12}"
    print(f"{'mode':8} {head}")
    for mode, it in seen.items():
        cells = f"{it.succeeded:5} {it.attempts:9} {it.out_of_memory:14} {it.wasted:7.1f} s {it.spent:7.1f} s"
        print(f"{mode:8} {cells} {took[mode]:10.1f} s")
    faults = {mode: why for mode, it in seen.items() if (why := broken(mode, it, asked.seeds))}
    for mode, why in faults.items():
        print(f"{mode}: {why}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
