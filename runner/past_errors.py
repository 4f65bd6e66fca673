"""How far off predictions of memory have been, as the ledger knows it: by backbone and tasks."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.board import Board
from db.foreseen import Device

Kind = tuple[str | None, tuple[str, ...]]
"""A backbone, and the names of the tasks that it is trained for."""


@dataclass(frozen=True, kw_only=True)
class PastErrors:
    """Of so many attempts: (predicted - measured) / measured. `worst` is the one that is furthest from zero."""

    median: float
    worst: float
    attempts: int

    def __str__(self) -> str:
        return f"{self.median:+.1%}, worst {self.worst:+.1%} of {self.attempts}"


def kind_of(backbone: str | None, settings: Mapping[str, Any]) -> Kind:
    return backbone, tuple(sorted(settings.get("tasks", ())))


def summed_up(errors: Sequence[float]) -> PastErrors:
    """Of at least one."""
    return PastErrors(median=statistics.median(errors), worst=max(errors, key=abs), attempts=len(errors))


def read_past_errors(board: Board, device: Device) -> dict[Kind, PastErrors]:
    """Those on devices of a kind."""
    rows = board.rows(_ERRORS, {"device": device}) if board.knows_memory() else []
    errors: dict[Kind, list[float]] = {}
    for row in rows:
        errors.setdefault(kind_of(row["backbone"], json.loads(row["settings"])), []).append(row["prediction_error"])
    return {kind: summed_up(each) for kind, each in errors.items()}


_ERRORS = """
SELECT r.backbone, r.settings, a.prediction_error
FROM attempts a JOIN memory m ON m.run = a.run AND m.attempt = a.attempt JOIN run r ON r.id = a.run
WHERE m.device = :device AND a.prediction_error IS NOT NULL
"""
