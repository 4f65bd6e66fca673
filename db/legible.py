"""Text of others within a sentence of ours. Standard library only."""

from __future__ import annotations

MOST = 1000
"""Characters of a message: more would hide what it says, on a screen and in the ledger."""


def legible(text: str, most: int = MOST) -> str:
    """In one line that steers no terminal, signs of control spelled out; of a long text the beginning and the end."""
    if len(text) > most:
        text = f"{text[: most * 2 // 3]} ... {text[-most // 4 :]}"
    return text if text.isprintable() else "".join(map(_spelled, text))


def _spelled(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()
