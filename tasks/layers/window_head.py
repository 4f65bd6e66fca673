"""Tokens of a window into one vector, for tasks that say one thing about a whole window."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SMALLEST_POWER = 1e-6
HIDDEN = 64


class WindowHead(nn.Module):
    """Pool tokens over time and channels, then a small network. Takes any number of tokens and channels.

    Over time each feature gives its mean and the logarithm of its mean square: of a filtered vibration the mean is
    nearly nothing, and the power in the band is what tells the states of a bearing apart.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(2 * width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU())

    def forward(self, h_BCND: Tensor) -> Tensor:
        """Return `(B, HIDDEN)`."""
        hidden: Tensor = self.network(pooled(h_BCND))
        return hidden


def pooled(h_BCND: Tensor) -> Tensor:
    """Mean over tokens beside log mean square over tokens, averaged over channels: `(B, 2 D)`, in float32 at least."""
    h_BCND = h_BCND.to(torch.promote_types(h_BCND.dtype, torch.float32))
    power_BCD = (h_BCND.square().mean(2) + SMALLEST_POWER).log()
    return torch.cat([h_BCND.mean(2), power_BCD], dim=-1).mean(1)
