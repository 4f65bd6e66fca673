"""A run of somebody else's command: its typed settings, what one attempt of it is, and its identity. Pure.

What can be wrong with it is told by `sweeps.command_checks`.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os.path
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from db.declared import Declared, DeclaredFile
from db.strict import Fault, Invalid, Path, require_positive, to_data, to_record
from sweeps.config_file import canonical, suffix_of, with_keys
from sweeps.template import fill, fill_argv, fill_text, placeholders


@dataclass(frozen=True, kw_only=True)
class ConfigSection:
    """`command.config` as it stands in a sweep file."""

    base: str
    set: Mapping[str, Any] = field(default_factory=dict)
    new: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CommandSection:
    """`command` as it stands in a sweep file; a bare list is its `argv`."""

    argv: tuple[str, ...]
    name: str | None = None
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    config: ConfigSection | None = None


@dataclass(frozen=True, kw_only=True)
class ConfigTemplate:
    """A config file of theirs and what is rewritten in each copy of it.

    `written` is the base as the sweep file has it, placeholders and all; `base` is the absolute path it stands for in
    this run, and `content` what was read there. `set` holds the templates of the dotted keys that are rewritten, those
    of settings called `config.KEY` included. Keys in `new` need not exist in the content.
    """

    written: str
    base: str
    content: Mapping[str, Any]
    set: Mapping[str, Any]
    new: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CommandSettings:
    """Everything that makes a command's run the run it is, with its placeholders, and where it is started.

    `settings` holds every setting by its dotted name but `config.KEY`, `batch` (the effective one), `steps` and `seed`.
    `success` is as in the sweep file.
    """

    name: str
    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    config: ConfigTemplate | None = None
    success: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    batch: int | None = None
    steps: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        require_positive(self, *(key for key in ("batch", "steps") if getattr(self, key) is not None))

    @property
    def effective_batch(self) -> int:
        """1 where the sweep file names none."""
        return self.batch or 1

    @property
    def handed_over(self) -> frozenset[str]:
        """The placeholders by which the command learns something."""
        return placeholders([self.argv, self.env, self.config.set if self.config else ()])

    @property
    def why_indivisible(self) -> str | None:
        """Why an out-of-memory cannot be answered with half the batch; None where it can."""
        if self.batch is None:
            return "the sweep file names no `batch`, so there is none to halve"
        missing = [name for name in ("{batch}", "{accum}") if name[1:-1] not in self.handed_over]
        if not missing or self.success.get("report") is True:
            return None
        return f"nothing hands over {' and '.join(missing)}, so half the batch would be another experiment"


@dataclass(frozen=True, kw_only=True)
class AttemptValues:
    """What the placeholders of one attempt stand for: `batch` is the micro batch, `attempt` the attempt's number."""

    out: str
    config: str
    batch: int
    accum: int
    python: str
    run: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """One attempt, nothing left to fill in. `config` is what the copy holds, `watched` are absolute patterns."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    config: Mapping[str, Any] | None
    config_suffix: str
    declared: Declared
    steps: int | None
    watched: tuple[str, ...]


def render(settings: CommandSettings, values: AttemptValues) -> Rendered:
    """What the attempt runs and what makes it a success.

    Raises:
        Invalid: every fault at its path in the sweep file.
    """
    raise NotImplementedError


def command_run_id(settings: CommandSettings) -> str:
    """`<name>-<12 hex digits>`."""
    raise NotImplementedError


def default_name(argv: Sequence[str]) -> str:
    """`train` of `[python, train.py, ...]`."""
    raise NotImplementedError
