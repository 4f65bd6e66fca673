"""`on_end` of a sweep file: a command of somebody else's, run when the sweep ends, with a summary of it to read.

That it is owed is a file, made before there is anything to tell and removed when it was told: whichever process is
killed at whichever line, the command is run at least once, and twice only if the kill came while it ran.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from db.errors import Refused
from runner import show
from sweeps.programs import script_problem

SECONDS = 60.0
"""For which it may run."""
SHOWN_BYTES = 16 * 2**10
"""Of what it prints; the rest is counted."""


@dataclass(frozen=True, kw_only=True)
class OnEnd:
    """A command that can be started, and the folder it is started in."""

    argv: tuple[str, ...]
    program: str
    folder: Path

    def run(self, summary: Mapping[str, Any], say: Callable[[str], None], seconds: float = SECONDS) -> None:
        """Run it and say what it printed and how it failed, if it did. Nothing it does changes the sweep."""
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as printed:
            told.write(json.dumps(summary, indent=1, allow_nan=False).encode())
            told.seek(0)
            fault = self._carry_out(told, printed, seconds)
            if words := _beginning(printed):
                say(f"on_end: {self.argv[0]} said:\n{words}")
        if fault:
            say(f"on_end: {self.argv[0]} {fault}; the sweep stands as it is")

    def _carry_out(self, told: BinaryIO, printed: BinaryIO, seconds: float) -> str | None:
        """What went wrong, as the end of a sentence; None where nothing did."""
        try:
            process = subprocess.Popen(
                self.argv,
                executable=self.program,
                cwd=self.folder,
                stdin=told,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        try:
            return _fault(process.wait(seconds))
        except subprocess.TimeoutExpired:
            _kill_group(process)
            return f"did not end within {seconds:g} s and was killed"
        except BaseException:
            _kill_group(process)
            raise


class Debt:
    """That the end of a sweep is still to be told: a file that outlives us."""

    def __init__(self, root: Path, sweep: str) -> None:
        self._path = root / "on_end" / sweep
        self.owed = self._path.exists()

    def owe(self) -> None:
        if not self.owed:
            self._path.parent.mkdir(exist_ok=True)
            self._path.touch()
            self.owed = True

    def settle(self) -> None:
        self._path.unlink(missing_ok=True)
        self.owed = False


def find_command(argv: Sequence[str], folder: Path, place: str) -> OnEnd | None:
    """The command that `argv` of a sweep file in `folder` names; None where it names none.

    Raises:
        Refused: there is no such program, or no such script for it; the message begins with `place`.
    """
    if not argv:
        return None
    if any("\0" in word for word in argv):
        raise Refused(f"{place}: on_end: a word of a command cannot hold a null character")
    name = argv[0]
    program = shutil.which(folder / name if "/" in name else name)  # with a `/`, as the command line of that folder
    if program is None:
        where = f"in {folder}" if "/" in name else "on PATH"
        raise Refused(f"{place}: on_end: there is no program `{name}` {where} that can be executed")
    problem = script_problem(argv, str(folder))
    if problem:
        raise Refused(f"{place}: on_end: {problem[1]}")
    return OnEnd(argv=tuple(argv), program=os.path.abspath(program), folder=folder)  # noqa: PTH100 - links stay links


def _fault(code: int) -> str | None:
    if code == 0:
        return None
    return f"ended with exit code {code}" if code > 0 else f"was killed by {signal.Signals(-code).name}"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _beginning(printed: BinaryIO) -> str:
    """The beginning of what was printed, nothing in it moving a cursor."""
    size = printed.seek(0, os.SEEK_END)
    printed.seek(0)
    words = show.plain(printed.read(SHOWN_BYTES).decode(errors="replace")).rstrip()
    left = f"\n({size - SHOWN_BYTES} more bytes)" if size > SHOWN_BYTES else ""
    return words and "\n".join(f"  | {line}" for line in words.split("\n")) + left
