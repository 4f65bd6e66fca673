"""A series as trend and season (Autoformer, arXiv 2106.13008, equation 1)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def moving_average(x_RL: Tensor, kernel: int) -> Tensor:
    """Return the mean of `kernel` (odd) samples around each sample; the ends are continued by their last value."""
    half = (kernel - 1) // 2
    first_RL, last_RL = x_RL[:, :1].expand(-1, half), x_RL[:, -1:].expand(-1, half)
    padded_R1L = torch.cat([first_RL, x_RL, last_RL], dim=1).unsqueeze(1)
    return functional.avg_pool1d(padded_R1L, kernel, stride=1).squeeze(1)
