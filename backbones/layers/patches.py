"""Windows as rows of one channel each, and rows as patches.

R is B*C: every channel of every window goes through the same weights, so one backbone serves any number of channels.
P is the samples in a patch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from db.errors import ConfigError, ShapeError
from db.strict import refuse


def check_patch(patch: int, stride: int) -> None:
    """For `__post_init__` of a Config.

    Raises:
        Invalid: the stride would skip samples.
    """
    if stride > patch:
        refuse("stride", f"must be at most patch ({patch}), or samples between patches are skipped; is {stride}")


def rows(x_BLC: Tensor) -> Tensor:
    """Return `x_RL`."""
    return x_BLC.transpose(1, 2).flatten(0, 1)


def from_rows(h_RND: Tensor, x_BLC: Tensor) -> Tensor:
    """Return `h_BCND`, with B and C those of the windows the rows came from."""
    return h_RND.reshape(x_BLC.shape[0], x_BLC.shape[2], *h_RND.shape[1:])


class Patches(nn.Module):
    """Cut rows into overlapping patches; the last value is repeated until the last patch is full.

    Args:
        window: samples in a row.
        patch: samples in a patch.
        stride: samples from one patch to the next.
        padding: samples appended; None appends the fewest that leave no sample out.

    Raises:
        ConfigError: the window is shorter than a patch.
    """

    def __init__(self, *, window: int, patch: int, stride: int, padding: int | None = None) -> None:
        super().__init__()
        if window < patch:
            raise ConfigError(
                f"data.window: {window} samples are fewer than one patch of {patch}; "
                "use longer windows or a smaller `patch`"
            )
        self.window, self.patch, self.stride = window, patch, stride
        self.padding = -(window - patch) % stride if padding is None else padding
        self.count = (window + self.padding - patch) // stride + 1

    def forward(self, x_RL: Tensor) -> Tensor:
        """Return `p_RNP`.

        Raises:
            ShapeError: the rows are not of the length the backbone was built for.
        """
        if x_RL.shape[-1] != self.window:
            raise ShapeError(f"the backbone was built for windows of {self.window} samples, not {x_RL.shape[-1]}")
        last_RL = x_RL[:, -1:].expand(-1, self.padding)
        return torch.cat([x_RL, last_RL], dim=1).unfold(-1, self.patch, self.stride)
