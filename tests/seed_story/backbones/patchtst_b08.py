"""A PatchTST that needs `e_layers`, where the sweep file speaks of `num_layers`: found 688 seconds late, back then."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from backbones.interface import Backbone

PATCH = 64


class PatchTSTB08(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        e_layers: int
        d_model: int = 16

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        del window
        self.width = config.d_model
        self.embed = nn.Linear(PATCH, config.d_model)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(config.d_model, 2, config.d_model, batch_first=True)
            for _ in range(config.e_layers)
        )

    def forward(self, x_BLC: Tensor) -> Tensor:
        """Return `h_BCND`, N patches of 64 samples."""
        windows, _, channels = x_BLC.shape
        x_RNP = x_BLC.transpose(1, 2).reshape(windows * channels, -1, PATCH)
        h_RND: Tensor = self.embed(x_RNP)
        for layer in self.layers:
            h_RND = layer(h_RND)
        return h_RND.reshape(windows, channels, -1, self.width)
