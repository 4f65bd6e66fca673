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
        x_BCNP = x_BLC.transpose(1, 2).unflatten(2, (-1, PATCH))
        h_RND = self.embed(x_BCNP).flatten(0, 1)
        for layer in self.layers:
            h_RND = layer(h_RND)
        return h_RND.unflatten(0, x_BCNP.shape[:2])
