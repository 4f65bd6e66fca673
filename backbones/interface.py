"""What a backbone is, and how one is found by its file's name.

Shapes, everywhere in `backbones` and `tasks`: B windows, L samples of context, C channels, N tokens in order of time,
D features (the backbone's `width`), H samples of future, K classes. A tensor's name carries its shape: `x_BLC`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

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

    width: int

    @abstractmethod
    def forward(self, x_BLC: Tensor) -> Tensor:
        """Return `h_BCND`: for each window and channel N tokens of D features, in order of time."""


def shapes_only(tensor: Tensor) -> bool:
    """Whether there are no values, for a step is only rehearsed before launch.

    Code whose shapes depend on values asks this, and takes the shapes that cost most: see `backbones.layers.periods`.
    """
    return isinstance(tensor, FakeTensor) or tensor.is_meta
