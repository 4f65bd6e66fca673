"""What a backbone is, and how one is found by its file's name.

Shapes, everywhere in `backbones` and `tasks`: B windows, L samples of context, C channels, N tokens in order of time,
D features (the backbone's `width`), H samples of future, K classes. A tensor's name carries its shape: `x_BLC`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn


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
