"""A task that runs out of device memory, in the words of torch."""

from __future__ import annotations

from typing import NoReturn

import torch
from torch import Tensor

from tasks.signal_prediction import SignalPrediction


class DeviceFull(SignalPrediction):
    def loss(self, prediction: Tensor, target: Tensor) -> NoReturn:
        del prediction, target
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 12.00 GiB. GPU 0 has 3.00 GiB free.")
