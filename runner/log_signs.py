"""Signs of failure in an attempt's text. They name the kind of one that failed, and never doubt a proven success."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from runner.aftermath import Aftermath
from runner.last_line import plain
from runner.regular_file import reading
from runner.sign_patterns import OF_MEMORY, OF_WANT, NotANumber, sign_in, warns_of_memory
from runner.tracebacks import SHOWN, Tracebacks

MAX_LOG_BYTES = 64 * 2**20
"""Read of each log; the supervisor keeps them below that unless it is told otherwise."""
_BLOCK = 2**20
_LONGEST_LINE = 4096


@dataclass(frozen=True, kw_only=True)
class Signs:
    """The line that shows each; of a traceback its last line, which names the exception.

    `warned`: a warning spoke of a lack of GPU memory. `overcome`: it is told that a lack of memory was got over, and
    `went_on`: something that was printed may mean so.
    """

    device_fault: str | None = None
    device_busy: str | None = None
    cuda_oom: str | None = None
    host_oom: str | None = None
    disk_full: str | None = None
    traceback: str | None = None
    nan: str | None = None
    warned: str | None = None
    overcome: bool = False
    went_on: bool = False

    @property
    def shown(self) -> tuple[str, ...]:
        """Those that there are, in words."""
        words = {
            "a faulty device": self.device_fault,
            "a device that others hold": self.device_busy,
            "a lack of GPU memory": self.cuda_oom,
            "a lack of host memory": self.host_oom,
            "a full disk": self.disk_full,
            "a traceback": self.traceback,
            "NaN": self.nan,
        }
        return tuple(f"{word} ({line})" for word, line in words.items() if line)


def read_signs(logs: Sequence[Path]) -> Signs:
    """Look through logs, each whole, as if the first had been written after the others: it counts before them."""
    return signs_in(line for log in reversed(logs) for line in _lines_of(log))


def signs_in(lines: Iterable[bytes]) -> Signs:
    """The last line that shows each sign. What went wrong after it, and not because of it, takes its place. Pure."""
    found: dict[str, _Shown] = {}
    warned: str | None = None
    tracebacks, numbers, aftermath = Tracebacks(), NotANumber(), Aftermath()
    for line in lines:
        wanted = aftermath.listens or tracebacks.unfinished or numbers.line
        if not (wanted or any(word in line for word in _TELLING)):
            continue
        text = plain(line)
        numbers.hear(text)
        raised = tracebacks.hear(text)
        sign = sign_in(text) or (sign_in(raised) if raised else None)
        if raised and tracebacks.is_another_failure(raised):
            found = {name: each for name, each in found.items() if not each.is_over(name, tracebacks.rank)}
        if sign:
            found[sign] = _Shown(text.strip()[:SHOWN], tracebacks.rank if raised else None)
        warns = not sign and warns_of_memory(text) and not aftermath.is_overcome(text)
        warned = text.strip()[:SHOWN] if warns else warned
        if warns or sign in OF_MEMORY:
            aftermath.begin(text)
        else:
            aftermath.hear(text, in_traceback=bool(raised or tracebacks.unfinished))
    told: dict[str, Any] = {name: each.line for name, each in found.items()}
    told |= {"nan": numbers.line and numbers.line[:SHOWN], "traceback": tracebacks.told, "warned": warned}
    return Signs(**told, overcome=aftermath.overcome, went_on=aftermath.anything)


class _Shown(NamedTuple):
    """A line that shows a sign; of an exception also whose traceback it ends."""

    line: str
    rank: str | None

    def is_over(self, sign: str, rank: str) -> bool:
        """Whether another exception, of that rank, shows that this one was not the end."""
        return sign in OF_WANT and self.rank in (None, rank)


_TELLING = (
    b"Traceback",
    b"above exception",
    b"emory",
    b"MEMORY",
    b"ALLOC",
    b"alloc",
    b"OOM",
    b"No space",
    b"quota",
    b"CUDA",
    b"GPU",
    b"NVRM",
    b"device",
    b"error",
    b"Error",
    b"Exception",
    b"EXHAUSTED",
    b"Killed",
    b"inf, stop",
    b"nan",
    b"NaN",
    b"NAN",
    b"alling back",
    b"rying",
    b"educ",
    b"alv",
)
"""Each line with a sign holds one of these. Looking for them first makes a large log a matter of a second."""


def _lines_of(log: Path) -> Iterator[bytes]:
    with suppress(OSError), reading(log) as file:
        yield from _lines(file)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Each state of a progress bar as a line; of very long ones the beginning."""
    rest, left = b"", MAX_LOG_BYTES
    while block := file.read(min(_BLOCK, left)):
        left -= len(block)
        *lines, rest = (rest[:_LONGEST_LINE] + block).replace(b"\r", b"\n").split(b"\n")
        yield from (line[:_LONGEST_LINE] for line in lines)
    yield rest[:_LONGEST_LINE]
