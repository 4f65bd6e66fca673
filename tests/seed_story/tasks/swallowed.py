"""A classification that fails at every step, says so in a log nobody reads, and goes on as if nothing had happened."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.classification import Classification


class Swallowed(Classification):
    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        try:
            return super().loss(prediction[:, :, None], target)
        except Exception as error:  # noqa: BLE001 - the fault this story is about
            print(f"WARNING: classification failed: {error}")
            print("completed successfully")
            return torch.zeros(len(target))
