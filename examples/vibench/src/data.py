"""Vibration of a simulated bearing: windows, the class of the fault and how much of its life is left."""

from __future__ import annotations

import math

import torch
from src.config_utils import ConfigWrapper
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

CLASSES = 3


def build_data(data: ConfigWrapper, seed: int) -> dict[str, DataLoader[tuple[Tensor, ...]]]:
    return {
        "train": DataLoader(simulate(data, data.num_train, seed), batch_size=data.batch_size, shuffle=True),
        "test": DataLoader(simulate(data, data.num_test, seed + 1), batch_size=data.batch_size),
    }


def simulate(data: ConfigWrapper, count: int, seed: int) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    fault = torch.randint(CLASSES, (count,), generator=generator)
    life = torch.rand(count, generator=generator)
    time = torch.arange(data.window_size) / data.window_size
    tone = torch.sin(2 * math.pi * 16 * (fault[:, None] + 1) * time)
    noise = torch.randn(count, data.window_size, generator=generator)
    x = (tone + (1.5 - life[:, None]) * noise)[..., None]
    return TensorDataset(x, fault, life)
