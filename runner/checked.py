"""What the scheduler asks `runner.preflight`, and what it answers. Standard library only: both sides read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db.strict import Path
from runner.predicted import StepMemory


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A run to be checked; its parts are checked one by one, so that every fault is found.

    `recompute`: its activations may be computed anew.
    """

    backbone: str
    backbone_config: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]
    data: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    plugins: tuple[str, ...] = ()
    rehearse: bool = True
    recompute: bool = True


@dataclass(frozen=True, kw_only=True)
class Question:
    candidates: tuple[Asked, ...]


@dataclass(frozen=True, kw_only=True)
class Problem:
    path: Path
    message: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found out about a candidate: problems, or else all the rest.

    `backbone_config` and `tasks` hold every key, defaults included. `data_digest` stands for the content of the
    recordings; nothing where they are simulated. `memory` is that of a training step; where it is not known,
    `unchecked` says why no step could be rehearsed. `shape` stands for all that decides it, but the batch.
    """

    problems: tuple[Problem, ...] = ()
    backbone_config: Mapping[str, Any] | None = None
    tasks: Mapping[str, Mapping[str, Any]] | None = None
    required_metrics: tuple[str, ...] = ()
    parameters: int = 0
    couples_samples: bool = False
    code_fingerprint: str = ""
    data_digest: str | None = None
    shape: str = ""
    memory: StepMemory | None = None
    unchecked: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """In the order of the question; or why no answer could be given: code of a plugin raised, say."""

    candidates: tuple[Checked, ...] = ()
    fault: str | None = None
