"""What a real Slurm printed, in `seen/`: written by record_seen.py, for tests that need no cluster."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SEEN = Path(__file__).parent / "seen"
_EXIT = "# exit code "
_STDERR = "# stderr: "


@dataclass(frozen=True)
class Answer:
    """What one command printed, and what it exited with."""

    argv: tuple[str, ...]
    stdout: str
    stderr: str = ""
    exit_code: int = 0


@dataclass(frozen=True)
class Recorded:
    """How it was provoked, and the answers, in the order in which they were asked for."""

    about: str
    answers: tuple[Answer, ...]

    def stdout(self, *beginning: str) -> str:
        """What the first command printed whose words begin so; later ones are in `answers`."""
        return next(answer.stdout for answer in self.answers if answer.argv[: len(beginning)] == beginning)


def as_text(recorded: Recorded) -> str:
    return "".join((f"# {recorded.about}\n", *(part for answer in recorded.answers for part in _parts(answer))))


def _parts(answer: Answer) -> Iterable[str]:
    yield f"$ {shlex.join(answer.argv)}\n"
    yield answer.stdout
    if answer.exit_code:
        yield from (f"{_STDERR}{line}\n" for line in answer.stderr.splitlines())
        yield f"{_EXIT}{answer.exit_code}\n"


def read_seen(name: str) -> Recorded:
    """The file `seen/<name>.txt`."""
    about, *parts = (SEEN / f"{name}.txt").read_text().removeprefix("# ").split("\n$ ")
    return Recorded(about, tuple(_answer(*part.partition("\n")[::2]) for part in parts))


def _answer(command: str, printed: str) -> Answer:
    lines = printed.splitlines()
    codes = [int(line.removeprefix(_EXIT)) for line in lines if line.startswith(_EXIT)]
    stderr = [line.removeprefix(_STDERR) for line in lines if line.startswith(_STDERR)]
    stdout = [line for line in lines if not line.startswith((_EXIT, _STDERR))]
    return Answer(
        tuple(shlex.split(command)),
        "".join(f"{line}\n" for line in stdout),
        "".join(f"{line}\n" for line in stderr),
        codes[0] if codes else 0,
    )


def all_seen() -> list[str]:
    return sorted(file.stem for file in SEEN.glob("*.txt"))
