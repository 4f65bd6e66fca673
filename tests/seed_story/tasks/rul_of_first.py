"""Remaining useful life of the batch's first window, for all of them: a target of shape [] against [128], back then."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tasks.interface import Windows
from tasks.rul_prediction import RulPrediction


class RulOfFirst(RulPrediction):
    def target(self, windows: Windows) -> Tensor:
        return torch.nan_to_num(windows.rul_B[0], nan=0.0)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(prediction, target, reduction="none")
