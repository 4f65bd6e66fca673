"""A task whose third loss is not a number."""

from __future__ import annotations

import math

from torch import Tensor

from tasks.signal_prediction import SignalPrediction


class NanAtThird(SignalPrediction):
    calls = 0

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        self.calls += 1
        return super().loss(prediction, target) * (math.nan if self.calls == 3 else 1.0)
