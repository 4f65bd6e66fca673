"""A task that takes the first window's label for the whole batch."""

from __future__ import annotations

from torch import Tensor

from tasks.interface import Windows
from tasks.rul_prediction import RulPrediction


class OneTarget(RulPrediction):
    def target(self, windows: Windows) -> Tensor:
        return super().target(windows)[0]
