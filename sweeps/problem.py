"""One thing that is wrong with a command, and where."""

from __future__ import annotations

from dataclasses import dataclass

from db.strict import Path


@dataclass(frozen=True)
class Problem:
    """`path` is that of a key in the sweep file: `("command", "argv", 2)`, `("success", "files", 0, "path")`,
    `("settings", "lr")`, and `("command", "config", "set", KEY)`, also where KEY is given by a setting `config.KEY`.
    """

    path: Path
    message: str
