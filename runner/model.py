"""The network of one run: its backbone, and one head for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

import backbones.registry
import tasks.registry
from backbones.interface import Backbone
from db.errors import NonFiniteError
from db.strict import to_record
from sweeps.settings import RunSettings
from tasks.interface import System, Task


class Model(nn.Module):
    """A backbone shared by the heads of several tasks."""

    def __init__(self, backbone: Backbone, heads: Mapping[str, Task]) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(heads)

    @property
    def tasks(self) -> dict[str, Task]:
        return {name: cast("Task", head) for name, head in self.heads.items()}

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that training may change, by name."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def fingerprint(self) -> str:
        """SHA-256 over the names and bytes of the trained parameters."""
        digest = sha256()
        for name, parameter in self.trained().items():
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def require_finite(self, step: int) -> None:
        """Refuse parameters that are not finite. A buffer may be infinite on purpose, as the mask of an attention is.

        Raises:
            NonFiniteError: naming the first one.
        """
        for name, parameter in self.named_parameters():
            if not torch.isfinite(parameter).all():
                raise NonFiniteError(f"after step {step} `{name}` holds values that are not finite")


def build(settings: RunSettings, systems: Sequence[System]) -> Model:
    """Build backbone and heads, in an order that depends on the settings' content only.

    Raises:
        Refused: there is no such backbone or task.
        Invalid: a config does not fit its record.
    """
    folders = _folders(settings)
    kind = backbones.registry.load(settings.backbone, folders)
    backbone = kind(to_record(kind.Config, settings.backbone_config), window=settings.data.window)
    return Model(backbone, {name: _head(settings, name, backbone.width, systems) for name in sorted(settings.tasks)})


def kinds(settings: RunSettings) -> list[type[Any]]:
    """The classes of the backbone and the heads.

    Raises:
        Refused: there is no such backbone or task, or it cannot be imported.
    """
    folders = _folders(settings)
    heads = [tasks.registry.load(name, folders) for name in sorted(settings.tasks)]
    return [backbones.registry.load(settings.backbone, folders), *heads]


def future_needed(settings: RunSettings) -> int:
    """H, the most samples after its window that any of the tasks needs to see."""
    stand_in = System(id=0, name="stand-in", channels=1, sample_rate=1.0, classes=2)
    with torch.device("meta"):
        return max(task.future for task in build(settings, [stand_in]).tasks.values())


def _head(settings: RunSettings, name: str, width: int, systems: Sequence[System]) -> Task:
    kind = tasks.registry.load(name, _folders(settings))
    return kind(to_record(kind.Config, settings.tasks[name]), width=width, systems=tuple(systems))


def _folders(settings: RunSettings) -> tuple[Path, ...]:
    return tuple(map(Path, settings.plugins))
