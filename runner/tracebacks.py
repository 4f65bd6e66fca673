"""Following Python's tracebacks through lines that others may stand between. Pure."""

from __future__ import annotations

import re

SHOWN = 400
"""An out-of-memory message of torch tells who held the device's memory within these."""


class Tracebacks:
    """Hears a log line by line; `rank` is what stands before each line of the one that is or was heard last.

    That may be of a launcher (`[rank1]: `, `0: `, `worker_1  | `) or of a logger, whose times are left out of it.
    """

    BEGIN = "Traceback (most recent call last)"
    _CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
    _FRAMES = (" ", "\t", "│", "╭", "╰", "|")  # rich draws boxes
    _FIRST_FRAME = ("  File ", "│")
    _LAST = re.compile(r"(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*[a-z]\w*|error|timeout)(?::\s.*|:?$)")
    _LAST_IN_PLACE = re.compile(r"(?!.*:\s*[-+]?[\d.]+%?$)(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?::\s.*|:?$)")
    """Of any name, right below a frame; `loss: 0.5` may have been printed by another thread."""
    _TIME = re.compile(r"(?:\d{4}[-/]\d\d[-/]\d\d[T ]?)?\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?Z?")
    _OF_A_GROUP = re.compile(r"(?:\w+\.)*(?:Base)?ExceptionGroup:")
    _IN_A_GROUP = re.compile(r" +\| (?=\S)")
    _OF_A_CHILD = ("ChildFailedError", "CalledProcessError", "ProcessRaisedException", "ProcessExitedException")
    _OF_A_PEER = re.compile(
        r"Dist(?:Backend|Network|Store)Error|ConnectionResetError|BrokenPipeError|\bNCCL\b|[Gg]loo\b|closed by peer"
    )

    def __init__(self) -> None:
        self.rank = ""
        self.unfinished = False
        self._before = re.compile("")
        self._is_settled = True
        self._below_frame = False
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
            self._begin(line.partition(self.BEGIN)[0])
            self._told_of_child = self._told_of_child or self.BEGIN
        elif any(words in line for words in self._CHAINED):
            self._chained = True
        elif self.unfinished and (rest := self._without_rank(line)) is not None:
            return self._hear_in_place(rest)
        return None

    def _begin(self, before: str) -> None:
        """Take what stands before the words for what may stand before each line of it."""
        before = before.removesuffix("Exception Group ").removesuffix("  + ")
        before = "" if before.startswith(self._FRAMES) else before
        self.rank = self._TIME.sub("", before)
        self._before = re.compile(self._TIME.pattern.join(map(re.escape, self._TIME.split(before))))
        self._is_settled, self._below_frame, self.unfinished = not before, False, True

    def _without_rank(self, line: str) -> str | None:
        """The line, where it is of this traceback. A logger may have put its words before the first one only."""
        match = self._before.match(line)
        if not match and not self._is_settled and line.startswith(self._FIRST_FRAME):
            self.rank, self._before = "", re.compile("")
            match = self._before.match(line)
        self._is_settled |= match is not None
        return line[match.end() :] if match else None

    def _hear_in_place(self, rest: str) -> str | None:
        member = self._IN_A_GROUP.match(rest)
        rest = rest[member.end() :] if member else rest
        pattern = self._LAST_IN_PLACE if self._below_frame else self._LAST
        is_frame = rest.startswith(self._FRAMES)
        self._below_frame = is_frame and not member
        if is_frame or not (pattern.match(rest) or self._LAST.match(rest)):
            return None
        self._chained |= member is not None and not self._OF_A_GROUP.match(rest)
        return self._note(rest.strip()[:SHOWN])

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
