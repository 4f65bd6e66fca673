"""A task that runs out of host memory."""

from __future__ import annotations

from typing import NoReturn

from torch import Tensor

from tasks.signal_prediction import SignalPrediction


class OutOfMemory(SignalPrediction):
    def loss(self, prediction: Tensor, target: Tensor) -> NoReturn:
        del prediction, target
        raise MemoryError
