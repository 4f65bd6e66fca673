"""A task that raises."""

from __future__ import annotations

from typing import NoReturn

from torch import Tensor

from tasks.signal_prediction import SignalPrediction


class Raises(SignalPrediction):
    def loss(self, prediction: Tensor, target: Tensor) -> NoReturn:
        raise ValueError(f"no loss for {list(prediction.shape)} and {list(target.shape)}")
