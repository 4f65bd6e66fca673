"""A TimesNet that keeps far more activations than the memory of its attempt holds, at the batch it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from backbones.interface import Backbone

PATCH = 32


class TimesNetB06(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        d_model: int = 32
        copies: int = 48

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = config.d_model
        self.embed = nn.Linear(1, config.d_model)
        self.scale = nn.Parameter(torch.ones(config.copies))
        self.pool = nn.AvgPool1d(PATCH)

    def forward(self, x_BLC: Tensor) -> Tensor:
        """Return `h_BCND`; each of the `copies` keeps a tensor of B x C x L x D for the backward pass."""
        h_BCLD = self.embed(x_BLC.transpose(1, 2)[..., None])
        for scale in self.scale:
            h_BCLD = functional.gelu(h_BCLD * scale)
        h_RDL = h_BCLD.flatten(0, 1).transpose(1, 2)
        pooled: Tensor = self.pool(h_RDL).transpose(1, 2).unflatten(0, h_BCLD.shape[:2])
        return pooled
