"""FNO: the Fourier neural operator in one dimension (Li et al. 2021, arXiv 2010.08895)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from backbones.interface import Backbone
from backbones.layers.checks import check_dropout
from backbones.layers.patches import Patches, check_patch, from_rows, rows
from backbones.layers.spectral import SpectralConv
from db.strict import require_positive


class FourierLayer(nn.Module):
    """A convolution of low frequencies plus a map of each token by itself (equation 2)."""

    def __init__(self, d_model: int, modes: int) -> None:
        super().__init__()
        self.spectral = SpectralConv(d_model, modes)
        self.bypass = nn.Linear(d_model, d_model)  # the 1x1 convolution of the paper

    def forward(self, h_RND: Tensor) -> Tensor:
        out: Tensor = self.spectral(h_RND) + self.bypass(h_RND)
        return out


class FNO(Backbone):
    """Lifting of patch and position, Fourier layers with GELU between them; the paper's projection is left to heads.

    The paper lifts each sample by itself. The lowest 16 of 2048 samples' frequencies at 25.6 kHz end at 200 Hz, far
    below what a bearing rings at, so here `patch` samples are lifted to one token: what is fast goes into the token's
    features, where a dense map sees it, and the Fourier layers convolve those along time. With `patch: 1` it is the
    paper's. N tokens have N // 2 + 1 frequencies; `modes` above that mean all of them. Dropout after the activations is
    not the paper's.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        patch: int = 32
        stride: int = 32
        d_model: int = 64
        modes: int = 16
        e_layers: int = 4
        dropout: float = 0.1

        def __post_init__(self) -> None:
            require_positive(self, "patch", "stride", "d_model", "modes", "e_layers")
            check_patch(self.patch, self.stride)
            check_dropout(self.dropout)

    position_N: Tensor

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        self.width = config.d_model
        self.patches = Patches(window=window, patch=config.patch, stride=config.stride)
        self.lift = nn.Linear(config.patch + 1, config.d_model)
        self.register_buffer("position_N", torch.linspace(0, 1, self.patches.count), persistent=False)
        modes = min(config.modes, self.patches.count // 2 + 1)
        self.layers = nn.ModuleList(FourierLayer(config.d_model, modes) for _ in range(config.e_layers))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BLC: Tensor) -> Tensor:
        p_RNP = self.patches(rows(x_BLC))
        position_RN1 = self.position_N.to(p_RNP.dtype).expand(len(p_RNP), -1).unsqueeze(-1)
        h_RND = self.lift(torch.cat([p_RNP, position_RN1], dim=-1))
        for layer in self.layers[:-1]:
            h_RND = self.segment(partial(self._activated, layer), h_RND)
        return from_rows(self.segment(self.layers[-1], h_RND), x_BLC)

    def _activated(self, layer: nn.Module, h_RND: Tensor) -> Tensor:
        out_RND: Tensor = self.dropout(functional.gelu(layer(h_RND)))
        return out_RND
