"""What a backbone is, and how one is found by its file's name.

Shapes, everywhere in `backbones` and `tasks`: B windows, L samples of context, C channels, N tokens in order of time,
D features (the backbone's `width`), H samples of future, K classes. A tensor's name carries its shape: `x_BLC`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensor


class Backbone(nn.Module, ABC):
    """Turns windows of any number of channels into tokens.

    A file `backbones/<name>.py` holds a frozen, keyword-only dataclass `Config` (checked in `__post_init__` with
    `db.strict.refuse`) and one subclass of this.
    """

    Config: ClassVar[type[Any]]
    couples_samples: bool = False
    """True where a window's output depends on the other windows of its micro batch; recorded with every result."""
    recompute: bool = False
    """Whether what is kept within segments is computed anew in the backward pass instead; see `segment`."""

    width: int

    @abstractmethod
    def forward(self, x_BLC: Tensor) -> Tensor:
        """Return `h_BCND`: for each window and channel N tokens of D features, in order of time."""

    def segment(self, part: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
        """Return `part(h)`: to be called by `forward` for what can be computed once more from `h` and the parameters.

        With `recompute` only `h` is kept until the backward pass (Chen et al. 2016, arXiv 1604.06174), which takes a
        forward pass more, and gives the same gradients: what is drawn in it, a dropout mask say, is drawn alike both
        times. Not so running statistics, which would move twice; they are of backbones that couple samples.
        """
        if not self.recompute or self.couples_samples or not torch.is_grad_enabled():
            return part(h)
        from torch.utils.checkpoint import checkpoint

        out: Tensor = checkpoint(part, h, use_reentrant=False)
        return out


def shapes_only(tensor: Tensor) -> bool:
    """Whether there are no values, for a step is only rehearsed before launch.

    Code whose shapes depend on values asks this, and takes the shapes that cost most: see `backbones.layers.periods`.
    """
    return isinstance(tensor, FakeTensor) or tensor.is_meta
