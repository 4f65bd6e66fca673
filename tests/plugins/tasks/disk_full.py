"""A task that finds the disk full."""

from __future__ import annotations

import errno
from typing import NoReturn

from torch import Tensor

from tasks.signal_prediction import SignalPrediction


class DiskFull(SignalPrediction):
    def loss(self, prediction: Tensor, target: Tensor) -> NoReturn:
        del prediction, target
        raise OSError(errno.ENOSPC, "No space left on device")
