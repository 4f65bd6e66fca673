"""One command in many ways to end: `python ways.py WAY OUT`. What it declares is `OUT/m.json`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

MIB = 2**20


def main(way: str, out: Path) -> None:
    if way in BEFORE:
        BEFORE[way](out)
    (out / "m.json").write_text('{"mse": 0.5}')
    if way == "late_exit_4":
        sys.exit(4)


def raises(_out: Path) -> None:
    raise RuntimeError("it cannot go on")


def sleeps(out: Path) -> None:
    (out / "began").touch()
    time.sleep(600)


def kills_its_supervisor(_out: Path) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def takes_memory(_out: Path) -> None:
    held = bytearray(400 * MIB)
    held[::4096] = b"x" * len(held[::4096])


def child_takes_memory(_out: Path) -> None:
    code = "held = bytearray(400 * 2**20); held[::4096] = b'x' * len(held[::4096])"
    subprocess.run([sys.executable, "-c", code], check=False)


BEFORE: Mapping[str, Callable[[Path], object]] = {
    "raises": raises,
    "swallows": lambda _: os._exit(0),
    "exits_3": lambda _: sys.exit(3),
    "exits_137": lambda _: os._exit(137),
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "kills_itself": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "kills_its_supervisor": kills_its_supervisor,
    "takes_memory": takes_memory,
    "child_takes_memory": child_takes_memory,
    "sleeps": sleeps,
}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
