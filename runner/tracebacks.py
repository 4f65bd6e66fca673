"""Following Python's tracebacks through lines that others may stand between. Pure."""

from __future__ import annotations

import re

SHOWN = 400
"""An out-of-memory message of torch tells who held the device's memory within these."""


class Tracebacks:
    """Hears a log line by line; `rank` is what stands before each line of the one that is or was heard last."""

    BEGIN = "Traceback (most recent call last)"
    _CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
    _FRAMES = (" ", "\t", "│", "╭", "╰", "|")  # rich draws boxes
    _LAST = re.compile(r"(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*[a-z]\w*|error|timeout)(?::\s.*|:?$)")
    _OF_A_GROUP = re.compile(r"(?:\w+\.)*(?:Base)?ExceptionGroup:")
    _IN_A_GROUP = re.compile(r" +\| (?=\S)")
    _OF_A_CHILD = ("ChildFailedError", "CalledProcessError", "ProcessRaisedException", "ProcessExitedException")
    _OF_A_PEER = re.compile(
        r"Dist(?:Backend|Network|Store)Error|ConnectionResetError|BrokenPipeError|\bNCCL\b|[Gg]loo\b|closed by peer"
    )

    def __init__(self) -> None:
        self.rank = ""
        self.unfinished = False
        self._chained = False
        self._told: str | None = None
        self._told_of_child: str | None = None

    @property
    def told(self) -> str | None:
        """The last line of the last traceback; of one that only tells that a child failed, where there is no other."""
        return self._told or self._told_of_child

    def hear(self, line: str) -> str | None:
        """The exception, where the line ends a traceback."""
        if self.BEGIN in line:
            before = line.partition(self.BEGIN)[0]
            self.rank = before if before.startswith("[") else ""  # `[rank1]: ` stands before each of its lines
            self.unfinished = True
            self._told_of_child = self._told_of_child or self.BEGIN
        elif any(words in line for words in self._CHAINED):
            self._chained = True
        elif self.unfinished and line.startswith(self.rank):
            rest = line.removeprefix(self.rank)
            member = self._IN_A_GROUP.match(rest)
            rest = rest[member.end() :] if member else rest
            if not rest.startswith(self._FRAMES) and self._LAST.match(rest):
                self._chained |= member is not None and not self._OF_A_GROUP.match(rest)
                return self._note(rest.strip()[:SHOWN])
        return None

    def _note(self, last: str) -> str:
        self.unfinished = False
        if self._is_of_a_child(last):
            self._told_of_child = last
        else:
            self._told = last
        return last

    def _is_of_a_child(self, last: str) -> bool:
        return last.partition(":")[0].endswith(self._OF_A_CHILD)

    def is_another_failure(self, last: str) -> bool:
        """Whether a traceback that just ended tells of something new: not what one before it, or a peer, led to."""
        chained, self._chained = self._chained, False
        return not (chained or self._is_of_a_child(last) or self._OF_A_PEER.search(last))
