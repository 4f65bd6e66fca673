"""After `calm` training steps of this process, it asks for more than there is for more than `most` windows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backbones.interface import Backbone


class HungryLater(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        calm: int = 2
        most: int = 10**6

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = 4
        self.config = config
        self.steps = 0
        self.embed = nn.Linear(16, 4)

    def forward(self, x_BLC: Tensor) -> Tensor:
        self.steps += self.training
        hungry = self.steps > self.config.calm and len(x_BLC) > self.config.most
        asked = torch.zeros(2**52 if hungry else 1)
        x_BCN16 = x_BLC.transpose(1, 2).reshape(len(x_BLC), x_BLC.shape[2], -1, 16)
        h_BCND: Tensor = self.embed(x_BCN16).tanh() + asked[0]
        return h_BCND
