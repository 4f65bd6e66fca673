"""Patches of 16 samples through one layer: as small as a backbone can be."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from backbones.interface import Backbone


class Tiny(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 8
        dropout: float = 0.0
        frozen: bool = False

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = config.width
        self.embed = nn.Linear(16, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.requires_grad_(not config.frozen)

    def forward(self, x_BLC: Tensor) -> Tensor:
        x_BCN16 = x_BLC.transpose(1, 2).reshape(x_BLC.shape[0], x_BLC.shape[2], -1, 16)
        h_BCND: Tensor = self.dropout(self.embed(x_BCN16).tanh())
        return h_BCND
