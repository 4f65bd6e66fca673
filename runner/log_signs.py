"""Signs of failure in an attempt's text. They name the kind of one that failed, and never doubt a proven success."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from runner.device_signs import BUSY, FAULTY
from runner.last_line import plain

MAX_LOG_BYTES = 64 * 2**20
"""Read of each log; the supervisor keeps them below that unless it is told otherwise."""
_BLOCK = 2**20
_LONGEST_LINE = 4096
_SHOWN = 400
"""An out-of-memory message of torch tells who held the device's memory within these."""


@dataclass(frozen=True, kw_only=True)
class Signs:
    """The line that shows each; of a traceback its last line, which names the exception."""

    device_fault: str | None = None
    device_busy: str | None = None
    cuda_oom: str | None = None
    host_oom: str | None = None
    disk_full: str | None = None
    traceback: str | None = None
    nan: str | None = None

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


def read_signs(logs: Iterable[Path]) -> Signs:
    """Look through logs, each whole. A sign in an earlier one counts before the same in a later one."""
    found = Signs()
    for log in logs:
        try:
            with log.open("rb") as file:
                more = signs_in(_lines(file))
        except OSError:
            continue
        found = replace(more, **{name: line for name, line in vars(found).items() if line})
    return found


def signs_in(lines: Iterable[bytes]) -> Signs:
    """The last line that shows each sign. Pure."""
    found: dict[str, str] = {}
    tracebacks = _Tracebacks()
    for line in lines:
        if not (tracebacks.unfinished or any(word in line for word in _TELLING)):
            continue
        text = plain(line)
        tracebacks.hear(text)
        match = _SIGN.search(text)
        if match and match.lastgroup:
            found[match.lastgroup] = text.strip()[:_SHOWN]
    return Signs(**found, traceback=tracebacks.told)


_TELLING = (
    b"Traceback",
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
    b"nan",
    b"NaN",
    b"NAN",
)
"""Each line with a sign holds one of these. Looking for them first makes a large log a matter of a second."""

_SIGN = re.compile(
    rf"(?P<device_fault>{'|'.join(FAULTY)})|(?P<device_busy>{'|'.join(BUSY)})".replace(" ", r"\ ")
    + r"""
  | (?P<cuda_oom> torch\.(?:cuda\.)?OutOfMemoryError | (?:CUDA|HIP)(?:\ error:)?\ out\ of\ memory
                | CUDA_ERROR_OUT_OF_MEMORY | cudaErrorMemoryAllocation | CUBLAS_STATUS_ALLOC_FAILED
                | RESOURCE_EXHAUSTED:\ Out\ of\ memory | OOM\ when\ allocating\ tensor )
  | (?P<host_oom> ^(?:\[[^\]]*\]:?\ *)?MemoryError\b | DefaultCPUAllocator:\ can't\ allocate\ memory
                | _ArrayMemoryError:\ Unable\ to\ allocate | \bCannot\ allocate\ memory\b | \bstd::bad_alloc\b )
  | (?P<disk_full> No\ space\ left\ on\ device | Disk\ quota\ exceeded )
  | (?P<nan> tensor\(\[?nan\b
           | (?i:loss|mse|mae|rmse|nll|perplexity|ppl|grad_norm|acc|accuracy|auc|auroc|f1|r2|error|score)
             ["']?\s*[:=]?\s*(?:tensor\(|np\.float\d+\()?(?:nan|NaN|NAN)\b )
    """,
    re.VERBOSE,
)


class _Tracebacks:
    """Follows Python's tracebacks through lines that others may stand between."""

    _BEGIN = "Traceback (most recent call last)"
    _FRAMES = (" ", "\t", "│", "╭", "╰", "|")  # rich draws boxes
    _LAST = re.compile(r"(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*[a-z]\w*|error|timeout)(?::\s.*|:?$)")
    _OF_A_CHILD = ("ChildFailedError", "CalledProcessError", "ProcessRaisedException", "ProcessExitedException")

    def __init__(self) -> None:
        self._prefix: str | None = None
        self._told: str | None = None
        self._told_of_child: str | None = None

    @property
    def unfinished(self) -> bool:
        return self._prefix is not None

    @property
    def told(self) -> str | None:
        """The last line of the last traceback; of one that only tells that a child failed, where there is no other."""
        return self._told or self._told_of_child

    def hear(self, line: str) -> None:
        if self._BEGIN in line:
            before = line.partition(self._BEGIN)[0]
            self._prefix = before if before.startswith("[") else ""  # `[rank1]: ` stands before each of its lines
            self._told_of_child = self._told_of_child or self._BEGIN
        elif self._prefix is not None and line.startswith(self._prefix):
            rest = line.removeprefix(self._prefix)
            if not rest.startswith(self._FRAMES) and self._LAST.match(rest):
                self._note(rest.strip()[:_SHOWN])

    def _note(self, last: str) -> None:
        self._prefix = None
        if last.partition(":")[0].endswith(self._OF_A_CHILD):
            self._told_of_child = last
        else:
            self._told = last


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Each state of a progress bar as a line; of very long ones the beginning."""
    rest, left = b"", MAX_LOG_BYTES
    while block := file.read(min(_BLOCK, left)):
        left -= len(block)
        *lines, rest = (rest[:_LONGEST_LINE] + block).replace(b"\r", b"\n").split(b"\n")
        yield from (line[:_LONGEST_LINE] for line in lines)
    yield rest[:_LONGEST_LINE]
