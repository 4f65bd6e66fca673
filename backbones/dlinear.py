"""DLinear: trend and season, each through linear maps along time (Zeng et al. 2023, arXiv 2205.13504)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from backbones.interface import Backbone
from backbones.layers.decomposition import moving_average
from backbones.layers.patches import Patches, check_patch, from_rows, rows
from db.strict import refuse, require_positive


class Branch(nn.Module):
    """Patches to tokens, then a map of all N tokens onto all N, added to them. Linear throughout."""

    def __init__(self, *, patch: int, count: int, d_model: int) -> None:
        super().__init__()
        self.embed = nn.Linear(patch, d_model)
        self.mix = nn.Linear(count, count)

    def forward(self, p_RNP: Tensor) -> Tensor:
        h_RDN = self.embed(p_RNP).transpose(1, 2)
        h_RND: Tensor = (h_RDN + self.mix(h_RDN)).transpose(1, 2)
        return h_RND


class DLinear(Backbone):
    """The tokens are an affine function of the window: no activation, no norm, no dropout.

    The paper maps L samples onto H with one matrix for each of trend and season, shared by the channels. A map from L
    samples to N tokens of D features would hold L x N x D weights; here it is factored into one map from a patch to its
    token and one from N tokens to N: P x D + N^2 weights for each branch, N being about L / stride.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """`kernel` is the length of the moving average, in samples; odd, as in the paper (25)."""

        kernel: int = 25
        patch: int = 32
        stride: int = 32
        d_model: int = 64

        def __post_init__(self) -> None:
            require_positive(self, "kernel", "patch", "stride", "d_model")
            check_patch(self.patch, self.stride)
            if self.kernel % 2 == 0:
                refuse("kernel", f"must be odd, so that the average is centred; is {self.kernel}")

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        self.width = config.d_model
        self.kernel = config.kernel
        self.patches = Patches(window=window, patch=config.patch, stride=config.stride)
        sizes = {"patch": config.patch, "count": self.patches.count, "d_model": config.d_model}
        self.trend, self.season = Branch(**sizes), Branch(**sizes)

    def forward(self, x_BLC: Tensor) -> Tensor:
        x_RL = rows(x_BLC)
        trend_RL = moving_average(x_RL, self.kernel)
        h_RND = self.trend(self.patches(trend_RL)) + self.season(self.patches(x_RL - trend_RL))
        return from_rows(h_RND, x_BLC)
