"""A short job of a kill storm: marks its start and its end in a side channel, and proves its success in between.

    python short_job.py SIDE RUN NUMBER SECONDS OUT

It holds a lock of its run for as long as it lives, so it knows at its start whether another body of the run executes.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path

from runner import report

STEPS = 5
EXITING = 0x4
"""PF_EXITING of include/linux/sched.h: what has it executes nothing any more."""


def main() -> None:
    """Do the work."""
    side, run, number, seconds, out = sys.argv[1:]
    beside = take(Path(side) / f"{run}.lock")
    mark(side, run, "start", beside=beside)
    for step in range(STEPS):
        report.metrics(step, loss=1 / (step + 1))
        time.sleep(float(seconds) / STEPS)
    score = int(number) + 0.5
    (Path(out) / "score.json").write_text(json.dumps({"score": score}))
    report.done(again=score, steps=STEPS)
    mark(side, run, "end")


def mark(side: str, run: str, what: str, **more: object) -> None:
    """Append a line in one write; clocks of all processes of a boot agree about `time.monotonic`."""
    known = {"run": run, "nonce": os.environ["RUNNER_ATTEMPT"], "pid": os.getpid(), "what": what}
    line = json.dumps({**known, "time": time.monotonic(), **more}) + "\n"
    descriptor = os.open(f"{side}/marks.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def take(path: Path) -> int | None:
    """Take the run's lock, to be held until this process ends. Returns the pid of another body that executes."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    while not locked(descriptor):
        holder = int(os.pread(descriptor, 20, 0) or b"0")
        if executes(holder):
            return holder
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return None


def locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def executes(pid: int) -> bool:
    """Whether it still runs code of its own. A killed process holds its locks for a moment longer."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] not in "ZX" and not int(fields[6]) & EXITING


if __name__ == "__main__":
    main()
