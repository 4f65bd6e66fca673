"""Segments of layers that keep much for the backward pass: 32 MiB for a window of 256 samples, or 9 computed anew."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backbones.interface import Backbone

FEATURES = 512


class Layers(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.scales = nn.ParameterList(torch.full((FEATURES,), 1.0) for _ in range(count))

    def forward(self, h_BCND: Tensor) -> Tensor:
        for scale in self.scales:
            h_BCND = (h_BCND * scale).tanh()
        return h_BCND


class Stacked(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        segments: int = 8
        layers: int = 8

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = 8
        self.embed = nn.Linear(1, FEATURES)
        self.parts = nn.ModuleList(Layers(config.layers) for _ in range(config.segments))

    def forward(self, x_BLC: Tensor) -> Tensor:
        h_BCND = self.embed(x_BLC.transpose(1, 2)[..., None])
        for part in self.parts:
            h_BCND = self.segment(part, h_BCND)
        tokens_BCND: Tensor = h_BCND.unflatten(2, (16, -1)).mean(3)[..., : self.width]
        return tokens_BCND
