"""A task that ends the program as if all were well."""

from __future__ import annotations

import sys
from typing import NoReturn

from torch import Tensor

from tasks.signal_prediction import SignalPrediction


class SaysItIsDone(SignalPrediction):
    def loss(self, prediction: Tensor, target: Tensor) -> NoReturn:
        del prediction, target
        sys.exit(0)
