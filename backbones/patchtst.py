"""PatchTST: a Transformer over patches of each channel by itself (Nie et al. 2023, arXiv 2211.14730)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backbones.interface import Backbone
from backbones.layers.checks import check_dropout
from backbones.layers.encoder import EncoderLayer, Norm, new_norm
from backbones.layers.patches import Patches, check_patch, from_rows, rows
from db.strict import refuse, require_positive


class PatchTST(Backbone):
    """The authors' encoder up to its head: N = (L - patch) // stride + 2 tokens, for the window's end is padded by one
    stride of its last value; learned positions; norm after each residual sum (`pre_norm` for before).

    Two settings differ from the paper by default. `norm` is `layer`: the paper's `batch` makes a window's output depend
    on its batch, and such an instance says so. `instance_norm` is off: the paper takes mean and amplitude from each
    window and gives them back to the forecast, but a token has nowhere to give them back to, and amplitude tells of
    faults.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        patch: int = 32
        stride: int = 16
        d_model: int = 64
        n_heads: int = 4
        d_ff: int = 128
        e_layers: int = 3
        dropout: float = 0.1
        norm: Norm = "layer"
        pre_norm: bool = False
        instance_norm: bool = False

        def __post_init__(self) -> None:
            require_positive(self, "patch", "stride", "d_model", "n_heads", "d_ff", "e_layers")
            check_patch(self.patch, self.stride)
            check_dropout(self.dropout)
            if self.d_model % self.n_heads:
                refuse("n_heads", f"must divide d_model ({self.d_model}), is {self.n_heads}")

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        self.width = config.d_model
        self.couples_samples = config.norm == "batch"
        self.instance_norm = config.instance_norm
        self.patches = Patches(window=window, patch=config.patch, stride=config.stride, padding=config.stride)
        self.embed = nn.Linear(config.patch, config.d_model)
        self.position_ND = nn.Parameter(torch.empty(self.patches.count, config.d_model).uniform_(-0.02, 0.02))
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.Sequential(*(_layer(config) for _ in range(config.e_layers)))
        self.last_norm = new_norm(config.norm, config.d_model) if config.pre_norm else nn.Identity()

    def forward(self, x_BLC: Tensor) -> Tensor:
        x_RL = rows(x_BLC)
        if self.instance_norm:
            x_RL = standardised(x_RL)
        h_RND = self.dropout(self.embed(self.patches(x_RL)) + self.position_ND)
        for layer in self.layers:
            h_RND = self.segment(layer, h_RND)
        return from_rows(self.last_norm(h_RND), x_BLC)


def standardised(x_RL: Tensor) -> Tensor:
    """Return each row with mean 0 and variance 1, as the paper's instance normalisation without its affine map."""
    centred_RL = x_RL - x_RL.mean(1, keepdim=True)
    return centred_RL * torch.rsqrt(centred_RL.square().mean(1, keepdim=True) + 1e-5)


def _layer(config: PatchTST.Config) -> EncoderLayer:
    return EncoderLayer(
        d_model=config.d_model,
        n_heads=config.n_heads,
        d_ff=config.d_ff,
        dropout=config.dropout,
        norm=config.norm,
        pre_norm=config.pre_norm,
    )
