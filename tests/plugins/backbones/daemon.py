"""A backbone that lets its process end well at the first step, and trains on in another."""

from __future__ import annotations

import os
from dataclasses import dataclass

from torch import Tensor, nn

from backbones.interface import Backbone


class Daemon(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 4

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = config.width
        self.gone = False
        self.embed = nn.Linear(16, config.width)

    def forward(self, x_BLC: Tensor) -> Tensor:
        if self.training and not self.gone:
            self.gone = True
            if os.fork():
                os._exit(0)
        x_BCN16 = x_BLC.transpose(1, 2).reshape(len(x_BLC), x_BLC.shape[2], -1, 16)
        h_BCND: Tensor = self.embed(x_BCN16).tanh()
        return h_BCND
