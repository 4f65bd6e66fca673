"""What is printed after a lack of memory: was it got over, did anything go on, or wrong, afterwards? Pure."""

from __future__ import annotations

import re

from runner.sign_patterns import MOST_LOOKED_AT


class Aftermath:
    """Hears each line of logs. What was said before the first lack of memory counts too: two logs have no order."""

    _OVERCOME = re.compile(
        r"""\b(?:falling|fell|fall)\ back\b .{0,30}? (?:\d|batch|smaller|half)
          | \b(?:retrying|trying)\b .{0,40}? \b(?:batch|smaller|lower|half)
          | \b(?:reducing|reduced|halving|halved|lowering|lowered|decreasing|decreased)\b .{0,30}? \bbatch
          | \bbatch\b .{0,30}? \b(?:reduced|halved|lowered|decreased|skipped)\b
          | \b(?:skipping|skipped)\b .{0,30}? \b(?:batch|step|sample|iteration)""",
        re.VERBOSE | re.IGNORECASE,
    )
    _ADVICE = re.compile(
        r"\b(?:try|consider|please|hint|tip|should|could|may|might|can|suggest\w*|by)\b", re.IGNORECASE
    )
    _PROGRESS = re.compile(r"\b(?:epoch|step|iter|iteration)\b\W{0,4}\d|\d%\|", re.IGNORECASE)
    _FAILURE = re.compile(
        r"\b(?:error|exception|fatal|abort(?:ing|ed)?|failed|cannot|unable|invalid|missing)\b"
        r"|\b(?:not found|no such|is empty)\b",
        re.IGNORECASE,
    )
    _CONSEQUENCE = re.compile(
        r"above exception|exit ?code|exited|elastic|SIG[A-Z]+|NCCL|gloo|srun|slurm|rank|wandb|terminat"
        r"|make(?:\[\d+\])?:",
        re.IGNORECASE,
    )
    """What others say of a process that has failed already."""

    def __init__(self) -> None:
        self._shown = self._announced = self._overcome = self._more = self._failed = False
        self._left = MOST_LOOKED_AT

    @property
    def listens(self) -> bool:
        """Whether every line counts now."""
        return self._shown and self._left > 0

    @property
    def overcome(self) -> bool:
        """Whether it said so. Where it may have said so before, something else must have gone wrong as well."""
        return self._shown and (self._overcome or (self._announced and self._failed))

    @property
    def anything(self) -> bool:
        """Whether anything that was said may mean that the lack of memory was not the end."""
        return self._shown and (self._overcome or self._announced or self._failed or self._more)

    def begin(self, line: str) -> None:
        """Take a line that shows a lack of memory; what came before the last one says nothing of it."""
        self._announced &= not self._shown
        self._shown, self._more, self._failed = True, False, False
        self._overcome = self.is_overcome(line)

    def hear(self, line: str, *, in_traceback: bool) -> None:
        """Take any other line."""
        self._left -= self._shown
        if self.is_overcome(line):
            self._overcome, self._announced = self._shown, self._announced or not self._shown
        elif not in_traceback:
            self._more |= self._PROGRESS.search(line) is not None
            self._failed |= self._FAILURE.search(line) is not None and not self._CONSEQUENCE.search(line)

    def is_overcome(self, line: str) -> bool:
        """Whether the line says what was done about it, and not what might be."""
        return self._OVERCOME.search(line) is not None and not self._ADVICE.search(line)
