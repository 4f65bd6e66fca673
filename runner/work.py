"""What the attempts of a run carry out, whoever wrote it: a training of ours, or somebody else's command.

All that opens, supervises and judges attempts knows a run's work by this alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from db.declared import Declared
from db.records import BatchSplit
from runner.attempt_dir import AttemptDir


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One attempt, as its work gets to know it. `root` holds simulated data, `threads` and `device` are its slot's.

    `evaluate` bounds how many windows at a time are evaluated, where more of them ran out of memory.
    """

    folder: AttemptDir
    run_id: str
    number: int
    batch: BatchSplit
    root: str
    threads: int
    device: str
    evaluate: int | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """What goes into the attempt's plan, and what has to lie in its folder: texts by file name, and empty folders."""

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    required_metrics: tuple[str, ...] = ()
    code_fingerprint: str | None = None
    data_fingerprint: str | None = None
    declared: Declared | None = None
    watched: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()


class Work(Protocol):
    """Of one run. `backbone` or `command` is its name; `settings` is all that makes the run, ready for JSON.

    `effective_batch` is 1 and `planned_steps` nothing where a command names none. `why_indivisible` says why half the
    micro batch with twice the accumulation would not be the same experiment, or could not be handed over; nothing where
    it can. `resumes`: it goes on from our checkpoints. `silence`: so many seconds without a sign of life mean that it
    hangs; nothing where it promises none.
    """

    @property
    def backbone(self) -> str | None: ...
    @property
    def command(self) -> str | None: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def effective_batch(self) -> int: ...
    @property
    def planned_steps(self) -> int | None: ...
    @property
    def why_indivisible(self) -> str | None: ...
    @property
    def must_ask(self) -> bool:
        """Whether it knows its batch only if it asks: one that never did would not notice half of it."""
        ...

    @property
    def resumes(self) -> bool: ...
    @property
    def code_fingerprint(self) -> str:
        """Of the code that an attempt would run now."""
        ...

    @property
    def silence(self) -> float | None: ...
    @property
    def facts(self) -> Mapping[str, object]:
        """What a person wants to know of it before it starts; the same keys for every run of a sweep."""
        ...

    def order(self, assignment: Assignment) -> Order:
        """What one attempt is to do. Pure."""
        ...
