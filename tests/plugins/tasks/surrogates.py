"""A task that names a file whose name is not UTF-8."""

from __future__ import annotations

import os
from typing import NoReturn

from torch import Tensor

from tasks.signal_prediction import SignalPrediction


class Surrogates(SignalPrediction):
    def loss(self, prediction: Tensor, target: Tensor) -> NoReturn:
        del prediction, target
        raise ValueError("cannot read " + os.fsdecode(b"caf\xe9.wav"))
