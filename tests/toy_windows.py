"""Small windows with every label, and heads on top of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from db.strict import to_record
from tasks import registry
from tasks.interface import LabelTable, System, Task, Windows

NAMES = registry.names()

WIDTH, TOKENS = 8, 6

SYSTEMS = tuple(
    System(id=channels, name=f"rig {channels}", channels=channels, sample_rate=1000.0, classes=3)
    for channels in (1, 2, 3)
)


def build(name: str, width: int = WIDTH, **settings: object) -> Task:
    torch.manual_seed(0)
    kind: Any = registry.load(name)
    task: Task = kind(to_record(kind.Config, settings), width=width, systems=SYSTEMS)
    return task


def windows(task: Task, batch: int = 4, channels: int = 2, length: int = 64, spare: int = 0) -> Windows:
    """Windows with every label: a tone of random phase, around a level that grows with the label."""
    random = torch.Generator().manual_seed(batch * 10 + channels)
    label_B = torch.arange(batch) % 3
    total = length + task.future + spare
    time = torch.arange(total)[None, :, None] / 8 + torch.rand(batch, 1, 1, generator=random) * 6.28
    signal = (torch.sin(time) + label_B[:, None, None] - 1).repeat(1, 1, channels)
    return Windows(
        system=SYSTEMS[channels - 1],
        x_BLC=signal[:, :length],
        future_BHC=signal[:, length:],
        label_B=label_B,
        rul_B=label_B / 2,
    )


def tokens(some: Windows, width: int = WIDTH) -> Tensor:
    """Stand-in for a backbone: the last samples of each channel, cut into tokens."""
    x_BCL = some.x_BLC.transpose(1, 2)[:, :, -width * TOKENS :]
    return x_BCL.reshape(*x_BCL.shape[:2], TOKENS, width)


def table(some: Windows) -> LabelTable:
    system = np.full(len(some), some.system.id)
    return LabelTable(system=system, label=some.label_B.numpy(), rul=some.rul_B.double().numpy())


def loss_of(task: Task, some: Windows) -> Tensor:
    return task.loss(task(tokens(some), some), task.target(some))


def part(some: Windows, rows: list[int]) -> Windows:
    return replace(
        some,
        x_BLC=some.x_BLC[rows],
        future_BHC=some.future_BHC[rows],
        label_B=some.label_B[rows],
        rul_B=some.rul_B[rows],
    )
