"""What is wrong with a command before it is ever started, each with its path in the sweep file.

Looks at the file system: programs, scripts and the folder that the command is started in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.strict import Path
from sweeps.command import CommandSettings


@dataclass(frozen=True)
class Problem:
    """`path` is that of a key in the sweep file: `("command", "argv", 2)`, `("success", "files", 0, "path")`,
    `("settings", "lr")`, and `("command", "config", "set", KEY)`, also where KEY is given by a setting `config.KEY`.
    """

    path: Path
    message: str


def check_command(settings: CommandSettings) -> list[Problem]:
    """All that is wrong with one run."""
    raise NotImplementedError


def shared_files(runs: Sequence[CommandSettings]) -> list[Problem]:
    """Declared files that several different runs share, so that one could pass with the other's."""
    raise NotImplementedError
