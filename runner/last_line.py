"""The last line that a terminal would show of some output. Pure."""

from __future__ import annotations

import re

MAX_LENGTH = 2000

_ESCAPES = re.compile(
    r"""\x1b(?: \[ [0-?]* [ -/]* [@-~]            # colours, moves, clearing
              | \] [^\x07\x1b]* (?:\x07|\x1b\\)   # titles and links
              | [@-Z\\^_] )""",
    re.VERBOSE,
)


def last_line(output: bytes) -> str:
    """The last one that is not blank, without colours; of a progress bar its last state. Empty where there is none."""
    text = plain(output)
    shown = (part.strip() for line in reversed(text.split("\n")) for part in reversed(line.split("\r")))
    return next((part[:MAX_LENGTH] for part in shown if part), "")


def plain(output: bytes) -> str:
    """The text without what only steers a terminal."""
    return _ESCAPES.sub("", output.decode(errors="replace"))
