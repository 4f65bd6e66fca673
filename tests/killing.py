"""`runner`, killed by SIGKILL at a moment of its own: `python killing.py MOMENT ARGUMENT ...`.

MOMENT is `act:N`, right after the N-th durable act (a commit, a file that appeared, a lock, a process that was
started), `line:N`, at the N-th line of our own code that it comes to for the first time, or `unlink:FOLDER`, right
before it removes a file of a folder of this name. Whoever outlives its moment ends as `runner` does.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from runner.cli import main

FILES = frozenset({"fsync", "replace", "rename", "link", "mkdir", "unlink", "write", "pwrite", "ftruncate", "utime"})
ACTS = FILES | {"posix_spawn", "kill", "flock", "fcntl"}
OURS = tuple(f"/{package}/" for package in ("db", "runner"))


class Deadly:
    """Counts moments down, and kills this process at the last."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._known: set[tuple[str, int]] = set()

    def after_act(self, frame: FrameType, event: str, what: Any) -> None:
        if event == "c_return":
            done = what.__name__ in ACTS and what.__module__ in ("posix", "fcntl")
        else:
            committing = frame.f_code.co_name == "patiently" and frame.f_locals.get("statement") == "COMMIT"
            done = event == "return" and committing
        if done:
            self._count()

    def at_line(self, frame: FrameType, event: str, _what: Any) -> Any:
        place = (frame.f_code.co_filename, frame.f_lineno)
        if not any(ours in place[0] for ours in OURS):
            return None
        if event == "line" and place not in self._known:
            self._known.add(place)
            self._count()
        return self.at_line

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before_unlink(frame: FrameType, event: str, _what: Any) -> None:
    if event == "call" and frame.f_code is Path.unlink.__code__ and frame.f_locals["self"].parent.name == sought:
        die()


if __name__ == "__main__":
    kind, _, sought = sys.argv[1].partition(":")
    if kind == "act":
        sys.setprofile(Deadly(int(sought)).after_act)
    elif kind == "line":
        sys.settrace(Deadly(int(sought)).at_line)
    else:
        sys.setprofile(before_unlink)
    sys.exit(main(sys.argv[2:]))
