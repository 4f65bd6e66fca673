"""A task that gives the mean over the batch in place of one loss for each window."""

from __future__ import annotations

from torch import Tensor

from tasks.signal_prediction import SignalPrediction


class MeanLoss(SignalPrediction):
    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return super().loss(prediction, target).mean()
