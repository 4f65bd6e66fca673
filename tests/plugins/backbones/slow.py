"""Takes its time at every step, so that a test can reach in while it trains."""

from __future__ import annotations

import time
from dataclasses import dataclass

from torch import Tensor, nn

from backbones.interface import Backbone, shapes_only


class Slow(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        seconds: float = 0.25

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = 4
        self.seconds = config.seconds
        self.embed = nn.Linear(16, 4)

    def forward(self, x_BLC: Tensor) -> Tensor:
        if self.training and not shapes_only(x_BLC):
            time.sleep(self.seconds)
        x_BCN16 = x_BLC.transpose(1, 2).reshape(len(x_BLC), x_BLC.shape[2], -1, 16)
        h_BCND: Tensor = self.embed(x_BCN16).tanh()
        return h_BCND
