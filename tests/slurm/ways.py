"""One command in many ways to end: `python ways.py WAY OUT`. What it declares is `OUT/m.json`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

MIB = 2**20


def main(way: str, out: Path) -> None:
    if way == "raises":
        raise RuntimeError("it cannot go on")
    if way == "swallows":
        os._exit(0)
    if way == "exits_3":
        sys.exit(3)
    if way == "exits_137":
        os._exit(137)
    if way == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if way == "kills_itself":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "kills_its_supervisor":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if way == "takes_memory":
        take(400 * MIB)
    if way == "child_takes_memory":
        code = "held = bytearray(400 * 2**20); held[::4096] = b'x' * len(held[::4096])"
        subprocess.run([sys.executable, "-c", code], check=False)
    if way == "sleeps":
        (out / "began").touch()
        time.sleep(600)
    (out / "m.json").write_text('{"mse": 0.5}')
    if way == "late_exit_4":
        sys.exit(4)


def take(size: int) -> None:
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
