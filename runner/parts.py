"""The parts of a run's model, their settings read, and the model built of them: each fault with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.checked import Problem
from runner.foreign import foreign
from runner.model import Model
from tasks.interface import System


@dataclass(frozen=True)
class Part:
    """A backbone or task with its settings read."""

    kind: type[Any]
    config: Any


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a model is built of; `name` is the backbone's."""

    name: str
    backbone: Part
    heads: Mapping[str, Part]
    window: int
    systems: tuple[System, ...]


def built(parts: Parts, problems: list[Problem]) -> Model | None:
    """Build backbone and heads on the device that is the default here; nothing where there were problems."""
    place = ("backbones", parts.name)
    body: Any = None
    heads: dict[str, Any] = {}
    with foreign(place, "cannot be built", problems):
        body = parts.backbone.kind(parts.backbone.config, window=parts.window)
        _ = body.width
    if body is None:
        return None
    for name, head in parts.heads.items():
        with foreign(("tasks", name), "cannot be built", problems):
            heads[name] = head.kind(head.config, width=body.width, systems=parts.systems)
    with foreign(place, "cannot be built", problems):
        return None if problems else Model(body, heads)
    return None
