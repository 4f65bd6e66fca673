"""In evaluation it asks for more than there is for more than `most` windows, and fills `each` bytes for every window.

A training of it needs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backbones.interface import Backbone


class HungryJudge(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        most: int = 10**6
        each: int = 0

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = 4
        self.config = config
        self.embed = nn.Linear(16, 4)

    def forward(self, x_BLC: Tensor) -> Tensor:
        x_BCN16 = x_BLC.transpose(1, 2).reshape(len(x_BLC), x_BLC.shape[2], -1, 16)
        h_BCND: Tensor = self.embed(x_BCN16).tanh()
        if self.training:
            return h_BCND
        addresses = torch.zeros(2**52) if len(x_BLC) > self.config.most else torch.zeros(1)
        held = torch.ones(len(x_BLC), 1 + self.config.each // 4)
        return h_BCND * held[0, 0] + addresses[0]
