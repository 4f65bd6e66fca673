"""Asks for more memory than any machine has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backbones.interface import Backbone


class Greedy(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        values: int = 10**15

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = 4
        self.values = config.values
        self.embed = nn.Linear(1, 4)

    def forward(self, x_BLC: Tensor) -> Tensor:
        h_BCND: Tensor = self.embed(x_BLC[..., None]).transpose(1, 2) + torch.zeros(self.values).sum()
        return h_BCND
