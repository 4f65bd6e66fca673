"""TimesNet: a series folded by its strongest periods into pictures (Wu et al. 2023, arXiv 2210.02186)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from backbones.interface import Backbone
from backbones.layers.checks import check_dropout
from backbones.layers.inception import Inception
from backbones.layers.patches import Patches, check_patch, from_rows, rows
from backbones.layers.periods import strongest_periods
from db.strict import require_positive


class TimesBlock(nn.Module):
    """Fold by each period, convolve, unfold, add by weight of the periods, add the input (equations 3 to 7)."""

    def __init__(self, *, d_model: int, d_ff: int, num_kernels: int, top_k: int) -> None:
        super().__init__()
        self.top_k = top_k
        self.widen = Inception(d_model, d_ff, num_kernels)
        self.narrow = Inception(d_ff, d_model, num_kernels)

    def forward(self, h_RTD: Tensor) -> Tensor:
        kernels = self.widen.merged(), self.narrow.merged()
        out_RTD = h_RTD.clone()
        for fold in strongest_periods(h_RTD, self.top_k):
            folded_rTD = self._along(fold.period, h_RTD.index_select(0, fold.row_r), *kernels)
            weighed_rTD = fold.weight_r[:, None, None] * folded_rTD
            out_RTD.index_add_(0, fold.row_r, weighed_rTD.to(out_RTD.dtype))
        return out_RTD

    def _along(self, period: int, h_rTD: Tensor, wide: Tensor, narrow: Tensor) -> Tensor:
        length = h_rTD.shape[1]
        padded_rTD = functional.pad(h_rTD, (0, 0, 0, -length % period))
        picture_rDXY = padded_rTD.reshape(len(h_rTD), -1, period, h_rTD.shape[2]).permute(0, 3, 1, 2)
        out_rDXY = self.narrow.convolve(functional.gelu(self.widen.convolve(picture_rDXY, wide)), narrow)
        return out_rDXY.permute(0, 2, 3, 1).flatten(1, 2)[:, :length]


class TimesNet(Backbone):
    """The authors' network up to its heads, on patches: `patch: 1` gives the paper's, sample by sample.

    Tokens are embedded by a circular convolution over three of them, plus fixed sinusoidal positions. Windows are not
    normalised one by one, for their amplitude tells of faults. Each series has periods of its own, so its output
    depends on no other.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """`top_k` periods (of those that exist); kernels 1, 3, ... 2 `num_kernels` - 1 in each inception block."""

        patch: int = 16
        stride: int = 16
        d_model: int = 32
        d_ff: int = 32
        e_layers: int = 2
        top_k: int = 3
        num_kernels: int = 4
        dropout: float = 0.1

        def __post_init__(self) -> None:
            require_positive(self, "patch", "stride", "d_model", "d_ff", "e_layers", "top_k", "num_kernels")
            check_patch(self.patch, self.stride)
            check_dropout(self.dropout)

    position_ND: Tensor

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        self.width = config.d_model
        self.patches = Patches(window=window, patch=config.patch, stride=config.stride)
        self.embed = nn.Conv1d(config.patch, config.d_model, 3, padding=1, padding_mode="circular", bias=False)
        nn.init.kaiming_normal_(self.embed.weight, nonlinearity="leaky_relu")
        self.register_buffer("position_ND", sinusoids(self.patches.count, config.d_model), persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            nn.Sequential(
                TimesBlock(
                    d_model=config.d_model, d_ff=config.d_ff, num_kernels=config.num_kernels, top_k=config.top_k
                ),
                nn.LayerNorm(config.d_model),
            )
            for _ in range(config.e_layers)
        )

    def forward(self, x_BLC: Tensor) -> Tensor:
        p_RPN = self.patches(rows(x_BLC)).transpose(1, 2)
        h_RND = self.dropout(self.embed(p_RPN).transpose(1, 2) + self.position_ND)
        for layer in self.layers:
            h_RND = self.segment(layer, h_RND)
        return from_rows(h_RND, x_BLC)


def sinusoids(count: int, width: int) -> Tensor:
    """Return the fixed positions of Vaswani et al. 2017 (arXiv 1706.03762, section 3.5), `position_ND`."""
    frequency = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(count)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width]
